"""Ids of what shops call their products."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.identity import id_of_text
from mmpipe.schemas.names import PRODUCT_ID_PATTERN

ALIKE = [
    "AB-12",
    "AB/12",
    "AB 12",
    "AB  12",
    "AB_12",
    "ab-12",
    "AB-12/",
    "/AB-12",
    "AB\\12",
    "AB#12",
    "AB–12",
    "AB\x0012",
]
SURROGATES = ["AB\ud80012", "AB\ud80112", "AB\udc8012", "AB?12"]


@pytest.mark.parametrize("text", ["AB-12", "0001", "a.b:c@d+e-f_g", "尺码-1", "x" * 128, "_a"])
def test_an_id_stays_as_it_is(text: str) -> None:
    assert id_of_text(text) == text
    assert id_of_text(f" {text}\n") == text


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_no_text_gives_no_id(text: str) -> None:
    assert id_of_text(text) == ""


def test_texts_that_look_alike_stay_apart() -> None:
    found = [id_of_text(text) for text in ALIKE + SURROGATES]
    assert len(set(found)) == len(found)
    assert all(name.upper().startswith("AB") for name in found)


def test_the_words_of_a_name_can_still_be_read() -> None:
    assert id_of_text("AB/12").startswith("AB-12-")
    assert id_of_text("Größe 40, rot").startswith("Größe-40-rot-")
    assert id_of_text("!!!").startswith("id-")
    assert id_of_text("-lamp").startswith("lamp-")


def test_long_names_are_cut_and_still_told_apart() -> None:
    first, second = id_of_text("x" * 500 + "/1"), id_of_text("x" * 500 + "/2")
    assert first != second
    assert len(first) == len(second) == 128


def test_the_same_text_gives_the_same_id_in_every_process() -> None:
    # Ids are in links, interactions and other files: this one may never change.
    assert id_of_text("AB/12") == "AB-12-500592c2"


@given(st.text(min_size=1, max_size=200))
def test_any_text_gives_a_valid_id(text: str) -> None:
    found = id_of_text(text)
    assert found == "" if not text.strip() else PRODUCT_ID_PATTERN.fullmatch(found)
    assert id_of_text(found) == found


@given(
    st.lists(
        st.text(alphabet="aA-/ _.é\ud800\udc80!", min_size=1, max_size=8).map(str.strip),
        unique=True,
        max_size=60,
    )
)
def test_no_two_texts_give_one_id(texts: list[str]) -> None:
    assert len({id_of_text(text) for text in texts}) == len(texts)

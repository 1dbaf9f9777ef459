"""Words with places, keys, and what is marked of a suggestion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.suggest.index import sought
from mmpipe.search.suggest.spans import spans
from mmpipe.search.suggest.words import keys, spelling, words


def test_words_have_their_places() -> None:
    assert [(w.text, w.start, w.end) for w in words("Red  iPhone14 连衣裙!")] == [
        ("red", 0, 3), ("iphone", 5, 11), ("14", 11, 13), ("连衣裙", 14, 17),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("L'Oréal", "loreal"),
        ("T-Shirt", "tshirt"),
        ("Wi‑Fi router", "wifi"),
        ("女士連衣裙", "连衣裙"),
        ("女士连衣裙", "lianyiqun"),
        ("女士连衣裙", "lyq"),
        ("长裙", "changqun"),
        ("绿色", "lvse"),
        ("ＵＳＢ", "usb"),
    ],
)
def test_what_a_text_is_found_by(text: str, key: str) -> None:
    assert key in {each.text for each in keys(text, everywhere=True)}


def test_spellings_of_the_same_words_are_one() -> None:
    assert spelling("Red-Dress") == spelling("red  dress") == spelling("ＲＥＤ dress")


@pytest.mark.parametrize(
    ("text", "typed", "marked"),
    [
        ("Nike Men Red Shoes", "red sh", ["Red", "Sh"]),
        ("女士连衣裙", "lianyiqun", ["连衣裙"]),
        ("女士连衣裙", "lian", ["连"]),
        ("女士连衣裙", "lyq", ["连衣裙"]),
        ("女士连衣裙", "衣裙", ["衣裙"]),
        ("Puma T-shirt", "tshir", ["T-shirt"]),
        ("Arrow Blue Shirt", "shrit", ["Shirt"]),
        ("Straße", "strass", ["Straße"]),
    ],
)
def test_what_was_typed_is_marked(text: str, typed: str, marked: list[str]) -> None:
    found = spans(text, sought(words(typed), whole=False))
    assert [text[begin:end] for begin, end in found] == marked


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_has_spans_inside_it(text: str, typed: str) -> None:
    found = spans(text, sought(words(typed), whole=False))
    ends = [place for pair in found for place in pair]
    assert ends == sorted(ends)
    assert all(0 <= begin < end <= len(text) for begin, end in found)

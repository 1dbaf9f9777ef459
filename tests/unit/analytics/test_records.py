"""What is kept of a search, and what never is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.analytics.records import Searched, is_sampled, kept_text, rows_of
from mmpipe.lake.searches import SCHEMA
from mmpipe.search.suggest.asked import CONTROL, private_part


def searched(text: str | None = "boots", **more: Any) -> Searched:
    page = Searched(1_770_000_000.0, "q", True, text, ("text",), (), (), 3, 3, 0.002)
    return page._replace(**more)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Red   DRESS ", "red dress"),
        ("紅色連衣裙", "红色连衣裙"),
        ("iPhone 15 Pro", "iphone 15 pro"),
        ("Café-Bar", "cafe-bar"),
        ("size 42 500 ml", "size 42 500 ml"),
    ],
)
def test_texts_are_kept_in_one_spelling(text: str, kept: str) -> None:
    assert kept_text(text)[:2] == (kept, "query")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, "none"),
        ("  ", "none"),
        ("anna@example.com", "address"),
        ("anna＠example.com", "address"),
        ("https://example.com/me", "address"),
        ("where is order 4711-2208-99", "number"),
        ("call +86 138 0013 8000", "number"),
        ("１３８００１３８０００", "number"),
        ("1\u200b3\u200b8\u200b0\u200b0\u200b1\u200b3", "number"),
        ("+49 (0)30 123456", "number"),
        ("a" * 81, "long"),
        ("boots\x00", "other"),
        ("boots \ud800", "other"),
    ],
)
def test_what_may_tell_of_somebody_is_a_kind_alone(text: str | None, kind: str) -> None:
    assert kept_text(text)[:2] == (None, kind)
    row = rows_of([searched(text)]).to_pylist()[0]
    assert (row["query"], row["kind"]) == (None, kind)


@given(st.text(max_size=100))
def test_nothing_private_is_ever_kept(text: str) -> None:
    kept, kind, _ = kept_text(text)
    assert (kept is None) == (kind != "query")
    if kept is not None:
        assert private_part(kept) is None
        assert private_part(text) is None
        assert not CONTROL.search(kept)
        assert 0 < len(kept) <= 80


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("red boots", "en"),
        ("Café", "en"),
        ("红色 nike 鞋", "zh"),
        ("赤いドレス", "other"),
        ("빨간 신발", "other"),
        ("красные ботинки", "other"),
        ("123", "none"),
        ("…！", "none"),
        (None, "none"),
    ],
)
def test_languages_are_guessed_by_letters(text: str | None, language: str) -> None:
    assert kept_text(text)[2] == language


def test_rows_have_every_column_and_no_person() -> None:
    page = searched(
        modalities=("text", "image"), marks=("filtered", "corrected"), rules=("summer",), total=7, shown=5
    )
    table = rows_of([page, page, searched("next", first=False)])
    assert table.schema == SCHEMA
    row, twin, later = table.to_pylist()
    assert row["record"] != twin["record"]
    assert (row["modalities"], row["marks"], row["rules"]) == (
        "text+image", ["filtered", "corrected"], ["summer"]
    )  # fmt: skip
    assert (row["total"], row["shown"], row["ms"]) == (7, 5, pytest.approx(2.0))
    assert (later["query"], later["kind"], later["first"]) == (None, "page", False)
    people = {"user", "user_id", "session", "session_id", "device", "ip", "caller"}
    assert not people & {*SCHEMA.names, *Searched._fields}


def test_ids_that_were_made_up_are_passed_over_alone() -> None:
    ids = ["", "\ud800", "x" * 65, "a b", "good-Id_1", "ü"]
    assert rows_of([searched(query_id=each) for each in ids])["query_id"].to_pylist() == ["good-Id_1"]


def test_a_sample_is_the_same_of_all_pages_and_about_as_large_as_said() -> None:
    ids = [f"query-{n}" for n in range(20_000)]
    taken = [each for each in ids if is_sampled(each, 0.25)]
    assert 4_600 < len(taken) < 5_400
    assert all(is_sampled(each, 0.5) for each in taken)
    assert all(is_sampled(each, 1.0) for each in ids)
    assert is_sampled("\ud800", 0.5) in (True, False)

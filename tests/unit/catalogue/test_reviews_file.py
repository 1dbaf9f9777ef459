"""Files of reviews, whatever is in them: each line is judged alone, and nothing else is raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.reviews import MAX_REVIEWS, NAMES, ReviewRow, read_reviews
from mmpipe.errors import InvalidFeed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
_NAMES = st.sampled_from([name for names in NAMES.values() for name in names])


def lines(*rows: Any, name: str = "x.jsonl") -> list[ReviewRow]:
    return list(read_reviews("\n".join(map(json.dumps, rows)).encode(), name, NOW))


def table(text: str) -> list[ReviewRow]:
    return list(read_reviews(text.encode(), "x.csv", NOW))


@given(st.lists(st.dictionaries(_NAMES, _VALUES), max_size=4))
def test_any_json_is_a_review_or_a_reject(rows: list[dict[str, Any]]) -> None:
    found = lines(*rows)
    assert len(found) == len(rows)
    assert all((row.review is None) != (row.reject is None) for row in found)


@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.jsonl"]))
def test_any_bytes_are_rows_or_no_such_file(data: bytes, name: str) -> None:
    try:
        list(read_reviews(b"product_id,text\n" + data if name == "x.csv" else data, name, NOW))
    except InvalidFeed:
        assert name == "x.csv"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"text": "x"}, "product_id"),
        ({"product_id": "a/\u0000", "text": "x"}, "product_id"),
        ({"product_id": "a"}, "text"),
        ({"product_id": "a", "text": 5}, "text"),
        ({"product_id": "a", "text": "x" * 10_001}, "text"),
        ({"product_id": "a", "text": "\ud800"}, "row"),
        ({"product_id": "a", "rating": True}, "rating"),
        ({"product_id": "a", "rating": 5.5}, "rating"),
        ({"product_id": "a", "rating": -1}, "rating"),
        ({"product_id": "a", "rating": 3, "time": "2027-01-01"}, "time"),
        ({"product_id": "a", "rating": 3, "time": 5}, "time"),
        ({"product_id": "a", "rating": 3, "user_id": "u" * 200}, "user_id"),
        ({"product_id": "a", "rating": 3, "photos": 7}, "photos"),
        ({"product_id": "a", "rating": 3, "photos": "[" * 100_000}, "photos"),
        ({"product_id": "a", "rating": 3, "_op": "drop"}, "_op"),
        ({"product_id": "a", "_op": "delete"}, "review_id"),
        ([1], "row"),
        ({"product_id": "a", "text": "x" * 300_000}, "row"),
    ],
)
def test_a_bad_line_names_its_field(row: Any, field: str) -> None:
    (found,) = lines(row)
    assert found.reject is not None
    assert found.reject.field == field, found.reject
    assert "u" * 200 not in found.raw


def test_a_report_shows_no_cell_that_may_be_about_somebody() -> None:
    (found,) = lines(
        {
            "product_id": "a",
            "review_id": "r1",
            "score": "Ann Example said",
            "date": "for Bob",
            "lang": "to C D",
        }
    )
    assert json.loads(found.raw) == {
        "product_id": "a",
        "review_id": "r1",
        "rating": "(left out)",
        "time": "(left out)",
        "language": "(left out)",
    }


def test_what_is_kept() -> None:
    links = ["https://a.example/1.jpg", "https://a.example/2.jpg"]
    given = {
        "sku": 7,
        "id": 8,
        "stars": "9/10",
        "headline": "Fine",
        "body": "<b>ok</b>\u200b",
        "locale": "en",
    }
    (row,) = lines({**given, "email": "x@example.com", "photos": ",".join(links), "date": "2026-05-01"})
    review = row.review
    assert review is not None
    assert (review.product_id, review.review_id, review.rating) == ("7", "8", 4.5)
    assert review.text == "Fine\n<b>ok</b>\u200b"
    assert review.photos == tuple(links)
    assert "example.com" not in review.model_copy(update={"photos": ()}).model_dump_json()


def test_a_table_is_read_by_its_head() -> None:
    (first, second, third) = table('product_id;text;rating\na;"two\nlines; one";4\nb;c\na;;3\n')
    assert first.review is not None
    assert first.review.text == "two\nlines; one"
    assert second.reject is not None
    assert "2 cells" in str(second.reject)
    assert third.review is not None
    long = table(f"product_id,text\na,{'x' * 200_000}\na,ok\n")
    assert [row.review is not None for row in long] == [False, True]
    good, open_ = table('product_id,text\na,fine\na,"' + "b,c\n" * 300_000)
    assert good.review is not None
    assert open_.reject is not None
    assert "close its quote" in str(open_.reject)
    with pytest.raises(InvalidFeed, match="names no product column"):
        table("colour\nred\n")
    with pytest.raises(InvalidFeed, match="UTF-8"):
        list(read_reviews("product_id\n\xe4".encode("latin-1"), "x.csv", NOW))


def test_too_many_are_no_file() -> None:
    with pytest.raises(InvalidFeed, match="split it"):
        table("product_id,rating\n" + "a,5\n" * (MAX_REVIEWS + 1))

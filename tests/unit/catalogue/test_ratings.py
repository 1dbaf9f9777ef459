"""What shoppers gave: every way that shops write it, and what is no rating."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.ratings import count_of, rating_of, scaled
from tests.unit.catalogue.feeds import json_lines, product_of

LONG = "1" * 50


@pytest.mark.parametrize(
    ("value", "rating"),
    [
        ("4.5", 4.5),
        (" 4,5 ", 4.5),
        (4.25, 4.25),
        (5, 5.0),
        (0, 0.0),
        ("9/10", 4.5),
        ("4/10", 2.0),
        ("4 out of 5", 4.0),
        ("3.5 of 5", 3.5),
        ("80%", 4.0),
        ("1/3", 1.6667),
        ("5.0/5.0", 5.0),
    ],
)
def test_ratings_are_of_five(value: Any, rating: float) -> None:
    assert rating_of(value) == rating


@pytest.mark.parametrize(
    "value",
    [
        "PG-13", "A+", "", "7", "87", "-1", "6/5", "4/0", "nan", "inf", "1e1", "4.5/5/5", "101%", "4%/5",
        LONG, None, True, [4], ["4", "5"], {"value": 4}, b"4", float("nan"), float("inf"),
    ],
)  # fmt: skip
def test_what_is_no_rating(value: Any) -> None:
    assert rating_of(value) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("12", 12), (12, 12), (12.0, 12), ("12.00", 12), ("1,234", 1_234), ("1.234.567", 1_234_567),
        ("1 234", 1_234), ("1.234", 1_234), ("0", 0), (10**12, 10**12),
        ("", None), ("many", None), ("-1", None), ("1.5", None), ("1,23", None), (10**13, None), (LONG, None),
        (None, None), (True, None), ([3], None),
    ],
)  # fmt: skip
def test_counts(value: Any, count: int | None) -> None:
    assert count_of(value) == count


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_scale_is_a_scale(given_: int, best: int) -> None:
    found = rating_of(scaled(given_, best))
    if given_ > best:
        assert found is None
    else:
        assert found == pytest.approx(5 * given_ / best, abs=1e-4)
        assert 0 <= found <= 5


@given(st.text(max_size=50))
def test_any_text_is_read_or_not(text: str) -> None:
    rating, count = rating_of(text), count_of(text)
    assert rating is None or 0 <= rating <= 5
    assert count is None or 0 <= count <= 10**12


def test_a_scale_that_is_told_already_stays() -> None:
    told = [scaled("4", "10"), scaled("4/5", "10"), scaled("80%", "10"), scaled("4", ""), scaled("", "5")]
    assert told == ["4/10", "4/5", "80%", "4", ""]


@pytest.mark.parametrize(
    "names", [("rating", "rating_count"), ("star_rating", "review_count"), ("Average Rating", "reviewsCount")]
)
def test_a_plain_feed_tells_them_by_any_of_their_names(names: tuple[str, str]) -> None:
    product = product_of(json_lines({"id": "1", "title": "T", names[0]: "8/10", names[1]: "1,024"}))
    assert (product.rating, product.rating_count) == (4.0, 1_024)
    assert (product.attributes, product.private) == ({}, {})


def test_what_cannot_be_read_is_what_the_column_would_be_otherwise() -> None:
    product = product_of(
        json_lines({"id": "1", "title": "T", "star_rating": "great", "rating_count": "many"})
    )
    assert (product.rating, product.rating_count) == (None, None)
    assert product.attributes == {"star_rating": "great"}
    assert product.private == {"rating_count": "many"}
    product = product_of(
        json_lines({"id": "1", "title": "T", "rating": {"of": "PG-13"}, "review_count": [1, 2]})
    )
    assert "review_count" in product.attributes
    assert "rating" in product.private


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rating": "0", "rating_count": "0"}, (None, 0)),
        ({"rating": 0}, (None, None)),
        ({"rating": 0, "rating_count": 3}, (0.0, 3)),
        ({"rating": 4}, (4.0, None)),
        ({"rating": "", "rating_count": ""}, (None, None)),
        ({"rating": 4, "star_rating": 2}, (4.0, None)),
    ],
)
def test_nothing_given_is_no_rating(
    fields: dict[str, Any], expected: tuple[float | None, int | None]
) -> None:
    product = product_of(json_lines({"id": "1", "title": "T", **fields}))
    assert (product.rating, product.rating_count) == expected

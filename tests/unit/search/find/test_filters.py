"""Filters: living rows that satisfy all of them, however often and in whatever spelling they are asked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mmpipe.schemas.search import Filters
from mmpipe.search.find import filters
from mmpipe.search.kernels.memory import rows_of
from tests.unit.search.page.test_facets import version_of

SHOP = [
    {"brand": "Acme", "category": "Clothing > Shirts", "price": 5.0, "currency": "USD"},
    {"brand": "acme", "category": "clothing>shirts", "price": 7.5, "currency": "USD"},
    {"brand": "ACME", "pairs": ["Watt=40"], "price": 900.0, "currency": "JPY"},
    {"pairs": ["watt=60", "a=b=c"]},
    {"brand": "Acme", "price": 6.0, "currency": "USD", "dead": True},
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "abcd"),
        ({"brand": ["aCmE "]}, "abc"),
        ({"brand": ["Acme", "nobody"], "category": ["shirts"]}, "ab"),
        ({"category": ["CLOTHING > shirts"]}, "ab"),
        ({"category": ["> >"]}, ""),
        ({"category": ["Shirts > Clothing"]}, ""),
        ({"attributes": {"WATT": ["40", "60"]}}, "cd"),
        ({"attributes": {"watt": ["40"], "nothing": ["x"]}}, ""),
        ({"attributes": {"": ["40"]}}, ""),
        ({"attributes": {"watt=40' OR 1=1 --": ["x"]}}, ""),
        ({"attributes": {"a": ["B=c"]}}, "d"),
        ({"price": {"gte": 0}}, "ab"),
        ({"price": {"lte": "7.49"}}, "a"),
        ({"price": {"gte": "7.5", "lte": "7.5"}, "brand": ["acme"]}, "b"),
        ({"price": {}}, "abcd"),
        ({"color": ["red"]}, ""),
    ],
)
@pytest.mark.parametrize("cut", [0, 2, 4])
def test_filters(wanted: Mapping[str, object], expected: str, cut: int) -> None:
    version = version_of([SHOP[:cut], SHOP[cut:]])
    for _ in range(2):
        rows = rows_of(filters.mask(version, Filters(**wanted))).tolist()  # type: ignore[arg-type]
        places = [row if row < 64 else row - 64 + cut for row in rows]
        assert "".join("abcde"[place] for place in places) == expected


def test_a_repeated_filter_is_looked_up() -> None:
    version = version_of([SHOP])
    first = filters.mask(version, Filters(brand=["acme", "x"], color=["red"]))
    assert filters.mask(version, Filters(color=["red"], brand=["x", "acme"])) is first
    assert filters.mask(version, Filters()) is version.alive
    assert filters.mask(version, Filters(brand=["acme"])) is not first

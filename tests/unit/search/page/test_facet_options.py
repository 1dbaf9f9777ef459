"""What may be asked of a facet: order, search, paths, ranges, figures, groups of variants."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Facet, Filters
from mmpipe.search.columns.dictionaries import category, pair, plain
from mmpipe.search.find import filters
from mmpipe.search.kernels.memory import count_bits
from mmpipe.search.page import facets
from tests.unit.search.page.test_facets import NAMES, PRODUCT, Product, asked, count, version_of

PATHS = ["Home > Lamps > Desk", "Home > Lamps > Floor", "Home > Beds", "Kids", "home>lamps>desk"]


@pytest.fixture(scope="module")
def shop() -> Any:
    rows = [
        {
            "brand": brand,
            "category": PATHS[n % len(PATHS)],
            "price": float(n),
            "currency": "USD",
            "pairs": [f"Watt={10 * n} W", "made=2024-01-01", f"size={n}" if n % 2 else "size=none"],
        }
        for n, brand in enumerate(["Acme", "Orbit Lights", "L'Oréal", "东方 红", "acme"] * 4)
    ]
    return version_of([rows[:7], rows[7:]])


def values(shop: Any, field: str, **options: Any) -> list[tuple[str, int]]:
    return count(shop, shop.alive, [field], **options)[field]


def test_values_by_name_and_so_many(shop: Any) -> None:
    by_count = values(shop, "brand")
    assert by_count[0] == ("Acme", 8)
    assert values(shop, "brand", order="value") == [
        ("Acme", 8), ("L'Oréal", 4), ("Orbit Lights", 4), ("东方 红", 4),
    ]  # fmt: skip
    assert values(shop, "brand", limit=2) == by_count[:2]
    assert values(shop, "brand", limit=1_000) == by_count


def test_search_within_values(shop: Any) -> None:
    assert values(shop, "brand", search="li") == [("Orbit Lights", 4)]
    assert values(shop, "brand", search="ORB lights") == [("Orbit Lights", 4)]
    assert values(shop, "brand", search="oreal") == [("L'Oréal", 4)]
    assert values(shop, "brand", search="方") == [("东方 红", 4)]
    assert values(shop, "brand", search="cme") == []


def test_a_category_tree_level_by_level(shop: Any) -> None:
    assert values(shop, "category", depth=1) == [("Home", 16), ("Kids", 4)]
    assert values(shop, "category", under="home", depth=1) == [("Home > Lamps", 12), ("Home > Beds", 4)]
    assert values(shop, "category", under="Home > Lamps") == [
        ("Home > Lamps > Desk", 8), ("Home > Lamps > Floor", 4),
    ]  # fmt: skip
    assert values(shop, "category", under="Nothing") == []


def test_ranges_histograms_and_figures(shop: Any) -> None:
    bounds = [{"lt": 5}, {"gte": 5, "lt": 10}, {"gte": 10}]
    counted = facets.count(shop, asked("price", ranges=bounds, stats=True), lambda _: shop.alive)
    assert [(v.value, v.count, v.gte, v.lt) for v in counted.values["price"]] == [
        ("..5", 5, None, 5), ("5..10", 5, 5, 10), ("10..", 10, 10, None),
    ]  # fmt: skip
    stats = counted.stats["price"]
    assert (stats.count, stats.min, stats.max, stats.avg) == (20, 0.0, 19.0, 9.5)
    steps = values(shop, "price", buckets=2)
    assert [n for _, n in steps] == [10, 10]
    watt = facets.count(shop, asked("attributes.watt", buckets=4, stats=True), lambda _: shop.alive)
    assert [v.count for v in watt.values["attributes.watt"]] == [5, 5, 5, 5]
    assert watt.stats["attributes.watt"].max == 190.0
    size = facets.count(shop, asked("attributes.size", stats=True), lambda _: shop.alive)
    assert size.stats["attributes.size"].count == 10
    assert size.values["attributes.size"][0] == facets.Value("none", 10)
    nothing = facets.count(shop, asked("attributes.made", stats=True), lambda _: shop.alive)
    assert nothing.stats["attributes.made"].count == 0


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"field": "brand", "under": "x"}, "facets[0].under"),
        ({"field": "brand", "depth": 1}, "facets[0].depth"),
        ({"field": "brand", "stats": True}, "facets[0].stats"),
        ({"field": "brand", "ranges": [{"gte": 1}]}, "facets[0].ranges"),
        ({"field": "price", "search": "x"}, "facets[0].search"),
        ({"field": "price", "order": "value"}, "facets[0].order"),
        ({"field": "price", "buckets": 3, "ranges": [{"gte": 1}]}, "facets[0].buckets"),
        ({"field": "price", "ranges": [{"gte": 2, "lt": 2}]}, "facets[0].ranges[0]"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        facets.check([Facet(**options)])
    assert caught.value.field == place
    with pytest.raises(InvalidRequest, match="twice"):
        facets.check(asked("brand", "brand"))


@given(st.lists(PRODUCT, max_size=60), st.data())
def test_groups_count_once_for_a_value(products: list[Product], data: st.DataObject) -> None:
    version = version_of([products[:25], products[25:]])
    drawn = data.draw(st.lists(st.integers(-1, 9), min_size=len(products), max_size=len(products)))
    groups = np.full(len(version.alive) * 64, -1, np.int32)
    places = [*range(min(25, len(products))), *(64 + n for n in range(max(len(products) - 25, 0)))]
    groups[places] = drawn
    found = facets.count(version, asked(*NAMES), lambda _: version.alive, groups)

    def expected(name: str, keys: Any) -> dict[str, int]:
        having = defaultdict(set)
        for n, row in enumerate(products):
            if not row["dead"]:
                for key in keys(row):
                    having[key].add(f"g{drawn[n]}" if drawn[n] >= 0 else n)
        return {key: len(each) for key, each in having.items()}

    def by_key(name: str, keys: Any) -> dict[str, int]:
        return {keys(value.value): value.count for value in found.values[name]}

    for name in ("brand", "color"):
        wanted = expected(name, lambda row, name=name: plain(row[name] or "").keys)  # type: ignore[misc]
        assert len(found.values[name]) == min(len(wanted), 50)
        assert by_key(name, lambda value: plain(value).keys[0]).items() <= wanted.items()
    wanted = expected("category", lambda row: category(row["category"] or "").keys)
    counted = by_key("category", lambda value: dict(category(value).names)[value])
    assert counted.items() <= wanted.items()
    shown = {key for row in products if not row["dead"] for _, key in category(row["category"] or "").names}
    assert counted.keys() == shown
    watts = expected(
        "watt", lambda row: {key for text in row["pairs"] for key in pair(text).keys if key[:4] == "watt"}
    )
    assert by_key("attributes.watt", lambda value: pair(f"watt={value}").keys[0]) == watts


@given(st.lists(PRODUCT, min_size=1, max_size=60))
def test_without_groups_of_several_rows_groups_change_nothing(products: list[Product]) -> None:
    version = version_of([products])
    groups = np.arange(len(version.alive) * 64, dtype=np.int32)
    grouped = facets.count(version, asked(*NAMES), lambda _: version.alive, groups)
    plainly = facets.count(version, asked(*NAMES), lambda _: version.alive)
    assert grouped.values == plainly.values


@given(st.lists(PRODUCT, min_size=1, max_size=60))
def test_ranges_count_what_their_bounds_filter(products: list[Product]) -> None:
    version = version_of([products])
    bounds = [{"gte": 0, "lt": 2}, {"gte": 2}]
    counted = facets.count(version, asked("price", ranges=bounds), lambda _: version.alive)
    at_least = Filters(price={"gte": 2})  # type: ignore[arg-type]
    assert counted.values["price"][1].count == count_bits(filters.mask(version, at_least))

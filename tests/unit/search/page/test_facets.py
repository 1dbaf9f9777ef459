"""Facets: the same counts for all rows at once and for shards put together."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.schemas.search import Facet, Filters
from mmpipe.search.columns.coded import CodedColumn, build_codes
from mmpipe.search.columns.dictionaries import dictionaries_for
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import Pack
from mmpipe.search.columns.pairs import PairColumn, build_pairs
from mmpipe.search.columns.prices import PriceColumn, build_price, build_sales
from mmpipe.search.find import filters
from mmpipe.search.kernels.memory import count_bits, set_rows
from mmpipe.search.page import facets

Product = dict[str, Any]
NAMES = ["brand", "category", "color", "price", "attributes.watt", "attributes.none"]


def asked(*names: str, **options: Any) -> list[Facet]:
    return [Facet(field=name, **options) for name in names]


def count(version: Any, words: Any, names: list[str], **options: Any) -> dict[str, list[tuple[str, int]]]:
    return pairs_of(facets.count(version, asked(*names, **options), lambda _: words))


def pairs_of(counted: facets.Counted) -> dict[str, list[tuple[str, int]]]:
    return {name: [(value.value, value.count) for value in each] for name, each in counted.values.items()}


def version_of(fragments: list[list[Product]], moment: float = 0.0) -> Any:
    """What filters and facets ask of a version."""
    layout = Layout([len(rows) for rows in fragments])

    def parts(build: Any, name: str, kind: pa.DataType) -> list[Any]:
        columns = [pa.array([row.get(name) for row in rows], kind) for rows in fragments]
        return [Pack.of(build(column)).arrays for column in columns]

    codes = {name: parts(build_codes, name, pa.string()) for name in (*FACET_FIELDS, "currency")}
    pairs = parts(build_pairs, "pairs", pa.list_(pa.string()))
    dictionaries = dictionaries_for(None, codes, pairs)
    coded = {name: CodedColumn(p, layout, dictionaries.fields[name]) for name, p in codes.items()}
    living = [
        int(base) + n
        for base, rows in zip(layout.bases, fragments, strict=False)
        for n, row in enumerate(rows)
        if not row.get("dead")
    ]
    alive = set_rows(np.array(living, np.int32), layout.rows)
    sales = parts(lambda column: build_sales(column, None, None), "sale", pa.float64())
    prices = PriceColumn(parts(build_price, "price", pa.float64()), sales, layout, alive, coded["currency"])
    return SimpleNamespace(
        alive=alive,
        coded=coded,
        pairs=PairColumn(pairs, layout, dictionaries.pairs),
        prices=prices.at(moment),
    )


def raw(version: Any) -> facets.Raw:
    return facets.raw(version, asked(*NAMES), lambda _: version.alive)


PRODUCT = st.fixed_dictionaries(
    {
        "brand": st.sampled_from(["Acme", "ACME", "acme ", "Straße", "STRASSE", "東京", "", None]),
        "category": st.sampled_from(
            ["Home > Lamps", "home>lamps", "Lamps > Home", "Kids > Home", "> >", None]
        ),
        "color": st.sampled_from([f"c{n}" for n in range(70)]),
        "pairs": st.lists(st.sampled_from(["Watt=40", "watt=40w", "WATT=40W", "a=b"]), max_size=3),
        "price": st.sampled_from([None, 0.0, 1.0, 2.5, 9.99, 1e6]),
        "sale": st.sampled_from([None, None, 2.0]),
        "currency": st.sampled_from(["USD"]),
        "dead": st.booleans(),
    }
)


@given(st.lists(PRODUCT, max_size=120), st.lists(st.integers(0, 120), max_size=3))
def test_shards_put_together_count_as_all_rows_at_once(products: list[Product], cuts: list[int]) -> None:
    whole = version_of([products])
    expected = count(whole, whole.alive, NAMES)
    edges = [0, *sorted(min(cut, len(products)) for cut in cuts), len(products)]
    fragments = [products[a:b] for a, b in pairwise(edges)]
    split = version_of(fragments)
    assert count(split, split.alive, NAMES) == expected
    shards = [version_of([fragment]) for fragment in fragments]
    raws = [json.loads(json.dumps(raw(shard))) for shard in shards]
    # A shard without priced products has no currency of its own, and one with any has that of all.
    assert pairs_of(facets.finish(raws, asked(*NAMES))) == expected
    assert pairs_of(facets.finish([facets.merge(raws)], asked(*NAMES))) == expected
    assert pairs_of(facets.finish([raw(whole)], asked(*NAMES))) == expected


@given(st.lists(PRODUCT, max_size=80))
def test_a_count_is_the_total_with_its_value_as_the_filter(products: list[Product]) -> None:
    version = version_of([products[:30], products[30:]])
    counted = count(version, version.alive, NAMES)
    for name in ("brand", "category"):
        for value, rows in counted[name]:
            assert count_bits(filters.mask(version, Filters(**{name: [value]}))) == rows
    for value, rows in counted["attributes.watt"]:
        assert count_bits(filters.mask(version, Filters(attributes={"WATT": [value]}))) == rows
    for value, rows in counted["price"]:
        low, high = value.split("..")
        assert count_bits(filters.mask(version, Filters(price={"gte": low, "lte": high}))) == rows  # type: ignore[arg-type]


def test_unknown_names_are_refused() -> None:
    facets.check(asked(*FACET_FIELDS, "price", "attributes.Watt"))
    for names in (["brand", "colour"], ["attributes."], ["id"]):
        with pytest.raises(InvalidRequest, match="no facet"):
            facets.check(asked(*names))


def test_price_ranges_name_their_ends() -> None:
    version = version_of([[{"price": p, "currency": "USD"} for p in (5.0, 7.5, 7.5, 1e7, 0.1)]])
    assert count(version, version.alive, ["price"])["price"] == [
        ("0.1..0.1", 1),
        ("5..5", 1),
        ("7.5..7.5", 2),
        ("10000000..10000000", 1),
    ]

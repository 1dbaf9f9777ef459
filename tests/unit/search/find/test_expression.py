"""Conditions on versions that grow and whose sales begin; bounds of numbers to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.product import Product
from mmpipe.search.columns.measures import BARE, DATE, measure
from mmpipe.search.find import expression
from mmpipe.search.find.expression import at_least, at_most
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.versions.version import Version
from tests.unit.search import catalogues

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def found(version: Version, **comparison: Any) -> str:
    """The ids that meet a comparison, in order."""
    rows = rows_of(expression.mask(version, Condition.model_validate(comparison)))
    return "".join(sorted(version.ids.ids(rows)))


def shop(folder: Path, *batches: Sequence[Product]) -> Version:
    rows = [catalogues.rows_of(batch, vectors=False) for batch in batches]
    return catalogues.version(catalogues.create(folder / "products", *rows))


_AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=2, allow_nan=False)


@given(_AMOUNTS, st.decimals(min_value=0, max_value=10**12, places=12, allow_nan=False) | _AMOUNTS)
def test_amounts_compare_as_they_were_written(amount: Decimal, bound: Decimal) -> None:
    held = float(amount)
    assert (held >= at_least(bound)) is (amount >= bound)
    assert (held >= at_least(bound, above=True)) is (amount > bound)
    assert (held <= at_most(bound)) is (amount <= bound)
    assert (held <= at_most(bound, below=True)) is (amount < bound)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("40", (Decimal(40), BARE)),
        ("1,500.50", (Decimal("1500.5"), BARE)),
        ("-5", (Decimal(-5), BARE)),
        ("500 ml", (Decimal(500), "ml")),
        ("５００毫升", (Decimal(500), "ml")),
        ('15.6"', (Decimal("15.6"), "in")),
        ("1970-01-02", (Decimal(86_400), DATE)),
        ("about 40", None),
        ("40 x 60", None),
        ("500 ml bottle", None),
        ("40%", None),
        ("1/2", None),
        ("", None),
    ],
)
def test_what_a_value_measures(value: str, expected: tuple[Decimal, str] | None) -> None:
    assert measure(value) == expected


def test_values_that_come_later_are_found_by_their_beginning(tmp_path: Path) -> None:
    first = [catalogues.product("a", brand="Nordic", item_group_id="G1", attributes={"watt": "40"})]
    version = shop(tmp_path, first)
    assert found(version, field="brand", prefix="no") == "a"
    later = [
        catalogues.product(
            "b", brand="Nomad", item_group_id="G22", attributes={"watt": "45", "Tone": "warm"}
        ),
        catalogues.product("c", brand="nördlich", item_group_id="g1"),
    ]
    catalogues.append(tmp_path / "products", catalogues.rows_of(later, vectors=False))
    dataset = catalogues.upsert(tmp_path / "products", catalogues.rows_of(first, vectors=False, order="2"))
    grown = catalogues.version(dataset, former=version)
    for _ in range(2):
        assert found(grown, field="brand", prefix="no") == "abc"
        assert found(grown, field="brand", prefix="nord") == "ac"
        assert found(grown, field="item_group_id", prefix="G") == "ab"
        assert found(grown, field="attributes.WATT", prefix="4") == "ab"
        assert found(grown, field="attributes.watt", gt=40) == "b"
        assert found(grown, field="attributes.tone", exists=True) == "b"
        assert found(version, field="brand", prefix="no") == "a"
        assert found(version, field="attributes.watt", gt=10) == "a"


def test_a_bare_number_is_compared_with_the_one_unit_there_is(tmp_path: Path) -> None:
    litres = [
        catalogues.product("a", attributes={"v": "1 l"}),
        catalogues.product("b", attributes={"v": "3 L"}),
    ]
    version = shop(tmp_path, litres, [catalogues.product("c", attributes={"v": "2"})])
    assert found(version, field="attributes.v", gte=2) == "c"
    assert found(version, field="attributes.v", gte="2 l") == "b"
    dataset = catalogues.upsert(tmp_path / "products", catalogues.tombstones(["c"]))
    assert found(catalogues.version(dataset), field="attributes.v", gte=2) == "b"
    more = [catalogues.product("d", attributes={"v": "700 ml"})]
    catalogues.append(tmp_path / "products", catalogues.rows_of(more, vectors=False))
    dataset = catalogues.upsert(tmp_path / "products", catalogues.tombstones(["c"]))
    assert found(catalogues.version(dataset), field="attributes.v", gte=2) == ""


def test_prices_and_sales_are_those_of_the_moment(tmp_path: Path) -> None:
    soon = catalogues.sale("5.00", start=NOW, end=NOW + timedelta(days=1))
    version = shop(tmp_path, [catalogues.product("a", **soon), catalogues.product("b")])
    before, during = version.at(NOW.timestamp() - 1), version.at(NOW.timestamp())
    for _ in range(2):
        assert found(before, field="on_sale", eq=True) == ""
        assert found(during, field="on_sale", eq=True) == "a"
        assert found(before, field="price", lt=10) == ""
        assert found(during, field="price", lt=10, currency="usd") == "a"
        assert found(during, field="list_price", lt=10) == ""
        assert found(during, field="list_price", eq="10.00") == "ab"

"""What is paid: sales over time, the collection's currency, and ranges of about equally many rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns.coded import CodedColumn, build_codes
from mmpipe.search.columns.dictionaries import Dictionary
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import Pack
from mmpipe.search.columns.prices import PriceColumn, build_price, build_sales
from mmpipe.search.kernels.memory import rows_of, set_rows

Numbers = list[float | None]


@dataclass(frozen=True)
class Row:
    price: float | None
    sale: float | None = None
    start: int | None = None
    end: int | None = None
    currency: str | None = "USD"
    alive: bool = True

    @property
    def lowers(self) -> bool:
        start, end = (
            (-np.inf if self.start is None else self.start),
            (np.inf if self.end is None else self.end),
        )
        positive = self.sale is not None and self.sale > 0 and start < end
        return positive and (self.price is None or (self.sale or 0) < self.price)

    def paid(self, moment: float) -> float | None:
        started = self.start is None or self.start <= moment
        running = started and (self.end is None or moment < self.end)
        return self.sale if self.lowers and running else self.price


def moments(values: list[int | None]) -> pa.Array:
    times = [None if value is None else datetime.fromtimestamp(value, UTC) for value in values]
    return pa.array(times, pa.timestamp("us", "UTC"))


class Shop:
    def __init__(self, fragments: list[list[Row]], former: Shop | None = None) -> None:
        layout = Layout([len(rows) for rows in fragments])
        self.numbers = [
            int(base) + n
            for base, rows in zip(layout.bases, fragments, strict=False)
            for n in range(len(rows))
        ]
        self.rows = [row for rows in fragments for row in rows]
        living = [n for n, row in zip(self.numbers, self.rows, strict=True) if row.alive]
        self.total = layout.rows
        self.alive = set_rows(np.array(living, np.int32), layout.rows)
        self.prices, self.sales, codes = [], [], []
        for rows in fragments:
            self.prices.append(Pack.of(build_price(pa.array([r.price for r in rows], pa.float64()))).arrays)
            sale = pa.array([r.sale for r in rows], pa.float64())
            dates = moments([r.start for r in rows]), moments([r.end for r in rows])
            self.sales.append(Pack.of(build_sales(sale, *dates)).arrays)
            codes.append(Pack.of(build_codes(pa.array([r.currency for r in rows], pa.string()))).arrays)
        if former is not None:
            self.prices[:1], self.sales[:1] = former.prices[:1], former.sales[:1]
        self.currency = CodedColumn(codes, layout, Dictionary())
        self.column = PriceColumn(
            self.prices, self.sales, layout, self.alive, self.currency, former and former.column
        )

    def all(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array(self.numbers, np.int32)


def amounts(values: Numbers) -> list[float]:
    return [np.nan if value is None else value for value in values]


def own_currency(rows: list[Row]) -> str | None:
    counts = Counter(r.currency for r in rows if r.alive and r.currency and (r.price is not None or r.lowers))
    return min(((-n, name) for name, n in counts.items()), default=(0, None))[1]


def expected_ranges(prices: list[float], number: int) -> list[tuple[float, float, int]]:
    ordered = sorted(prices)
    found: dict[int, list[float]] = {}
    for price in dict.fromkeys(ordered):
        count = ordered.count(price)
        end = ordered.index(price) + count
        place = min(int((end - count / 2) / len(ordered) * number), number - 1)
        found.setdefault(place, []).extend([price] * count)
    return [(each[0], each[-1], len(each)) for _, each in sorted(found.items())]


ROWS = st.builds(
    Row,
    price=st.sampled_from([None, 0.0, 1.0, 5.0, 9.99, 10.0, 100.0]),
    sale=st.sampled_from([None, None, 0.0, 3.0, 9.99, 50.0]),
    start=st.sampled_from([None, 10, 20, 30]),
    end=st.sampled_from([None, 10, 20, 30]),
    currency=st.sampled_from(["USD", "usd", "EUR", None]),
    alive=st.booleans(),
)


@given(st.lists(ROWS, max_size=150), st.lists(st.integers(0, 150), max_size=3))
def test_prices_are_those_of_the_products(rows: list[Row], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    shop = Shop([rows[a:b] for a, b in pairwise(edges)])
    column = shop.column
    currency = own_currency(rows)
    assert column.currency == currency
    assert column.listed(shop.all()) == pytest.approx(amounts([r.price for r in rows]), nan_ok=True)
    for moment in (5.0, 10.0, 19.5, 20.0, 30.0, 10.0):
        prices = column.at(moment)
        paid = [row.paid(moment) for row in rows]
        living = [i for i, row in enumerate(rows) if row.alive]
        numbers = np.array(shop.numbers, np.int32)[living]
        assert prices.paid(numbers) == pytest.approx(amounts([paid[i] for i in living]), nan_ok=True)
        own = [
            i
            for i in living
            if paid[i] is not None and currency and (rows[i].currency or "").lower() == currency.lower()
        ]
        assert rows_of(prices.priced & shop.alive).tolist() == [shop.numbers[i] for i in own]
        for gte, lte in ((None, 5.0), (5.0, None), (3.0, 9.99), (0.0, 0.0), (9.0, 2.0)):
            inside = [
                shop.numbers[i]
                for i in own
                if (gte is None or (paid[i] or 0) >= gte) and (lte is None or (paid[i] or 0) <= lte)
            ]
            for _ in range(2):
                assert rows_of(prices.range_mask(gte, lte) & shop.alive).tolist() == inside
        counted = [paid[i] or 0.0 for i in own]
        assert prices.ranges(shop.alive, 5) == expected_ranges(counted, 5)
        values, count = prices.distinct(shop.alive)
        assert dict(zip(values.tolist(), count.tolist(), strict=True)) == Counter(counted)


@pytest.mark.parametrize("kind", ["cents", "skewed", "few", "huge", "tiny"])
@pytest.mark.parametrize("size", [1, 7, 3_000])
def test_ranges_hold_about_equally_many_of_any_prices(kind: str, size: int) -> None:
    random = np.random.default_rng(size)
    prices = {
        "cents": np.round(random.lognormal(3, 1, size), 2),
        "skewed": np.where(random.random(size) < 0.9, 9.99, random.lognormal(9, 4, size)),
        "few": random.choice([9.98, 9.981, 9.982, 20.0, 1e-5, 0.0, -0.0], size),
        "huge": random.choice([1e300, 1e18, 1.0, np.inf], size),
        "tiny": random.random(size) * 1e-6,
    }[kind]
    shop = Shop([[Row(float(p)) for p in prices[:50]], [Row(float(p)) for p in prices[50:]]])
    assert shop.column.at(0).ranges(shop.alive, 5) == expected_ranges(prices.tolist(), 5)


def test_the_same_prices_are_handed_out_until_a_sale_begins_or_ends() -> None:
    shop = Shop([[Row(10.0, 5.0, 10, 20), Row(4.0)], [Row(7.0)], [Row(1.0, 0.5, 15, 99, alive=False)]])
    before, during = shop.column.at(9.0), shop.column.at(10.0)
    assert during is shop.column.at(19.9) is before.at(12.0) is during.at(15.0)
    assert (during.since, during.until) == (10.0, 20.0)
    assert shop.column.at(8.0) is before
    after = during.at(20.0)
    assert after is after.at(1e12)
    # Where no sale runs the stored prices themselves are read.
    assert after.table[0].tolist() == before.table[0].tolist()
    assert during.table[0, 2] != before.table[0, 2]
    assert during.table[1].tolist() == before.table[1].tolist()


def test_without_dates_no_price_is_ever_made_anew() -> None:
    for row in (Row(10.0), Row(None), Row(10.0, 5.0)):
        column = Shop([[row]]).column
        assert column.at(0.0) is column.at(1e12)
    empty = Shop([])
    assert empty.column.currency is None
    assert empty.column.at(0.0).ranges(empty.alive, 5) == []


def test_the_next_version_shares_the_prices_of_a_fragment() -> None:
    first = Shop([[Row(10.0, 5.0, 10, 20)], [Row(1.0)]])
    second = Shop([[Row(10.0, 5.0, 10, 20)], [Row(2.0)]], first)
    assert first.column.at(12.0).table[0, 2] == second.column.at(12.0).table[0, 2]
    assert second.column.at(12.0).paid(second.all()).tolist() == [5.0, 2.0]


def test_without_sales_the_columns_may_be_missing() -> None:
    part = build_sales(pa.nulls(5, pa.float64()), None, None)
    assert {name: len(array) for name, array in part.items()} == dict.fromkeys(
        ("rows", "price", "start", "end"), 0
    )
    part = build_sales(pa.array([None, 4.0, 0.0]), None, None)
    assert (part["rows"].tolist(), part["price"].tolist()) == ([1], [4.0])
    assert (part["start"].tolist(), part["end"].tolist()) == ([-np.inf], [np.inf])


def test_damaged_prices_are_refused() -> None:
    shop = Shop([[Row(10.0, 5.0), Row(3.0)]])
    price, sales = shop.prices[0], shop.sales[0]
    for bad_price, bad_sales in (
        (price | {"priced": np.zeros(2, np.uint64)}, sales),
        (price | {"price": np.zeros(2, np.float32)}, sales),
        (price, sales | {"rows": np.array([2])}),
        (price, sales | {"end": np.zeros(0)}),
    ):
        with pytest.raises(ValueError):
            PriceColumn([bad_price], [bad_sales], Layout([2]), shop.alive, shop.currency)

"""Counting what shoppers asked for."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.recommend.stock.demand import MAX_QUANTITY, demand_of
from tests.unit.recommend.stock.logs import NOW, event, log_of

IDS = ["a", "b", "c"]
ALWAYS = np.zeros(3)


def test_events_are_counted_since_a_product_is_sold_out() -> None:
    since = np.array([(NOW - timedelta(days=2)).timestamp(), 0.0, np.inf])
    events = [
        event("view", "a", 3),
        event("view", "a", 1),
        event("search-click", "a", 1, user=None, session="s"),
        event("add-to-cart", "b", 30),
        event("add-to-cart", "b", 1, user="v"),
        event("like", "b", 1),
        event("view", "c", 1),
        event("view", "nobody", 1),
        event("search", None, 1),
    ]
    found = demand_of(log_of(events), IDS, since, now=NOW, days=28)
    assert found.counts.tolist() == [[1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    assert found.shoppers.tolist() == [2, 2, 0]
    assert (found.events, found.strangers, found.ignored) == (6, 1, 0)


def test_purchases_by_whole_days_in_utc() -> None:
    events = [
        event("purchase", "a", 0.1, quantity=5),  # today is not over
        event("purchase", "a", 0.7, quantity=2),  # 22:42 of yesterday
        event("purchase", "a", 1.6),  # 01:06 of yesterday
        event("purchase", "b", 7.6),
        event("purchase", "b", 14.9),
    ]
    found = demand_of(log_of(events), IDS, ALWAYS, now=NOW, days=15)
    assert sorted(zip(found.product.tolist(), found.day.tolist(), found.sold.tolist(), strict=True)) == [
        (0, 14, 3.0),
        (1, 0, 1.0),
        (1, 8, 1.0),
    ]
    assert found.first_day.tolist() == [14, 0, 15]
    # Of fifteen days the first one is in no week.
    assert found.per_week(np.array([0, 1])).tolist() == [[0.0, 3.0], [0.0, 1.0]]
    assert found.per_day(np.array([0, 0, 1]), 2).sum(axis=1).tolist() == [5.0, 0.0]


def test_hostile_times_and_quantities() -> None:
    events = [
        event("purchase", "a", 1, quantity=1_000_000),
        event("purchase", "b", 20_000),  # 1972
        event("purchase", "b", -30_000),  # 2109
        event("view", "c", -1),
    ]
    found = demand_of(log_of(events), IDS, ALWAYS, now=NOW, days=28)
    assert found.sold.tolist() == [MAX_QUANTITY]
    assert found.ignored == 2
    assert found.counts[2].tolist() == [0, 0, 0, 0]
    assert found.first_day.tolist() == [27, 28, 28]


def test_nothing_at_all() -> None:
    found = demand_of([], [], np.zeros(0), now=NOW, days=28)
    assert len(found.counts) == len(found.sold) == 0
    assert demand_of(log_of([]), IDS, ALWAYS, now=NOW, days=28).counts.sum() == 0


@settings(max_examples=20)
@given(
    events=st.lists(
        st.builds(
            event,
            st.sampled_from(["view", "search-click", "add-to-cart", "purchase"]),
            st.sampled_from([*IDS, "other"]),
            st.floats(-1, 40),
            user=st.sampled_from([None, "u", "v"]),
            session=st.sampled_from(["s", "t"]),
            quantity=st.one_of(st.none(), st.integers(1, 3)),
        ),
        max_size=30,
    ),
    parts=st.integers(1, 4),
)
def test_neither_order_nor_parts_matter(events: list[dict[str, object]], parts: int) -> None:
    one = demand_of(log_of(events), IDS, ALWAYS, now=NOW, days=28)
    other = demand_of(log_of(events[::-1], parts=parts), IDS, ALWAYS, now=NOW, days=28)
    for name in ("counts", "shoppers", "product", "day", "first_day"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.sold == pytest.approx(other.sold)

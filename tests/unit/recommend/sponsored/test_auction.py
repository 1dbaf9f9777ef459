"""The generalised second-price auction."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.recommend.sponsored.auction import PROBABILITY, Candidate, auction, click_probability

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.sampled_from([f"p{n}" for n in range(12)]),
        # Small numbers, for ties.
        st.one_of(st.integers(1, 20), st.integers(1, 10**12)),
        st.one_of(st.sampled_from([1, 2, 3, 10]), st.integers(1, PROBABILITY)),
    ),
    max_size=12,
    unique_by=lambda one: one.product_id,
)


def test_the_second_price() -> None:
    bids = [Candidate("a", 100, 10), Candidate("b", 60, 20), Candidate("c", 50, 4)]
    # b would have 50 × 20 = 100 × 10 at 50, and then a, the lower id, would come first.
    assert [(w.product_id, w.price) for w in auction(bids, 2, 5)] == [("b", 51), ("a", 20)]
    assert [(w.product_id, w.price) for w in auction(bids, 3, 5)] == [("b", 51), ("a", 20), ("c", 5)]
    assert auction(bids, 0, 5) == []
    assert [w.product_id for w in auction(bids, 5, 55)] == ["b", "a"]


def test_ties_go_by_id() -> None:
    bids = [Candidate("b", 10, 1), Candidate("a", 10, 1)]
    assert [(w.product_id, w.price) for w in auction(bids, 2, 1)] == [("a", 10), ("b", 1)]
    # With b a little above, b pays the least that keeps it before a, which equality would not.
    bids = [Candidate("b", 11, 1), Candidate("a", 10, 1)]
    assert [(w.product_id, w.price) for w in auction(bids, 2, 1)] == [("b", 11), ("a", 1)]


@given(bids=CANDIDATES, slots=st.integers(0, 5), reserve=st.integers(1, 30))
def test_prices_are_fair(bids: list[Candidate], slots: int, reserve: int) -> None:
    won = auction(bids, slots, reserve)
    by_id = {one.product_id: one for one in bids}
    fitting = [one for one in bids if one.bid >= reserve]
    assert len(won) == min(slots, len(fitting))
    assert auction(bids[::-1], slots, reserve) == won
    order = [by_id[each.product_id] for each in won]
    assert order == sorted(fitting, key=lambda one: (-one.bid * one.probability, one.product_id))[: len(won)]
    for each in won:
        assert reserve <= each.price <= by_id[each.product_id].bid


@given(bids=CANDIDATES, slots=st.integers(1, 5), reserve=st.integers(1, 30))
def test_the_price_is_the_least_that_keeps_the_place(bids: list[Candidate], slots: int, reserve: int) -> None:
    for place, each in enumerate(auction(bids, slots, reserve)):

        def with_bid(amount: int, product_id: str = each.product_id) -> list[Candidate]:
            return [replace(one, bid=amount) if one.product_id == product_id else one for one in bids]

        kept = auction(with_bid(each.price), slots, reserve)
        assert kept[place].product_id == each.product_id
        # It does not hang on the own bid.
        assert kept[place].price == each.price
        if each.price > reserve:
            lower = auction(with_bid(each.price - 1), slots, reserve)
            assert len(lower) <= place or lower[place].product_id != each.product_id


@given(bids=CANDIDATES, more=st.integers(1, 10**6), slots=st.integers(1, 5), reserve=st.integers(1, 30))
def test_a_higher_bid_never_makes_the_place_worse(
    bids: list[Candidate], more: int, slots: int, reserve: int
) -> None:
    for at, one in enumerate(bids):
        before = [each.product_id for each in auction(bids, slots, reserve)]
        raised = [*bids[:at], replace(one, bid=one.bid + more), *bids[at + 1 :]]
        after = [each.product_id for each in auction(raised, slots, reserve)]
        if one.product_id in before:
            assert after.index(one.product_id) <= before.index(one.product_id)


@given(
    impressions=st.floats(allow_nan=True, allow_infinity=True),
    clicks=st.floats(allow_nan=True, allow_infinity=True),
)
def test_click_probabilities_are_some(impressions: float, clicks: float) -> None:
    found = click_probability(impressions, clicks, prior=0.02, prior_impressions=200)
    assert 1 <= found <= PROBABILITY


def test_click_probabilities_are_drawn_to_the_prior() -> None:
    def rate(impressions: float, clicks: float) -> float:
        return click_probability(impressions, clicks, prior=0.02, prior_impressions=200) / PROBABILITY

    assert rate(0, 0) == pytest.approx(0.02)
    assert rate(200, 20) == pytest.approx(0.06)
    assert rate(2_000_000, 200_000) == pytest.approx(0.1, rel=1e-2)
    assert rate(10, 1_000) == pytest.approx(rate(10, 10))
    assert rate(math.nan, 5) == pytest.approx(0.02)

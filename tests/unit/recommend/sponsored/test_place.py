"""Selling places and being paid for them, by one replica and by several."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.objects import MemoryStore
from mmpipe.recommend.sponsored import Context, Placement
from mmpipe.settings import SponsoredSettings
from tests.unit.recommend.sponsored.shops import NOW, TODAY, Shop, click

ITEMS = [("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.1)]


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.bid(
        {"product_id": "a", "bid": "0.80 USD"},
        {"product_id": "b", "bid": "0.50 USD"},
        {"product_id": "c", "bid": "0.20 USD"},
        {"product_id": "d", "bid": "9 USD"},
    )
    return shop


def prices(placements: list[Placement]) -> list[tuple[str, int, int]]:
    return [(each.product_id, each.position, each.price) for each in placements]


def test_places_are_sold_at_the_second_price(shop: Shop) -> None:
    found = shop.replica().place(ITEMS)
    # d is not relevant enough, whatever it bids.
    assert prices(found) == [("a", 0, 500_000), ("b", 3, 200_000)]
    assert found[0].currency == "USD"
    assert prices(shop.replica().place(ITEMS, 1)) == [("a", 0, 500_000)]
    assert prices(shop.replica().place(ITEMS, 4)) == [
        ("a", 0, 500_000),
        ("b", 3, 200_000),
        ("c", 7, 10_000),
    ]


def test_what_is_clicked_more_pays_less(shop: Shop) -> None:
    def exposures(ids: list[str]) -> tuple[list[float], list[float]]:
        return [10_000.0] * len(ids), [{"b": 1_000.0}.get(name, 200.0) for name in ids]

    found = shop.replica().place(ITEMS, 2, Context(exposures=exposures))  # type: ignore[arg-type]
    assert [each.product_id for each in found] == ["b", "a"]
    assert found[0].price == pytest.approx(800_000 * 0.02 / 0.0984, rel=0.02)


def test_nothing_is_sold_where_nothing_is_asked_for(shop: Shop) -> None:
    replica = shop.replica()
    assert replica.place(ITEMS, 0) == []
    assert replica.place([], 2) == []
    assert replica.place([("nobody", 1.0), ("a", float("nan"))], 2) == []
    assert replica.place(ITEMS, -3) == []
    assert shop.replica(worked=False).place(ITEMS) == []
    assert Shop().replica().place(ITEMS) == []


def test_bids_hold_for_a_time(shop: Shop) -> None:
    shop.bid({"product_id": "a", "bid": "1 USD", "start": "2026-11-30", "end": "2026-12-01"})
    replica = shop.replica()
    assert replica.place(ITEMS) == []
    shop.now = NOW + timedelta(days=1)
    assert [each.product_id for each in replica.place(ITEMS)] == ["a"]
    shop.now = NOW + timedelta(days=2)
    assert replica.place(ITEMS) == []


def test_bids_for_categories_and_keywords(shop: Shop) -> None:
    shop.bid(
        {"product_id": "a", "bid": "1 USD", "categories": ["Clothing > Shoes"]},
        {"product_id": "b", "bid": "1 USD", "keywords": ["red dress"]},
        {"product_id": "c", "bid": "1 USD", "keywords": ["shoe"], "categories": ["Toys"]},
    )
    replica = shop.replica()

    def who(category: str | None = None, words: str | None = None) -> set[str]:
        return {each.product_id for each in replica.place(ITEMS, 4, Context(category, words))}

    assert who() == set()
    assert who("clothing > SHOES > Boots") == {"a"}
    assert who("Clothing") == set()
    assert who("Clothing > Shoestrings") == set()
    assert who(words="Dress in RED") == {"b"}
    assert who("Toys") == {"c"}
    assert who("Clothing > Shoes", "a red dress and one shoe") == {"a", "b", "c"}


def test_a_click_is_paid_once_whatever_replica_it_comes_to(shop: Shop) -> None:
    one, other = shop.replica(), shop.replica()
    placements = one.place(ITEMS)
    query_id = one.query_id(placements)
    one.accepted([click("e1", "a", query_id), click("e1", "a", query_id)])
    other.accepted([click("e1", "a", query_id), click("e2", "a", query_id)])
    for replica in (one, other, one):
        replica.work()
    assert shop.spent() == 500_000
    # Another place of the same answer is another one, but not for the same event.
    other.accepted([click("e1", "b", query_id)])
    other.work()
    assert shop.spent() == 500_000
    other.accepted([click("third", "b", query_id)])
    other.work()
    assert shop.spent() == 700_000
    assert one.outcomes == {"charged": 1, "already": 1}
    assert other.outcomes == {"already": 3, "charged": 1}
    charge = min(shop.charges.of_day(TODAY), key=lambda each: each.price)
    assert (charge.product_id, charge.position, charge.price, charge.currency) == ("b", 3, 200_000, "USD")
    assert "third" not in charge.model_dump_json()


def test_what_costs_nothing(shop: Shop) -> None:
    replica = shop.replica()
    query_id = replica.query_id(replica.place(ITEMS))
    replica.accepted(
        [
            click("1", "a", query_id, "impression"),
            click("2", "a", query_id, "view"),
            click("3", "c", query_id),
            click("4", "a", "q-17"),
            click("5", "a", query_id, at=NOW + timedelta(days=2)),
            click("6", "a", query_id + "x" * 200),
        ]
    )
    replica.work()
    assert shop.spent() == 0
    assert replica.outcomes == {"unknown": 2, "late": 1}


def test_impressions_may_be_what_is_paid(shop: Shop) -> None:
    shop.settings = SponsoredSettings(enabled=True, slots=1, charge="impression")
    replica = shop.replica()
    query_id = replica.query_id(replica.place(ITEMS))
    replica.accepted([click("1", "a", query_id), click("2", "a", query_id, "impression")])
    replica.work()
    assert shop.spent() == 500_000


def test_a_used_up_budget_is_not_shown_any_more(shop: Shop) -> None:
    shop.bid(
        {"product_id": "a", "bid": "1 USD", "daily_budget": "1.2 USD"},
        {"product_id": "b", "bid": "0.5 USD"},
    )
    replica = shop.replica()
    for n in range(4):
        placements = replica.place(ITEMS, 1)
        replica.accepted([click(f"e{n}", placements[0].product_id, replica.query_id(placements))])
        replica.work()
    by_product = {charge.product_id for charge in shop.charges.of_day(TODAY)}
    assert by_product == {"a", "b"}
    assert sum(c.price for c in shop.charges.of_day(TODAY) if c.product_id == "a") == 1_000_000
    assert [each.product_id for each in replica.place(ITEMS, 1)] == ["b"]
    # The day after there is a new budget.
    shop.now = NOW + timedelta(days=1)
    assert [each.product_id for each in replica.place(ITEMS, 1)] == ["a"]
    # More money the same day is seen as soon as the bids are read.
    shop.now = NOW
    shop.bid({"product_id": "a", "bid": "1 USD", "daily_budget": "9 USD"})
    shop.now = NOW + timedelta(seconds=5)
    replica.work()
    assert [each.product_id for each in replica.place(ITEMS, 1)] == ["a"]


def test_another_replica_learns_that_there_is_no_money_before_a_click(shop: Shop) -> None:
    shop.settings = SponsoredSettings(enabled=True, lease=1)
    shop.bid({"product_id": "a", "bid": "1 USD", "daily_budget": "1 USD"})
    one, other = shop.replica(), shop.replica()
    one.place(ITEMS, 1)
    one.work()
    assert len(other.place(ITEMS, 1)) == 1
    other.work()
    assert other.place(ITEMS, 1) == []
    # What one replica set aside and did not spend is there again when it ends.
    one.close()
    assert len(shop.replica().place(ITEMS, 1)) == 1


def test_after_midnight_the_day_before_pays(shop: Shop) -> None:
    replica = shop.replica()
    query_id = replica.query_id(replica.place(ITEMS))
    shop.now = NOW + timedelta(hours=13)
    replica.accepted([click("e", "a", query_id, at=shop.now)])
    replica.work()
    assert shop.spent(TODAY) == 500_000
    assert shop.spent("2026-11-30") == 0


def test_a_withdrawn_bid_pays_nothing_more(shop: Shop) -> None:
    replica = shop.replica()
    query_id = replica.query_id(replica.place(ITEMS))
    shop.bid({"product_id": "c", "bid": "1 USD"})
    shop.now = NOW + timedelta(seconds=5)
    replica.accepted([click("e", "a", query_id)])
    replica.work()
    assert shop.spent() == 0
    assert replica.outcomes["exhausted"] == 1


def test_what_the_lake_refuses_is_tried_again(shop: Shop) -> None:
    store = shop.store
    assert isinstance(store, MemoryStore)
    replica = shop.replica()
    query_id = replica.query_id(replica.place(ITEMS))
    replica.work()
    replica.accepted([click("e1", "a", query_id), click("e2", "b", query_id)])
    for method in ("stat", "write"):
        store.fail_next(method, StorageUnavailable("throttled"))
    with pytest.raises(StorageUnavailable):
        replica.work()
    for _ in range(3):
        replica.work()
    assert shop.spent() == 700_000
    assert replica.outcomes["charged"] == 2


def test_a_crowd_of_items_is_placed_quickly() -> None:
    shop = Shop()
    shop.bid(*({"product_id": f"p{n}", "bid": f"0.{n % 90 + 10} USD"} for n in range(2_000)))
    replica = shop.replica()
    items = [(f"p{n}", 0.5) for n in range(0, 4_000, 8)]
    replica.place(items)
    started = time.thread_time()
    for _ in range(20):
        replica.place(items, 4)
    assert (time.thread_time() - started) / 20 < 0.1


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="ascending"):
        SponsoredSettings(positions=(3, 1))
    with pytest.raises(ValueError, match="fewer positions"):
        SponsoredSettings(positions=(0,), slots=2)
    with pytest.raises(ValueError, match="reserve"):
        SponsoredSettings(reserve=float("nan"))

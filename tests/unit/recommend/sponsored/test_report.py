"""The report, and settling what a crash left out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from mmpipe.recommend.sponsored import PaidEvent, settle, sponsored_report
from mmpipe.recommend.sponsored.amounts import micros, micros_of, text
from tests.unit.recommend.sponsored.shops import NOW, Shop, click

SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("type", pa.string()),
        ("product_id", pa.string()),
        ("query_id", pa.string()),
        ("received_at", pa.timestamp("us", tz="UTC")),
    ]
)


def log_of(*events: PaidEvent) -> list[pa.Table]:
    names = SCHEMA.names
    return [pa.Table.from_pylist([{name: getattr(e, name) for name in names} for e in events], SCHEMA)]


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.bid({"product_id": "a", "bid": "0.50 USD"}, {"product_id": "b", "bid": "0.30 USD"})
    return shop


def test_what_it_cost_and_brought_and_what_is_not_paid(shop: Shop) -> None:
    replica = shop.replica()
    sold = [replica.query_id(replica.place([("a", 1.0), ("b", 1.0)])) for _ in range(3)]
    events = [click(f"i{n}-{p}", p, q, "impression") for n, q in enumerate(sold) for p in "ab"]
    events += [click("c1", "a", sold[0]), click("c2", "a", sold[0]), click("c3", "b", sold[1])]
    events += [click("o1", "a", "q"), PaidEvent("o2", "search-click", None, None, NOW)]
    # The replica was told of the first click only: then it was killed.
    replica.accepted([events[6]])
    replica.work()

    def told() -> tuple[list[str], int, list[tuple[object, ...]]]:
        found = sponsored_report(
            "shop",
            log_of(*events),
            replica.bids,
            shop.tickets,
            shop.charges,
            shop.settings,
            since=date(2026, 11, 28),
            now=NOW,
        )
        lines = [
            (line.product_id, line.impressions, line.clicks, line.paid, line.spent, line.average_price)
            for line in found.days
        ]
        return found.spent, found.unpaid, lines

    assert told() == (
        ["0.30 USD"],
        1,
        [("a", 3, 1, 1, "0.30 USD", "0.30 USD"), ("b", 3, 1, 0, "0.00 USD", "0.00 USD")],
    )
    for expected in ({"charged": 1, "already": 2}, {"already": 3}):
        outcomes = settle(
            log_of(*events), replica.bids, shop.tickets, shop.wallet(), shop.charges, shop.settings, now=NOW
        )
        outcomes.pop("unknown", None)
        assert outcomes == expected
    spent, unpaid, lines = told()
    assert (spent, unpaid) == (["0.31 USD"], 0)
    assert lines[1] == ("b", 3, 1, 1, "0.01 USD", "0.01 USD")


def test_markers_of_events_go_and_charges_stay(shop: Shop) -> None:
    replica = shop.replica()
    query_id = replica.query_id(replica.place([("a", 1.0)]))
    replica.accepted([click("e", "a", query_id)])
    replica.work()
    far = datetime(2100, 1, 1, tzinfo=UTC)
    assert shop.charges.sweep(NOW, far - NOW) == 0
    assert shop.charges.sweep(far, far - datetime(2099, 1, 1, tzinfo=UTC)) == 1
    # Without its marker the same click still finds its place paid.
    replica.accepted([click("e", "a", query_id)])
    replica.work()
    assert len(list(shop.charges.of_day("2026-11-29"))) == 1


def test_amounts() -> None:
    assert (text(0, "USD"), text(250_000, "EUR"), text(1_234_567, "USD")) == (
        "0.00 USD",
        "0.25 EUR",
        "1.234567 USD",
    )
    assert text(30_000_000, "JPY") == "30.00 JPY"
    assert micros_of(0.01) == 10_000
    assert micros_of(0.1 + 0.2) == 300_000
    for wrong in ("NaN", "Infinity", "0.0000001"):
        with pytest.raises(ValueError, match=r"is no finite amount|more than six"):
            micros(Decimal(wrong))

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest

from mmpipe.errors import InvalidRequest, StorageUnavailable
from mmpipe.lake import Collection, open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.objects import MemoryStore
from mmpipe.recommend.private import STATISTICS, BudgetSpent, DailyStatistics, PrivacyLedger, Statistic
from mmpipe.settings import LakeSettings, PrivacySettings, Settings

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)
PRODUCTS = ["lamp", "shade", "bulb", "rare"]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Of a day on which 300 shoppers bought a lamp with its shade, in a session that was theirs only later,
    and one bought something rare; the day before 300 looked at bulbs."""
    rows = []
    for n in range(300):
        anonymous, known = {"session": f"s{n}"}, {"session": f"s{n}", "user": f"u{n}"}
        rows.append({**anonymous, "type": "purchase", "product_id": "lamp", "occurred_at": NOON})
        rows.append({**known, "type": "purchase", "product_id": "shade", "occurred_at": NOON})
        eve = NOON - timedelta(days=1)
        rows.append({"user": f"u{n}", "type": "view", "product_id": "bulb", "occurred_at": eve})
    rows.append({"user": "one", "type": "purchase", "product_id": "rare", "occurred_at": NOON})
    rows.append({"user": "one", "type": "search", "query": "x", "occurred_at": NOON})
    full = [{"event_id": f"e{n}", "received_at": row["occurred_at"], **row} for n, row in enumerate(rows)]
    held = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path)))).collection("shop", create=True)
    for day in (NOON - timedelta(days=1), NOON):
        of_day = [row for row in full if row["received_at"] == day]
        held.interactions.append(pa.Table.from_pylist(of_day, schema=SCHEMA), now=day)
    return held


def daily(collection: Collection, epsilon: float = 6.0) -> DailyStatistics:
    settings = PrivacySettings(epsilon_per_day=epsilon, min_shoppers=20, max_products=2)
    return DailyStatistics(collection, settings, lambda: PRODUCTS)


def test_a_day_is_released_once_and_is_the_same_for_everybody(collection: Collection) -> None:
    first = daily(collection).of_day("trending", DAY, NOW)
    assert {cell for cell, _ in first.counts} == {("lamp",), ("shade",)}
    assert all(count == pytest.approx(300, abs=25) for _, count in first.counts)
    assert (Fraction(first.epsilon), Fraction(first.scale)) == (2, 1)
    for _ in range(3):
        assert daily(collection).of_day("trending", DAY, NOW) == first
    text = (Path(collection.uri.removeprefix("file://")) / "privacy" / f"day={DAY}.json").read_text()
    assert text.count('"at"') == 1
    assert "rare" not in text


def test_pairs_are_of_what_was_released_and_a_person_is_one(collection: Collection) -> None:
    found = daily(collection).of_day("bought_together", DAY, NOW)
    ((pair, count),) = found.counts
    assert pair == ("lamp", "shade")
    assert count == pytest.approx(300, abs=25)


def test_all_of_a_day_together_spends_no_more_than_its_budget(collection: Collection) -> None:
    statistics = daily(collection, 1.0)
    for kind in STATISTICS:
        statistics.of_day(kind, DAY, NOW)
    ledger = statistics._ledger
    assert ledger.read(DAY).total() == 1
    assert [each.kind for each in ledger.read(DAY).spent] == list(STATISTICS)
    with pytest.raises(BudgetSpent, match="0 of 1 is left"):
        ledger.spend(DAY, "trending", Fraction(1, 10**9), NOW)
    with pytest.raises(BudgetSpent):
        # Less is allowed by now than was spent.
        daily(collection, 0.5)._ledger.spend(DAY, "trending", Fraction(1, 10**9), NOW)


def test_days_add_up_from_their_releases(collection: Collection) -> None:
    found = dict(daily(collection).over_days("trending", 2, NOW, half_life_days=1.0))
    assert found["bulb",] == pytest.approx(150, abs=15)
    assert found["lamp",] == pytest.approx(300, abs=25)


def test_off_unfinished_and_too_many_are_refused(collection: Collection) -> None:
    with pytest.raises(InvalidRequest, match="nothing is released"):
        daily(collection, 0.0).of_day("trending", DAY, NOW)
    with pytest.raises(InvalidRequest, match="not over"):
        daily(collection).of_day("trending", NOW.date(), NOW)
    for days, half in ((0, 1.0), (91, 1.0), (1, 0.0), (1, float("nan"))):
        with pytest.raises(InvalidRequest):
            daily(collection).over_days("trending", days, NOW, half_life_days=half)
    assert not (Path(collection.uri.removeprefix("file://")) / "privacy").exists()


def test_a_crash_after_paying_releases_nothing(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics, kind = daily(collection, 1.0), "trending"
    with monkeypatch.context() as broken:

        def away(*_: object) -> None:
            raise StorageUnavailable("away")

        broken.setattr(statistics, "_day", away)
        with pytest.raises(StorageUnavailable):
            statistics.of_day(kind, DAY, NOW)
    assert statistics._ledger.read(DAY).total() == Fraction(1, 3)
    statistics.of_day(kind, DAY, NOW)
    assert statistics._ledger.read(DAY).total() == Fraction(2, 3)


def test_of_several_that_spend_at_once_the_budget_holds() -> None:
    store = MemoryStore()
    refused: list[Exception] = []

    def spend() -> None:
        try:
            PrivacyLedger(store, "memory://lake/shop", Fraction(1)).spend(
                DAY, "trending", Fraction(2, 5), NOW
            )
        except BudgetSpent as error:
            refused.append(error)

    threads = [threading.Thread(target=spend) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert PrivacyLedger(store, "memory://lake/shop", Fraction(1)).read(DAY).total() == Fraction(4, 5)


def test_a_damaged_ledger_is_not_taken_for_an_empty_one() -> None:
    store = MemoryStore()
    store.write(f"memory://lake/shop/privacy/day={DAY}.json", b"{}")
    with pytest.raises(StorageUnavailable, match="restore"):
        PrivacyLedger(store, "memory://lake/shop", Fraction(1)).spend(DAY, "trending", Fraction(1), NOW)


@pytest.mark.parametrize("kind", STATISTICS)
def test_what_was_released_is_kept_whole(collection: Collection, kind: Statistic) -> None:
    made = daily(collection).of_day(kind, DAY, NOW)
    assert daily(collection).of_day(kind, DAY, NOW) == made

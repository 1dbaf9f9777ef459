"""Versions that nobody needs go, however little was changed; what somebody needs stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmpipe.errors import CommitConflict, NotFound
from mmpipe.lake import Collection, ProductTable, cleanup, open_lake
from mmpipe.lake.cleanup import COMMITS, CleanUps
from mmpipe.lake.runs import RunTable
from mmpipe.lake.steady import Jumps
from mmpipe.lake.tags import LEASE_ENDS, LiveTags
from mmpipe.lake.writer import Writer
from mmpipe.settings import LakeSettings, Settings, StorageSettings
from tests.unit.lake.rows import PROFILE, products
from tests.unit.lake.test_record_table import NOW, run, run_id

Open = Callable[..., Collection]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def open_with(**lake: Any) -> Collection:
        made = Settings(lake=LakeSettings(uri=str(tmp_path / "lake"), max_shrink=1.0, **lake))
        return open_lake(made).collection("shop", create=True)

    return open_with


def filled(collection: Collection, commits: int) -> ProductTable:
    table = collection.products(PROFILE, create=True)
    first = table.version
    for n in range(commits):
        table.upsert(products(["hot"], first + n))
    return table


def versions(table: ProductTable) -> list[int]:
    return sorted(version["version"] for version in table.latest().versions())


def test_versions_go_although_no_compaction_is_due(opened: Open) -> None:
    table = filled(opened(hold_versions_seconds=0, keep_versions=3), COMMITS + 5)
    assert table.maintain().compacted is False
    assert table.clean_up() > COMMITS - 5
    assert versions(table) == [table.version - 2, table.version - 1, table.version]
    table.upsert(products(["hot"], 1_000))
    assert table.clean_up() == 0, "one more is not many"
    assert table.clean_up(at_rest=True) == 1
    assert table.clean_up(at_rest=True) == 0


def test_each_process_cleans_up_where_the_number_of_versions_is_round(opened: Open) -> None:
    # Commands that make one commit each: none of them sees many.
    for n in range(COMMITS + 3):
        table = opened(hold_versions_seconds=0, keep_versions=3).products(PROFILE, create=True)
        table.upsert(products(["hot"], n + 1))
        table.clean_up()
    assert len(versions(table)) < COMMITS


def test_nothing_young_goes(opened: Open) -> None:
    table = filled(opened(hold_versions_seconds=300, keep_versions=1), COMMITS)
    before = versions(table)
    assert table.clean_up(at_rest=True) == 0
    assert versions(table) == before


def test_what_was_live_stays_and_can_be_gone_back_to(opened: Open) -> None:
    collection = opened(hold_versions_seconds=0, keep_versions=1)
    table = filled(collection, 1)
    for n in range(12):
        table.upsert(products(["hot"], 100 + n))
        collection.publish(table, reason=f"{n}")
        table.upsert(products(["hot", "never-live"], 100 + n))
    table.clean_up(at_rest=True)
    named = {entry.version for entry in collection.history()}
    assert len(named) >= 10
    assert set(versions(table)) == named | {table.version}
    back = collection.rollback()
    assert table.at(back.version).count_rows() == back.rows


def test_what_ceased_to_be_live_a_moment_ago_is_held(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.lake.live.KEEP_LAST", 1)
    for span in ("KEEP_HOURLY", "KEEP_DAILY"):
        monkeypatch.setattr(f"mmpipe.lake.live.{span}", timedelta(0))
    # Longer than four uploads take on a busy machine.
    hold = 3.0
    collection = opened(hold_versions_seconds=hold, keep_versions=1)
    table = filled(collection, 1)
    served = collection.publish(table, reason="a replica begins to load it")
    time.sleep(hold + 0.2)
    for n in range(4):
        table.upsert(products(["hot"], 100 + n))
        collection.publish(table, reason="next")
    assert served.version not in {entry.version for entry in collection.history()}
    table.clean_up(at_rest=True)
    assert table.at(served.version).count_rows() == 1, "older than the hold, but live until just now"
    time.sleep(hold + 0.2)
    collection.tidy(thorough=True)
    table.upsert(products(["hot"], 200))
    table.clean_up(at_rest=True)
    with pytest.raises(NotFound):
        table.at(served.version)


def test_what_a_reset_took_back_stays(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = opened(hold_versions_seconds=0, keep_versions=1)
    table = filled(collection, 1)
    collection.publish(table, reason="good")
    table.upsert(products(["wrong"], 5))
    done = collection.reset()
    for n in range(5):
        table.upsert(products(["hot"], 10 + n))
    collection.tidy(thorough=True)
    table.clean_up(at_rest=True)
    assert table.at(done.former).count_rows() == 2
    days = collection.settings.lake.keep_versions_days
    monkeypatch.setattr("mmpipe.lake.tags.datetime", _later(timedelta(days=days)))
    collection.tidy(thorough=True)
    assert f"reset-{done.former}" not in table.latest().tags.list()


def test_a_lease_holds_all_that_comes_after_it(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = opened(hold_versions_seconds=0, keep_versions=1)
    table = filled(collection, 3)
    tags = LiveTags(collection.store, collection.table_uri(table.name))
    lease = tags.lease(table.version)
    since = table.version
    for n in range(4):
        table.upsert(products(["hot"], 50 + n))
    table.clean_up(at_rest=True)
    assert set(range(since, since + 5)) <= set(versions(table))
    tags.end(lease)
    table.upsert(products(["hot"], 60))
    table.clean_up(at_rest=True)
    assert versions(table) == [table.version]
    # One whose holder was killed ends by itself.
    tags.lease(table.version)
    collection.publish(table, reason="tidy looks at tables that are live")
    monkeypatch.setattr("mmpipe.lake.tags.datetime", _later(LEASE_ENDS))
    assert tags.leased() == 0
    collection.tidy(thorough=True)
    assert not [name for name in table.latest().tags.list() if name.startswith("lease")]


def test_a_commit_that_takes_longer_than_versions_are_held_is_decided_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = opened(hold_versions_seconds=0.2, keep_versions=1)
    table = filled(collection, 1)
    run_writer, leases = Writer.run, []

    def slow(self: Writer, *args: Any) -> Any:
        leases.append([n for n in table.latest().tags.list() if n.startswith("lease")])
        time.sleep(0.3)
        return run_writer(self, *args)

    monkeypatch.setattr(Writer, "run", slow)
    assert table.upsert(products(["hot", "new"], 9)).inserted == 1
    assert [len(found) for found in leases] == [0, 1]
    assert not table.latest().tags.list(), "given back"
    assert table.latest().count_rows() == 2


def test_what_was_opened_before_a_clean_up_goes_on(opened: Open) -> None:
    here = filled(opened(hold_versions_seconds=0, keep_versions=1), 2)
    there = opened(hold_versions_seconds=0, keep_versions=1).products(PROFILE)
    pinned = there.latest()
    for n in range(3):
        here.upsert(products(["hot"], 50 + n))
        here.maintain()
    here.clean_up(at_rest=True)
    assert there.version not in versions(here)
    # A look at what is gone is to be taken again, at what there is now.
    with pytest.raises(CommitConflict, match="cleaned up meanwhile"):
        there.fetch(["hot"], version=pinned)
    there.upsert(products(["hot", "new"], 99))
    assert [row["source_order"] for row in here.fetch(["hot"]).to_pylist()] == ["000000000099"]
    assert here.count_live() == 2


def test_records_that_are_written_one_by_one_keep_few_versions(tmp_path: Path) -> None:
    runs, other = (RunTable(str(tmp_path / "runs.lance"), StorageSettings()) for _ in range(2))
    keep = timedelta(days=90)
    for n in range(2 * COMMITS):
        runs.put(run(n))
        other.get(run_id(n))
        runs.maintain(keep=keep, now=NOW, hold=0.0)
    table = runs._table._latest()
    assert table is not None
    assert len(table.versions()) < COMMITS + 8
    runs.maintain(keep=keep, now=NOW, hold=0.0, at_rest=True)
    table = runs._table._latest()
    assert table is not None
    assert len(table.versions()) <= 4
    # Who has not looked since finds and writes all the same.
    assert other.get(run_id(1)) == run(1)
    other.put(run(1_000))
    assert len(runs.list(limit=1_000)) == 2 * COMMITS + 1


def test_a_clean_up_is_due_once() -> None:
    clean_ups = CleanUps()
    assert not clean_ups.due(2 * COMMITS - 1, 0.0, at_rest=False)
    assert clean_ups.due(2 * COMMITS, 0.0, at_rest=False)
    assert not clean_ups.due(2 * COMMITS, 0.0, at_rest=False)
    assert not clean_ups.due(3 * COMMITS, 60.0, at_rest=False), "what was held then still is"
    assert clean_ups.due(3 * COMMITS, 60.0, at_rest=True)
    assert not clean_ups.due(3 * COMMITS, 60.0, at_rest=True)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the machine's clock by so many seconds, as far as versions and leases are judged by it."""
    jumps = Jumps()
    for module in ("cleanup", "tags"):
        monkeypatch.setattr(f"mmpipe.lake.{module}.JUMPS", jumps)

    def set_by(seconds: float) -> None:
        clock = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic)
        monkeypatch.setattr("mmpipe.lake.steady.time", clock)
        monkeypatch.setattr("mmpipe.lake.tags.datetime", _later(timedelta(seconds=seconds)))

    return set_by


def test_a_clock_that_is_set_forward_makes_no_version_old(
    opened: Open, set_clock: Callable[[float], None]
) -> None:
    table = filled(opened(hold_versions_seconds=0.3, keep_versions=1), 3)
    before = versions(table)
    time.sleep(0.4)
    set_clock(3_600)
    assert table.clean_up(at_rest=True) == 0, "an hour of what they are older may be the clock's"
    assert versions(table) == before
    time.sleep(0.4)
    table.upsert(products(["hot"], 100))
    assert table.clean_up(at_rest=True) == len(before), "by now they are old whatever it was"


def test_a_clock_that_is_set_often_is_allowed_for_once(set_clock: Callable[[float], None]) -> None:
    def lately(seconds: float = 60.0) -> tuple[float, float]:
        forward, back = cleanup.JUMPS.lately(seconds)
        return round(forward, -1), round(back, -1)

    for now, allowed in ((3_600, (3_600, 0)), (0, (0, 3_600)), (3_600, (3_600, 3_600)), (0, (0, 3_600))):
        set_clock(now)
        assert lately() == allowed
    set_clock(-1_800)
    assert lately() == (0, 5_400), "what was dated now, and what while it was ahead"
    assert lately(0.0) == (0, 0), "nothing that is held for no time is held because of it"


def test_a_clock_that_was_set_right_again_before_a_clean_up_was_seen(
    set_clock: Callable[[float], None],
) -> None:
    clean_ups = CleanUps(1)
    set_clock(-3_600)
    assert not clean_ups.due(2, 60.0, at_rest=False)
    set_clock(0)
    assert cleanup.JUMPS.lately(60.0) == pytest.approx((3_600, 3_600), abs=10), (
        "what came meanwhile looks old"
    )


def test_a_lease_lasts_however_the_clock_is_set(opened: Open, set_clock: Callable[[float], None]) -> None:
    collection = opened(hold_versions_seconds=0, keep_versions=1)
    table = filled(collection, 1)
    collection.publish(table, reason="tidy looks at tables that are live")
    tags = LiveTags(collection.store, collection.table_uri(table.name))
    lease = tags.lease(table.version)
    file = Path(table.uri.removeprefix("file://")) / "_refs" / "tags" / f"{lease}.json"
    ten_minutes_ago = time.time() - 600
    os.utime(file, (ten_minutes_ago, ten_minutes_ago))
    assert 600 <= tags.leased() < 700
    set_clock(-300)
    assert tags.leased() >= 600, "versions since may look ten minutes old, and it five"
    set_clock(-3_600)
    assert tags.leased() == LEASE_ENDS.total_seconds(), "it is from the future"
    set_clock(7 * 3_600)
    assert tags.leased() >= 7 * 3_600 + 600, "it was not held for as long as it seems"
    collection.tidy(thorough=True)
    assert lease in table.latest().tags.list()


def _later(by: timedelta) -> type[datetime]:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz or UTC) + by

    return Later

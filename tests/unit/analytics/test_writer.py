"""Records on their way to the lake: no query waits for them, and none is written twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from mmpipe.analytics import writer as room
from mmpipe.analytics.writer import SearchWriter
from mmpipe.errors import StorageUnavailable
from mmpipe.lake import Lake, open_lake
from mmpipe.lake.searches import SearchLog
from mmpipe.settings import AnalyticsSettings, LakeSettings, Settings
from tests.unit.analytics.test_records import searched


def lake_in(folder: Path, **settings: Any) -> Lake:
    lake = open_lake(
        Settings(lake=LakeSettings(uri=str(folder / "lake")), analytics=AnalyticsSettings(**settings))
    )
    for name in ("shop", "other"):
        lake.collection(name, create=True)
    return lake


def queries(lake: Lake, collection: str = "shop") -> list[str]:
    return sorted(lake.collection(collection).searches.read(["query"])["query"].to_pylist())


def test_what_was_noted_is_there_after_the_end(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, write_seconds=100)
    writer = SearchWriter(lake)
    writer.start()
    writer.note("shop", searched("boots"))
    writer.note("other", searched("hat", total=0))
    writer.note("shop", searched("boots", first=False))
    writer.close()
    writer.close()
    assert queries(lake, "other") == ["hat"]
    assert lake.collection("shop").searches.read(["first"])["first"].to_pylist() == [True, False]
    counts = writer.counts()
    assert [(counts[name].searches, counts[name].empty, counts[name].dropped) for name in counts] == [
        (1, 0, 0),
        (1, 1, 0),
    ]


def test_it_is_written_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_in(tmp_path, write_seconds=0.01)
    written = threading.Event()
    append = SearchLog.append

    def told(self: SearchLog, *args: Any, **more: Any) -> Any:
        done = append(self, *args, **more)
        written.set()
        return done

    monkeypatch.setattr(SearchLog, "append", told)
    writer = SearchWriter(lake)
    writer.start()
    writer.note("shop", searched("boots"))
    assert written.wait(60)
    assert queries(lake) == ["boots"]
    writer.close()


def test_many_wake_it_before_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BATCH", 50)
    lake = lake_in(tmp_path, write_seconds=100)
    written = threading.Event()
    monkeypatch.setattr(SearchLog, "append", lambda *args, **more: written.set())
    writer = SearchWriter(lake)
    writer.start()
    for _ in range(50):
        writer.note("shop", searched())
    assert written.wait(60)
    writer.close()


def test_what_comes_while_records_are_written_waits_for_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica under load would else write a few records at a time, all the time."""
    lake = lake_in(tmp_path)
    writer = SearchWriter(lake)
    append = SearchLog.append
    written: list[int] = []

    def busy(log: SearchLog, table: Any, **more: Any) -> Any:
        written.append(len(table))
        assert len(written) < 9, "it never ends"
        writer.note("shop", searched(f"meanwhile {len(written)}"))
        return append(log, table, **more)

    monkeypatch.setattr(SearchLog, "append", busy)
    monkeypatch.setattr(room, "_BATCH", 2)
    for number in range(5):
        writer.note("shop", searched(f"boots {number}"))
    assert writer.flush()
    assert written == [2, 2, 1]
    assert writer.flush()
    assert written == [2, 2, 1, 2, 1]
    assert len(queries(lake)) == 8


def test_a_store_that_is_away_costs_no_query_and_later_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_in(tmp_path)
    writer = SearchWriter(lake)
    for name in ("boots", "hat", "lamp"):
        writer.note("shop", searched(name))

    def away(*args: Any, **more: Any) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(SearchLog, "append", away)
        assert not writer.flush()
        writer.note("shop", searched("shirt"))
        assert not writer.flush()
    assert writer.flush()
    assert queries(lake) == ["boots", "hat", "lamp", "shirt"]
    assert writer.counts()["shop"].dropped == 0


def test_the_queue_is_bounded_and_says_what_it_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_WAITING", 10)
    lake = lake_in(tmp_path)
    writer = SearchWriter(lake)
    for number in range(15):
        writer.note("shop", searched(f"boots {number}"))
    assert writer.counts()["shop"].dropped == 5
    assert writer.flush()
    assert len(queries(lake)) == 10
    assert writer.counts()["shop"].searches == 15


def test_off_means_nothing_is_kept(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, enabled=False)
    writer = SearchWriter(lake)
    writer.start()
    writer.note("shop", searched(total=0))
    writer.close()
    assert queries(lake) == []
    # The number of searches that found nothing is no record.
    assert (writer.counts()["shop"].searches, writer.counts()["shop"].empty) == (1, 1)


def test_a_sample_has_whole_searches(tmp_path: Path) -> None:
    lake = lake_in(tmp_path, sample=0.5)
    writer = SearchWriter(lake)
    for number in range(200):
        for first in (True, False):
            writer.note("shop", searched(query_id=f"q{number}", first=first))
    writer.flush()
    ids = lake.collection("shop").searches.read(["query_id"])["query_id"].to_pylist()
    assert 120 < len(ids) < 280
    assert all(ids.count(each) == 2 for each in set(ids))


def test_what_cannot_be_a_record_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_in(tmp_path)
    writer = SearchWriter(lake)
    writer.note("shop", searched("hat", total=2**80))
    writer.note("other", searched("boots"))
    assert writer.flush()
    assert queries(lake, "other") == ["boots"]
    assert writer.counts()["shop"].dropped == 1
    # Made up by whoever sent the cursor.
    writer.note("shop", searched("lamp", query_id="\ud800"))
    assert writer.flush()
    assert queries(lake) == []


KILLED = """
    import sys, time
    from pathlib import Path
    from tests.unit.analytics.test_records import searched
    from tests.unit.analytics.test_writer import lake_in
    from mmpipe.analytics import SearchWriter

    writer = SearchWriter(lake_in(Path(sys.argv[1]), write_seconds=100))
    writer.start()
    for number in range(7):
        writer.note("shop", searched(f"written {number}"))
    assert writer.flush()
    writer.note("shop", searched("of the last seconds"))
    print("ready", flush=True)
    time.sleep(60)
"""


def test_who_is_killed_loses_the_last_batch_alone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert queries(lake_in(tmp_path)) == [f"written {number}" for number in range(7)]

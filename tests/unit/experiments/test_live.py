from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.experiments import Arm, ArmSettings, ExperimentBook, LiveExperiments, report
from mmpipe.experiments.live import NOTHING
from mmpipe.lake import Lake, open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.objects import open_store
from mmpipe.recommend.behaviour import COLUMNS, Behaviour, Shopper
from mmpipe.settings import LakeSettings, Settings
from tests.unit.experiments.people import START, Who, after

ADA = Who("ada", "s1")
ARMS = (Arm(name="control"), Arm(name="bold", settings=ArmSettings(diversity=0.8)))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(Settings(lake=LakeSettings(uri=str(tmp_path))))


def book(lake: Lake) -> ExperimentBook:
    held = lake.collection("shop", create=True)
    return ExperimentBook(open_store(held.uri), held.uri)


@pytest.fixture
def live(lake: Lake) -> LiveExperiments:
    lake.collection("shop", create=True)
    made = LiveExperiments(lake)
    assert made.choose("shop", ADA, START) is NOTHING
    made.follow("shop")
    return made


def test_what_is_defined_is_followed(lake: Lake, live: LiveExperiments) -> None:
    book(lake).define("bolder", ARMS, now=START)
    assert live.choose("shop", ADA, START) is NOTHING
    live.refresh()
    chosen = live.choose("shop", ADA, after(1))
    assert chosen.settings == ArmSettings(diversity=0.8 if chosen.assigned["bolder"] == "bold" else None)
    book(lake).stop("bolder", now=after(2))
    live.refresh()
    assert live.choose("shop", ADA, after(2)) is NOTHING


def test_exposures_are_written_once_whoever_saw_them(lake: Lake, live: LiveExperiments) -> None:
    book(lake).define("bolder", ARMS, now=START)
    other = LiveExperiments(lake)
    other.follow("shop")
    for replica in (live, other):
        replica.refresh()
        for hours in (1, 2, 3):
            replica.expose("shop", ADA, replica.choose("shop", ADA, after(hours)), after(hours))
        replica.refresh()
        replica.refresh()
    log = lake.collection("shop").interactions
    assert len(log.segments()) == 2
    (row,) = log.to_table().to_pylist()
    assert (row["type"], row["user"], row["session"], row["product_id"]) == ("impression", "ada", "s1", None)
    found = report(lake.collection("shop"), book(lake).get("bolder"), after(48))
    assert sum(arm.shoppers for arm in found.arms) == 1


def test_behaviour_takes_no_notice_of_exposures(lake: Lake, live: LiveExperiments) -> None:
    book(lake).define("bolder", ARMS, now=START)
    live.refresh()
    live.expose("shop", ADA, live.choose("shop", ADA, after(1)), after(1))
    live.refresh()
    behaviour = Behaviour()
    behaviour.add(lake.collection("shop").interactions.to_table(COLUMNS))
    assert len(behaviour.history(Shopper(ADA.user, ADA.session)).items) == 0
    assert len(behaviour.popular()[0]) == 0


def test_exposures_wait_for_a_store_that_is_away(
    lake: Lake, live: LiveExperiments, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book(lake).define("bolder", ARMS, now=START)
    live.refresh()
    live.expose("shop", ADA, live.choose("shop", ADA, after(1)), after(1))
    log = lake.collection("shop").interactions
    with monkeypatch.context() as away:

        def refuse(table: object) -> None:
            raise StorageUnavailable("away")

        away.setattr(log, "append", refuse)
        live.refresh()
        assert log.count() == 0
        assert "experiments of shop: away" in caplog.text
    live.refresh()
    assert log.count() == 1


def test_an_interleaved_list_is_written_with_its_teams(lake: Lake, live: LiveExperiments) -> None:
    book(lake).define("ranks", ARMS, now=START, design="interleave")
    live.refresh()
    chosen = live.choose("shop", ADA, after(1))
    assert chosen.rankings == (ArmSettings(), ArmSettings(diversity=0.8))
    lists = (["a", "b", "c"], ["c", "b", "d"])
    first = live.interleave("shop", ADA, chosen, lists, after(1), 4)
    assert live.interleave("shop", ADA, chosen, lists, after(5), 4) == first
    live.refresh()
    (row,) = lake.collection("shop").interactions.to_table().to_pylist()
    assert row["list"] == "experiment:ranks"
    with pytest.raises(ValueError, match="no interleaving"):
        live.interleave("shop", ADA, NOTHING, lists, after(1))


def test_its_thread_follows_and_closing_writes_what_waits(lake: Lake) -> None:
    book(lake).define("bolder", ARMS, now=START)
    live = LiveExperiments(lake, seconds=0.01)
    live.start()
    live.follow("shop")
    for _ in range(6_000):
        chosen = live.choose("shop", ADA, after(1))
        if chosen.assigned:
            break
        live._ended.wait(0.01)
    live.expose("shop", ADA, chosen, after(1))
    live.close()
    live.close()
    assert lake.collection("shop").interactions.to_table().schema == SCHEMA
    assert lake.collection("shop").interactions.count() == 1

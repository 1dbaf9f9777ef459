"""The queue of a folder that shops upload to, and what takes its events up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mmpipe.dispatch.folder_letters import FolderLetters
from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.local import folder_pump
from mmpipe.local.folder_pump import FolderPump, with_uploads
from mmpipe.schemas.status import QueueDepths
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings


def settings_in(folder: Path, **serve: Any) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(profile="fake", warm_max_bytes=1_000, workers=1),
        serve=ServeSettings(**serve),
    )


def event(folder: Path, name: str, size: int = 10) -> CatalogueEvent:
    ref = ObjectRef(
        uri=f"file://{folder}/shop/feeds/{name}", etag=name, size=size, event_time=datetime.now(UTC)
    )
    return CatalogueEvent(kind="feed_uploaded", collection="shop", object=ref)


class Lanes:
    """Both lanes: each answers what it is told to, "done" unless told, and notes what it got."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = answers
        self.warm: list[str] = []
        self.large: list[str] = []

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        self.warm += [_name(order) for order in orders]
        return [self._outcome(order) for order in orders]

    def execute(self, order: WorkOrder) -> WorkOutcome:
        assert order.lane == "batch"
        self.large.append(_name(order))
        return self._outcome(order)

    def stop(self) -> None:
        pass

    def _outcome(self, order: WorkOrder) -> WorkOutcome:
        told = self.answers.get(_name(order), [])
        return WorkOutcome(run_id=order.run_id, status=told.pop(0) if told else "done")  # type: ignore[arg-type]


def _name(order: WorkOrder) -> str:
    return order.object.uri.rpartition("/")[2]


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_event_stays_until_its_work_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_pump, "_AGAIN_SECONDS", 0.01)
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    queue = FolderQueue(root)
    for name in ("good", "later", "bad", "large"):
        queue.put(event(root, name, size=2_000 if name == "large" else 10))
    (root / ".queue" / "0-spoilt.json").write_text("{")
    lanes = Lanes(later=["retry", "retry", "large", "retry"], bad=["failed"], large=["retry"])
    with FolderPump(settings, lanes, lanes):
        wait_for(lambda: queue.depths().waiting == 0)
    assert lanes.warm.count("later") == 4
    assert sorted(lanes.large) == ["large", "large", "later"]
    assert lanes.warm.count("bad") == 1, "what failed for good is not tried again"
    assert list((root / ".queue").iterdir()) == []
    assert queue.depths().dead_letters == 1
    assert (root / ".dead-letters" / "0-spoilt.json").read_text() == "{", "for people to look at"
    assert "cannot be read" in (root / ".dead-letters" / "0-spoilt.txt").read_text()


def test_what_nobody_takes_is_given_up_and_can_be_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_pump, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(folder_pump, "OUTAGE_SECONDS", 0.05)
    monkeypatch.setattr(folder_pump, "_FAIR_SECONDS", 0.05)
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    queue = FolderQueue(root)
    queue.put(event(root, "small"))
    queue.put(event(root, "large", size=2_000))
    queue.put(event(root, "good"))
    lanes = Lanes(small=["retry"] * 10_000, large=["retry"] * 10_000)
    with FolderPump(settings, lanes, lanes):
        wait_for(lambda: queue.depths().waiting == 0)
    assert queue.depths().dead_letters == 2
    assert lanes.warm.count("small") > 1
    assert lanes.large.count("large") > 1
    letters = FolderLetters(root)
    assert all(letter.reason.startswith("not taken for") for letter in letters.peek())
    assert len(letters.replay().taken) == 2
    again = Lanes()
    with FolderPump(settings, again, again):
        wait_for(lambda: queue.depths().waiting == 0)
    assert (again.warm, again.large, queue.depths().dead_letters) == (["small"], ["large"], 0)


@pytest.mark.parametrize(("hours", "given_up"), [(13, True), (11, False)])
def test_the_limit_counts_from_the_upload_whatever_run_of_the_service_that_was_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, given_up: bool
) -> None:
    monkeypatch.setattr(folder_pump, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(folder_pump, "_FAIR_SECONDS", 0.0)
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    queue = FolderQueue(root)
    queue.put(event(root, "one"))
    (waiting,) = queue.waiting(1)
    put = time.time_ns() - hours * 3_600 * 10**9
    (root / ".queue" / waiting.name).rename(root / ".queue" / f"{put:020d}{waiting.name[20:]}")
    lanes = Lanes(one=["retry", "retry"])
    with FolderPump(settings, lanes, lanes):
        wait_for(lambda: queue.depths().waiting == 0)
    assert queue.depths().dead_letters == int(given_up)
    if given_up:
        (letter,) = FolderLetters(root).peek()
        assert letter.reason.startswith("not taken for 13.0 hours")


def test_after_a_long_night_nothing_is_given_up_before_it_was_tried(tmp_path: Path) -> None:
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    queue = FolderQueue(root)
    queue.put(event(root, "one"))
    (waiting,) = queue.waiting(1)
    (root / ".queue" / waiting.name).rename(root / ".queue" / f"{1:020d}{waiting.name[20:]}")
    lanes = Lanes(one=["retry"] * 10)
    with FolderPump(settings, lanes, lanes):
        wait_for(lambda: bool(lanes.warm))
    assert queue.depths() == QueueDepths(waiting=1, in_hand=0, dead_letters=0)


def test_no_fault_of_a_lane_ends_the_pump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_pump, "_AGAIN_SECONDS", 0.01)
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    FolderQueue(root).put(event(root, "one"))

    class Faulty(Lanes):
        def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
            outcomes = super().submit(orders)
            if len(self.warm) == 1:
                raise RuntimeError("a fault")
            return outcomes

    lanes = Faulty()
    with FolderPump(settings, lanes, lanes):
        wait_for(lambda: FolderQueue(root).depths().waiting == 0)
    assert lanes.warm == ["one", "one"]


def test_what_was_put_while_nobody_took_waits(tmp_path: Path) -> None:
    settings = with_uploads(settings_in(tmp_path))
    root = Path(str(settings.indexing.uploads_uri))
    first = Lanes(one=["retry"] * 1_000)
    FolderQueue(root).put(event(root, "one"))
    with FolderPump(settings, first, first):
        wait_for(lambda: bool(first.warm))
    assert FolderQueue(root).depths().waiting == 1
    second = Lanes()
    with FolderPump(settings, second, second):
        wait_for(lambda: FolderQueue(root).depths().waiting == 0)
    assert second.warm == ["one"]


def test_a_lake_in_a_folder_takes_files_where_that_is_safe_or_was_chosen(tmp_path: Path) -> None:
    keys = {"api_keys": SecretStr("{}")}
    for serve, takes in (
        ({}, True),
        ({"uploads": False}, False),
        ({"host": "0.0.0.0"}, False),
        ({"host": "0.0.0.0", "uploads": True}, True),
        (keys, False),
        (keys | {"uploads": True}, True),
    ):
        settings = settings_in(tmp_path, **serve)
        served = with_uploads(settings)
        assert (served is not settings) is takes, serve
        assert (served.serve.uploads is True) is takes
        assert served.indexing.uploads_uri == (str(tmp_path / "lake" / "_uploads") if takes else None)
    own = settings_in(tmp_path)
    for update, folder in (
        ({"lake": LakeSettings(uri="s3://bucket/lake")}, None),
        ({"indexing": IndexingSettings(uploads_uri="s3://bucket")}, "s3://bucket"),
        ({"indexing": IndexingSettings(uploads_uri=str(tmp_path / "in"))}, str(tmp_path / "in")),
    ):
        assert with_uploads(own.model_copy(update=update)).indexing.uploads_uri == folder

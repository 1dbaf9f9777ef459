"""``mmpipe dlq`` on the uploads of a lake in a folder; on a queue of SQS, tests/integration has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.errors import InvalidRequest, NotFound
from mmpipe.schemas.work import CatalogueEvent, ObjectRef

Run = Callable[..., Result]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with two uploads that were given up."""
    queue = FolderQueue(tmp_path / "lake" / "_uploads")
    for name in ("a.csv", "b.csv"):
        uri = f"file://{tmp_path}/lake/_uploads/shop/feeds/{name}"
        ref = ObjectRef(uri=uri, etag=name, size=1, event_time=datetime.now(UTC))
        queue.put(CatalogueEvent(kind="feed_uploaded", collection="shop", object=ref))
    for each in queue.waiting(2):
        queue.give_up(each.name, "not taken for 12.1 hours, the last time: away")
    return tmp_path / "lake"


def test_the_same_words_as_for_a_queue(run: Run, lake: Path, tmp_path: Path) -> None:
    def dlq(*words: object) -> Result:
        return run("dlq", *words, "--lake", lake, "--folder", tmp_path)

    shown = dlq("list").stdout
    assert "feed_uploaded" in shown
    assert "shop/feeds/a.csv" in shown
    assert "2 by outage" in shown
    letters = json.loads(dlq("list", "--json").stdout)
    first, second = (letter["message_id"] for letter in letters)
    for words in ([], ["--all", "--id", first]):
        for command in ("replay", "purge"):
            with pytest.raises(InvalidRequest):
                dlq(command, *words)
    rehearsed = json.loads(dlq("replay", "--all", "--dry-run", "--json").stdout)
    queue = lake / "_uploads" / ".queue"
    assert rehearsed == {"queue": str(queue), "would_replay": [first, second]}
    assert list(queue.glob("*.json")) == []
    report = json.loads(dlq("replay", "--id", first[:13], "--json").stdout)
    assert report == {"queue": str(queue), "replayed": [first], "missing": []}
    assert len(list(queue.glob("*.json"))) == 1
    with pytest.raises(NotFound, match="see mmpipe dlq list"):
        dlq("replay", "--id", first)
    report = json.loads(dlq("purge", "--id", second[:13], "--json").stdout)
    assert report == {"where": str(queue.with_name(".dead-letters")), "purged": [second], "missing": []}
    assert "is empty" in dlq("list").stdout
    assert "is empty" in dlq("replay", "--all").stderr


def test_which_lake_is_told_by_the_settings_too(
    run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidRequest, match="no folder that uploads come into"):
        run("dlq", "list", "--lake", tmp_path / "another", "--folder", tmp_path)
    monkeypatch.setenv("MMPIPE_LAKE__URI", str(lake))
    assert len(json.loads(run("dlq", "list", "--json", "--folder", tmp_path).stdout)) == 2
    # A queue that is named comes first: a lake in a folder may have a bucket.
    monkeypatch.setenv("MMPIPE_DISPATCH__DLQ_URL", "no queue's address")
    with pytest.raises(InvalidRequest, match="is no queue's URL"):
        run("dlq", "list", "--folder", tmp_path)
    assert len(json.loads(run("dlq", "list", "--json", "--lake", lake, "--folder", tmp_path).stdout)) == 2

"""The dead letters of a folder that shops upload to, looked at, put back and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mmpipe.dispatch.folder_letters import FolderLetters
from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.errors import StorageUnavailable
from mmpipe.schemas.work import CatalogueEvent, ObjectRef


@pytest.fixture
def queue(tmp_path: Path) -> FolderQueue:
    return FolderQueue(tmp_path)


@pytest.fixture
def bury(queue: FolderQueue) -> Callable[..., str]:
    """An event about this feed, given up; its address."""

    def buried(name: str, etag: str = "e1", collection: str = "shop") -> str:
        uri = f"file:///uploads/{collection}/feeds/{name}"
        ref = ObjectRef(uri=uri, etag=etag, size=1, event_time=datetime.now(UTC))
        before = {each.name for each in queue.waiting(10)}
        queue.put(CatalogueEvent(kind="feed_uploaded", collection=collection, object=ref))
        (fresh,) = [each.name for each in queue.waiting(10) if each.name not in before]
        queue.give_up(fresh, "not taken for 12.0 hours, the last time: away")
        return uri

    return buried


def test_looking_takes_nothing_away_and_says_why(
    tmp_path: Path, queue: FolderQueue, bury: Callable[..., str]
) -> None:
    held = FolderLetters(tmp_path)
    assert (held.peek(), held.newest("shop", 5), held.count()) == ([], [], 0)
    uris = [bury(name) for name in ("a.csv", "b.csv", "c.csv")]
    (tmp_path / ".dead-letters" / "0-spoilt.json").write_text("{")
    for _ in range(2):
        spoilt, *letters = held.peek()
        assert [letter.events[0].uri for letter in letters] == uris, "the oldest first"
    assert (spoilt.cause, {letter.cause for letter in letters}) == ("poison", {"outage"})
    assert (spoilt.body, letters[0].reason) == ("{", "not taken for 12.0 hours, the last time: away")
    assert 0 <= letters[0].age_seconds < 300
    assert [letter.events[0].uri for letter in held.newest("shop", 2)] == [uris[2], uris[1]]
    assert [letter.message_id for letter in held.peek(1)] == [spoilt.message_id]
    assert len({letter.message_id[:13] for letter in held.peek()}) == 4, "few digits tell them apart"
    assert held.count() == 4


def test_what_is_put_back_waits_as_if_it_came_now(
    tmp_path: Path, queue: FolderQueue, bury: Callable[..., str]
) -> None:
    held = FolderLetters(tmp_path)
    uris = [bury(name) for name in ("a.csv", "b.csv")]
    first, second = held.peek()
    report = held.replay([second.message_id, "somebody-else"])
    assert (report.taken, report.missing) == ((second.message_id,), ("somebody-else",))
    (waiting,) = queue.waiting(10)
    assert waiting.event.object.uri == uris[1]
    assert waiting.since > second.sent_at.timestamp(), "it is not given up again at once"
    assert held.replay().taken == (first.message_id,)
    assert [each.event.object.uri for each in queue.waiting(10)] == [uris[1], uris[0]]
    assert list((tmp_path / ".dead-letters").iterdir()) == [], "its reason went with it"
    assert held.replay().taken == ()


def test_an_upload_is_given_up_until_its_event_waits_again(
    tmp_path: Path, queue: FolderQueue, bury: Callable[..., str]
) -> None:
    held = FolderLetters(tmp_path)
    uri = bury("a.csv")
    letter = held.of(uri, "e1")
    assert letter is not None
    assert letter.events[0].etag == "e1"
    assert (held.of(uri, "other"), held.of(f"{uri}.gz", "e1")) == (None, None)
    held.replay([letter.message_id])
    assert held.of(uri, "e1") is None
    (again,) = queue.waiting(10)
    queue.give_up(again.name, "away still")
    assert (held.of(uri, "e1") or letter).reason == "away still"
    # The same file, uploaded anew while its letter lies there: it is that event's turn.
    queue.put(again.event)
    assert held.of(uri, "e1") is None
    assert held.newest("shop", 5) == []


def test_an_event_that_somebody_named_by_hand_is_put_back_too(
    tmp_path: Path, queue: FolderQueue, bury: Callable[..., str]
) -> None:
    held = FolderLetters(tmp_path)
    uri = bury("a.csv")
    (path,) = (tmp_path / ".dead-letters").glob("*.json")
    path.rename(path.with_name("by-hand.json"))
    (letter,) = held.peek()
    held.replay([letter.message_id])
    (waiting,) = queue.waiting(10)
    queue.give_up(waiting.name, "away")
    assert held.of(uri, "e1") is not None


def test_what_is_purged_is_gone(tmp_path: Path, queue: FolderQueue, bury: Callable[..., str]) -> None:
    held = FolderLetters(tmp_path)
    bury("a.csv"), bury("b.csv")
    first, second = held.peek()
    report = held.purge([first.message_id, "somebody-else"])
    assert (report.taken, report.missing) == ((first.message_id,), ("somebody-else",))
    assert [letter.message_id for letter in held.peek()] == [second.message_id]
    assert queue.waiting(10) == []
    assert len(list((tmp_path / ".dead-letters").iterdir())) == 2


def test_an_event_that_is_being_written_is_nobodys_yet(
    tmp_path: Path, queue: FolderQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes meanwhile neither sees half of it nor gives it up."""
    seen: list[tuple[int, int, int]] = []

    def fsync(descriptor: int) -> None:
        unfinished = [path for path in (tmp_path / ".queue").iterdir() if path.name.startswith(".")]
        held = unfinished[0].read_bytes() if unfinished else b""
        for path in unfinished:
            path.write_bytes(held[:10])
        seen.append((len(unfinished), len(queue.waiting(10)), queue.depths().dead_letters))
        for path in unfinished:
            path.write_bytes(held)

    monkeypatch.setattr("mmpipe.dispatch.folder_queue.os.fsync", fsync)
    ref = ObjectRef(uri="file:///uploads/shop/feeds/a.csv", etag="e1", size=1, event_time=datetime.now(UTC))
    queue.put(CatalogueEvent(kind="feed_uploaded", collection="shop", object=ref))
    assert seen == [(1, 0, 0), (0, 1, 0)]
    assert [each.event.object for each in queue.waiting(10)] == [ref]


def test_a_folder_that_is_away_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / ".dead-letters").write_text("no folder")
    with pytest.raises(StorageUnavailable, match="does not answer"):
        FolderLetters(tmp_path).peek()


def test_a_collection_with_many_letters_hides_no_others_and_is_not_read_for_them(
    tmp_path: Path, bury: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = bury("a.csv")
    (by_hand,) = (tmp_path / ".dead-letters").glob("*.json")
    by_hand.rename(by_hand.with_name("0-by-hand.json"))
    mine_too = bury("b.csv")
    for number in range(20):
        bury(f"{number}.csv", collection="shop-2")
    held = FolderLetters(tmp_path)
    read: list[str] = []
    one = held._letter
    monkeypatch.setattr(held, "_letter", lambda name: read.append(name) or one(name))
    assert [letter.events[0].uri for letter in held.newest("shop", 5)] == [mine_too, mine]
    assert len(read) == 2
    assert len(held.newest("shop-2", 5)) == 5

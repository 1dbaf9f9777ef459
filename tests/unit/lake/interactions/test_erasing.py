"""Erasure leaves nothing, is proved, and touches nobody else; so does an export."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.lake.interactions import Erasure, InteractionLog
from mmpipe.lake.interactions.schema import ARCHIVE, ERASED
from tests.unit.lake.interactions.logs import NOW, append, collection_in, event, ids, merge
from tests.unit.lake.interactions.test_log import in_memory

LATER = timedelta(hours=2)


@pytest.fixture
def log(tmp_path: Path) -> InteractionLog:
    return collection_in(tmp_path).interactions


def stored(log: InteractionLog) -> list[dict[str, object]]:
    """The rows of every object, whether they count or not."""
    return [row for segment in log.segments() for row in log.folder.read(segment)[0].to_pylist()]


def test_a_person_goes_and_others_stay(log: InteractionLog) -> None:
    append(log, event("a", "u1", "s1"), event("b", None, "s1"), event("c", "u2", "s2"))
    append(log, event("d", "u1", "shared"), event("e", "u2", "shared"), event("f", None, "shared"))
    append(log, event("g", "u2"))
    proof = log.erase(["u1"], models=["sasrec-1"])
    assert sorted(str(row["event_id"]) for row in stored(log)) == ["c", "e", "f", "g"]
    assert (proof.events, proof.state, proof.users, proof.sessions) == (3, "done", ("u1",), ("s1",))
    assert [changed.removed for changed in proof.segments] == [2, 1]
    assert proof.digest == proof.sealed()
    assert log.erasures() == [proof]
    assert log.proofs() == [proof]
    assert proof.touches(NOW - timedelta(days=1))
    assert not proof.touches(datetime.now(UTC) + LATER)
    assert proof.models == ("sasrec-1",)


def test_what_arrives_later_is_new(log: InteractionLog) -> None:
    append(log, event("a", "u1"))
    log.erase(["u1"])
    append(log, event("b", "u1", received_at=datetime.now(UTC)))
    assert ids(log.to_table()) == ["b"]
    merge(log)
    assert ids(log.to_table()) == ["b"]


def test_again_and_of_nobody_is_a_proof_too(log: InteractionLog) -> None:
    append(log, event("a", "u2"))
    assert [log.erase(["u1"]).events for _ in range(2)] == [0, 0]
    assert len(log.proofs()) == 2
    assert not log.proofs()[0].touches(NOW - timedelta(days=1))
    assert ids(log.to_table()) == ["a"]


def test_no_byte_is_left(log: InteractionLog, tmp_path: Path) -> None:
    """Not in a page, a dictionary, a footer's statistics or a record, but for the proof's own pseudonyms."""
    for n in range(6):
        append(
            log,
            event(f"mine-{n}", "0a" * 16, "0b" * 16, query=f"my question {n}", device="my-device"),
            event(f"other-{n}", "0c" * 16),
        )
        if n == 3:
            merge(log)
    log.export("0a" * 16)
    log.erase(["0a" * 16])
    merge(log)
    for path in (tmp_path / "lake" / "shop").rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            if path.suffix == ".parquet":
                table = pq.read_table(path)
                held += repr(table.to_pylist()).encode() + repr(pq.read_metadata(path).to_dict()).encode()
            trace = [b"mine-", b"my question", b"my-device"]
            trace += [] if path.parent.name == ERASED else [b"0a" * 16, b"0b" * 16]
            assert [word for word in trace if word in held] == [], path


def test_readers_leave_out_what_is_stored_after_the_erasure_began(log: InteractionLog) -> None:
    append(log, event("a", "u1"))
    proof = log.erase(["u1"])
    # A replica had it in hand when the erasure began.
    append(log, event("late", "u1", received_at=proof.at - timedelta(seconds=1)))
    assert log.count() == 0
    assert [row["event_id"] for row in stored(log)] == ["late"]
    from mmpipe.lake.interactions import erasing

    assert erasing.settle(log, datetime.now(UTC)) == 0  # too early: others may have more in hand
    assert erasing.settle(log, datetime.now(UTC) + LATER) == 1
    assert stored(log) == []
    (settled,) = log.erasures()
    assert (settled.state, settled.events, settled.digest) == ("settled", 2, settled.sealed())
    assert erasing.settle(log, datetime.now(UTC) + timedelta(days=8)) == 0
    assert log.erasures() == []
    assert log.proofs() == [settled]


def test_an_erasure_that_breaks_off_is_heeded_and_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    log, store = in_memory()
    append(log, event("a", "u1"), event("b", "u2"))
    original = store.write

    def write(uri: str, data: bytes, **options: object) -> object:
        if uri.endswith(".parquet"):
            raise StorageUnavailable("killed")
        return original(uri, data, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", write)
        with pytest.raises(StorageUnavailable):
            log.erase(["u1"])
    assert ids(log.to_table()) == ["b"]
    from mmpipe.lake.interactions import erasing

    assert erasing.settle(log, datetime.now(UTC) + LATER) == 1
    assert [row["event_id"] for row in stored(log)] == ["b"]


def test_two_erasures_at_once_leave_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    log, store = in_memory()
    append(log, event("a", "u1"), event("b", "u2"), event("c", "u3"))
    original = store.write
    met = []

    def write(uri: str, data: bytes, **options: object) -> object:
        if uri.endswith(".parquet") and not met:
            met.append(True)
            log.erase(["u2"])
        return original(uri, data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write", write)
    log.erase(["u1"])
    assert [row["event_id"] for row in stored(log)] == ["c"]
    assert sorted(proof.events for proof in log.proofs()) == [1, 1]


def test_a_segment_that_others_keep_writing_is_no_silent_success(monkeypatch: pytest.MonkeyPatch) -> None:
    log, store = in_memory()
    append(log, event("a", "u1"))
    original = store.write

    def write(uri: str, data: bytes, **options: object) -> object:
        if uri.endswith(".parquet"):
            raise CommitConflict("somebody was first")
        return original(uri, data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write", write)
    with pytest.raises(StorageUnavailable, match="others kept writing"):
        log.erase(["u1"])


def test_an_export_has_what_an_erasure_would_remove(log: InteractionLog) -> None:
    append(log, event("a", "u1", "s1"), event("b", None, "s1"), event("c", "u2"), event("d", None, "s9"))
    held = log.export("u1")
    assert ids(held) == ["a", "b"]
    record = log.record_export("u1", held)
    assert (record.events, record.digest) == (2, record.sealed())
    assert list(log.folder.records(ARCHIVE)) == [record.record_id]
    assert log.proofs() == []
    assert log.erase(["u1"]).events == 2
    assert len(log.export("u1")) == 0


_people = st.sampled_from(["u1", "u2", "u3", None])
_visits = st.sampled_from(["s1", "s2", "s3", None])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(_people, _visits), min_size=1, max_size=15), merged=st.booleans())
def test_what_goes_is_theirs_and_all_of_it(acts: list[tuple[str | None, str | None]], merged: bool) -> None:
    log, _ = in_memory()
    for n, (user, session) in enumerate(acts):
        append(log, event(f"e{n}", user, session))
    if merged:
        merge(log)
    used = {session for user, session in acts if user == "u1" and session}
    shared = {session for user, session in acts if user not in ("u1", None)}
    theirs = {
        f"e{n}"
        for n, (user, session) in enumerate(acts)
        if user == "u1" or (user is None and session in used - shared)
    }
    assert set(ids(log.export("u1"))) == theirs
    assert log.erase(["u1"]).events == len(theirs)
    left = {f"e{n}" for n in range(len(acts))} - theirs
    assert {str(row["event_id"]) for row in stored(log)} == left
    assert set(ids(log.to_table())) == left
    merge(log)
    assert set(ids(log.to_table())) == left


def test_a_proof_is_what_it_was_sealed_as(log: InteractionLog) -> None:
    append(log, event("a", "u1"))
    proof = log.erase(["u1"])
    forged = proof.model_copy(update={"events": 0})
    assert forged.sealed() != proof.digest
    assert Erasure.model_validate_json(proof.model_dump_json()).sealed() == proof.digest

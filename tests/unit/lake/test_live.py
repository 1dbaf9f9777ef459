from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.lake.live import KEEP_LAST, MAX_REASON, LiveFile, LivePointer, LiveVersion, thinned
from mmpipe.objects import MemoryStore
from tests.unit.lake.rows import NOW

URI = "memory://lake/shop/live.json"


MOST = KEEP_LAST + 49 + 31 + 1


def entry(
    generation: int,
    version: int,
    restores: int | None = None,
    table: str = "products_a",
    published_at: datetime = NOW,
    reason: str = "",
) -> LiveVersion:
    return LiveVersion(
        generation=generation,
        table=table,
        version=version,
        profile_fingerprint="f",
        published_at=published_at,
        rows=1,
        restores=restores,
        reason=reason,
    )


def test_of_two_writers_one_wins() -> None:
    pointer = LivePointer(MemoryStore(), URI)
    assert pointer.read() is None
    pointer.replace(LiveFile(live=entry(1, 5)), None)
    with pytest.raises(CommitConflict):
        pointer.replace(LiveFile(live=entry(1, 6)), None)
    seen = pointer.read()
    assert seen is not None
    written = pointer.replace(seen.followed_by(entry(2, 7)), seen)
    with pytest.raises(CommitConflict):
        pointer.replace(seen.followed_by(entry(2, 8)), seen)
    now = pointer.read()
    assert now is not None
    assert (now.live.version, now.live.etag) == (7, written.etag)
    assert [e.version for e in now.history] == [5]


def test_a_file_that_stays_as_it_was_is_read_once() -> None:
    store = MemoryStore()
    pointer, writer = LivePointer(store, URI), LivePointer(store, URI)
    writer.replace(LiveFile(live=entry(1, 5)), None)
    first = pointer.read()
    assert first is not None
    assert pointer.read() is pointer.read() is first
    assert (store.calls["read"], store.calls["read_changed"]) == (1, 2)
    writer.replace(first.followed_by(entry(2, 7)), first)
    now = pointer.read()
    assert now is not None
    assert (now.live.version, pointer.read() is now) == (7, True)
    store.delete(URI)
    assert pointer.read() is None
    writer.replace(LiveFile(live=entry(1, 9)), None)
    again = pointer.read()
    assert again is not None
    assert again.live.version == 9


def test_a_file_that_was_damaged_since_is_named_until_it_is_mended() -> None:
    store = MemoryStore()
    pointer = LivePointer(store, URI)
    pointer.replace(LiveFile(live=entry(1, 5)), None)
    good = pointer.read()
    assert good is not None
    store.write(URI, b'{"live": 3}')
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=r"live\.json"):
            pointer.read()
    store.write(URI, good.model_dump_json().encode())
    mended = pointer.read()
    assert mended is not None
    assert mended.live.version == 5


def test_a_damaged_file_is_named() -> None:
    store = MemoryStore()
    store.write(URI, b'{"live": 3}')
    with pytest.raises(StorageUnavailable, match=r"live\.json"):
        LivePointer(store, URI).read()


@pytest.mark.parametrize("table", ["../../elsewhere", "rejects", "products_x/../y"])
def test_a_file_that_names_no_products_table_is_damaged(table: str) -> None:
    store = MemoryStore()
    content = LiveFile(live=entry(1, 1)).model_dump_json()
    store.write(URI, content.replace(entry(1, 1).table, table).encode())
    with pytest.raises(StorageUnavailable, match=r"live\.json"):
        LivePointer(store, URI).read()


def test_the_table_before_the_present_one_is_remembered() -> None:
    content = LiveFile(live=entry(1, 1))
    assert content.former_table is None
    content = content.followed_by(entry(2, 1, table="products_b"))
    for generation in range(3, KEEP_LAST + 10):
        content = content.followed_by(entry(generation, generation, table="products_b"))
    assert content.former_table == "products_a"
    assert content.followed_by(entry(99, 2)).former_table == "products_b"
    assert LiveFile.model_validate_json(content.model_dump_json(exclude_none=True)) == content


def test_history_is_kept_by_time() -> None:
    """A shop that publishes every ten minutes, for 40 days."""
    step, count = timedelta(minutes=10), 40 * 24 * 6
    start = datetime(2026, 1, 1, tzinfo=UTC)
    content = LiveFile(live=entry(1, 1, published_at=start))
    for n in range(2, count + 1):
        content = content.followed_by(entry(n, n, published_at=start + (n - 1) * step))
    now = content.live.published_at
    assert now == datetime(2026, 2, 9, 23, 50, tzinfo=UTC)
    last, older = content.history[-KEEP_LAST:], content.history[:-KEEP_LAST]
    assert [e.generation for e in last] == list(range(count - KEEP_LAST, count))
    hourly = [e.published_at for e in older if now - e.published_at < timedelta(hours=48)]
    assert hourly == [now - timedelta(hours=h) for h in range(47, 1, -1)]
    daily = [e.published_at for e in older if now - e.published_at >= timedelta(hours=48)]
    assert daily == [now - timedelta(days=d) for d in range(29, 1, -1)]
    assert len(content.model_dump_json(exclude_none=True)) < 40_000


def test_hours_and_days_are_those_of_utc() -> None:
    """Else the same file would be thinned otherwise by a machine elsewhere."""
    half_past = timezone(timedelta(hours=5, minutes=30))
    start = datetime(2026, 1, 5, 9, 10, tzinfo=UTC)
    entries = [entry(1, 1, published_at=start), entry(2, 2, published_at=start + timedelta(minutes=30))]
    entries += [entry(n, n, published_at=start + timedelta(hours=3)) for n in range(3, 3 + KEEP_LAST)]
    now = start + timedelta(hours=4)
    kept = [e.generation for e in thinned(entries, now, origin=100)]
    assert kept == [2, *range(3, 3 + KEEP_LAST)]
    moved = [e.model_copy(update={"published_at": e.published_at.astimezone(half_past)}) for e in entries]
    assert [e.generation for e in thinned(moved, now, origin=100)] == kept


gaps = st.lists(
    st.one_of(st.integers(0, 90), st.integers(0, 3_600), st.integers(0, 400_000)).map(
        lambda seconds: timedelta(seconds=seconds)
    ),
    max_size=300,
)


@settings(max_examples=60, deadline=None)
@given(gaps, st.integers(1, 400))
def test_thinning_at_every_step_keeps_what_thinning_once_keeps(gaps: list[timedelta], origin: int) -> None:
    content, every = LiveFile(live=entry(1, 1)), [entry(1, 1)]
    for gap in gaps:
        last = every[-1]
        every.append(entry(last.generation + 1, last.version + 1, published_at=last.published_at + gap))
        content = content.followed_by(every[-1])
        assert content.history[-KEEP_LAST:] == tuple(every[:-1][-KEEP_LAST:])
        assert content.before() == (every[-2] if len(every) > 1 else None)
    now = content.live.published_at
    assert content.history == thinned(every[:-1], now, origin=content.live.generation)
    assert len(content.history) <= MOST
    for span, floor in ((timedelta(hours=48), 3_600), (timedelta(days=30), 86_400)):
        newest: dict[int, int] = {}
        for e in every[:-1]:
            if now - e.published_at < span:
                newest[int(e.published_at.timestamp()) // floor] = e.generation
        assert set(newest.values()) <= {e.generation for e in content.history}
    needed = [e for e in every[:-1] if e.generation < origin]
    kept = thinned(every[:-1], now, origin=origin)
    assert not needed or needed[-1] in kept
    assert len(kept) <= MOST


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=30, max_size=120), st.integers(0, 10_000))
def test_a_rollback_goes_to_what_was_live_before_whatever_is_forgotten(
    steps: list[bool], seconds: int
) -> None:
    """Against all there ever was: the newest older content that is still held, and always the one before."""
    content, contents = LiveFile(live=entry(1, 1)), {1: 1}
    for n, back in enumerate(steps, start=2):
        at = NOW + n * timedelta(seconds=seconds)
        target = content.before()
        if back and target is not None:
            assert target.version == contents[target.origin]
            assert target.origin < content.live.origin
            content = content.followed_by(entry(n, target.version, restores=target.origin, published_at=at))
        else:
            contents[n] = n
            content = content.followed_by(entry(n, n, published_at=at))
            before = content.before()
            assert before is not None
            assert before.generation == n - 1
        assert len(content.history) <= MOST


def test_a_clock_that_is_ahead_does_not_fill_the_history() -> None:
    ahead = [entry(n, n, published_at=NOW + timedelta(hours=n)) for n in range(1, 500)]
    assert len(thinned(ahead, NOW, origin=500)) == KEEP_LAST


def test_reasons_are_bounded() -> None:
    assert entry(1, 1, reason="x" * MAX_REASON).reason == "x" * MAX_REASON
    assert entry(1, 1, reason="x" * 5_000).reason == "x" * (MAX_REASON - 1) + "…"


def test_rollbacks_go_further_back_each_time_and_never_to_what_was_undone() -> None:
    content = LiveFile(live=entry(1, 11)).followed_by(entry(2, 12)).followed_by(entry(3, 13))

    def back(before: LiveFile) -> LiveFile:
        target = before.before()
        assert target is not None
        new = entry(before.live.generation + 1, target.version, restores=target.origin)
        return before.followed_by(new)

    content = back(content)
    assert content.live.version == 12
    content = back(content)
    assert content.live.version == 11
    assert content.before() is None
    content = content.followed_by(entry(content.live.generation + 1, 16))
    assert back(content).live.version == 11  # not 13, which had been rolled back

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from mmpipe.errors import NotReady, StorageUnavailable
from mmpipe.serve import group_commit
from mmpipe.serve.group_commit import GroupCommit


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    release, entered = threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def commit(items: list[int]) -> list[int]:
        seen.append(list(items))
        if len(seen) == 1:
            entered.set()
            assert release.wait(60)
        return [item * 10 for item in items]

    async def scenario() -> list[list[int]]:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=100, name="test")
        first = asyncio.create_task(group.submit([1]))
        await asyncio.to_thread(entered.wait, 60)
        later = [asyncio.create_task(group.submit([n, n + 1])) for n in (2, 4, 6)]
        await asyncio.sleep(0)
        release.set()
        results = await asyncio.gather(first, *later)
        await group.close()
        return results

    assert asyncio.run(scenario()) == [[10], [20, 30], [40, 50], [60, 70]]
    assert seen == [[1], [2, 3, 4, 5, 6, 7]]


def test_commits_begin_apart_and_the_first_at_once() -> None:
    begun: list[tuple[float, int]] = []

    class Noted(GroupCommit[int, int]):
        """Who calls tells when it was: the call's own thread begins when the machine has time for it."""

        def _next_batch(self) -> list[Any]:
            found = super()._next_batch()
            begun.append((self._last, len(found)))
            return found

    async def scenario() -> None:
        rare: GroupCommit[int, int] = GroupCommit(
            lambda items: items, max_items=100, name="test", apart_seconds=3_600
        )
        assert await asyncio.wait_for(rare.submit([1]), 60) == [1]
        await rare.close()
        group = Noted(lambda items: items, max_items=100, name="test", apart_seconds=0.1)
        await group.submit([1])
        await asyncio.gather(*(group.submit([n]) for n in range(5)))
        await group.close()

    asyncio.run(scenario())
    assert [count for _, count in begun] == [1, 5]
    assert begun[1][0] - begun[0][0] >= 0.09


def test_a_failed_commit_fails_its_callers_only() -> None:
    def commit(items: list[int]) -> list[int]:
        if 13 in items:
            raise StorageUnavailable("the store is away")
        return items

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=1, name="test")
        good, bad, after = await asyncio.gather(
            group.submit([1]), group.submit([13]), group.submit([2]), return_exceptions=True
        )
        assert good == [1]
        assert after == [2]
        assert isinstance(bad, StorageUnavailable)
        await group.close()

    asyncio.run(scenario())


def test_a_caller_that_went_away_does_not_disturb_the_others() -> None:
    release = threading.Event()
    written: list[int] = []

    def commit(items: list[int]) -> list[int]:
        assert release.wait(60)
        written.extend(items)
        return items

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=10, name="test")
        gone = asyncio.create_task(group.submit([1]))
        stays = asyncio.create_task(group.submit([2]))
        await asyncio.sleep(0)
        gone.cancel()
        release.set()
        assert await stays == [2]
        with pytest.raises(asyncio.CancelledError):
            await gone
        await group.close()

    asyncio.run(scenario())
    assert sorted(written) == [1, 2]


def test_a_commit_that_loses_an_answer_is_an_error_not_a_hang() -> None:
    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(lambda items: items[:-1], max_items=10, name="test")
        with pytest.raises(RuntimeError, match="2 items gave 1"):
            await group.submit([1, 2])
        assert await group.submit([]) == []
        await group.close()

    asyncio.run(scenario())


def test_a_few_calls_run_at_once_and_the_rest_joins_the_next() -> None:
    release = [threading.Event() for _ in range(4)]
    running = threading.Semaphore(0)
    seen: list[list[int]] = []
    lock = threading.Lock()

    def commit(items: list[int]) -> list[int]:
        with lock:
            place = len(seen)
            seen.append(list(items))
        running.release()
        assert release[place].wait(60)
        return [item * 10 for item in items]

    async def scenario() -> list[list[int]]:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=100, name="test", at_once=3)
        first = [asyncio.create_task(group.submit([10]))]
        for n in (1, 2):
            assert await asyncio.to_thread(running.acquire, timeout=60)
            first.append(asyncio.create_task(group.submit([n + 10])))
        assert await asyncio.to_thread(running.acquire, timeout=60)
        later = [asyncio.create_task(group.submit([n, n + 1])) for n in (20, 30)]
        await asyncio.sleep(0.01)
        assert len(seen) == 3, "no fourth call while three are running"
        release[1].set()
        assert await asyncio.to_thread(running.acquire, timeout=60)
        assert seen[3] == [20, 21, 30, 31], "all that had arrived, in one call"
        for event in release:
            event.set()
        results = await asyncio.gather(*first, *later)
        await group.close()
        return results

    assert asyncio.run(scenario()) == [[100], [110], [120], [200, 210], [300, 310]]
    assert seen[:3] == [[10], [11], [12]]


def test_what_arrives_together_is_one_call_although_more_could_run() -> None:
    seen: list[list[int]] = []

    def commit(items: list[int]) -> list[int]:
        seen.append(list(items))
        return items

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=100, name="test", at_once=4)
        await asyncio.gather(*(group.submit([n]) for n in range(6)))
        await group.close()

    asyncio.run(scenario())
    assert seen == [[0, 1, 2, 3, 4, 5]]


def test_with_several_at_once_a_failure_reaches_its_own_callers_only() -> None:
    both = threading.Barrier(2, timeout=60)

    def commit(items: list[int]) -> list[int]:
        both.wait()
        if 13 in items:
            raise StorageUnavailable("the store is away")
        return items

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=1, name="test", at_once=2)
        good, bad = await asyncio.gather(group.submit([1]), group.submit([13]), return_exceptions=True)
        assert good == [1]
        assert isinstance(bad, StorageUnavailable)
        await group.close()

    asyncio.run(scenario())


def test_it_is_not_alive_while_a_call_hangs_and_is_again_when_that_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, entered = threading.Event(), threading.Event()

    def commit(items: list[int]) -> list[int]:
        entered.set()
        assert release.wait(60)
        return items

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=10, name="test", at_once=2)
        group.check_alive()
        hanging = asyncio.create_task(group.submit([1]))
        await asyncio.to_thread(entered.wait, 60)
        group.check_alive()
        monkeypatch.setattr(group_commit, "STUCK_SECONDS", 0.0)
        with pytest.raises(NotReady, match="test: a call has not ended"):
            group.check_alive()
        release.set()
        assert await hanging == [1]
        group.check_alive()
        await group.close()
        with pytest.raises(NotReady, match="shut down"):
            group.check_alive()
        with pytest.raises(NotReady, match="shut down"):
            await group.submit([2])

    asyncio.run(scenario())


def test_a_call_that_fails_leaves_it_alive() -> None:
    def commit(_: list[int]) -> list[int]:
        raise StorageUnavailable("the store is away")

    async def scenario() -> None:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=10, name="test")
        with pytest.raises(StorageUnavailable):
            await group.submit([1])
        group.check_alive()
        await group.close()

    asyncio.run(scenario())

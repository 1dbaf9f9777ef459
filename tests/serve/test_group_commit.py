from __future__ import annotations

import asyncio
import threading

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.serve.group_commit import GroupCommit


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    release, entered = threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def commit(items: list[int]) -> list[int]:
        seen.append(list(items))
        if len(seen) == 1:
            entered.set()
            assert release.wait(5)
        return [item * 10 for item in items]

    async def scenario() -> list[list[int]]:
        group: GroupCommit[int, int] = GroupCommit(commit, max_items=100, name="test")
        first = asyncio.create_task(group.submit([1]))
        await asyncio.to_thread(entered.wait, 5)
        later = [asyncio.create_task(group.submit([n, n + 1])) for n in (2, 4, 6)]
        await asyncio.sleep(0)
        release.set()
        results = await asyncio.gather(first, *later)
        await group.close()
        return results

    assert asyncio.run(scenario()) == [[10], [20, 30], [40, 50], [60, 70]]
    assert seen == [[1], [2, 3, 4, 5, 6, 7]]


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
        assert release.wait(5)
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

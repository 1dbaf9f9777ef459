"""Which requests are taken on, by a clock of the test's own."""

from __future__ import annotations

from typing import Any

from mmpipe.serve.http.backlog import ALWAYS, STANDING_SECONDS, Backlog, leave


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _busy(backlog: Backlog, clock: Clock, each: float, seconds: float, arrive: int) -> list[float]:
    """``arrive`` requests come with every answer, each of which takes ``each`` seconds; when how long the
    queue was that those that were taken found."""
    waiting: list[dict[str, Any]] = []
    found: list[float] = []
    ended = clock.now + seconds
    while clock.now < ended:
        for _ in range(arrive):
            scope: dict[str, Any] = {}
            if backlog.enter(scope):
                found.append(len(waiting) * each)
                waiting.append(scope)
        clock.now += each
        leave(waiting.pop(0))
    for scope in waiting:
        leave(scope)
    return found


def test_a_burst_is_taken_up_to_its_limit() -> None:
    clock = Clock()
    backlog = Backlog(0.1, 0.02, clock=clock)
    taken = sum(backlog.enter({}) for _ in range(500))
    assert taken == 101, "of 1 ms each, before anything was measured"
    assert backlog.refused == 399


def test_what_stands_is_kept_short_and_a_burst_is_taken_again_after_it() -> None:
    clock = Clock()
    backlog = Backlog(0.1, 0.02, clock=clock)
    _busy(backlog, clock, each=0.002, seconds=1.0, arrive=4)
    refused = backlog.refused
    late = _busy(backlog, clock, each=0.002, seconds=1.0, arrive=4)
    # The queue was empty between the two; its first 0.1 s are a burst.
    standing = late[len(late) // 2 :]
    assert backlog.refused > refused
    assert max(standing) <= 0.024, "0.02 s and the one that was let in"
    assert len(standing) >= 200, "as many are answered as can be"
    assert backlog.waiting == 0
    clock.now += STANDING_SECONDS
    assert sum(backlog.enter({}) for _ in range(500)) > 40


def test_as_many_as_a_loop_can_step_through_are_always_taken() -> None:
    clock = Clock()
    backlog = Backlog(0.001, 0.001, clock=clock)
    _busy(backlog, clock, each=0.05, seconds=5.0, arrive=1)
    assert [backlog.enter({}) for _ in range(ALWAYS + 1)] == [True] * ALWAYS + [False]


def test_one_pause_does_not_pass_for_slow_searches() -> None:
    clock = Clock()
    backlog = Backlog(0.1, 0.1, clock=clock)
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    third: dict[str, Any] = {}
    for scope in (first, second, third):
        assert backlog.enter(scope)
    leave(first)
    clock.now += 30.0
    leave(second)
    leave(third)
    assert sum(backlog.enter({}) for _ in range(500)) > 50


def test_a_place_is_given_back_once() -> None:
    backlog = Backlog(0.1, 0.02)
    scope: dict[str, Any] = {}
    assert backlog.enter(scope)
    leave(scope)
    leave(scope)
    leave({})
    assert backlog.waiting == 0


def test_a_copy_of_a_scope_gives_the_place_back_for_both() -> None:
    backlog = Backlog(0.1, 0.02)
    scope: dict[str, Any] = {}
    assert backlog.enter(scope)
    leave({**scope, "method": "GET"})
    leave(scope)
    assert backlog.waiting == 0

"""One job at a time, and nobody waits beyond the deadline."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import pytest

from mmpipe.search.rerank import Worker

LONG = 30.0


def alive(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_jobs_are_done_one_after_the_other_on_one_thread() -> None:
    worker = Worker("jobs")
    found = [worker.run(lambda n=n: (n, threading.get_ident()), LONG) for n in range(50)]
    assert [each[0] for each in found if each is not None] == list(range(50))
    assert len({each[1] for each in found if each is not None}) == 1
    worker.close()


def test_a_stuck_job_is_left_and_whatever_comes_meanwhile_is_not_done() -> None:
    worker, go, done = Worker("stuck"), threading.Event(), threading.Event()

    def stuck() -> str:
        go.wait(LONG)
        done.set()
        return "late"

    ran: list[int] = []
    assert worker.run(stuck, 0.02) is None
    assert [worker.run(lambda n=n: ran.append(n) or "done", LONG) for n in range(20)] == [None] * 20
    assert ran == []
    assert alive("stuck") == 1
    go.set()
    assert done.wait(LONG)
    # What was late is nobody's answer, and the thread takes jobs again.
    while (found := worker.run(lambda: "next", LONG)) is None:
        pass
    assert found == "next"
    worker.close()


def test_what_fails_is_told_once_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker("failing")

    def fail() -> None:
        raise RuntimeError("out of memory")

    with caplog.at_level(logging.WARNING):
        assert [worker.run(fail, LONG) for _ in range(3)] == [None] * 3
        assert worker.run(lambda: 7, LONG) == 7
    assert [record.getMessage() for record in caplog.records] == ["failing: RuntimeError: out of memory"]
    worker.close()


def test_a_job_that_wants_to_end_the_thread_does_not() -> None:
    worker = Worker("ended")

    def leave() -> None:
        raise SystemExit

    assert worker.run(leave, LONG) is None
    assert worker.run(lambda: 7, LONG) == 7
    worker.close()


def test_nothing_of_a_job_is_held_after_it() -> None:
    class Version:
        pass

    worker, version = Worker("holding"), Version()
    gone = weakref.ref(version)
    assert worker.run(lambda version=version: type(version), LONG) is Version
    del version
    # The thread waits for its next job by then.
    assert worker.run(lambda: 1, LONG) == 1
    gc.collect()
    assert gone() is None
    worker.close()

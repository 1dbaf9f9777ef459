from __future__ import annotations

import threading
from datetime import datetime

import pytest

from mmpipe.errors import CommitConflict, InvalidRequest, NotFound, StorageUnavailable
from mmpipe.experiments import Arm, ArmSettings, ExperimentBook
from mmpipe.objects import MemoryStore
from tests.unit.experiments.people import START, after

ARMS = (Arm(name="control"), Arm(name="bold", settings=ArmSettings(diversity=0.8)))
TASTE = (Arm(name="control"), Arm(name="more", settings=ArmSettings(taste=0.8)))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def book(store: MemoryStore) -> ExperimentBook:
    return ExperimentBook(store, "memory://lake/shop")


def test_nothing_is_defined_at_first(book: ExperimentBook) -> None:
    assert book.read().experiments == ()
    with pytest.raises(NotFound):
        book.get("bolder")
    with pytest.raises(NotFound):
        book.stop("bolder", now=START)


def test_what_was_defined_is_read_by_others(book: ExperimentBook, store: MemoryStore) -> None:
    made = book.define("bolder", ARMS, now=START)
    assert ExperimentBook(store, "memory://lake/shop/").get("bolder") == made
    assert made.start == START
    assert len(made.salt) == 32


def test_reading_again_takes_one_conditional_request(book: ExperimentBook, store: MemoryStore) -> None:
    book.define("bolder", ARMS, now=START)
    first = book.read()
    store.calls.clear()
    assert book.read() is first
    assert store.calls == {"read_changed": 1}


def test_weights_traffic_and_stop_may_change(book: ExperimentBook) -> None:
    first = book.define("bolder", ARMS, now=START, traffic=0.1)
    heavier = (ARMS[0], ARMS[1].model_copy(update={"weight": 3.0}))
    then = book.define("bolder", heavier, now=after(5), traffic=0.5, stop=after(90))
    assert then.salt == first.salt
    assert [(each.since, each.weights["bold"], each.traffic) for each in then.phases] == [
        (START, 1.0, 0.1),
        (after(5), 3.0, 0.5),
    ]
    assert len(book.define("bolder", heavier, now=after(6), traffic=0.5, stop=after(80)).phases) == 2


def test_what_was_planned_otherwise_leaves_no_phase(book: ExperimentBook) -> None:
    book.define("bolder", ARMS, now=START, start=after(10))
    heavier = (ARMS[0], ARMS[1].model_copy(update={"weight": 3.0}))
    assert [each.weights["bold"] for each in book.define("bolder", heavier, now=after(1)).phases] == [3.0]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"alpha": 0.1}, "alpha"), ({"goal": "click"}, "goal"), ({"window_hours": 1.0}, "window_hours")],
)
def test_all_else_is_fixed(book: ExperimentBook, change: dict[str, object], field: str) -> None:
    book.define("bolder", ARMS, now=START)
    with pytest.raises(InvalidRequest) as raised:
        book.define("bolder", ARMS, now=after(1), **change)  # type: ignore[arg-type]
    assert raised.value.field == field
    with pytest.raises(InvalidRequest, match="arms"):
        book.define("bolder", TASTE, now=after(1))


def test_two_at_once_must_not_change_the_same(book: ExperimentBook) -> None:
    book.define("bolder", ARMS, now=START, stop=after(10))
    book.define("tastier", TASTE, now=START)
    with pytest.raises(InvalidRequest, match="bolder changes diversity"):
        book.define("boldest", ARMS, now=after(5))
    book.define("boldest", ARMS, now=after(5), start=after(10))


def test_one_that_ended_is_over(book: ExperimentBook) -> None:
    book.define("bolder", ARMS, now=START)
    assert book.stop("bolder", now=after(3)).stop == after(3)
    assert book.stop("bolder", now=after(4)).stop == after(3)
    with pytest.raises(InvalidRequest, match="another name"):
        book.define("bolder", ARMS, now=after(5))
    book.define("bolder-2", ARMS, now=after(5))


def test_one_that_never_began_runs_never(book: ExperimentBook) -> None:
    book.define("bolder", ARMS, now=START, start=after(10))
    stopped = book.stop("bolder", now=after(1))
    assert not stopped.runs(after(10))
    assert not stopped.runs(after(9))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"arms": ARMS[:1]}, "arms"),
        ({"arms": (ARMS[0], ARMS[0])}, "experiment"),
        ({"traffic": float("nan")}, "traffic"),
        ({"traffic": 0.0}, "traffic"),
        ({"alpha": 0.9}, "alpha"),
        ({"window_hours": 1e9}, "window_hours"),
        ({"stop": datetime(1970, 1, 1, tzinfo=START.tzinfo)}, "experiment"),
        ({"start": datetime(1970, 1, 1, tzinfo=START.tzinfo)}, "experiment"),
        ({"start": datetime(2200, 1, 1, tzinfo=START.tzinfo)}, "experiment"),
        ({"start": datetime(2026, 1, 1)}, "start"),
        ({"arms": (*ARMS, Arm(name="third")), "design": "interleave"}, "experiment"),
        ({"arms": TASTE, "design": "interleave"}, "experiment"),
        ({"name": "../models"}, "name"),
    ],
)
def test_what_cannot_be_is_refused(book: ExperimentBook, given: dict[str, object], field: str) -> None:
    asked = {"name": "bolder", "arms": ARMS, "now": START} | given
    with pytest.raises(InvalidRequest) as raised:
        book.define(**asked)  # type: ignore[arg-type]
    assert raised.value.field == field


def test_writers_do_not_lose_one_another(store: MemoryStore) -> None:
    def define(name: str) -> None:
        arms = (Arm(name="a"), Arm(name="b"))
        ExperimentBook(store, "memory://lake/shop").define(name, arms, now=START)

    threads = [threading.Thread(target=define, args=(f"e{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = ExperimentBook(store, "memory://lake/shop").read()
    assert {each.name for each in held.experiments} == {f"e{n}" for n in range(6)}


def test_it_gives_up_where_others_always_win(book: ExperimentBook, store: MemoryStore) -> None:
    for _ in range(8):
        store.fail_next("write", CommitConflict("others"))
    with pytest.raises(CommitConflict):
        book.define("bolder", ARMS, now=START)


def test_a_damaged_file_is_no_empty_one(book: ExperimentBook, store: MemoryStore) -> None:
    store.write("memory://lake/shop/experiments.json", b'{"experiments": [{}]}')
    with pytest.raises(StorageUnavailable, match="restore or remove"):
        book.read()

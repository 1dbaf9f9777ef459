from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from mmpipe.experiments import Arm, ArmSettings, Experiment, assign, settings_of
from mmpipe.experiments.assignment import arm_of
from tests.unit.experiments.people import START, Who, after, book, experiment

USERS = [f"user-{n}" for n in range(4_000)]


def share(counts: Counter[str], name: str) -> float:
    return counts[name] / counts.total()


def test_arms_get_their_weights_share() -> None:
    found = experiment(arms=(("a", 1.0), ("b", 2.0), ("c", 5.0)))
    counts = Counter(arm_of(found, user) for user in USERS)
    assert [share(counts, name) for name in "abc"] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.025)


def test_a_shopper_keeps_the_arm_in_every_process() -> None:
    # Written down, so that a change of the hash does not pass unseen: it would move every shopper.
    found = experiment()
    assert [arm_of(found, user) for user in USERS[:6]] == [arm_of(experiment(), user) for user in USERS[:6]]
    assert "".join(arm_of(found, user)[0] for user in USERS[:16]) == "ccccbcbcbcbbcbcc"


def test_experiments_are_independent() -> None:
    first, second = experiment("one"), experiment("two")
    together = Counter((arm_of(first, user), arm_of(second, user)) for user in USERS)
    for count in together.values():
        assert count / len(USERS) == pytest.approx(1 / 4, abs=0.025)


def test_a_growing_weight_only_moves_shoppers_into_its_arm() -> None:
    before = experiment(arms=(("a", 4.0), ("b", 4.0), ("c", 1.0)))
    after_growth = experiment(arms=(("a", 4.0), ("b", 4.0), ("c", 3.0)))
    moved = Counter((arm_of(before, user), arm_of(after_growth, user)) for user in USERS)
    changed = {pair for pair in moved if pair[0] != pair[1]}
    assert changed == {("a", "c"), ("b", "c")}


def test_more_traffic_adds_shoppers_and_moves_nobody() -> None:
    small, large = book(experiment(traffic=0.2)), book(experiment(traffic=0.6))
    first = {user: assign(small, Who(user), START) for user in USERS}
    then = {user: assign(large, Who(user), START) for user in USERS}
    assert sum(map(bool, first.values())) / len(USERS) == pytest.approx(0.2, abs=0.025)
    assert sum(map(bool, then.values())) / len(USERS) == pytest.approx(0.6, abs=0.025)
    assert all(then[user] == arms for user, arms in first.items() if arms)


def test_it_goes_by_the_user_else_by_the_session() -> None:
    held = book(experiment())
    assert assign(held, Who("u", "s1"), START) == assign(held, Who("u", "s2"), START)
    assert assign(held, Who(None, "s1"), START) == {"bolder": arm_of(held.experiments[0], "s1")}
    assert assign(held, Who(), START) == {}


def test_only_while_it_runs() -> None:
    held = book(experiment(stop=after(5)))
    assert assign(held, Who("u"), START - timedelta(seconds=1)) == {}
    assert set(assign(held, Who("u"), START)) == {"bolder"}
    assert assign(held, Who("u"), after(5)) == {}


def test_an_interleaving_assigns_nobody() -> None:
    assert assign(book(experiment(design="interleave")), Who("u"), START) == {}


def test_settings_of_several_experiments_come_together() -> None:
    taste = experiment("taste")
    arms = (Arm(name="off"), Arm(name="on", settings=ArmSettings(taste=0.7)))
    phases = ({"since": START, "weights": {"off": 1.0, "on": 1.0}, "traffic": 1.0},)
    changed = taste.model_dump() | {"arms": arms, "phases": phases}
    held = book(experiment(), Experiment.model_validate(changed))
    assert settings_of(held, {"bolder": "bold", "taste": "on"}) == ArmSettings(diversity=0.1, taste=0.7)
    assert settings_of(held, {"taste": "off"}) == ArmSettings()

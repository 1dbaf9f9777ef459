from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mmpipe.experiments.assignment import arm_of
from mmpipe.experiments.definition import Phase
from mmpipe.experiments.exposures import exposure, interleaved
from mmpipe.experiments.observed import observe
from mmpipe.experiments.report import report_of
from tests.unit.experiments.people import Who, after, did, experiment, table

ADA, BOB, EVE = Who("ada"), Who("bob"), Who(None, "s-eve")


def shown(hours: float, who: Who, arm: str, held: Any = None) -> dict[str, Any]:
    return exposure(held or experiment(), arm, who, after(hours))


def test_an_exposure_of_a_shopper_counts_once_a_day() -> None:
    held = experiment()
    first, again, next_day = (shown(hours, ADA, "bold") for hours in (1, 9, 25))
    assert first["event_id"] == again["event_id"] != next_day["event_id"]
    assert shown(1, BOB, "bold")["event_id"] != first["event_id"]
    assert first["product_id"] is None
    assert first["list"] == "experiment:bolder:bold"
    assert held.salt not in json.dumps(first, default=str)


def test_what_happens_in_the_window_counts() -> None:
    rows = [
        shown(1, ADA, "bold"),
        did("purchase", 0.5, ADA),
        did("impression", 2, ADA),
        did("impression", 2, ADA, "p2"),
        did("search-click", 2, ADA),
        did("view", 2, ADA),
        did("view", 3, ADA, list="for_you"),
        did("search-click", 25.5, ADA),
        shown(1, BOB, "control"),
        did("purchase", 24.9, BOB),
    ]
    ada, bob = observe([table(rows)], experiment(), after(26)).people
    assert (ada.arm, ada.impressions, ada.clicks, ada.purchased) == (1, 2, 2, False)
    assert (bob.arm, bob.clicks, bob.purchased) == (0, 0, True)


def test_who_is_in_the_window_waits() -> None:
    rows = [shown(1, ADA, "bold"), did("purchase", 2, ADA), shown(5, BOB, "bold")]
    seen = observe([table(rows)], experiment(), after(24.5))
    assert seen.people == []
    assert seen.pending == {1: 2}
    seen = observe([table(rows)], experiment(), after(25))
    assert ([p.purchased for p in seen.people], seen.pending) == ([True], {1: 1})


def test_a_person_is_a_user_with_their_sessions_and_counts_where_they_were_first() -> None:
    before, together = Who(None, "s1"), Who("ada", "s1")
    rows = [
        shown(1, before, "control"),
        shown(2, together, "bold"),
        did("purchase", 3, ADA),
        shown(1, EVE, "bold"),
        did("search-click", 2, EVE),
    ]
    # The order in which the log has them is nobody's matter.
    for order in (rows, rows[::-1]):
        seen = observe([table(order[:2]), table(order[2:])], experiment(), after(50))
        assert sorted((p.arm, p.clicks, p.purchased) for p in seen.people) == [(0, 0, True), (1, 1, False)]
        assert seen.crossed == 1


def test_nobody_outside_can_write_an_exposure() -> None:
    forged = did("impression", 1, ADA, "p1", list="experiment:bolder:bold")
    search = did("search", 1, ADA, None, list="experiment:bolder:bold")
    assert observe([table([forged, search])], experiment(), after(50)).people == []


def test_other_experiments_and_other_times_are_no_business_of_it() -> None:
    rows = [shown(1, ADA, "bold", experiment("other")), shown(-1, BOB, "bold")]
    assert observe([table(rows)], experiment(), after(50)).people == []


def test_a_report_of_nothing() -> None:
    found = report_of([], experiment(), after(50))
    assert [arm.shoppers for arm in found.arms] == [0, 0]
    assert {each.verdict for each in found.comparisons} == {"undecided"}
    assert (found.sample_ratio_p, found.mismatch) == (1.0, False)
    assert report_of([], experiment(design="interleave"), after(50)).preference is not None


@pytest.fixture(scope="module")
def crowd() -> list[dict[str, Any]]:
    """4,000 shoppers by the hash of the experiment; of `bold` twice as many buy, and clicks are doubled."""
    rng, rows = np.random.default_rng(8), []
    for n in range(4_000):
        who = Who(f"user-{n}")
        bold = arm_of(experiment(), f"user-{n}") == "bold"
        hours = n / 400
        rows.append(shown(hours, who, "bold" if bold else "control"))
        rows += [did("impression", hours + 0.1, who, f"p{k}") for k in range(3)]
        rows += [did("search-click", hours + 0.2, who)] * int(rng.binomial(3, 0.1 + 0.1 * bold))
        rows += [did("purchase", hours + 0.3, who)] * int(rng.random() < 0.1 + 0.1 * bold)
    return rows


def test_a_report_of_a_crowd(crowd: list[dict[str, Any]]) -> None:
    found = report_of([table(crowd)], experiment(), after(60))
    assert found.model_validate_json(found.model_dump_json()) == found
    assert sum(arm.shoppers for arm in found.arms) == 4_000
    assert not found.mismatch
    by = {each.metric: each for each in found.comparisons}
    assert {metric: each.verdict for metric, each in by.items()} == dict.fromkeys(by, "better")
    assert [each.metric for each in found.comparisons if each.goal] == ["conversion"]
    for each, lift in (("conversion", 1.0), ("ctr", 1.0)):
        estimate = by[each].lift
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low < lift < estimate.high
    control, bold = found.arms
    assert control.ctr.value == pytest.approx(0.1, abs=0.01)
    for arm in (control, bold):
        for share in (arm.ctr, arm.click, arm.conversion):
            assert share.low is not None
            assert share.value is not None
            assert share.high is not None
            assert 0 < share.low < share.value < share.high < 1


def test_too_few_for_clicks_by_impressions_have_no_interval(crowd: list[dict[str, Any]]) -> None:
    few = [row for row in crowd if row["user"] in {f"user-{n}" for n in range(150)}]
    found = report_of([table(few)], experiment(), after(60))
    assert all(arm.ctr.value is not None and arm.ctr.low is None for arm in found.arms)
    (ctr,) = (each for each in found.comparisons if each.metric == "ctr")
    assert (ctr.lift.low, ctr.p_value, ctr.verdict) == (None, None, "undecided")


def test_shoppers_who_are_all_alike_prove_nothing_by_a_normal_mean() -> None:
    rows = []
    for n in range(500):
        who = Who(f"u{n}")
        rows += [shown(1, who, "bold" if n % 2 else "control"), did("impression", 2, who)]
        rows.append(did("search-click", 3, who))
    found = report_of([table(rows)], experiment(), after(60))
    assert [(arm.ctr.value, arm.ctr.low) for arm in found.arms] == [(1.0, None), (1.0, None)]
    assert {each.verdict for each in found.comparisons} == {"undecided"}


def test_shoppers_that_go_missing_are_told(crowd: list[dict[str, Any]]) -> None:
    """Exposures of a fifth of an arm's shoppers are lost, as where its page is slower."""
    rows = [
        row
        for row in crowd
        if row.get("list") != "experiment:bolder:bold" or int(row["user"].removeprefix("user-")) % 5
    ]
    assert report_of([table(rows)], experiment(), after(60)).mismatch


def test_weights_that_grew_are_no_mismatch() -> None:
    grown = experiment()
    first = grown.phases[0].model_copy(update={"weights": {"control": 9.0, "bold": 1.0}})
    then = Phase(since=after(10), weights={"control": 1.0, "bold": 1.0}, traffic=1.0)
    held = grown.model_copy(update={"phases": (first, then)})
    rows = [shown(1, Who(f"a{n}"), "bold" if n % 10 == 0 else "control") for n in range(900)]
    rows += [shown(11, Who(f"b{n}"), "bold" if n % 2 else "control") for n in range(900)]
    found = report_of([table(rows)], held, after(60))
    assert found.sample_ratio_p == 1.0


def test_three_arms_share_the_error() -> None:
    held = experiment(arms=(("control", 1.0), ("bold", 1.0), ("bolder", 1.0)))
    found = report_of([], held, after(1))
    assert [(each.arm, each.metric) for each in found.comparisons if each.goal] == [
        ("bold", "conversion"),
        ("bolder", "conversion"),
    ]


def test_interleaved_clicks_are_credited_to_the_list_seen_last() -> None:
    held = experiment(design="interleave")
    rows = [
        interleaved(held, ADA, ["x", "y", "z"], [0, 1, -1], after(1)),
        interleaved(held, ADA, ["y", "x"], [0, 1], after(3)),
        did("search-click", 2, ADA, "x"),
        did("search-click", 4, ADA, "x"),
        did("search-click", 4, ADA, "y"),
        did("search-click", 4, ADA, "z"),
        did("search-click", 0.5, ADA, "y"),
        interleaved(held, BOB, ["x", "y"], [0, 1], after(1)),
        did("search-click", 2, BOB, "y"),
        interleaved(held, EVE, ["x", "y"], [1, 0], after(1)),
    ]
    found = report_of([table(rows)], held, after(60)).preference
    assert found is not None
    # Ada clicked x first in the first list (control's), y in the second (control's again).
    assert (found.control_won, found.other_won, found.ties) == (1, 1, 1)


def test_a_preference_is_found() -> None:
    held = experiment(design="interleave")
    rows = []
    for n in range(200):
        who = Who(f"u{n}")
        rows.append(interleaved(held, who, ["a", "b"], [0, 1], after(1)))
        rows.append(did("search-click", 2, who, "b" if n % 4 else "a"))
    found = report_of([table(rows)], held, after(60)).preference
    assert found is not None
    assert found.verdict == "better"
    assert found.share.value == pytest.approx(0.75)
    assert found.p_value < 1e-6


def test_a_damaged_list_of_teams_earns_nobody_credit() -> None:
    held = experiment(design="interleave")
    for text in ("", "null", "{", '{"control": 3, "who": ["a"]}'):
        row = interleaved(held, ADA, ["a"], [0], after(1)) | {"query": text}
        (ada,) = observe([table([row, did("search-click", 2, ADA, "a")])], held, after(60)).people
        assert ada.won() == (0, 0)

"""Splits: nothing that is asked for is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend.interactions import Interactions
from mmpipe.evaluate.recommend.splits import COLD_SHARE, SPLITS, cold_items, last, time

ITEMS = 20
LOGS = st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=12), min_size=1, max_size=12)


def log(sequences: list[list[int]], times: list[list[float]] | None = None) -> Interactions:
    when = None if times is None else [np.array(each, np.float64) for each in times]
    return Interactions([np.array(s, np.int32) for s in sequences], [str(i) for i in range(ITEMS)], when)


def test_the_last_item_is_asked_for() -> None:
    split = last(log([[1, 2, 3], [4], [5, 6]]), ITEMS, 0)
    assert [each.tolist() for each in split.histories] == [[1, 2], [5]]
    assert [each.tolist() for each in split.targets] == [[3], [6]]
    assert [each.tolist() for each in split.train] == [[1, 2], [5], [4]]


def test_one_moment_parts_everybody() -> None:
    late = [*(float(i) for i in range(9)), 20.0]
    split = time(log([list(range(10)), list(range(10, 20))], [[float(i) for i in range(10)], late]), ITEMS, 0)
    assert [each.tolist() for each in split.train] == [list(range(9)), list(range(10, 19))]
    assert [each.tolist() for each in split.targets] == [[9], [19]]


def test_without_times_the_last_fifth_is_asked_for() -> None:
    split = time(log([list(range(10)), [1, 2], [3]]), ITEMS, 0)
    assert [each.tolist() for each in split.histories] == [list(range(8)), [1]]
    assert [each.tolist() for each in split.targets] == [[8, 9], [2]]


@settings(max_examples=60, deadline=None)
@given(sequences=LOGS, seed=st.integers(0, 5))
def test_cold_items_are_in_no_history(sequences: list[list[int]], seed: int) -> None:
    try:
        split = cold_items(log(sequences), ITEMS, seed)
    except InvalidRequest:
        return
    assert split.cold is not None
    assert split.cold.sum() == round(COLD_SHARE * ITEMS)
    assert not any(split.cold[each].any() for each in [*split.train, *split.histories])


@settings(max_examples=60, deadline=None)
@given(sequences=LOGS, name=st.sampled_from(sorted(SPLITS)), timed=st.booleans(), data=st.data())
def test_a_user_is_never_trained_on_what_is_asked_for(
    sequences: list[list[int]], name: str, timed: bool, data: st.DataObject
) -> None:
    # Every event is an item of its own, so that what leaks can be told.
    distinct, at = [], 0
    for sequence in sequences:
        distinct.append(list(range(at, at + len(sequence))))
        at += len(sequence)
    times = None
    if timed:
        times = [
            sorted(data.draw(st.lists(st.floats(0, 9), min_size=len(s), max_size=len(s)))) for s in distinct
        ]
    try:
        split = SPLITS[name](log(distinct, times), at, 3)
    except InvalidRequest:
        return
    trained = {code for each in split.train for code in each.tolist()}
    for history, target in zip(split.histories, split.targets, strict=True):
        assert len(history)
        assert len(target)
        assert trained.isdisjoint(target.tolist())
        assert trained.issuperset(history.tolist())
        assert history.max() < target.min()  # what is asked for came later


def test_who_did_one_thing_cannot_be_asked() -> None:
    for name in SPLITS:
        with pytest.raises(InvalidRequest, match="no user has both"):
            SPLITS[name](log([[1], [2]]), ITEMS, 0)

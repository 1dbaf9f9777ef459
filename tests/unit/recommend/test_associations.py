"""What goes with an item is counted once for a moment, and at once in a small shop."""

from __future__ import annotations

import numpy as np

from mmpipe.recommend.associations import SECONDS, Associations
from mmpipe.recommend.behaviour import Counts


class Counted:
    """Actions that count how often they were asked; ``both`` shoppers in common."""

    def __init__(self, events: int) -> None:
        self.event_count = events
        self.both = 4
        self.asked = 0

    def together(self, code: int, *, kind: str, limit: int, least: int) -> Counts:
        self.asked += 1
        both, totals = np.array([self.both, 1], np.int32), np.array([9, 9], np.int32)
        return Counts(np.array([5, 6], np.int32), both, totals, 8, 8, 100)


def test_in_a_small_shop_everything_counts_at_once() -> None:
    actions = Counted(999)
    found = Associations(actions)  # type: ignore[arg-type]
    codes, values = found.of(1, "viewed", 100)
    assert codes.tolist() == [5], "one shopper in common is none"
    actions.event_count, actions.both = 1_000, 5
    assert found.of(1, "viewed", 100)[1][0] > values[0]
    assert actions.asked == 2


def test_in_a_large_one_what_was_counted_holds_for_a_moment() -> None:
    actions, now = Counted(100_000), [0.0]
    found = Associations(actions, lambda: now[0])  # type: ignore[arg-type]
    found.of(1, "viewed", 100)
    actions.event_count += 100
    found.of(1, "viewed", 100)
    assert actions.asked == 1
    found.of(1, "bought", 100)
    found.of(2, "viewed", 100)
    assert actions.asked == 3
    actions.event_count += 1
    found.of(1, "viewed", 100)
    assert actions.asked == 4, "one in a thousand is new"
    actions.event_count -= 5
    found.of(1, "viewed", 100)
    assert actions.asked == 5, "somebody was erased"
    now[0] += SECONDS + 1
    found.of(1, "viewed", 100)
    assert actions.asked == 6

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.experiments import credit, interleave

RANKINGS = st.lists(st.integers(0, 12), max_size=12)


@given(RANKINGS, RANKINGS, st.text(max_size=5), st.one_of(st.none(), st.integers(0, 30)))
def test_every_product_once_and_teams_pick_in_turn(
    a: list[int], b: list[int], seed: str, limit: int | None
) -> None:
    items, teams = interleave(a, b, seed, limit)
    assert (items, teams) == interleave(a, b, seed, limit)
    assert len(items) == len(teams) == len(set(items))
    assert set(items) <= {*a, *b}
    assert len(items) == min(len({*a, *b}), 10**9 if limit is None else limit)
    for team, ranking in enumerate((a, b)):
        own = [item for item, picked in zip(items, teams, strict=True) if picked == team]
        assert own == sorted(own, key=ranking.index)
    for place in range(1, len(items) + 1):
        picked = Counter(teams[:place])
        assert abs(picked[0] - picked[1]) <= 1


def test_a_pick_is_the_best_that_is_left() -> None:
    items, teams = interleave(["a", "b", "c"], ["b", "a", "d"], "seed")
    first = "ab"[teams[0]]
    assert items[0] == first
    assert set(items[:2]) == {"a", "b"}
    assert set(items) == {"a", "b", "c", "d"}


def test_what_is_left_of_one_list_is_nobodys() -> None:
    items, teams = interleave(["a"], ["x", "y", "z"], "seed")
    assert set(items[:2]) == {"a", "x"}
    assert (items[2:], teams[2:]) == (["y", "z"], [-1, -1])


def test_the_same_ranking_gives_each_place_to_either_alike() -> None:
    ranking = list(range(6))
    picked = [interleave(ranking, ranking, f"shopper-{n}")[1] for n in range(2_000)]
    for place in range(6):
        assert sum(teams[place] for teams in picked) / 2_000 == pytest.approx(0.5, abs=0.04)


def test_clicks_without_preference_favour_nobody_and_with_one_the_better() -> None:
    good, bad = [f"good-{n}" for n in range(10)], [f"bad-{n}" for n in range(10)]
    won: Counter[str] = Counter()
    for n in range(1_000):
        same, teams = interleave(good, good, f"s{n}", 10)
        a, b = credit(dict(zip(same, teams, strict=True)), [same[n % 10]])
        won["same"] += a - b
        mixed, teams = interleave(bad, good, f"s{n}", 10)
        a, b = credit(dict(zip(mixed, teams, strict=True)), [x for x in mixed if x.startswith("good")][:1])
        won["good"] += b - a
    assert abs(won["same"]) < 100
    assert won["good"] == 1_000


def test_a_product_clicked_twice_is_one_click() -> None:
    assert credit({"a": 0, "b": 1, "c": -1}, ["a", "a", "b", "c", "unknown"]) == (1, 1)

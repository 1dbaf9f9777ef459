"""Fragments go to shards by a rule that follows from the version alone, evenly, and stay where they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.shards.assignment import SLACK, assign

versions = st.dictionaries(st.integers(0, 10_000), st.integers(1, 1_000_000), max_size=60)


@given(versions, st.integers(1, 8))
def test_every_fragment_has_one_shard_and_none_too_much(rows: dict[int, int], shards: int) -> None:
    found = assign(rows, shards)
    assert found.keys() == rows.keys()
    assert set(found.values()) <= set(range(shards))
    load = [sum(rows[f] for f, s in found.items() if s == shard) for shard in range(shards)]
    even = sum(rows.values()) / shards
    # Beyond the slack only what could not be placed anywhere: one fragment's rows at most.
    assert max(load) <= max((1 + SLACK) * even, even + max(rows.values(), default=0))


@given(versions, st.integers(1, 8), st.randoms())
def test_the_order_in_which_fragments_are_listed_does_not_matter(
    rows: dict[int, int], shards: int, random: object
) -> None:
    listed = list(rows)
    random.shuffle(listed)  # type: ignore[attr-defined]
    assert assign({number: rows[number] for number in listed}, shards) == assign(rows, shards)


def test_a_large_fragment_for_each_shard_is_an_even_split() -> None:
    found = assign(dict.fromkeys(range(4), 1_000_000), 2)
    assert sorted(found.values()) == [0, 0, 1, 1]


def test_new_small_fragments_move_no_large_one() -> None:
    large = dict.fromkeys(range(40), 250_000)
    before = assign(large, 5)
    moved = 0
    for number in range(100, 400, 20):
        after = assign(large | dict.fromkeys(range(100, number), 50), 5)
        moved += sum(after[f] != shard for f, shard in before.items())
    assert moved == 0


def test_when_a_fragment_goes_few_others_move() -> None:
    rows = dict.fromkeys(range(200), 50_000)
    before = assign(rows, 5)
    moved = []
    for gone in range(0, 200, 10):
        after = assign({f: n for f, n in rows.items() if f != gone}, 5)
        moved.append(sum(after[f] != before[f] for f in after))
    assert max(moved) <= 10
    assert sum(moved) / len(moved) < 4

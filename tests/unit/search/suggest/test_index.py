"""Entries by what was typed, against a plain look at every entry."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.kernels.prefixes import near
from mmpipe.search.suggest.index import GONE_STANDING, Sought, WordIndex, sought
from mmpipe.search.suggest.words import keys, words

_WORDS = (
    "red",
    "dress",
    "dresser",
    "watch",
    "watches",
    "t-shirt",
    "shirt",
    "l'oréal",
    "500ml",
    "连衣裙",
    "红色",
)
_BEGUN = [
    "r",
    "red",
    "dres",
    "dress",
    "watch",
    "tshirt",
    "loreal",
    "500 m",
    "连",
    "衣裙",
    "lianyi",
    "lyq",
    "hs",
]
_TITLES = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4).map(" ".join)
_TYPED = st.lists(st.sampled_from(_BEGUN), min_size=1, max_size=3).map(" ".join)


def slips(one: str, other: str) -> int:
    """Optimal string alignment, by the book."""
    rows = [list(range(len(other) + 1))]
    for i in range(1, len(one) + 1):
        rows.append([i] + [0] * len(other))
        for j in range(1, len(other) + 1):
            cost = one[i - 1] != other[j - 1]
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def packed(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [name.encode() for name in names]
    starts = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return starts, np.frombuffer(b"".join(encoded) or b"", np.uint8).copy()


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.text("abcé", min_size=1, max_size=7), max_size=30),
    st.text("abcé", min_size=2, max_size=6),
    st.integers(1, 2),
    st.booleans(),
)
def test_what_is_near_is_what_the_book_says(names: set[str], typed: str, most: int, beginning: bool) -> None:
    ordered = sorted(names, key=str.encode)
    places, found = near(*packed(ordered), np.array([ord(c) for c in typed], np.int32), most, beginning)
    expected = {}
    for name in ordered:
        ends = range(len(name) + 1) if beginning else [len(name)]
        least = min(slips(name[:end], typed) for end in ends)
        if least <= most:
            expected[name] = least
    assert {ordered[at]: int(slip) for at, slip in zip(places, found, strict=True)} == expected


@settings(max_examples=80, deadline=None)
@given(st.lists(_TITLES, max_size=25), _TYPED, st.booleans(), st.integers(1, 6), st.randoms())
def test_entries_are_those_that_hold_all_words(
    titles: list[str], typed: str, whole: bool, limit: int, rng: random.Random
) -> None:
    standing = np.array([rng.choice((0, 1, GONE_STANDING)) for _ in titles], np.uint8)
    index = WordIndex(keys(title, everywhere=True) for title in titles)
    wanted = sought(words(typed), whole=whole)
    found, _ = index.find(wanted, standing, limit, slips=False)
    expected = []
    for entry, title in enumerate(titles):
        held = {key.text: key.leads for key in keys(title, everywhere=True)}
        if standing[entry] != GONE_STANDING and all(_holds(held, each) for each in wanted):
            leads = any(held[key] for key in held if _is(key, wanted[0]))
            expected.append((int(standing[entry]), not leads, entry))
    assert found.tolist() == [entry for _, _, entry in sorted(expected)[:limit]]


def _holds(held: dict[str, bool], each: Sought) -> bool:
    return any(_is(key, each) for key in held)


def _is(key: str, each: Sought) -> bool:
    return key.startswith(each.text) if each.begins else key == each.text


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("shrit", "Blue Shirt"),
        ("blu shirt", None),
        ("watc", "Watch"),
        ("wacth", "Watch"),
        ("bluetoth spekaer", "Bluetooth Speaker"),
        ("lianyiqnu", "连衣裙"),
        ("tch", None),
    ],
)
def test_slips(typed: str, title: str | None) -> None:
    titles = ["Blue Shirt", "Watch", "Bluetooth Speaker", "连衣裙"]
    index = WordIndex(keys(each, everywhere=True) for each in titles)
    found, _ = index.find(sought(words(typed), whole=False), np.zeros(4, np.uint8), 4, slips=True)
    assert [titles[entry] for entry in found.tolist()] == ([] if title is None else [title])


def test_fewer_slips_come_first_and_a_wrong_first_letter_costs_more() -> None:
    titles = ["mandals", "sandels", "sandalz"]
    index = WordIndex(keys(each, everywhere=False) for each in titles)
    found, ranks = index.find([Sought("sandals", False, True)], np.zeros(3, np.uint8), 3, slips=True)
    assert found.tolist() == [1, 2, 0]
    assert np.diff(ranks).min() >= 0


def test_nothing_typed_or_held() -> None:
    assert WordIndex([]).find([Sought("a", True, True)], np.zeros(0, np.uint8), 5, slips=True)[0].size == 0
    assert WordIndex([keys("a", everywhere=True)]).find([], np.zeros(1, np.uint8), 5, slips=True)[0].size == 0

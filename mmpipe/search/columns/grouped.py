"""Counts of values by groups of rows: a group that has a value in several of its rows counts once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import rows_of, set_rows

if TYPE_CHECKING:
    from mmpipe.search.columns.coding import Window

Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Codes = NDArray[np.int32]
Counts = NDArray[np.int64]


def split_groups(words: Words, groups: Codes) -> tuple[Words, Rows]:
    """A bit set's rows that are of no group or alone of theirs, as bits, and the others. ``groups`` int32 has
    the group of every row, -1 for none."""
    rows = rows_of(words)
    own = groups[rows]
    grouped = own >= 0
    sizes = np.bincount(own[grouped])
    several = np.zeros(len(rows), np.bool_)
    several[grouped] = sizes[own[grouped]] > 1
    if not several.any():
        return words, rows[:0]
    return set_rows(rows[~several], len(words) * 64), rows[several]


def by_group(
    window: Window,
    names: Sequence[str],
    codes: Codes,
    counts: Counts,
    groups: Codes,
    values: Codes,
) -> list[tuple[str, int]]:
    """Every key of a dictionary that is there by its commonest name, and how many groups have it, unordered.

    ``counts`` are the groups of each of ``codes`` that are one row; of the others each entry of ``groups``
    and ``values`` says that a row of a group has a code, -1 for none.
    """
    key_start, keys, name_start, named, name_key = window.arrays[:5]
    there = values >= 0
    groups, values = groups[there], values[there]
    totals, spelled = np.zeros(window.keys, np.int64), np.zeros(window.names, np.int64)
    places, found = _expanded(key_start, keys, codes)
    np.add.at(totals, found, counts[places])
    places, found = _expanded(name_start, named, codes)
    np.add.at(spelled, found, counts[places])
    places, found = _expanded(name_start, named, values)
    np.add.at(spelled, found, 1)
    places, found = _expanded(key_start, keys, values)
    pairs = np.unique(groups[places].astype(np.int64) * window.keys + found)
    np.add.at(totals, pairs % max(window.keys, 1), 1)
    shown = np.flatnonzero(spelled)
    best: dict[int, tuple[int, str]] = {}
    for name, key, times in zip(
        shown.tolist(), name_key[shown].tolist(), spelled[shown].tolist(), strict=True
    ):
        candidate = -times, names[name]
        if key not in best or candidate < best[key]:
            best[key] = candidate
    return [(name, int(totals[key])) for key, (_, name) in best.items()]


def _expanded(start: Codes, items: Codes, codes: Codes) -> tuple[Counts, Codes]:
    """The lists of some codes one after the other, with the place of each item's code."""
    sizes = (start[codes + 1] - start[codes]).astype(np.int64)
    places = np.repeat(np.arange(len(codes)), sizes)
    ends = np.cumsum(sizes)
    within = np.arange(len(places)) - np.repeat(ends - sizes, sizes)
    return places, items[np.repeat(start[codes].astype(np.int64), sizes) + within]

"""Entries by what somebody has typed so far.

Entries are numbered by how likely they are by themselves, the likeliest first. Keys are in the order of their
UTF-8, so that those with a common beginning are neighbours, and so are the entries that they lead to.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.prefixes import MOST_LETTERS, near
from mmpipe.search.suggest.words import WINDOW, Key, Word

# Slips: one from so many letters on, two from so many. A wrong first letter counts one more in the order.
ONE_FROM, TWO_FROM = 4, 8
MOST_WORDS = 12
_NONE = 0xFF
GONE_STANDING = 0xFF
"""The standing of an entry that is not to be found."""
# Above any UTF-8.
_END = b"\xff"
# The parts of a place in the order, from the weightiest: slips, standing, whether it leads, the entry.
_SLIPS, _STANDING, _FOLLOWS = 40, 34, 32
_ENTRY = (1 << 32) - 1
# So many times the entries that are wanted are put in order: an entry may be found by several keys.
_SPARE = 8

Entries = NDArray[np.int64]
Places = NDArray[np.int64]
Ranks = NDArray[np.int64]


@dataclass(frozen=True)
class Sought:
    """One word of what was typed: the folded ``text``, and whether keys need only begin with it."""

    text: str
    begins: bool
    letters: bool


def sought(words: Sequence[Word], *, whole: bool) -> list[Sought]:
    """What is looked for, of the last :data:`MOST_WORDS` words: all but the last are whole, which is so too
    where ``whole``. A run of characters is never known to be whole."""
    found: list[Sought] = []
    for at, word in enumerate(words):
        if word.run:
            windows = range(max(len(word.text) - WINDOW, 0) + 1)
            found += [Sought(word.text[n : n + WINDOW], begins=True, letters=False) for n in windows]
        else:
            found.append(Sought(word.text, begins=at == len(words) - 1 and not whole, letters=word.letters))
    return found[-MOST_WORDS:]


class WordIndex:
    """Which entries hold words. Safe for use by many threads."""

    def __init__(self, entries: Iterable[Sequence[Key]]) -> None:
        number: dict[str, int] = {}
        held, places = array("i"), array("i")
        count = 0
        for entry, keys in enumerate(entries):
            count = entry + 1
            for key in keys:
                held.append(number.setdefault(key.text, len(number)))
                places.append(2 * entry + (not key.leads))
        encoded = [key.encode() for key in number]
        order = sorted(range(len(encoded)), key=encoded.__getitem__)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        ranked = rank[np.frombuffer(held, np.int32)] if len(held) else np.zeros(0, np.int32)
        self._start = np.zeros(len(order) + 1, np.int64)
        np.cumsum(np.bincount(ranked, minlength=len(order)), out=self._start[1:])
        # Stable: an entry's places stay ascending within a key.
        held_by = np.frombuffer(places, np.int32) if len(places) else np.zeros(0, np.int32)
        self._places = held_by[np.argsort(ranked, kind="stable")]
        self._bytes = b"".join(encoded[at] for at in order)
        self._key_start = np.array([0, *accumulate(len(encoded[at]) for at in order)], np.int64)
        # Its items are Python's own numbers, which a search by halves reads in half the time.
        self._ends = self._key_start.data
        self._letters = np.frombuffer(self._bytes, np.uint8).copy()
        self._entries = count

    def __len__(self) -> int:
        """Keys."""
        return len(self._start) - 1

    def __getitem__(self, at: int) -> bytes:
        """The key at a place below the length, in UTF-8."""
        return self._bytes[self._ends[at] : self._ends[at + 1]]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (self._start, self._places, self._key_start, self._letters)
        return len(self._bytes) + sum(array.nbytes for array in arrays)

    def find(
        self, wanted: Sequence[Sought], standing: NDArray[np.uint8], limit: int, *, slips: bool
    ) -> tuple[Entries, Ranks]:
        """At most ``limit`` entries that hold all of the words, the best first: with fewest slips, then by
        ``standing`` (uint8 of each entry below 64, 255 for one that is not to be found), then those that
        begin with the first of the words, then by number. And their ranks, int64, by all but the number:
        they compare with those of other indexes. Without ``slips`` every word as it is."""
        nothing = np.empty(0, np.int64), np.empty(0, np.int64)
        if not wanted or not self._entries:
            return nothing
        ways = [self._ways(word, slips=slips) for word in wanted]
        if not all(len(begins) for begins, _, _ in ways):
            return nothing
        cost: NDArray[np.int64] | None = None
        leads: NDArray[np.bool_] | None = None
        for at, way in enumerate(ways[:-1]):
            own = np.full(self._entries, _NONE, np.int64)
            places, slipped = self._gather(way)
            np.minimum.at(own, places >> 1, slipped)
            if at == 0:
                leads = np.zeros(self._entries, np.bool_)
                leads[places[places & 1 == 0] >> 1] = True
            cost = own if cost is None else np.where(np.maximum(cost, own) == _NONE, _NONE, cost + own)
            if not (cost < _NONE).any():
                return nothing
        places, total = self._gather(ways[-1])
        entry = places >> 1
        follows = places & 1 if leads is None else ~leads[entry]
        good = standing[entry] != GONE_STANDING
        if cost is not None:
            earlier = cost[entry]
            good &= earlier < _NONE
            total = total + earlier
        key = (
            (total << _SLIPS)
            | (standing[entry].astype(np.int64) << _STANDING)
            | (follows.astype(np.int64) << _FOLLOWS)
            | entry
        )[good]
        enough = _SPARE * limit
        if len(key) > enough:
            key = np.partition(key, enough)[:enough]
        key.sort()
        _, first = np.unique(key & _ENTRY, return_index=True)
        key = key[np.sort(first)[:limit]]
        return key & _ENTRY, key >> _FOLLOWS

    def _ways(self, word: Sought, *, slips: bool) -> tuple[Places, Places, Entries]:
        """Ranges of keys, from begin to end, and the slips in each: one as it is, else those that are like
        it."""
        key = word.text.encode("utf-8", "surrogatepass")
        begin = bisect_left(self, key, 0, len(self))
        end = bisect_left(self, key + _END, begin, len(self)) if word.begins else begin + self._is(begin, key)
        if end > begin or not slips:
            held = slice(0, int(end > begin))
            return (np.array([begin])[held], np.array([end])[held], np.zeros(1, np.int64)[held])
        letters = np.array([ord(letter) for letter in word.text[:MOST_LETTERS]], np.int32)
        most = 0 if not word.letters or len(letters) < ONE_FROM else 1 + (len(letters) >= TWO_FROM)
        if not most:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        at, slipped = near(self._key_start, self._letters, letters, most, word.begins)
        first = self._letters[self._key_start[at]] != key[0]
        places = at.astype(np.int64)
        return places, places + 1, slipped.astype(np.int64) + first

    def _is(self, at: int, key: bytes) -> int:
        return int(at < len(self) and self[at] == key)

    def _gather(self, way: tuple[Places, Places, Entries]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The places that ranges of keys lead to, and the slips of each."""
        begins, ends, slipped = way
        starts, stops = self._start[begins], self._start[ends]
        if len(begins) == 1:
            places = self._places[starts[0] : stops[0]].astype(np.int64)
            return places, np.full(len(places), slipped[0], np.int64)
        sizes = stops - starts
        shifted = np.repeat(starts - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        places = self._places[shifted + np.arange(sizes.sum())].astype(np.int64)
        return places, np.repeat(slipped, sizes)

"""Numbers by ranges: those that are asked for, equal steps, or parts of about equally many products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.measures import DATE, measure
from mmpipe.search.page.present import plain_number

if TYPE_CHECKING:
    from mmpipe.schemas.search import Facet

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Groups = NDArray[np.int32]
# Ranges where none are asked for.
RANGES = 5


@dataclass(frozen=True, slots=True)
class Value:
    """A value or range and how many have it; of a range where it begins and just before which number it
    ends."""

    value: str
    count: int
    gte: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Stats:
    """How many products have a number, the least, the greatest and the mean; None of none."""

    count: int
    min: float | None
    max: float | None
    avg: float | None


@dataclass(frozen=True)
class Held:
    """Numbers with how many rows have each, ``counts``; or one for every row, with the row's group in
    ``groups``, -1 for none."""

    numbers: Numbers
    counts: Counts
    groups: Groups | None = None

    def within(self, inside: NDArray[np.bool_]) -> int:
        """How many rows, or groups, have a number that is ``inside``."""
        if self.groups is None:
            return int(self.counts[inside].sum())
        own = self.groups[inside]
        return int(np.count_nonzero(own < 0)) + len(np.unique(own[own >= 0]))


def measured(rows: Mapping[str, int]) -> Held:
    """Of texts and their rows those that are numbers of the unit that most rows have, dates aside."""
    found, counts = _of_one_unit(list(rows), np.array(list(rows.values()), np.int64))
    return Held(found, counts)


def measured_by_row(texts: Sequence[str], groups: Groups) -> Held:
    """The same of a text for every row, whose groups are given."""
    places = np.arange(len(texts))
    found, kept = _of_one_unit(texts, np.ones(len(texts), np.int64), places)
    return Held(found, np.ones(len(kept), np.int64), groups[kept])


def _of_one_unit(texts: Sequence[str], counts: Counts, given: Counts | None = None) -> tuple[Numbers, Counts]:
    """Numbers of the commonest unit, and what is ``given`` of each of these, unless given their counts."""
    units: dict[str, tuple[list[int], list[float]]] = {}
    for place, text in enumerate(texts):
        found = measure(text)
        if found is not None and found[1] != DATE:
            places, values = units.setdefault(found[1], ([], []))
            places.append(place)
            values.append(float(found[0]))
    if not units:
        return np.zeros(0), np.zeros(0, np.int64)
    unit = min(units, key=lambda name: (-int(counts[units[name][0]].sum()), name))
    at = np.array(units[unit][0], np.int64)
    return np.array(units[unit][1], np.float64), (counts if given is None else given)[at]


def counted(held: Held, facet: Facet) -> list[Value]:
    """The ranges that a facet asks for. Without ``ranges`` or ``buckets`` they name their inclusive ends."""
    if facet.ranges:
        return [_bounded(held, bounds.gte, bounds.lt) for bounds in facet.ranges]
    if not len(held.numbers):
        return []
    if facet.buckets is not None:
        return _steps(held, facet.buckets)
    return _equally_many(held)


def stats(held: Held) -> Stats:
    """Of all rows; groups count in ``count`` alone."""
    number = int(held.counts.sum())
    if not number:
        return Stats(0, None, None, None)
    total = float((held.numbers * held.counts).sum())
    everything = np.ones(len(held.numbers), np.bool_)
    low, high = float(held.numbers.min()), float(held.numbers.max())
    return Stats(held.within(everything), low, high, total / number)


def _bounded(held: Held, gte: float | None, lt: float | None) -> Value:
    inside = np.ones(len(held.numbers), np.bool_)
    if gte is not None:
        inside &= held.numbers >= gte
    if lt is not None:
        inside &= held.numbers < lt
    ends = ("" if edge is None else plain_number(edge) for edge in (gte, lt))
    return Value("..".join(ends), held.within(inside), gte, lt)


def _steps(held: Held, buckets: int) -> list[Value]:
    """Equal steps from the least to the greatest number; the last one has its end too."""
    low, high = float(held.numbers.min()), float(held.numbers.max())
    edges = [low + (high - low) * step / buckets for step in range(buckets)] if high > low else [low]
    found = []
    for begin, end in zip(edges, [*edges[1:], None], strict=True):
        inside = held.numbers >= begin
        if end is not None:
            inside &= held.numbers < end
        value = f"{plain_number(begin)}..{plain_number(high if end is None else end)}"
        found.append(Value(value, held.within(inside), begin, end))
    return found


def _equally_many(held: Held) -> list[Value]:
    """Up to :data:`RANGES` ranges of about equally many rows, from low to high, by their inclusive ends."""
    numbers, place = np.unique(held.numbers + 0.0, return_inverse=True)
    rows = np.bincount(place, weights=held.counts).astype(np.int64)
    # A number belongs to the range that holds the middle of its rows, so equal ones stay together.
    middle = (np.cumsum(rows) - rows / 2) / rows.sum()
    bucket = np.minimum((middle * RANGES).astype(np.int64), RANGES - 1)
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    last = np.append(first[1:], len(numbers)) - 1
    return [
        range_of(low, high, held.within((held.numbers >= low) & (held.numbers <= high)))
        for low, high in zip(numbers[first].tolist(), numbers[last].tolist(), strict=True)
    ]


def range_of(low: float, high: float, count: int) -> Value:
    """A range by its inclusive ends."""
    return Value(f"{plain_number(low)}..{plain_number(high)}", count)

"""Candidates and what each part of their scores comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Values = NDArray[np.float64]
Places = NDArray[np.int64]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Because(NamedTuple):
    """One part of one item's score: a ``reason``, the ``row`` of the product that it comes from (None where
    it comes from no product), and what the text of the reason needs besides."""

    reason: str
    part: float
    row: int | None = None
    facts: Mapping[str, Any] = NOTHING

    def scaled(self, factor: float) -> Because:
        """The same of a score that many times as high."""
        return Because(self.reason, self.part * factor, self.row, self.facts)


# The parts of a column's values at some places of the candidates, one sequence per place.
Split = Callable[[Rows, Values], list[list[Because]]]


@dataclass(frozen=True)
class Column:
    """One part of every candidate's score. ``split`` tells it apart further where it is shown."""

    reason: str
    values: Values
    row: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    split: Split | None = None


@dataclass(frozen=True)
class Scored:
    """Distinct candidate rows, ascending; a score is ``factor`` times the sum of its columns. ``more`` says
    that a deeper look may find others."""

    rows: Rows
    columns: tuple[Column, ...]
    more: bool = False
    factor: float = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def scores(self) -> Values:
        """Of every candidate. Not for changing."""
        total = np.zeros(len(self.rows))
        for column in self.columns:
            total += column.values
        return total * self.factor

    def score(self, at: int) -> float:
        """Of the candidate at one place, the same to the last bit."""
        total = 0.0
        for column in self.columns:
            total += float(column.values[at])
        return total * self.factor

    def because(self, places: Places) -> list[list[Because]]:
        """The parts of some candidates' scores that are not 0."""
        rows = self.rows[places]
        found: list[list[Because]] = [[] for _ in places]
        for column in self.columns:
            values = column.values[places]
            if column.split is not None:
                for parts, split in zip(found, column.split(rows, values), strict=True):
                    parts.extend(
                        each if self.factor == 1.0 else each.scaled(self.factor)
                        for each in split
                        if each.part
                    )
                continue
            for parts, value in zip(found, values.tolist(), strict=True):
                if value:
                    parts.append(Because(column.reason, value * self.factor, column.row, column.facts))
        return found


NOBODY = Scored(np.zeros(0, np.int32), ())


def aligned(rows: Rows, some: Rows, values: Values) -> Values:
    """``values`` of the rows ``some`` as a column over ``rows``, ascending; 0 for the others. Those of
    ``some`` that are not in ``rows`` are left out; of equal ones the last counts."""
    column = np.zeros(len(rows))
    if len(some) and len(rows):
        place = np.searchsorted(rows, some)
        place[place == len(rows)] = 0
        hit = rows[place] == some
        column[place[hit]] = values[hit]
    return column


def united(parts: Sequence[Rows]) -> Rows:
    """All of some rows, once each, ascending."""
    if not parts:
        return np.zeros(0, np.int32)
    found: Rows = np.unique(np.concatenate(parts))
    return found


def highest(rows: Rows, values: Values, count: int) -> tuple[Rows, Values]:
    """The ``count`` rows with the highest values, ascending by row; of equals at the edge the lowest rows."""
    if len(rows) > count:
        edge = np.partition(values, len(values) - count)[len(values) - count]
        above, equal = np.flatnonzero(values > edge), np.flatnonzero(values == edge)
        first = np.argsort(rows[equal], kind="stable")[: count - len(above)]
        chosen = np.concatenate([above, equal[first]])
        rows, values = rows[chosen], values[chosen]
    order = np.argsort(rows, kind="stable")
    return rows[order], values[order]

"""Facets over the rows of a bit set, and over parts of a table put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.coded import MAX_VALUES
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.page.facets import numbers, values
from mmpipe.search.page.facets.asked import ATTRIBUTE, NUMBERS, PRICE, of_numbers, plainly
from mmpipe.search.page.facets.numbers import Held, Stats, Value

if TYPE_CHECKING:
    from mmpipe.schemas.search import Facet
    from mmpipe.search.columns.coded import Tally
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]
Groups = NDArray[np.int32]
# Per facet the rows of every exact value, or of every number: lists, so that they travel as JSON.
Raw = dict[str, list[tuple[str | float, int]]]
Wide = Callable[["Facet"], Words]
"""The rows that a facet counts."""


@dataclass
class Counted:
    """What facets come to, by field."""

    values: dict[str, list[Value]] = field(default_factory=dict)
    stats: dict[str, Stats] = field(default_factory=dict)


def count(version: Version, facets: Sequence[Facet], wide: Wide, groups: Groups | None = None) -> Counted:
    """Each facet over the living rows that ``wide`` gives for it. ``groups`` int32 has each row's group, -1
    for none; with it groups are counted."""
    counted = Counted()
    for facet in facets:
        words = wide(facet)
        held = None
        if of_numbers(facet) or facet.stats:
            held = _held(version, words, facet, groups)
        counted.values[facet.field] = (
            _numbers(version, words, facet, held, groups)
            if of_numbers(facet) and held is not None
            else _values(version, words, facet, groups)
        )
        if facet.stats and held is not None:
            counted.stats[facet.field] = numbers.stats(held)
    return counted


def raw(version: Version, facets: Sequence[Facet], wide: Wide) -> Raw:
    """The count of every exact value or number, for :func:`finish`: nothing is cut off or put together."""
    return {facet.field: _raw(version, wide(facet), facet) for facet in facets}


def merge(raws: Sequence[Raw]) -> Raw:
    """Several :func:`raw` as one, with the fields of the first."""
    return {name: list(_sum(raws, name).items()) for name in (raws[0] if raws else ())}


def finish(raws: Sequence[Raw], facets: Sequence[Facet]) -> Counted:
    """What :func:`count` gives over the rows of all of ``raws``; each must have all fields."""
    counted = Counted()
    for facet in facets:
        rows = _sum(raws, facet.field)
        held = None
        if of_numbers(facet) or facet.stats:
            held = _of_pairs(rows, facet)
        if of_numbers(facet) and held is not None:
            counted.values[facet.field] = numbers.counted(held, facet)
        else:
            found = values.by_key({str(value): n for value, n in rows.items()}, facet.field)
            counted.values[facet.field] = _told(values.chosen(found, facet))
        if facet.stats and held is not None:
            counted.stats[facet.field] = numbers.stats(held)
    return counted


def told(counted: Counted) -> dict[str, Any]:
    """The members of a :class:`~mmpipe.schemas.search.SearchResponse` that tell of facets."""
    found: dict[str, Any] = {
        "facets": {name: [_json(value) for value in each] for name, each in counted.values.items()}
    }
    if counted.stats:
        found["facet_stats"] = {name: vars(each) for name, each in counted.stats.items()}
    return found


def _json(value: Value) -> dict[str, Any]:
    found: dict[str, Any] = {"value": value.value, "count": value.count}
    if value.gte is not None:
        found["gte"] = value.gte
    if value.lt is not None:
        found["lt"] = value.lt
    return found


def _values(version: Version, words: Words, facet: Facet, groups: Groups | None) -> list[Value]:
    attribute = facet.field.startswith(ATTRIBUTE)
    name = facet.field.removeprefix(ATTRIBUTE) if attribute else facet.field
    if groups is not None:
        found = (
            version.pairs.tally_groups(name, words, groups)
            if attribute
            else version.coded[name].tally_groups(words, groups)
        )
    elif plainly(facet) and facet.limit <= MAX_VALUES:
        return _told(
            version.pairs.tally(name, words, facet.limit)
            if attribute
            else version.coded[name].tally(words, facet.limit)
        )
    else:
        found = values.by_key(
            version.pairs.spellings(name, words) if attribute else version.coded[name].spellings(words),
            facet.field,
        )
    return _told(values.chosen(found, facet))


def _told(found: Tally) -> list[Value]:
    return [Value(value, n) for value, n in found]


def _numbers(version: Version, words: Words, facet: Facet, held: Held, groups: Groups | None) -> list[Value]:
    usual = facet.field == PRICE and groups is None and not facet.ranges and facet.buckets is None
    if usual:
        # Millions of prices need not be sorted to be parted.
        return [numbers.range_of(*each) for each in version.prices.ranges(words, numbers.RANGES)]
    return numbers.counted(held, facet)


def _held(version: Version, words: Words, facet: Facet, groups: Groups | None) -> Held:
    name = facet.field
    if name not in NUMBERS:
        return _measured(version, words, name.removeprefix(ATTRIBUTE), groups)
    column = version.prices if name == PRICE else version.numbers[name]
    if groups is None:
        return Held(*column.distinct(words))
    if name == PRICE:
        rows = rows_of(words & version.prices.priced)
        found = version.prices.paid(rows)
    else:
        rows = rows_of(words & version.numbers[name].present)
        found = version.numbers[name].of(rows)
    return Held(found, np.ones(len(rows), np.int64), groups[rows])


def _measured(version: Version, words: Words, name: str, groups: Groups | None) -> Held:
    """The numbers of an attribute that are of the unit that most of the rows have."""
    if groups is None:
        return numbers.measured(version.pairs.spellings(name, words))
    rows, codes = version.pairs.entries(name, rows_of(words))
    there = codes >= 0
    return numbers.measured_by_row(version.pairs.shown(codes[there]), groups[rows[there]])


def _raw(version: Version, words: Words, facet: Facet) -> list[tuple[str | float, int]]:
    name = facet.field
    if name in NUMBERS:
        column = version.prices if name == PRICE else version.numbers[name]
        found, rows = column.distinct(words)
        return list(zip(found.tolist(), rows.tolist(), strict=True))
    if name.startswith(ATTRIBUTE):
        return list(version.pairs.spellings(name.removeprefix(ATTRIBUTE), words).items())
    return list(version.coded[name].spellings(words).items())


def _of_pairs(rows: Mapping[str | float, int], facet: Facet) -> Held:
    """Numbers of :func:`_raw`; of an attribute those of its usual unit."""
    if facet.field in NUMBERS:
        found = np.array([float(value) for value in rows], np.float64)
        return Held(found, np.array(list(rows.values()), np.int64))
    return numbers.measured({str(value): n for value, n in rows.items()})


def _sum(raws: Sequence[Raw], name: str) -> dict[str | float, int]:
    found: Counter[str | float] = Counter()
    for each in raws:
        for value, rows in each[name]:
            found[value] += rows
    return dict(found)

"""Counts of values over exactly the matching rows.

Every count is what ``total`` would be among the same matches with that value as the filter: spellings that
differ in case are one value, a category path counts for its ancestors, a price range names its inclusive
ends. Values come by falling count, then by value; at most ``MAX_VALUES`` of them.

Parts of a table that different processes hold are counted with :func:`raw` and put together with
:func:`finish`; the result is that of :func:`count` over all of their rows at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search.columns.coded import MAX_VALUES
from mmpipe.search.columns.dictionaries import CATEGORY, category, plain
from mmpipe.search.page.present import plain_number

if TYPE_CHECKING:
    from mmpipe.search.columns.coded import Tally
    from mmpipe.search.columns.dictionaries import Entry
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]
# Per facet the rows of every exact value, or of every price: lists, so that they travel as JSON.
Raw = dict[str, list[tuple[str | float, int]]]
PRICE_RANGES = 5
_PRICE = "price"
_ATTRIBUTE = "attributes."


def check(names: Sequence[str]) -> None:
    """Raise :class:`InvalidRequest` for a name that is no facet."""
    for name in names:
        if (
            name not in FACET_FIELDS
            and name != _PRICE
            and not (name.startswith(_ATTRIBUTE) and len(name) > len(_ATTRIBUTE))
        ):
            known = ", ".join((*FACET_FIELDS, _PRICE))
            raise InvalidRequest(
                "facets", f"no facet '{name[:80]}'; known are {known}, and attributes.<name>"
            )


def count(version: Version, words: Words, names: Sequence[str]) -> dict[str, Tally]:
    """Per facet name its ``(value, count)`` list over the living rows of a bit set."""
    return {name: _count(version, words, name) for name in names}


def raw(version: Version, words: Words, names: Sequence[str]) -> Raw:
    """Per facet name the count of every exact value, for :func:`finish`: nothing is cut off or put
    together."""
    return {name: _raw(version, words, name) for name in names}


def merge(raws: Sequence[Raw]) -> Raw:
    """Several :func:`raw` as one, with the names of the first."""
    return {name: list(_sum(raws, name).items()) for name in (raws[0] if raws else ())}


def finish(raws: Sequence[Raw], names: Sequence[str]) -> dict[str, Tally]:
    """What :func:`count` gives over the rows of all of ``raws``; each must have all ``names``."""
    return {name: _finish(_sum(raws, name), name) for name in names}


def _count(version: Version, words: Words, name: str) -> Tally:
    if name == _PRICE:
        return [_range(*each) for each in version.prices.ranges(words, PRICE_RANGES)]
    if name.startswith(_ATTRIBUTE):
        return version.pairs.tally(name.removeprefix(_ATTRIBUTE), words)
    return version.coded[name].tally(words)


def _raw(version: Version, words: Words, name: str) -> list[tuple[str | float, int]]:
    if name == _PRICE:
        values, rows = version.prices.distinct(words)
        return list(zip(values.tolist(), rows.tolist(), strict=True))
    if name.startswith(_ATTRIBUTE):
        return list(version.pairs.spellings(name.removeprefix(_ATTRIBUTE), words).items())
    return list(version.coded[name].spellings(words).items())


def _sum(raws: Sequence[Raw], name: str) -> dict[str | float, int]:
    found: Counter[str | float] = Counter()
    for each in raws:
        for value, rows in each[name]:
            found[value] += rows
    return dict(found)


def _finish(rows: Mapping[str | float, int], name: str) -> Tally:
    if name == _PRICE:
        return _price_ranges(rows)
    return _commonest({str(value): n for value, n in rows.items()}, category if name == CATEGORY else plain)


def _commonest(rows: Mapping[str, int], entry: Callable[[str], Entry]) -> Tally:
    """Each key by its commonest name."""
    totals: Counter[str] = Counter()
    spelled: Counter[tuple[str, str]] = Counter()
    for value, number in rows.items():
        keys, names = entry(value)
        for key in keys:
            totals[key] += number
        for named in names:
            spelled[named] += number
    best: dict[str, tuple[int, str]] = {}
    for (name, key), number in spelled.items():
        candidate = (-number, name)
        if key not in best or candidate < best[key]:
            best[key] = candidate
    ordered = sorted((-totals[key], name) for key, (_, name) in best.items())
    return [(name, -negative) for negative, name in ordered[:MAX_VALUES]]


def _price_ranges(rows: Mapping[str | float, int]) -> Tally:
    """Up to ``PRICE_RANGES`` ranges of about equally many products, from cheap to dear, as ``low..high``."""
    values = np.array(list(rows), np.float64)
    order = np.argsort(values)
    values, counts = values[order], np.array(list(rows.values()), np.int64)[order]
    if not len(values):
        return []
    # A price belongs to the range that holds the middle of its products, so equal prices stay together.
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    bucket = np.minimum((middle * PRICE_RANGES).astype(np.int64), PRICE_RANGES - 1)
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    last = np.append(first[1:], len(values)) - 1
    sums = np.add.reduceat(counts, first)
    ends = zip(values[first].tolist(), values[last].tolist(), sums.tolist(), strict=True)
    return [_range(*each) for each in ends]


def _range(low: float, high: float, rows: int) -> tuple[str, int]:
    return f"{plain_number(low)}..{plain_number(high)}", rows

"""Values with their counts: put together by key, narrowed, ordered, cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from mmpipe.lexical import fold
from mmpipe.search.columns.dictionaries import CATEGORY, category, fold_path, plain

if TYPE_CHECKING:
    from mmpipe.schemas.search import Facet
    from mmpipe.search.columns.coded import Tally
    from mmpipe.search.columns.dictionaries import Entry

_SEPARATOR: Final = " > "
_WORD: Final = re.compile(r"\w+")


def by_key(rows: Mapping[str, int], field: str) -> Tally:
    """Exact values and their rows as each key by its commonest name, unordered."""
    return _by_key(rows, category if field == CATEGORY else plain)


def chosen(found: Iterable[tuple[str, int]], facet: Facet) -> Tally:
    """Of all values those that the facet asks for, in its order."""
    narrowed: Iterable[tuple[str, int]] = found
    if facet.under is not None or facet.depth is not None:
        narrowed = [each for each in narrowed if _within(each[0], facet.under, facet.depth)]
    if facet.search:
        begun = fold(facet.search).split()
        narrowed = [each for each in narrowed if _says(each[0], begun)]
    if facet.order == "value":
        ordered = sorted(narrowed, key=lambda each: (fold(each[0]), each[0]))
    else:
        ordered = sorted(narrowed, key=lambda each: (-each[1], each[0]))
    return ordered[: facet.limit]


def _by_key(rows: Mapping[str, int], entry: Callable[[str], Entry]) -> Tally:
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
    return [(name, totals[key]) for key, (_, name) in best.items()]


def _within(path: str, under: str | None, depth: int | None) -> bool:
    labels = path.split(_SEPARATOR)
    above = [] if under is None else fold_path(under).split(_SEPARATOR)
    if fold_path(path).split(_SEPARATOR)[: len(above)] != above or len(labels) <= len(above):
        return False
    return depth is None or len(labels) <= len(above) + depth


def _says(value: str, begun: Iterable[str]) -> bool:
    """Whether each of ``begun`` begins a word of a value; Chinese may begin anywhere."""
    folded = fold(value)
    words = _WORD.findall(folded)
    return all(
        any(word.startswith(part) for word in words) or (not part.isascii() and part in folded)
        for part in begun
    )

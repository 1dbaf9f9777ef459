"""Words that the catalogue writes apart, or as one: ``airmax90``, ``vanitybox``, ``ear phones``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from mmpipe.lexical import SHORTEST_PART, first_token, splits
from mmpipe.search.find.pieces import ONE_FROM

# Of more parts than two each letter must say something, a last one by itself (series x) excepted.
_SHORTEST_OF_MANY = 3
# With fewer a word of letters is of no three such parts.
_LEAST_LETTERS = 7
_MOST_PARTS = 4
# Every part of a longer word would have to be asked for.
_LONGEST = 24


@lru_cache(maxsize=4_096)
def parts_of(word: str | None) -> tuple[str, ...]:
    """All that must be known of the catalogue to tell what a word is made of."""
    if not word:
        return ()
    pairs = (part for split in splits(word) for part in split)
    return tuple(dict.fromkeys((*pairs, *_places(word).values())))


def parted(word: str | None, holding: Mapping[str, int]) -> tuple[str, ...] | None:
    """The words of the catalogue that a word is made of: two, the commonest pair of no short ones, else the
    fewest; None where it is of none."""
    pair = max(
        (each for each in splits(word) if all(part in holding for part in each)),
        key=lambda each: (min(map(len, each)) > SHORTEST_PART, min(holding[part] for part in each)),
        default=None,
    )
    if pair is not None or not word:
        return pair
    best: dict[int, tuple[str, ...]] = {0: ()}
    for (start, stop), part in _places(word).items():
        if start in best and part in holding and len(best[start]) < _MOST_PARTS:
            made = (*best[start], part)
            best[stop] = min(made, best.get(stop, made), key=_fewest)
    found = best.get(len(word), ())
    return found if len(found) > 1 else None


def _fewest(parts: tuple[str, ...]) -> tuple[int, int]:
    return len(parts), -min(map(len, parts))


@lru_cache(maxsize=4_096)
def _places(word: str) -> Mapping[tuple[int, int], str]:
    """What may be one of several parts, by begin and end, in the order of the begins: three letters, or two
    with a digit, or a number."""
    if not (_LEAST_LETTERS if word.isalpha() else ONE_FROM) <= len(word) <= _LONGEST:
        return {}
    inside = (at for at in range(1, len(word)) if not word[at - 1 : at + 1].isdecimal())
    cuts = [0, *inside, len(word)]
    found: dict[tuple[int, int], str] = {}
    for place, start in enumerate(cuts):
        for stop in cuts[place + 1 :]:
            part = word[start:stop]
            if part.isdecimal() or len(part) >= (_SHORTEST_OF_MANY if part.isalpha() else SHORTEST_PART):
                found[start, stop] = first_token(part) if part.endswith("s") else part
    if word[-1].isalpha() and len(word) > 2 * _SHORTEST_OF_MANY:
        found[len(word) - 1, len(word)] = word[-1]
    return found

"""Words that the catalogue writes apart, or as one: ``airmax90``, ``vanitybox``, ``ear phones``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from mmpipe.lexical import first_token
from mmpipe.search.find.pieces import ONE_FROM

SHORTEST_PART = 2
# Of more parts than two each letter must say something, a last one by itself (series x) excepted.
_SHORTEST_OF_MANY = 3
_MOST_PARTS = 4
# Every part of a longer word would have to be asked for.
_LONGEST = 24


@lru_cache(maxsize=4_096)
def splits(word: str | None) -> tuple[tuple[str, str], ...]:
    """A word as two words, wherever it may be parted."""
    if not word or len(word) < 2 * SHORTEST_PART:
        return ()
    return tuple(
        (first_token(word[:at]), first_token(word[at:]))
        for at in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    )


@lru_cache(maxsize=4_096)
def parts_of(word: str | None) -> tuple[str, ...]:
    """All that must be known of the catalogue to tell what a word is made of."""
    if not word:
        return ()
    pairs = (part for split in splits(word) for part in split)
    return tuple(dict.fromkeys((*pairs, *(first_token(word[a:b]) for a, b in _places(word)))))


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
    known = {(a, b) for a, b in _places(word) if first_token(word[a:b]) in holding}
    best: dict[int, tuple[str, ...]] = {0: ()}
    for stop in range(1, len(word) + 1):
        before = [
            (*best[start], first_token(word[start:stop]))
            for start in range(stop)
            if start in best and (start, stop) in known and len(best[start]) < _MOST_PARTS
        ]
        if before:
            best[stop] = min(before, key=lambda each: (len(each), -min(map(len, each))))
    found = best.get(len(word), ())
    return found if len(found) > 1 else None


@lru_cache(maxsize=4_096)
def _places(word: str) -> tuple[tuple[int, int], ...]:
    """Begin and end of what may be one of several parts: three letters, or two with a digit, or a number."""
    return tuple(_parts(word)) if ONE_FROM <= len(word) <= _LONGEST else ()


def _parts(word: str) -> Iterator[tuple[int, int]]:
    cuts = [
        at for at in range(len(word) + 1) if at in (0, len(word)) or not word[at - 1 : at + 1].isdecimal()
    ]
    for place, start in enumerate(cuts):
        for stop in cuts[place + 1 :]:
            part = word[start:stop]
            if part.isdecimal() or len(part) >= (_SHORTEST_OF_MANY if part.isalpha() else SHORTEST_PART):
                yield start, stop
    if word[-1].isalpha() and len(word) > 2 * _SHORTEST_OF_MANY:
        yield len(word) - 1, len(word)

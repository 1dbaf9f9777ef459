"""Where a query's words stand in what a hit shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from mmpipe.lexical import CJK, bigrams, fold, tokens

if TYPE_CHECKING:
    from mmpipe.search.columns.words import Word

Span = tuple[int, int]
FIELDS = ("title", "brand")
# A quotation mark behind a digit is an inch.
_PIECE = re.compile(
    rf"(?P<run>[{CJK}]+)|[^\W_{CJK}]+(?:[-'’&.+/][^\W_{CJK}]+)*(?:\+\+|#|(?<=\d)(?:[\"″”]|''))?"
)
_NEAR = 2


def tokens_of(words: Iterable[Word | str]) -> frozenset[str]:
    """The tokens by which any word of a query is found."""
    return frozenset(
        token
        for word in words
        for token in ([word] if isinstance(word, str) else [t for way in word.ways for t in way.tokens])
    )


def spans(text: str, wanted: frozenset[str]) -> list[Span]:
    """Where words of ``wanted`` begin and end in a text, in characters, rising and apart. Words that are one
    only together, as a number and its unit, are marked together."""
    found: list[Span] = []
    former: Span | None = None
    for begin, end, is_run in _pieces(text):
        if is_run:
            found += _in_run(text, begin, end, wanted)
            former = None
            continue
        if _holds(text[begin:end], wanted):
            found.append((begin, end))
        elif former is not None and _together(text, former, (begin, end), wanted):
            found.append((former[0], end))
        former = begin, end
    return _apart(found)


def _pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    for piece in _PIECE.finditer(text):
        yield piece.start(), piece.end(), piece.lastgroup == "run"


def _holds(word: str, wanted: frozenset[str]) -> bool:
    return not wanted.isdisjoint(_tokens(word))


def _together(text: str, one: Span, other: Span, wanted: frozenset[str]) -> bool:
    """Whether two neighbours make a token that neither is."""
    if other[0] - one[1] > _NEAR:
        return False
    both = _tokens(text[one[0] : other[1]]) - _tokens(text[slice(*one)]) - _tokens(text[slice(*other)])
    return not wanted.isdisjoint(both)


def _in_run(text: str, begin: int, end: int, wanted: frozenset[str]) -> list[Span]:
    run = fold(text[begin:end])
    if len(run) != end - begin:
        return [(begin, end)] if not wanted.isdisjoint(bigrams(run)) else []
    if len(run) == 1:
        return [(begin, end)] if run in wanted else []
    pairs = bigrams(run)
    return [(begin + at, begin + at + 2) for at, pair in enumerate(pairs) if pair in wanted]


def _apart(found: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for begin, end in sorted(found):
        if kept and begin < kept[-1][1]:
            kept[-1] = kept[-1][0], max(kept[-1][1], end)
        else:
            kept.append((begin, end))
    return kept


@lru_cache(maxsize=16_384)
def _tokens(word: str) -> frozenset[str]:
    return frozenset(tokens(word))

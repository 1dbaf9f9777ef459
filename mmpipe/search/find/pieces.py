"""The words of a query's text as pieces: each as it stands, with what stands for it.

Words that are known as a phrase are one piece, so are amounts; a run of Chinese is cut into the words that
are known of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from mmpipe.lexical import Item, bigrams, first_token, identifier, tokens
from mmpipe.search.columns.words import Way
from mmpipe.search.find.synonyms import JOINED, LONGEST_PHRASE, Other, Synonyms

if TYPE_CHECKING:
    from mmpipe.search.find.stated import Stated

MAX_WORDS = 64
# How much of their factor is left to words that stand for one that the catalogue knows itself.
BESIDE = 0.6
# An identifier counts as so many occurrences, so that its product is first.
IDENTIFIED = 8.0
# Letters or digits of what may be mistaken in one place, and in two; with fewer a word says too little.
ONE_FROM, TWO_FROM = 4, 8
_DIGIT = re.compile(r"\d")
_MARKED = re.compile(r"[^\W_]+(?:[-_./:+@][^\W_]+)+")
# What shoppers say of any shop: no slip for a word that is nearly the same, though no product says it.
OF_SHOPS = frozenset(
    tokens("sale sales deal deals offer offers discount promo clearance outlet cheap best buy shop price")
)
_STOP = frozenset(
    tokens("a an and are as at by for from in is it of on or that the this to with your my me some any")
) | {"的", "了", "和", "与", "及", "或"}


@dataclass
class Piece:
    """A word of the query in the making: ``ways`` as it stands, ``others`` that stand for it; ``single`` is
    its one item's text where that is a single word; ``parts`` are letters and digits apart. Of a known phrase
    ``items`` are what it is of; ``listed`` is a part of one. Chinese was cut from ``run`` and begins there
    with the character ``at``. What is ``aside`` says what the thing is for, has or lacks."""

    text: str
    ways: tuple[tuple[str, ...], ...]
    others: tuple[Other, ...] = ()
    single: str | None = None
    parts: tuple[str, ...] = ()
    id: str | None = None
    size: int = 1
    items: tuple[Item, ...] = ()
    listed: bool = False
    run: str | None = None
    at: int = 0
    aside: bool = False
    found: list[tuple[Way, str]] = field(default_factory=list)

    def tokens(self) -> Iterable[str]:
        """All that must be known of the catalogue to tell which ways products have."""
        for way in self.ways:
            yield from way
        for other in self.others:
            for way in other.tokens:
                yield from way
        yield from self.parts
        if self.id is not None:
            yield self.id


def kept(found: list[Item], stated: Stated) -> list[Item]:
    """Without words that say nothing, where others are left; of a phrase all."""
    if stated.phrases:
        return found
    left = [item for item in found if item.text not in _STOP]
    return left or found


def pieces_of(found: Sequence[Item], synonyms: Synonyms | None, longest: int = LONGEST_PHRASE) -> list[Piece]:
    """In order, phrases of ``longest`` words at most; without ``synonyms`` nothing stands for anything
    else."""
    pieces: list[Piece] = []
    heads = [item.whole or " ".join(item.tokens) for item in found]
    at = 0
    while at < len(found):
        item = found[at]
        if item.run:
            pieces += _of_run(item.text, synonyms)
            at += 1
            continue
        match = synonyms.of_words(heads, at, longest) if synonyms else None
        stop, others = match or (at + 1, ())
        pieces.append(_of_items(found[at:stop], others))
        at = stop
    return pieces


def of_phrase(text: str) -> Piece:
    """All of its words, in one piece."""
    return Piece(text, (tuple(dict.fromkeys(tokens(text))),))


def as_identifier(text: str, *, alone: bool = True) -> str | None:
    """The token of what may be an identifier: it has a digit, or marks between letters, and in a longer query
    a digit, and also a letter or as many digits as no amount has."""
    if len(text) > MAX_WORDS or not (_DIGIT.search(text) or (alone and _MARKED.fullmatch(text))):
        return None
    found = identifier(text)
    if found is None or alone:
        return found
    digits = sum(char.isdecimal() for char in text)
    letters = sum(char.isalpha() for char in text)
    return found if (letters and len(found) > ONE_FROM) or digits >= TWO_FROM else None


def mark_known(piece: Piece, holding: Mapping[str, int]) -> None:
    """The ways of a piece that the catalogue knows, the best first."""
    before = piece.found
    piece.found = [
        (Way(way), piece.text) for way in piece.ways if way and all(token in holding for token in way)
    ]
    piece.found += before
    if piece.parts and all(part in holding for part in piece.parts):
        piece.found.append((Way(piece.parts, JOINED), " ".join(piece.parts)))
    if piece.id is not None and piece.id in holding:
        piece.found.insert(0, (Way((piece.id,), IDENTIFIED), piece.text))
    piece.found += alive(piece.others, holding, BESIDE if piece.found else 1.0)


def alive(others: Iterable[Other], holding: Mapping[str, int], share: float) -> list[tuple[Way, str]]:
    """What of ``others`` products hold, for this share of their factors, the best first."""
    found = [
        (Way(way, other.factor * share), other.text)
        for other in others
        for way in other.tokens
        if all(token in holding for token in way)
    ]
    return sorted(found, key=lambda each: -each[0].factor)


def _of_items(some: Sequence[Item], others: tuple[Other, ...]) -> Piece:
    text, ways, alone, apart, named = _said(tuple(some))
    return Piece(text, ways, others, alone, apart, named, len(some), tuple(some) if len(some) > 1 else ())


@lru_cache(maxsize=16_384)
def _said(
    some: tuple[Item, ...],
) -> tuple[str, tuple[tuple[str, ...], ...], str | None, tuple[str, ...], str | None]:
    """What a piece of these items is made of, apart from what stands for it."""
    text = " ".join(item.text for item in some)
    heads = tuple(head for item in some for head in ((item.whole,) if item.whole else item.tokens))
    parts = tuple(token for item in some for token in item.tokens)
    amount = len(some) == 1 and some[0].whole is not None and len(some[0].tokens) == 1
    ways = [heads] if amount else [heads, parts]
    joined = "".join(item.text for item in some)
    if len(some) > 1 and joined.isalnum():
        ways.append((first_token(joined),))
    alone = some[0].text if len(some) == 1 and some[0].whole is None and len(parts) == 1 else None
    apart = () if alone is None else _letters_and_digits(alone)
    named = as_identifier(text, alone=False) if len(some) == 1 else None
    return text, tuple(dict.fromkeys(ways)), alone, apart, named


def _of_run(run: str, synonyms: Synonyms | None) -> list[Piece]:
    pieces: list[Piece] = []
    for part in filter(None, run.split("的")):
        before = 0
        for start, stop, others in synonyms.in_run(part) if synonyms else ():
            pieces += _between(part, before, start)
            own = bigrams(part[start:stop])
            # A lone character is a token only where it stands alone.
            pieces.append(Piece(part[start:stop], (own,), others, size=len(own), run=part, at=start))
            before = stop
        pieces += _between(part, before, len(part))
    return pieces or [Piece(run, (bigrams(run),))]


def _between(run: str, start: int, stop: int) -> list[Piece]:
    """What is between two known words of a run: a lone character with its neighbour."""
    if start == stop:
        return []
    if stop - start == 1:
        start = max(start - 1, 0)
        stop = stop if stop - start > 1 else min(stop + 1, len(run))
    pairs = enumerate(bigrams(run[start:stop]), start)
    return [Piece(pair, ((pair,),), run=run, at=at) for at, pair in pairs]


def _letters_and_digits(word: str) -> tuple[str, ...]:
    """``iphone14`` is ``iphone`` and ``14``; nothing where there is but one of the two."""
    parts: list[str] = []
    for char in word:
        if parts and parts[-1][-1].isdecimal() == char.isdecimal():
            parts[-1] += char
        else:
            parts.append(char)
    return tuple(first_token(part) for part in parts) if 1 < len(parts) <= 3 else ()

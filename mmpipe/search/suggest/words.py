"""Words of a text with their places, and the keys that a text is found by as somebody types.

Letters and digits are words apart (``iPhone14`` is ``iphone`` and ``14``), so that blanks between them say
nothing. A run of Chinese, Japanese or Korean characters has no blanks either: it is found from each of its
characters on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from mmpipe.lexical import CJK, fold
from mmpipe.search.find.pinyin import read

_MARKS = "\u0300-\u036f\u00ad"
_WORD = re.compile(rf"(?P<run>[{CJK}]+)|(?P<digits>\d+)|(?:[^\W\d_{CJK}]|[{_MARKS}])+")
_JOINTS = frozenset("-'&.+/\u2019\u2018\u2010\u2011`")
WINDOW = 4
"""A run is found by so many characters from each of its places on; of a longer one that is asked for, by all
such windows."""
MAX_LETTERS = 40
_MOST_READ = 8


class Word(NamedTuple):
    """A folded word and its place in the text; ``run`` of Chinese, Japanese or Korean, ``letters`` of a
    script with letters."""

    text: str
    start: int
    end: int
    run: bool
    letters: bool


class Key(NamedTuple):
    """What a text is found by, and whether this is its beginning."""

    text: str
    leads: bool


def words(text: str) -> list[Word]:
    """The words of a text in order."""
    found = []
    # Of most titles nothing else needs folding, and places stay.
    plain = text.isascii()
    for match in _WORD.finditer(text.lower() if plain else text):
        folded = match.group() if plain else fold(match.group())
        if not folded.isalnum():
            folded = "".join(letter for letter in folded if letter.isalnum())
        if folded:
            run = match["run"] is not None
            letters = not run and match["digits"] is None
            found.append(Word(folded[:MAX_LETTERS] if not run else folded, *match.span(), run, letters))
    return found


def spelling(text: str) -> str:
    """What two texts share that are the same words, whatever is between them."""
    return " ".join(word.text for word in words(text))


def keys(text: str, *, everywhere: bool) -> tuple[Key, ...]:
    """What a text is found by: its words, joined words as one, its runs from each character on, and their
    pinyin in full and by initials, from each character on if ``everywhere``, else from a run's first. A key
    that is there twice leads if either does."""
    found: dict[str, bool] = {}

    def add(key: str, leads: bool) -> None:
        found[key] = found.get(key, False) or leads

    said = words(text)
    for place, word in enumerate(said):
        if not word.run:
            add(word.text, place == 0)
            continue
        for at in range(len(word.text)):
            add(word.text[at : at + WINDOW], place == 0 and at == 0)
        readings = read(word.text)
        if readings is not None and len(readings) > 1:
            for at in range(len(readings) - 1 if everywhere else 1):
                part = readings[at : at + _MOST_READ]
                leads = place == 0 and at == 0
                add("".join(part)[:MAX_LETTERS], leads)
                add("".join(syllable[0] for syllable in part), leads)
    for first, joined in _joined(text, said):
        add(joined, first == 0)
    return tuple(Key(key, leads) for key, leads in found.items())


@lru_cache(maxsize=8_192)
def keys_of_name(text: str) -> tuple[Key, ...]:
    """:func:`keys` of a short text, ``everywhere``."""
    return keys(text, everywhere=True)


def _joined(text: str, said: list[Word]) -> Iterator[tuple[int, str]]:
    """Words of letters that punctuation joins, as one: ``t-shirt`` is also found by ``tshirt``."""
    at = 0
    while at < len(said):
        stop = at + 1
        while (
            stop < len(said)
            and said[stop].letters
            and said[stop - 1].letters
            and _are_joined(text, said[stop - 1], said[stop])
        ):
            stop += 1
        if stop - at > 1:
            joined = "".join(word.text for word in said[at:stop])
            if len(joined) <= MAX_LETTERS:
                yield at, joined
        at = stop


def _are_joined(text: str, one: Word, other: Word) -> bool:
    return other.start - one.end == 1 and text[one.end] in _JOINTS

"""What a query's text states outright: words, exact phrases in quotes, words with a minus before them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from mmpipe.lexical import fold

_COMMA = "\uff0c"
# Between full-width digits, or before three noughts.
_IN_NUMBER = re.compile(f"[\uff10-\uff19]{_COMMA}[\uff10-\uff19]|[0-9]{_COMMA}000(?![0-9])")
_BLANKS = str.maketrans(dict.fromkeys("\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f", " "))
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u300c\u300d\u300e\u300f\uff02", '"'))
# A quotation mark behind a number is an inch, a minus before degrees a part of these.
_PART = re.compile(
    r"(?:(?<=\s)|^)(?P<minus>(?:[-\u2212\uff0d](?!\d+(?:[.,]\d+)?\s*[\u00b0\u2103\u2109\u5ea6]))?)"
    r'(?:"(?P<phrase>[^"]+)"(?=\s|$)|(?P<word>\S+))'
)


@dataclass(frozen=True)
class Stated:
    """``asked`` is what is looked for, without quotation marks and without what is not wanted; ``phrases``
    are parts of it. ``without`` are the words and phrases that no match may hold."""

    asked: str
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@lru_cache(maxsize=4_096)
def state(text: str) -> Stated:
    """Read a query's text. A text of nothing but words with a minus is taken as it stands."""
    if '"' not in text and "-" not in text and text.isascii():
        return Stated(text)
    asked: list[str] = []
    phrases: list[str] = []
    without: list[str] = []
    for found in _PART.finditer(text.translate(_QUOTES)):
        said = found["phrase"] or found["word"]
        if found["minus"] and any(letter.isalnum() for letter in said):
            without.append(said)
            continue
        asked.append(said)
        if found["phrase"]:
            phrases.append(said)
    if without and not asked:
        return Stated(text)
    return Stated(" ".join(asked), tuple(phrases), tuple(without))


def untouched(text: str) -> tuple[tuple[int, int], ...]:
    """Where the phrases in quotes, and what has a minus before it, begin and end in a text: as they stand
    they are meant."""
    if '"' not in text and "-" not in text and text.isascii():
        return ()
    return tuple(
        found.span()
        for found in _PART.finditer(text.translate(_QUOTES))
        if found["phrase"] or (found["minus"] and any(letter.isalnum() for letter in found["word"]))
    )


def even(text: str) -> str:
    """A text with each character folded by itself, all blanks as spaces: what stands where is as it was."""
    if text.isascii():
        return fold(text).translate(_BLANKS)
    folded = "".join(map(_one, text))
    return _with_clauses(text, folded) if _COMMA in text else folded


def _with_clauses(text: str, folded: str) -> str:
    """Full-width commas as they are, but for those inside of a number: 尺码40，50以内 says two."""
    return "".join(
        _COMMA if old == _COMMA and _IN_NUMBER.match(text, max(at - 1, 0)) is None else new
        for at, (old, new) in enumerate(zip(text, folded, strict=True))
    )


@lru_cache(maxsize=16_384)
def _one(character: str) -> str:
    folded = " " if character.isspace() else fold(character)
    return folded if len(folded) == 1 else character

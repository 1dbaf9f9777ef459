"""What is kept of a search: what was asked, as far as it tells of nobody, and what came of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa

from mmpipe.lake.searches import SCHEMA
from mmpipe.lexical import fold
from mmpipe.schemas.analytics import Kind
from mmpipe.search.suggest.asked import CONTROL, MAX_QUERY, private_part

"""What a record has in place of a text: ``query`` the text itself; ``none``, no text was sent; ``address``
and ``number``, it may tell of somebody; ``long``, of more than 80 characters; ``other``, it holds what is no
text; ``rare``, it was removed later; ``page``, a page after the first."""
Language = Literal["zh", "en", "other", "none"]
Mark = Literal["filtered", "sorted", "corrected", "relaxed", "understood", "personalised", "redirected"]

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
# Kana and Hangul: Han characters beside them are not Chinese.
_OTHER_CJK: Final = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_SEVEN_DIGITS: Final = re.compile(r"(?:\D*\d){7}")
_LETTER: Final = re.compile(r"[^\W\d_]")
_QUERY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_RULES: Final = 20
_LATER: Final[tuple[None, Kind, Language]] = (None, "page", "none")


class Searched(NamedTuple):
    """One page of a search as it was answered. ``text`` is as it was sent, and stays in memory until
    :func:`rows_of`; ``seconds`` are what the service took. There is no place here for who asked."""

    at: float
    query_id: str
    first: bool
    text: str | None
    modalities: tuple[str, ...]
    marks: tuple[Mark, ...]
    rules: tuple[str, ...]
    total: int
    shown: int
    seconds: float


def is_sampled(query_id: str, share: float) -> bool:
    """Whether a search is among the share that is recorded; the same of all its pages, at every replica."""
    return share >= 1.0 or crc32(query_id.encode("utf-8", "surrogatepass")) < share * 2**32


def kept_text(text: str | None) -> tuple[str | None, Kind, Language]:
    """A query in one spelling (:func:`mmpipe.lexical.fold`, one blank between words) where it may be kept,
    else None; which of both, or why; and a guess of its language by its letters alone.

    ``zh`` where there are Han characters and neither kana nor Hangul, ``en`` where all letters are of ASCII
    once folded, ``other`` for any others, ``none`` without letters.
    """
    plain = " ".join(fold(text or "").split())
    language = _language_of(plain)
    if not plain:
        return None, "none", language
    if CONTROL.search(plain):
        return None, "other", language
    private = _private_part(plain, text or "")
    if private is not None:
        return None, "address" if private == "address" else "number", language
    return (None, "long", language) if len(plain) > MAX_QUERY else (plain, "query", language)


def _private_part(folded: str, text: str) -> str | None:
    """See :func:`private_part`, of both spellings: folding takes away what hides a number, and may take away
    what shows one. Of ASCII it takes capitals and blanks alone."""
    hints = ("@", "www.", "://", "mail")
    maybe = _SEVEN_DIGITS.match(folded) or any(hint in folded for hint in hints)
    return (private_part(folded) if maybe else None) or (None if text.isascii() else private_part(text))


def _language_of(folded: str) -> Language:
    if folded.isascii():
        return "en" if _LETTER.search(folded) else "none"
    if _OTHER_CJK.search(folded):
        return "other"
    if _HAN.search(folded):
        return "zh"
    letters = _LETTER.findall(folded)
    if not letters:
        return "none"
    return "en" if all(letter.isascii() for letter in letters) else "other"


def rows_of(searched: Sequence[Searched]) -> pa.Table:
    """The records as rows of the log, each with a number of its own; from here on no private text is there.

    A page whose ``query_id`` is none of ours, as a cursor that was made up may hold, is passed over.
    """
    searched = [each for each in searched if _QUERY_ID.fullmatch(each.query_id)]
    told = {text: kept_text(text) for text in {each.text for each in searched}}
    kept = [told[each.text] if each.first else _LATER for each in searched]
    numbers = np.frombuffer(os.urandom(8 * len(searched)), np.int64) & np.iinfo(np.int64).max
    moments = np.array([each.at for each in searched], np.float64) * 1e6
    columns: Mapping[str, Any] = {
        "record": numbers,
        "at": moments.astype(np.int64),
        "query_id": [each.query_id for each in searched],
        "first": [each.first for each in searched],
        "query": [text for text, _, _ in kept],
        "kind": [kind for _, kind, _ in kept],
        "language": [language for _, _, language in kept],
        "modalities": ["+".join(each.modalities) or "none" for each in searched],
        "marks": [each.marks for each in searched],
        "rules": [each.rules[:_MOST_RULES] for each in searched],
        "total": [each.total for each in searched],
        "shown": [each.shown for each in searched],
        "ms": [each.seconds * 1_000 for each in searched],
    }
    return pa.table([pa.array(columns[item.name], item.type) for item in SCHEMA], schema=SCHEMA)

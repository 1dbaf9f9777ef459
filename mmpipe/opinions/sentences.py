"""A review's text as sentences, and a sentence as clauses, each at its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# A full stop inside a number or an abbreviation ends nothing.
_END: Final = re.compile(r"[。！？!?…;；\n\r]+[”\"')）」』]*|(?<!\d)\.+(?=[\s\"'”)]|$)|(?<=\d)\.(?=\s|$)")
_CLAUSE: Final = re.compile(
    r"[,，、:：()（）]+|\s[-–—]+\s|——|~+"
    r"|\b(?:but|however|though|although|yet|whereas|unfortunately|except that)\b"
    r"|但是|不过|可是|然而|只是|(?<!不)但|就是|虽然|尽管|而且|可惜|好在|幸好",
    re.IGNORECASE,
)
# A text without any mark is cut all the same: the work for one clause is bounded.
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]``."""

    start: int
    end: int


def sentences(text: str, most: int = 100) -> list[Span]:
    """The sentences of a text without the blanks around them, at most so many, none of them empty."""
    found: list[Span] = []
    for span in _between(text, Span(0, len(text)), _END, keep=True):
        found.append(span)
        if len(found) == most:
            break
    return found


def clauses(text: str, sentence: Span) -> list[Span]:
    """The parts of a sentence that may be of different minds, without what stands between them."""
    return list(_between(text, sentence, _CLAUSE, keep=False))


def _between(text: str, whole: Span, marks: re.Pattern[str], *, keep: bool) -> Iterator[Span]:
    start = whole.start
    for mark in marks.finditer(text, whole.start, whole.end):
        yield from _pieces(text, start, mark.end() if keep else mark.start())
        start = mark.end()
    yield from _pieces(text, start, whole.end)


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end:
        cut = min(end, start + _LONGEST)
        if cut < end:
            # Between words, where there are any.
            cut = max(text.rfind(" ", start, cut), start) + 1 if " " in text[start:cut] else cut
        piece = Span(start, cut - (cut < end and text[cut - 1] == " "))
        if any(c.isalnum() for c in text[piece.start : piece.end]):
            yield piece
        start = cut

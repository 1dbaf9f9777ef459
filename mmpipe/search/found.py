"""What a search finds, and the page of it: matches → order → one of each group → pins and window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find import filters, groups, rank
from mmpipe.search.find.match import Matches, Search
from mmpipe.search.kernels.memory import count_bits, has, set_rows
from mmpipe.search.page.window import Begin, Composer, Diversity, Page, Pinned, plain

if TYPE_CHECKING:
    from mmpipe.schemas.rules import Pin
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.question import Question
    from mmpipe.search.page.cursor import Cursor
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]
Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Found:
    """``words`` are all matches as bits, pinned products among them; ``total`` of them are shown, one for
    each group where ``groups`` is given. ``matches`` is None where the request browses. The ``page``'s places
    among the matches are known where they are not None; -1 is a pinned product that is none."""

    words: Words
    total: int
    page: Page
    matches: Matches | None = None
    groups: groups.Groups | None = None


def find(
    version: Version,
    question: Question,
    query: EncodedQuery,
    request: SearchRequest,
    asked: Asked,
    opened: Cursor | None,
    room: Callable[[Matches | None], int],
) -> Found:
    """The page that a request asks for. ``room`` tells how many bytes a cursor has for what is left of a
    window."""
    matches, natural, words = _matches(version, question, asked, opened)
    found = groups.Groups.in_version(version) if request.collapse else None
    if found is not None:
        natural = found.best(natural)
    begins = Begin() if opened is None else opened.begins
    relevance = request.sort == "relevance"
    pinned = Pinned()
    if relevance and asked.pins:
        allowed = filters.allowed(version, question.filters, question.conditions)
        pinned = _pinned(version, asked.pins, allowed, found)
    diversity = Diversity(request.diversity) if relevance and request.diversity > 0 else None
    judge = asked.judge if relevance and question.asks else None
    first = opened is None and (judge is not None or diversity is not None)
    if not (pinned.rows or first or begins.rest):
        page = plain(version, natural, begins, request.limit)
        return Found(words, _size(natural), page, matches, found)
    if pinned.rows:
        natural = groups.without(natural, pinned.array(), found)
    composer = Composer(version, natural, pinned)
    if opened is None:
        page = composer.first(query, request.limit, judge, diversity, room(matches) if first else 0)
    else:
        page = composer.later(begins, request.limit)
    total = _size(natural) + len(pinned.rows)
    return Found(
        words | set_rows(pinned.array(), version.layout.rows) if pinned.rows else words,
        total,
        page if matches is None else _placed(page, matches, words),
        matches,
        found,
    )


def _matches(
    version: Version, question: Question, asked: Asked, opened: Cursor | None
) -> tuple[Matches | None, rank.ByScore | rank.ByKey, Words]:
    popularity = None
    if question.sort == "popularity" and asked.popularity is not None:
        popularity = asked.popularity(version)
    key = rank.key_of(version, question.sort, popularity)
    if not question.asks:
        words = filters.allowed(version, question.filters, question.conditions)
        return None, rank.ByKey(version, words, key), words
    matches = Search(version, question).matches(None if opened is None else opened.scoring)
    words = matches.words(version.layout.rows)
    if question.sort == "relevance":
        return matches, rank.ByScore(version, matches.rows, matches.scores()), words
    return matches, rank.ByKey(version, words, key), words


def _size(natural: rank.ByScore | rank.ByKey) -> int:
    return len(natural.rows) if isinstance(natural, rank.ByScore) else count_bits(natural.words)


def _pinned(version: Version, pins: Sequence[Pin], allowed: Words, found: groups.Groups | None) -> Pinned:
    """Of living products under the filters, the first of each group."""
    position: dict[int, int] = {}
    for pin in sorted(pins, key=lambda pin: pin.position):
        row = version.find(pin.id)
        if row is not None and bool(has(allowed, np.array([row], np.int32))[0]):
            position.setdefault(row, pin.position)
    rows = list(position) if found is None else found.one_each(list(position))
    return Pinned(tuple(position[row] for row in rows), tuple(rows))


def _placed(page: Page, matches: Matches, words: Words) -> Page:
    places = np.where(has(words, page.rows), matches.places(page.rows), -1)
    return Page(page.rows, page.following, places, page.judged)

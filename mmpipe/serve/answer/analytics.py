"""Analytics of searches, as a replica has them: what it answers is noted, and reports are made beside."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mmpipe.analytics import Mark, Period, SearchCounts, Searched, SearchWriter, report
from mmpipe.schemas.analytics import AnalyticsReport
from mmpipe.serve.answer.kept import KeptAnswers
from mmpipe.serve.answer.steps import step

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.answer import Answer
    from mmpipe.search.asked import Asked
    from mmpipe.serve.answer.query_encoder import Media
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import Settings

# Lines of each list at most; a report holds as many, whatever was asked for.
MAX_LIMIT: Final = 200
MAX_DAYS: Final = 366
# Of records, compressed: some ten million searches. `mmpipe analytics` reads any number.
_MOST_BYTES: Final = 300_000_000
# Reports, of different questions, that wait for the one thread.
_MOST_WAITING: Final = 8
_KEPT: Final = 16

_Key = tuple[str, int]


class Found(NamedTuple):
    """A search and its answer. ``media`` are those that were sent; the words of a recording are in the
    request."""

    collection: str
    request: SearchRequest
    media: Media
    asked: Asked
    answer: Answer


class SearchAnalytics:
    """For one event loop. ``opened`` gives the version of a collection that answers."""

    def __init__(
        self, settings: Settings, lake: Lake, opened: Callable[[str | None], Awaitable[LiveVersion]]
    ) -> None:
        self._settings = settings.analytics
        self._lake = lake
        self._opened = opened
        self._writer = SearchWriter(lake)
        # One, so that reports never take more than one core from the searches.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="analytics")
        self._made: KeptAnswers[_Key, AnalyticsReport] = KeptAnswers(
            self._thread,
            most=_KEPT,
            waiting=_MOST_WAITING,
            busy="other reports on searches are being made: ask again",
        )

    def start(self) -> None:
        """Begin to write what is noted."""
        self._writer.start()

    def note(self, found: Found, seconds: float) -> None:
        """Take one answered page: microseconds, no I/O. Who asked is not looked at."""
        answer = found.answer
        if answer.query_id is None:
            return
        request, effects = found.request, found.asked.effects
        self._writer.note(
            found.collection,
            Searched(
                time.time(),
                answer.query_id,
                answer.first,
                request.text,
                _modalities(request, found.media),
                _marks(found),
                () if effects is None else effects.names,
                answer.total,
                answer.hits,
                seconds,
            ),
        )

    def counts(self) -> Mapping[str, SearchCounts]:
        """Of this replica, by collection. Touches memory only."""
        return self._writer.counts()

    async def report(self, collection: str | None, days: int, limit: int) -> bytes:
        """An :class:`~mmpipe.schemas.analytics.AnalyticsReport` as JSON, of now or as it was up to
        ``analytics.cache_seconds`` ago.

        Raises ``UnknownCollection``, ``InvalidRequest`` where the days hold too many records, ``NotReady``
        where too many other reports are being made.
        """
        version = await self._opened(collection)
        with step("analytics.report", days=days, limit=limit):
            found = await self._report((version.collection, days))
        lists = ("top", "without_results", "worst_ctr", "slow", "modalities", "rules")
        cut = {name: getattr(found, name)[:limit] for name in lists}
        return found.model_copy(update=cut).model_dump_json().encode()

    def close(self) -> None:
        """Write what waits, and end both threads; what is being made goes on to its end. Blocks."""
        self._writer.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _report(self, key: _Key) -> AnalyticsReport:
        return await self._made.get(key, partial(self._make, key), seconds=self._settings.cache_seconds)

    def _make(self, key: _Key) -> AnalyticsReport:
        collection, days = key
        period = Period.of(days, MAX_LIMIT, datetime.now(UTC))
        return report(self._lake.collection(collection), period, max_bytes=_MOST_BYTES)


_TEXT: Final = ("text",)


def _modalities(request: SearchRequest, media: Media) -> tuple[str, ...]:
    if not media and not request.like:
        return _TEXT if request.text else ()
    told = [name for name, given in (("text", request.text), ("like", request.like)) if given]
    return (*told, *sorted(media))


def _marks(found: Found) -> tuple[Mark, ...]:
    request, asked, answer = found.request, found.asked, found.answer
    marks: list[Mark] = []
    if request.filter is not None or request.filters.model_fields_set:
        marks.append("filtered")
    if request.sort != "relevance":
        marks.append("sorted")
    if answer.corrected:
        marks.append("corrected")
    if answer.relaxed:
        marks.append("relaxed")
    if asked.meaning is not None and asked.meaning.parts:
        marks.append("understood")
    if asked.taste is not None:
        marks.append("personalised")
    if asked.effects is not None and asked.effects.redirect is not None:
        marks.append("redirected")
    return tuple(marks)

"""What was searched, found and done with it, over some days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.analytics.figures import Grouped, Ints, Searches, wilson_high
from mmpipe.analytics.followed import COLUMNS as EVENT_COLUMNS
from mmpipe.analytics.followed import Followed, follow
from mmpipe.lake.searches import RARE
from mmpipe.schemas.analytics import AnalyticsReport, DayFigures, Kind, NamedFigures, QueryFigures

if TYPE_CHECKING:
    from mmpipe.lake import Collection

COLUMNS: Final = [
    "at", "query_id", "first", "query", "kind", "language", "modalities", "marks", "rules", "total", "ms"
]  # fmt: skip
"""The columns of the log of searches that are read."""
ENOUGH: Final = 20
"""Queries with fewer searches are in no list that ranks by rate or time."""
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """Of which days a report is, and how much of it."""

    since: datetime
    now: datetime
    limit: int
    """Lines of each list."""

    @classmethod
    def of(cls, days: int, limit: int, now: datetime) -> Period:
        """The last ``days`` UTC days, today one of them."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(today - timedelta(days=days - 1), now, limit)


def report(collection: Collection, period: Period, *, max_bytes: int | None = None) -> AnalyticsReport:
    """The report of a collection. Raises ``StorageUnavailable``, and ``InvalidRequest`` (field ``days``)
    where more than ``max_bytes`` of records would be read."""
    records = collection.searches.read(COLUMNS, period.since, max_bytes=max_bytes)
    events = collection.interactions.scan(EVENT_COLUMNS, period.since) if len(records) else ()
    settings = collection.settings.analytics
    return report_of(
        records,
        events,
        period,
        collection=collection.name,
        min_searches=settings.min_searches,
        sample=settings.sample,
    )


def report_of(
    records: pa.Table,
    events: Iterable[pa.Table],
    period: Period,
    *,
    collection: str,
    min_searches: int,
    sample: float = 1.0,
) -> AnalyticsReport:
    """The report from :data:`COLUMNS` of the log of searches, each record once, and tables of the log of
    interactions, each event once."""
    first = records.filter(records["first"]).combine_chunks()
    followed = follow(events, first["query_id"])
    searches = _searches(first, records.filter(pc.invert(records["first"])), followed)
    queries = _Queries(first, searches, min_searches)
    everything = Grouped(searches, np.zeros(len(first), np.int64), 1)
    return AnalyticsReport(
        collection=collection,
        made_at=period.now,
        since=period.since,
        sample=sample,
        min_searches=min_searches,
        overall=everything.figures(0) if len(first) else None,
        queries=int(np.count_nonzero(queries.named)),
        days=_days(first, searches),
        top=queries.top(period.limit),
        without_results=queries.without_results(period.limit),
        worst_ctr=queries.worst_ctr(period.limit),
        slow=queries.slow(period.limit),
        unnamed=queries.unnamed(),
        languages=_by_name(searches, first["language"], None, period.limit),
        modalities=_by_name(searches, first["modalities"], None, period.limit),
        marks=_by_list(searches, first["marks"], period.limit),
        rules=_by_list(searches, first["rules"], period.limit),
        unknown_events=followed.unknown,
    )


def _searches(first: pa.Table, later: pa.Table, followed: Followed) -> Searches:
    of = pc.index_in(later["query_id"], value_set=first["query_id"]).drop_null().to_numpy()
    return Searches(
        ms=first["ms"].to_numpy().astype(np.float64),
        found=first["total"].to_numpy() > 0,
        clicked=followed.clicks > 0,
        carted=followed.carted,
        bought=followed.bought,
        later_pages=np.bincount(of, minlength=len(first)).astype(np.int64),
        clicks=followed.clicks,
        placed=followed.placed,
        places=followed.places,
    )


class _Queries:
    """Searches by query: the named ones, in the order of their texts, then those that have no name."""

    def __init__(self, first: pa.Table, searches: Searches, min_searches: int) -> None:
        texts = first["query"].unique().drop_null()
        self._texts = texts.take(pc.sort_indices(texts))
        rare = len(self._texts)
        kinds = pc.unique(first["kind"]).to_pylist()
        self._kinds: list[Kind] = [RARE, *sorted(kind for kind in kinds if kind not in ("query", RARE))]
        by_text = pc.index_in(first["query"], value_set=self._texts).fill_null(-1).to_numpy()
        by_kind = pc.index_in(first["kind"], value_set=pa.array(self._kinds, pa.string())).fill_null(0)
        group = np.where(by_text >= 0, by_text, rare + by_kind.to_numpy()).astype(np.int64)
        often = np.bincount(group, minlength=rare) >= min_searches
        group = np.where((group < rare) & ~often[group], rare, group)
        self._number, group = np.unique(group, return_inverse=True)
        self._of = Grouped(searches, group.astype(np.int64), len(self._number))
        self.named = self._number < rare

    def top(self, limit: int) -> list[QueryFigures]:
        """By falling number of searches."""
        return self._first(self.named, -self._of.searches, limit)

    def without_results(self, limit: int) -> list[QueryFigures]:
        """By falling number of searches that found nothing."""
        return self._first(self.named & (self._of.empty > 0), -self._of.empty, limit)

    def worst_ctr(self, limit: int) -> list[QueryFigures]:
        """By rising upper bound."""
        bound = wilson_high(self._of.clicked, self._of.found)
        return self._first(self.named & (self._of.found >= ENOUGH), bound, limit)

    def slow(self, limit: int) -> list[QueryFigures]:
        """By falling p95."""
        return self._first(self.named & (self._of.searches >= ENOUGH), -self._of.p95, limit)

    def unnamed(self) -> list[QueryFigures]:
        """By falling number of searches."""
        return self._first(~self.named, -self._of.searches, len(self._kinds))

    def _first(self, chosen: np.ndarray, by: np.ndarray, limit: int) -> list[QueryFigures]:
        rows = np.flatnonzero(chosen)
        # Of equals the more frequent one, then in the order of the texts.
        order = np.lexsort((rows, -self._of.searches[rows], by[rows]))
        return [self._line(int(row)) for row in rows[order][:limit]]

    def _line(self, group: int) -> QueryFigures:
        number = int(self._number[group])
        unnamed = number - len(self._texts)
        figures = self._of.figures(group).model_dump()
        if unnamed < 0:
            return QueryFigures(query=self._texts[number].as_py(), kind="query", **figures)
        return QueryFigures(query=None, kind=self._kinds[unnamed], **figures)


def _days(first: pa.Table, searches: Searches) -> list[DayFigures]:
    day = first["at"].cast(pa.int64()).to_numpy() // _DAY_US
    days, group = np.unique(day, return_inverse=True)
    of = Grouped(searches, group.astype(np.int64), len(days))
    epoch = date(1970, 1, 1)
    return [
        DayFigures(day=epoch + timedelta(days=int(days[n])), **of.figures(n).model_dump())
        for n in range(len(days))
    ]


def _by_list(searches: Searches, lists: pa.ChunkedArray, limit: int) -> list[NamedFigures]:
    """Each value's searches; one with several values is among several."""
    held = lists.combine_chunks()
    rows = pc.list_parent_indices(held).to_numpy().astype(np.int64)
    return _by_name(searches, pc.list_flatten(held), rows, limit)


def _by_name(
    searches: Searches, names: pa.Array | pa.ChunkedArray, rows: Ints | None, limit: int
) -> list[NamedFigures]:
    values = pc.unique(names)
    values = values.take(pc.sort_indices(values))
    group = pc.index_in(names, value_set=values).to_numpy().astype(np.int64)
    of = Grouped(searches if rows is None else searches.take(rows), group, len(values))
    order = np.lexsort((np.arange(len(values)), -of.searches))[:limit]
    return [NamedFigures(name=values[int(n)].as_py(), **of.figures(int(n)).model_dump()) for n in order]

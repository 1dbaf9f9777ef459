"""A collection's report, with all that it needs read from the lake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.recommend.stock.demand import COLUMNS, start_of
from mmpipe.recommend.stock.report import Question, stock_report
from mmpipe.recommend.stock.since import FormerStock
from mmpipe.schemas.stock import StockReport
from mmpipe.search.kernels.memory import rows_of

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.search.versions.version import Version


def report_on(
    collection: Collection,
    version: Version,
    question: Question,
    *,
    former: FormerStock | None = None,
    now: datetime | None = None,
) -> StockReport:
    """:func:`~mmpipe.recommend.stock.stock_report` of a live version of ``collection``. Reads the log, which
    takes seconds for millions of events, and former versions, unless ``former`` has them from a report
    before. Raises ``RetryableError`` where the lake cannot be read."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    out = rows_of(version.alive & version.coded["availability"].mask(["out_of_stock"]))
    since = (former or FormerStock(collection)).since(version.ids.ids(out)) if len(out) else {}
    events = collection.interactions.scan(COLUMNS, start_of(now, max(question.history_days, question.days)))
    return stock_report(version, events, since, question, now=now)

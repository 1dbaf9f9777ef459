"""Analytics of searches: what was asked, what was found, what came of it; never who asked.

* ``records``: what is kept of a search (:class:`Searched`, in one spelling, without what may tell of
  somebody); the log itself is :mod:`mmpipe.lake.searches`.
* :class:`SearchWriter`: notes an answered page in a microsecond and writes behind the answers.
* ``followed``: what shoppers did with it, by the ``query_id`` of their events; ``figures``: rates, bounds,
  percentiles of groups of searches; :func:`report`: the whole of it. :func:`plot` draws it as PNG.
"""

from __future__ import annotations

from mmpipe.analytics.records import Mark, Searched
from mmpipe.analytics.report import Period, report
from mmpipe.analytics.writer import SearchCounts, SearchWriter

__all__ = [
    "Mark",
    "Period",
    "SearchCounts",
    "SearchWriter",
    "Searched",
    "report",
]

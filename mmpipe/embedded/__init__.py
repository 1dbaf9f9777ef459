"""A lake in one's own process, for notebooks and scripts: :func:`mmpipe.open` gives a :class:`Shop`.

The query service's own code answers, on an event loop of its own thread: what a search finds here is what it
finds over HTTP. Answers show themselves as tables with pictures in notebooks (:class:`Results`).
"""

from __future__ import annotations

from mmpipe.embedded.indexed import IndexReport
from mmpipe.embedded.results import Results
from mmpipe.embedded.shop import Shop

__all__ = ["IndexReport", "Results", "Shop"]

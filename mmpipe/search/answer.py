"""What a search gives to whoever asked for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is a :class:`~mmpipe.schemas.search.SearchResponse` as JSON; ``total`` and ``hits`` are how
    many it found and shows, ``first`` whether this is the first page, ``query_id`` its id. ``corrected`` and
    ``relaxed`` say whether words were taken for others, and whether something was left out."""

    body: bytes
    total: int
    hits: int
    first: bool
    query_id: str | None = None
    corrected: bool = False
    relaxed: bool = False

"""Products like one product: the nearest fused vectors, its own variants left out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.lake.schema import FUSED
from mmpipe.schemas.search import Filters, SearchResponse
from mmpipe.search import explain, moments, present, retrieve
from mmpipe.search import filters as filtering

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
_FIRST_DEPTH = 4


def similar(
    snapshot: Snapshot,
    product_id: str,
    filters: Filters | None = None,
    limit: int = 20,
    *,
    explained: bool = True,
) -> SearchResponse:
    """:func:`similar_payload` as a validated model."""
    return SearchResponse.model_validate(
        similar_payload(snapshot, product_id, filters, limit, explained=explained)
    )


def similar_payload(
    snapshot: Snapshot,
    product_id: str,
    filters: Filters | None = None,
    limit: int = 20,
    *,
    explained: bool = True,
) -> dict[str, Any]:
    """Up to ``limit`` products under ``filters`` nearest to one product, ties by id, as a plain
    :class:`SearchResponse`; ``score`` is the cosine, ``total`` the number of hits.

    Neither the product nor another of its ``item_group_id`` is among them, and of every other group only its
    nearest. A product without any vector has nothing similar. Raises :class:`UnknownProduct`.
    """
    started = time.perf_counter()
    row = snapshot.row(product_id)
    vectors, has = snapshot.vectors[FUSED].gather(np.array([row]))
    query = vectors[0]
    rows, scores = np.zeros(0, np.int64), np.zeros(0, np.float32)
    if has[0]:
        query = query / np.linalg.norm(query)
        rows, scores = _nearest(snapshot, row, query, filtering.mask(snapshot, filters or Filters()), limit)
    shares = scores.astype(np.float64)
    splits = explain.split(snapshot, rows, None, shares, query) if explained else None
    return {
        "collection": snapshot.collection,
        "version": snapshot.label,
        "total": len(rows),
        "hits": present.hits(
            snapshot, rows, shares, splits, moments.seconds(snapshot, rows, moments.like(snapshot, row))
        ),
        "facets": {},
        "next_cursor": None,
        "took_ms": round((time.perf_counter() - started) * 1e3, 3),
    }


def _nearest(
    snapshot: Snapshot, row: int, query: Vectors, mask: NDArray[np.bool_] | None, limit: int
) -> tuple[Rows, Scores]:
    depth = _FIRST_DEPTH * limit + 1
    while True:
        rows, scores = retrieve.by_vector(snapshot, query, mask, depth)
        keep = _one_per_group(snapshot, row, rows)[:limit]
        if len(keep) == limit or len(rows) < depth:
            return rows[keep], scores[keep]
        # Many variants stood in the way: look deeper until the page is full or there is nothing more.
        depth *= 4


def _one_per_group(snapshot: Snapshot, source: int, rows: Rows) -> list[int]:
    seen = {snapshot.text("item_group_id", source)}
    kept = []
    for place, row in enumerate(rows.tolist()):
        group = snapshot.text("item_group_id", row)
        if row == source or (group and group in seen):
            continue
        seen.add(group)
        kept.append(place)
    return kept

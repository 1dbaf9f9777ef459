"""Products like one product: the nearest fused vectors, its own variants left out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.schemas.search import Filters, SearchResponse
from mmpipe.search.find import filters as filtering
from mmpipe.search.page import explain, moments, present

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Scores = NDArray[np.float32]
_FIRST_DEPTH = 4


def similar(
    version: Version,
    product_id: str,
    filters: Filters | None = None,
    limit: int = 20,
    *,
    explained: bool = True,
) -> SearchResponse:
    """:func:`similar_json` as a model."""
    found = similar_json(version, product_id, filters, limit, explained=explained)
    return SearchResponse.model_validate_json(found)


def similar_json(
    version: Version,
    product_id: str,
    filters: Filters | None = None,
    limit: int = 20,
    *,
    explained: bool = True,
) -> bytes:
    """Up to ``limit`` products under ``filters`` nearest to one product, ties by id, as the JSON of a
    :class:`SearchResponse`; ``score`` is the cosine, ``total`` the number of hits.

    Neither the product nor another of its ``item_group_id`` is among them, and of every other group only its
    nearest. A product without any vector has nothing similar. Raises :class:`UnknownProduct`.
    """
    started = time.perf_counter()
    row = version.row(product_id)
    vectors, has = version.fused.gather(np.array([row], np.int32))
    query = vectors[0]
    rows, scores = np.zeros(0, np.int32), np.zeros(0, np.float32)
    if has[0]:
        query = (query / np.linalg.norm(query)).astype(np.float32)
        rows, scores = _nearest(version, row, query, filtering.mask(version, filters or Filters()), limit)
    shares = scores.astype(np.float64)
    splits = explain.split(version, rows, None, shares, query) if explained else None
    seconds = moments.seconds(version, rows, moments.like(version, row))
    hits = present.hits(version, rows, shares.tolist(), splits, seconds)
    head = {
        "collection": version.collection,
        "version": version.label,
        "total": len(rows),
        "facets": {},
        "next_cursor": None,
        "took_ms": round((time.perf_counter() - started) * 1e3, 3),
    }
    return b"".join((to_json(head)[:-1], b',"hits":[', b",".join(hits), b"]}"))


def _nearest(version: Version, row: int, query: Vectors, mask: Words, limit: int) -> tuple[Rows, Scores]:
    depth = _FIRST_DEPTH * limit + 1
    while True:
        rows, scores = version.fused.nearest(query, mask, depth, version.ids.rank)
        keep = _one_per_group(version, row, rows)[:limit]
        if len(keep) == limit or len(rows) < depth:
            return rows[keep], scores[keep]
        # Many variants stood in the way: look deeper until the page is full or there is nothing more.
        depth *= 4


def _one_per_group(version: Version, source: int, rows: Rows) -> list[int]:
    seen = {version.page.static(source)["item_group_id"]}
    kept = []
    for place, row in enumerate(rows.tolist()):
        group = version.page.static(row)["item_group_id"]
        if row == source or (group and group in seen):
            continue
        seen.add(group)
        kept.append(place)
    return kept

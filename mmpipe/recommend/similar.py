"""Products like one product: the nearest fused vectors, its own variants left out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from pydantic_core import to_json

from mmpipe.errors import UnknownProduct
from mmpipe.schemas.search import Filters, SearchResponse
from mmpipe.search.find import filters as filtering
from mmpipe.search.find.likeness import Alike, Likeness, alike, likeness, one_per_group
from mmpipe.search.page import explain, moments, present
from mmpipe.search.shards.shard import Moment, Page

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search import Version
    from mmpipe.search.shards import ShardedSearcher, ShardedVersion


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
    like = likeness(version, row)
    found = alike(version, like, filtering.mask(version, filters or Filters()), limit)
    shares = found.scores.astype(np.float64)
    splits = explain.split(version, found.rows, None, shares, like.vector) if explained else None
    seconds = moments.seconds(version, found.rows, moments.like(version, row))
    hits = present.hits(version, found.rows, shares.tolist(), splits, seconds)
    return _response(version.collection, version.label, hits, started)


async def similar_in_shards_json(
    searcher: ShardedSearcher,
    version: ShardedVersion,
    product_id: str,
    filters: Filters | None = None,
    limit: int = 20,
    *,
    seconds: float,
) -> bytes:
    """What :func:`similar_json` gives, of a version that is split among shards, with the prices of a moment
    in Unix seconds. Raises also :class:`ShardMissing`, whatever ``serve.partial_answers`` says: who lacks a
    shard cannot tell whether the product exists."""
    started = time.perf_counter()
    shards, collection = range(version.shards), version.ref.collection
    likes: list[tuple[Likeness, Vectors | None] | None] = await searcher.ask(
        shards, "like", version, product_id
    )
    known = next((each for each in likes if each is not None), None)
    if known is None:
        raise UnknownProduct(f"no product '{product_id[:128]}' in collection '{collection}'")
    like, seen = known
    moment = Moment(seconds, version.currency)
    parts: list[Alike] = await searcher.ask(
        shards, "alike", version, moment, like, filters or Filters(), limit
    )
    best = _first(like, parts, limit)
    pages = []
    for shard, part in enumerate(parts):
        at = [place for owner, place in best if owner == shard]
        if at:
            scores = part.scores[at].astype(np.float64)
            page = Page(
                rows=part.rows[at],
                scores=scores.tolist(),
                vector=scores,
                query=like.vector,
                moment=seen,
                explained=True,
            )
            pages.append((shard, (moment, page)))
    answers: list[list[bytes]] = await searcher.ask_each("hits", version, pages)
    hits_of = {shard: iter(hits) for (shard, _), hits in zip(pages, answers, strict=True)}
    return _response(collection, version.label, [next(hits_of[owner]) for owner, _ in best], started)


def _first(like: Likeness, parts: list[Alike], limit: int) -> list[tuple[int, int]]:
    """Shard and place there of the nearest of all."""
    found = sorted(
        (-score, product_id, shard, place)
        for shard, part in enumerate(parts)
        for place, (score, product_id) in enumerate(zip(part.scores.tolist(), part.ids, strict=True))
    )
    groups = [parts[shard].groups[place] for _, _, shard, place in found]
    kept = one_per_group(like, [product_id for _, product_id, _, _ in found], groups)[:limit]
    return [found[at][2:] for at in kept]


def _response(collection: str, label: str, hits: list[bytes], started: float) -> bytes:
    head = {
        "collection": collection,
        "version": label,
        "total": len(hits),
        "facets": {},
        "next_cursor": None,
        "took_ms": round((time.perf_counter() - started) * 1e3, 3),
    }
    return b"".join((to_json(head)[:-1], b',"hits":[', b",".join(hits), b"]}"))

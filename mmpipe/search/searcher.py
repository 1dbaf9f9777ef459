"""One search, start to end: filter → retrieve → rank_fusion → facets → page → explain → present."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ProfileMismatch
from mmpipe.lexical import tokens
from mmpipe.schemas.search import SearchResponse
from mmpipe.search import cursor, explain, facets, filters, late, moments, present, retrieve
from mmpipe.search.rank_fusion import Candidates, Fused, fuse

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.query import EncodedQuery
    from mmpipe.search.snapshot import Snapshot
    from mmpipe.settings import ServeSettings

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Matches:
    """Every match of a search, best first. ``lexical`` and ``vector`` are each match's shares of its score,
    None where that list took no part. ``late`` splits the vector share where it is a sum of scores by
    modality, None where it is one of a fused vector."""

    fused: Fused
    lexical: NDArray[np.float64] | None
    vector: NDArray[np.float64] | None
    late: late.Found | None = None


class Searcher:
    """Searches snapshots of tables that ``profile`` encoded. Stateless, so safe for many threads."""

    def __init__(self, profile: Profile, settings: ServeSettings) -> None:
        self._fingerprint = profile.fingerprint
        self._name = profile.name
        self._depth = settings.candidates
        self._vector_weight = settings.vector_weight
        self._fusion_mode = settings.fusion_mode

    def search(self, snapshot: Snapshot, request: SearchRequest, query: EncodedQuery) -> SearchResponse:
        """:meth:`search_payload` as a validated model."""
        return SearchResponse.model_validate(self.search_payload(snapshot, request, query))

    def search_payload(
        self, snapshot: Snapshot, request: SearchRequest, query: EncodedQuery
    ) -> dict[str, Any]:
        """The :class:`SearchResponse` as plain dictionaries, ready for JSON.

        Raises :class:`InvalidRequest` for an unknown facet or a cursor of another search or version, and
        :class:`ProfileMismatch` where other models encoded the table. A query that matches nothing gives
        an empty page.
        """
        started = time.perf_counter()
        self._check_profile(snapshot)
        facets.check(request.facets)
        digest = cursor.digest_of(snapshot.collection, request, query)
        offset = cursor.offset_of(request.cursor, snapshot.label, digest)
        matches = self.match(snapshot, query, filters.mask(snapshot, request.filters))
        total = len(matches.fused.rows)
        end = min(offset + request.limit, total)
        page = slice(min(offset, total), end)
        return {
            "collection": snapshot.collection,
            "version": snapshot.label,
            "total": total,
            "hits": _present(snapshot, matches, page, query, explained=request.explain),
            "facets": {
                name: [{"value": value, "count": count} for value, count in tally]
                for name, tally in facets.count(snapshot, matches.fused.rows, request.facets).items()
            },
            "next_cursor": cursor.next_page(snapshot.label, digest, end, query.heard)
            if end < total
            else None,
            "heard": None if query.heard is None else query.heard.model_dump(),
            "took_ms": round((time.perf_counter() - started) * 1e3, 3),
        }

    def match(self, snapshot: Snapshot, query: EncodedQuery, mask: Mask | None) -> Matches:
        """All matches under ``mask``: the fused candidate lists, or without a query every row, by id."""
        if query.asks_nothing:
            order = snapshot.id_order
            rows = order if mask is None else order[mask[order]]
            return Matches(Fused(rows, np.zeros(len(rows)), ()), None, None)
        found: dict[str, Candidates | None] = {}
        weights = {
            "lexical": (1 - self._vector_weight) * query.text_share,
            "vector": self._vector_weight * query.confidence,
        }
        words = tokens(query.text) if query.text and weights["lexical"] > 0 else []
        if words:
            found["lexical"] = retrieve.by_text(snapshot, words, mask, self._depth)
        by_modality: late.Found | None = None
        if query.vector is not None and weights["vector"] > 0:
            if self._fusion_mode == "early" or not query.modality_weights:
                found["vector"] = retrieve.nearest(snapshot, query.vector, mask, self._depth)
            else:
                hybrid = self._fusion_mode == "hybrid"
                by_modality = late.search(snapshot, query, mask, self._depth, hybrid=hybrid)
                found["vector"] = None if by_modality is None else by_modality.candidates
        lists = {
            name: replace(each, weight=weights[name]) for name, each in found.items() if each is not None
        }
        fused = fuse(list(lists.values()), snapshot.id_rank)
        shares = dict(zip(lists, fused.shares, strict=True))
        return Matches(fused, shares.get("lexical"), shares.get("vector"), by_modality)

    def _check_profile(self, snapshot: Snapshot) -> None:
        if snapshot.fingerprint != self._fingerprint:
            raise ProfileMismatch(
                f"collection '{snapshot.collection}' is encoded by profile {snapshot.profile.name}"
                f" {snapshot.fingerprint}, this searcher encodes queries by {self._name} {self._fingerprint}"
            )


def _present(
    snapshot: Snapshot, matches: Matches, page: slice, query: EncodedQuery, *, explained: bool
) -> list[dict[str, Any]]:
    rows = matches.fused.rows[page]
    splits = None
    if explained:
        lexical = None if matches.lexical is None else matches.lexical[page]
        vector = None if matches.vector is None else matches.vector[page]
        earned = None if matches.late is None else matches.late.shares(rows)
        splits = explain.split(snapshot, rows, lexical, vector, query.vector, earned)
    matched = moments.seconds(snapshot, rows, moments.asked(query))
    return present.hits(snapshot, rows, matches.fused.scores[page], splits, matched)

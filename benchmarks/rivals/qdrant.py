"""Qdrant's engine in process (Qdrant Edge): two searches, a count and a facet request per column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rivals.asked import FACET_VALUES, NEIGHBOURS, Question, Shop, answer, fused, main

_BATCH = 1_000


class Qdrant:
    """One shard."""

    lacks = ("words and vector in one call", "what words and vector each gave")

    def __init__(self) -> None:
        import qdrant_edge

        self._q: Any = qdrant_edge

    def load(self, shop: Shop, folder: Path) -> None:
        q = self._q
        folder.mkdir()
        size = shop.vectors.shape[1]
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=size, distance=q.Distance.Cosine),
            hnsw_config=q.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
        )
        self._shard: Any = q.EdgeShard.create(str(folder), config)
        text = q.TextIndexParams(tokenizer=q.TokenizerType.Whitespace, scoring=True)
        self._shard.update(q.UpdateOperation.create_field_index("body", text))
        for name in shop.columns:
            keyword = q.PayloadSchemaType.Keyword
            self._shard.update(q.UpdateOperation.create_field_index(name, keyword))
        start = 0
        for batch in shop.table.to_batches(max_chunksize=_BATCH):
            vectors = shop.vectors[start : start + batch.num_rows].tolist()
            points = [
                q.Point(row["place"], vector, row)
                for row, vector in zip(batch.to_pylist(), vectors, strict=True)
            ]
            self._shard.update(q.UpdateOperation.upsert_points(points))
            start += batch.num_rows
        self._shard.flush()
        while self._shard.optimize():
            pass

    def ask(self, question: Question) -> bytes:
        q, shard = self._q, self._shard
        under = q.FieldCondition(question.column, match=q.MatchValue(question.value))
        holds = q.FieldCondition("body", match=q.MatchText(question.text))
        near = shard.query(
            q.QueryRequest(
                limit=NEIGHBOURS,
                query=q.Query.Nearest(question.vector.tolist()),
                filter=q.Filter(must=[under]),
                params=q.SearchParams(hnsw_ef=NEIGHBOURS),
                with_payload=False,
            )
        )
        said = shard.query(
            q.QueryRequest(
                limit=NEIGHBOURS,
                query=q.TextQuery("body", question.text),
                filter=q.Filter(must=[under, holds]),
                with_payload=False,
            )
        )
        ids = [point.id for point in near]
        found = q.Filter(must=[under, q.Filter(should=[holds, q.HasIdCondition(set(ids))])])
        facets = {
            name: [
                [hit.value, hit.count]
                for hit in shard.facet(q.FacetRequest(name, FACET_VALUES, True, found)).hits
            ]
            for name in question.facets
        }
        page = fused([point.id for point in said], ids)
        shown = {
            record.id: record.payload for record in shard.retrieve(page, with_payload=True, with_vector=False)
        }
        total = shard.count(q.CountRequest(exact=True, filter=found))
        return answer(total, facets, [shown[place] for place in page])

    def close(self) -> None:
        self._shard.close()


if __name__ == "__main__":
    main(Qdrant)

"""zvec for words, neighbours and filters; totals and facets counted here, over columns kept in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rivals.asked import NEIGHBOURS, Question, Shop, answer, fused, main

_BATCH = 1_000
# More than the engine takes is refused by it.
_MOST_MATCHES = 100_000


class Zvec:
    """One collection."""

    lacks = ("totals", "facets", "words and vector in one call", "what words and vector each gave")

    def __init__(self) -> None:
        import zvec

        self._z: Any = zvec

    def load(self, shop: Shop, folder: Path) -> None:
        z = self._z
        text = z.FtsIndexParam(tokenizer_name="whitespace")
        fields = [z.FieldSchema("body", z.DataType.STRING, index_param=text)]
        fields += [
            z.FieldSchema(name, z.DataType.STRING, nullable=True, index_param=z.InvertIndexParam())
            for name in shop.columns
        ]
        vector = z.VectorSchema(
            "vector",
            z.DataType.VECTOR_FP32,
            shop.vectors.shape[1],
            index_param=z.HnswIndexParam(metric_type=z.MetricType.COSINE),
        )
        schema = z.CollectionSchema(name="products", fields=fields, vectors=[vector])
        self._collection: Any = z.create_and_open(str(folder), schema)
        start = 0
        for batch in shop.table.select(["place", "body", *shop.columns]).to_batches(max_chunksize=_BATCH):
            vectors = shop.vectors[start : start + batch.num_rows].tolist()
            documents = []
            for row, values in zip(batch.to_pylist(), vectors, strict=True):
                place = row.pop("place")
                kept = {name: value for name, value in row.items() if value is not None}
                documents.append(z.Doc(id=str(place), vectors={"vector": values}, fields=kept))
            self._collection.insert(documents)
            start += batch.num_rows
        self._collection.optimize()
        self._shop = shop

    def ask(self, question: Question) -> bytes:
        z = self._z
        value = question.value.replace("'", "''")
        under = f"{question.column} = '{value}'"
        said = self._places(
            z.Query(
                "body", fts=z.Fts(match_string=question.text), param=z.FtsQueryParam(default_operator="AND")
            ),
            _MOST_MATCHES,
            under,
        )
        near = self._places(
            z.Query("vector", vector=question.vector.tolist(), param=z.HnswQueryParam(ef=NEIGHBOURS)),
            NEIGHBOURS,
            under,
        )
        found = np.unique(np.asarray([*said, *near], np.int64))
        facets = self._shop.count(found, question.facets)
        return answer(len(found), facets, self._shop.hits(fused(said, near)))

    def _places(self, query: Any, count: int, under: str) -> list[int]:
        found = self._collection.query(query, topk=count, filter=under, output_fields=[])
        return [int(each.id) for each in found]

    def close(self) -> None:
        self._collection.close()


if __name__ == "__main__":
    main(Zvec)

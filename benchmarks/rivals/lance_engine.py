"""LanceDB: a full-text and a vector query that bring the facets' columns, counted here by Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rivals.asked import FACET_VALUES, NEIGHBOURS, Question, Shop, answer, fused, main

_MOST_MATCHES = 1_000_000


class LanceDB:
    """One table."""

    lacks = ("totals", "facets", "what words and vector each gave")

    def __init__(self) -> None:
        import lancedb
        from lancedb.query import FullTextOperator, MatchQuery

        self._lancedb: Any = lancedb
        self._match, self._operator = MatchQuery, FullTextOperator

    def load(self, shop: Shop, folder: Path) -> None:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(shop.vectors.reshape(-1)), shop.vectors.shape[1])
        fed = shop.table.append_column("vector", vectors)
        self._table: Any = self._lancedb.connect(str(folder)).create_table("products", fed)
        self._table.create_index(metric="cosine", vector_column_name="vector", index_type="IVF_HNSW_SQ")
        self._table.create_fts_index(
            "body",
            base_tokenizer="whitespace",
            lower_case=False,
            stem=False,
            remove_stop_words=False,
            ascii_folding=False,
            with_position=False,
        )
        for name in shop.columns:
            self._table.create_scalar_index(name, index_type="BITMAP")
        self._shop = shop

    def ask(self, question: Question) -> bytes:
        value = question.value.replace("'", "''")
        under = f"{question.column} = '{value}'"
        columns = ["place", *question.facets]
        words = self._match(question.text, "body", operator=self._operator.AND)
        said = self._table.search(words, query_type="fts").where(under, prefilter=True)
        said = said.select([*columns, "_score"]).limit(_MOST_MATCHES).to_arrow()
        near = self._table.search(question.vector).distance_type("cosine").where(under, prefilter=True)
        near = near.ef(NEIGHBOURS).select([*columns, "_distance"]).limit(NEIGHBOURS).to_arrow()
        both = pa.concat_tables([said.select(columns), near.select(columns)])
        found = both.group_by("place").aggregate([(name, "min") for name in question.facets])
        facets = {}
        for name in question.facets:
            counted = pc.value_counts(found.column(f"{name}_min").drop_null()).to_pylist()
            best = sorted(counted, key=lambda each: -each["counts"])[:FACET_VALUES]
            facets[name] = [[each["values"], each["counts"]] for each in best]
        page = fused(said["place"].to_pylist(), near["place"].to_pylist())
        return answer(found.num_rows, facets, self._shop.hits(page))

    def close(self) -> None:
        pass


if __name__ == "__main__":
    main(LanceDB)

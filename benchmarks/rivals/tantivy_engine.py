"""Tantivy for words, filters and counts; the neighbours by numpy over all vectors, for it has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rivals.asked import FACET_VALUES, HITS, NEIGHBOURS, Question, Shop, answer, fused, main


class Tantivy:
    """One index in one segment."""

    lacks = ("vectors", "what words and vector each gave")

    def __init__(self) -> None:
        import tantivy

        self._t: Any = tantivy

    def load(self, shop: Shop, folder: Path) -> None:
        t = self._t
        folder.mkdir()
        builder = t.SchemaBuilder()
        builder.add_integer_field("place", stored=True, indexed=True, fast=True)
        builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        for name in shop.columns:
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
        self._schema: Any = builder.build()
        self._index: Any = t.Index(self._schema, str(folder))
        whitespace = t.TextAnalyzerBuilder(t.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("whitespace", whitespace)
        writer = self._index.writer(heap_size=512_000_000, num_threads=1)
        for batch in shop.table.select(["place", "body", *shop.columns]).to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                fields = {name: value for name, value in row.items() if value is not None}
                writer.add_document(t.Document(**fields))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher: Any = self._index.searcher()
        self._shop = shop

    def ask(self, question: Question) -> bytes:
        t, schema = self._t, self._schema
        numbers, values = self._shop.codes[question.column]
        places = np.flatnonzero(numbers == values.index(question.value))
        scores = (
            self._shop.vectors @ question.vector
            if len(places) > len(numbers) // 4
            else self._shop.vectors[places] @ question.vector
        )
        if len(scores) != len(places):
            scores = scores[places]
        best = np.argpartition(-scores, min(NEIGHBOURS, len(scores)) - 1)[:NEIGHBOURS]
        near = places[best[np.argsort(-scores[best])]].tolist()
        under = t.Query.const_score_query(t.Query.term_query(schema, question.column, question.value), 0.0)
        words = [(t.Occur.Must, t.Query.term_query(schema, "body", word)) for word in question.words]
        holds = t.Query.boolean_query(words)
        beside = t.Query.const_score_query(t.Query.term_set_query(schema, "place", near), 0.0)
        either = t.Query.boolean_query([(t.Occur.Should, holds), (t.Occur.Should, beside)])
        found = t.Query.boolean_query([(t.Occur.Must, under), (t.Occur.Must, either)])
        result = self._searcher.search(found, HITS)
        counted = self._searcher.aggregate(
            found, {name: {"terms": {"field": name, "size": FACET_VALUES}} for name in question.facets}
        )
        facets = {
            name: [[bucket["key"], bucket["doc_count"]] for bucket in counted[name]["buckets"]]
            for name in question.facets
        }
        said = [self._searcher.doc(address)["place"][0] for score, address in result.hits if score > 0]
        return answer(result.count, facets, self._shop.hits(fused(said, near)))

    def close(self) -> None:
        pass


if __name__ == "__main__":
    main(Tantivy)

"""Titles asked of pictures alone: whether a model's towers agree on what a product is.

Full text finds a title whatever the models are, and so does a text vector, for the title is part of the
product's text. A picture's vector holds none of the title's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.evaluate.judged import JudgedQuery
from mmpipe.lake.schema import hash_column, vector_block, vector_column
from mmpipe.lake.storage import lance_errors

if TYPE_CHECKING:
    import lance

    from mmpipe.encoders.base import Vectors
    from mmpipe.encoders.registry import LoadedEncoders

MAX_PICTURES = 20_000
_BATCH_ROWS = 4_096
_ENCODED = f"deleted = false AND {hash_column('image')} IS NOT NULL"


def common_pictures(tables: Sequence[lance.LanceDataset], rng: np.random.Generator) -> list[str]:
    """Ids of products whose pictures are encoded in every table, sorted; :data:`MAX_PICTURES` at most."""
    with lance_errors("looking for pictures"):
        found = [set(t.to_table(columns=["id"], filter=_ENCODED).column("id").to_pylist()) for t in tables]
    ids = sorted(set.intersection(*found))
    if len(ids) > MAX_PICTURES:
        ids = [ids[i] for i in sorted(rng.choice(len(ids), MAX_PICTURES, replace=False).tolist())]
    return ids


def about(queries: Sequence[JudgedQuery], ids: Sequence[str]) -> list[JudgedQuery]:
    """The text queries that one of these products answers."""
    known = frozenset(ids)
    return [query for query in queries if query.text and not known.isdisjoint(query.relevant)]


def rank(
    table: lance.LanceDataset,
    loaded: LoadedEncoders,
    ids: Sequence[str],
    queries: Sequence[JudgedQuery],
    depth: int,
) -> list[tuple[str, ...]]:
    """Per query the ``depth`` products whose pictures are nearest to its text, best first, ties by id."""
    vectors = _vectors(table, ids, loaded.profile.dim)
    ranked = []
    for query in queries:
        scores = vectors @ loaded.encoders["text"].embed_query(query.text or "")
        best = np.argsort(-scores, kind="stable")[:depth]
        ranked.append(tuple(ids[i] for i in best.tolist()))
    return ranked


def _vectors(table: lance.LanceDataset, ids: Sequence[str], dim: int) -> Vectors:
    wanted = pa.array(ids, pa.string())
    found = np.zeros((len(ids), dim), dtype=np.float32)
    name = vector_column("image")
    with lance_errors("reading the vectors of pictures"):
        for batch in table.scanner(
            columns=["id", name], filter=_ENCODED, batch_size=_BATCH_ROWS
        ).to_batches():
            places = pc.index_in(batch.column("id"), value_set=wanted)
            mine = places.is_valid().to_numpy(zero_copy_only=False)
            found[places.drop_null().to_numpy()] = vector_block(batch.column(name), dim).values[mine]
    return found

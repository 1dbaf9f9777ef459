"""One Lance fragment in memory, exactly as its data files hold it.

Data files never change, so a block is built once and shared by every version that still has the fragment.
Which of its rows are alive is the version's business: deletions arrive as separate small files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES
from mmpipe.lake.schema import FUSED, vector_block, vector_column
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search import postings
from mmpipe.search.dictionaries import Codes, Dictionaries
from mmpipe.search.prices import Sales, read_sales
from mmpipe.search.vectors import VectorBlock

# Text kept as it is, for the rows of a result page; everything else that a page shows is dictionary-encoded.
TEXT_FIELDS: tuple[str, ...] = ("id", "title", "image_link", "link", "item_group_id", "transcript")
CODED_FIELDS: tuple[str, ...] = (*FACET_FIELDS, "currency")
VECTOR_FIELDS: tuple[str, ...] = (*(vector_column(m) for m in MODALITIES), FUSED)
_COLUMNS = [
    "deleted", "price", "sale_price", "sale_start", "sale_end", "attribute_pairs", "search_text",
    *TEXT_FIELDS, *CODED_FIELDS,
]  # fmt: skip

BlockKey = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class Block:
    """Columns of one fragment; every array has one entry per physical row, deleted ones included. ``price``
    is the list price."""

    rows: int
    tombstone: NDArray[np.bool_]
    price: NDArray[np.float64]
    sales: Sales
    texts: Mapping[str, pa.Array]
    codes: Mapping[str, Codes]
    pair_start: NDArray[np.int64]
    pair_codes: Codes
    postings: postings.Postings
    vectors: Mapping[str, VectorBlock]

    @property
    def nbytes(self) -> int:
        """Bytes held, token tables and dictionaries aside."""
        arrays = [self.tombstone, self.price, self.pair_start, self.pair_codes, *self.codes.values()]
        held = [*arrays, self.sales, *self.texts.values(), *self.vectors.values(), self.postings]
        return sum(int(part.nbytes) for part in held)


def key_of(fragment: Any) -> BlockKey:
    """What names a fragment's data for good: its id and its data files."""
    return fragment.fragment_id, tuple(file.path for file in fragment.data_files())


def read_block(fragment: Any, dictionaries: Dictionaries, dim: int) -> Block:
    """Read one fragment, deleted rows included, so that the block serves every version."""
    # The row id makes Lance report deleted rows instead of dropping them.
    stored = set(fragment.schema.names)  # a table of an earlier release may lack what is new since
    names = [name for name in _COLUMNS if name in stored]
    table = fragment.to_table(columns=names, with_row_id=True, include_deleted_rows=True)
    column = {name: _whole(table[name]) for name in names}
    price = column["price"].to_numpy(zero_copy_only=False).astype(np.float64)
    pairs = column["attribute_pairs"]
    lengths = pc.fill_null(pc.list_value_length(pairs), 0).to_numpy(zero_copy_only=False)
    return Block(
        rows=table.num_rows,
        tombstone=column["deleted"].to_numpy(zero_copy_only=False).astype(np.bool_),
        price=price,
        sales=read_sales(price, column["sale_price"], column.get("sale_start"), column.get("sale_end")),
        texts={name: column[name] for name in TEXT_FIELDS},
        codes={name: dictionaries.fields[name].encode(column[name]) for name in CODED_FIELDS},
        pair_start=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        pair_codes=dictionaries.pairs.encode(pairs.flatten()),
        postings=postings.build(column["search_text"]),
        vectors=dict(_read_vectors(fragment, dim)),
    )


def _read_vectors(fragment: Any, dim: int) -> Iterator[tuple[str, VectorBlock]]:
    # One column at a time: the float32 copy of only one is in memory before it is packed.
    for name in VECTOR_FIELDS:
        table = fragment.to_table(columns=[name], with_row_id=True, include_deleted_rows=True)
        read = vector_block(table[name], dim)
        yield name, VectorBlock.of(read.values, read.present, searched=name == FUSED)


def live_rows(fragment: Any) -> NDArray[np.bool_]:
    """Which physical rows of a fragment are not deleted in its version."""
    rows = fragment.physical_rows
    if not fragment.num_deletions:
        return np.ones(rows, np.bool_)
    addresses = fragment.to_table(columns=[], with_row_address=True)["_rowaddr"].to_numpy()
    alive = np.zeros(rows, np.bool_)
    alive[(addresses & 0xFFFFFFFF).astype(np.int64)] = True
    return alive


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole

"""One Lance fragment in memory, exactly as its data files hold it.

Data files never change, so a block is built once and shared by every version that still has the fragment as
it was. Where some columns were written anew in place, the next version's block reads those alone and shares
the other parts. Which rows are alive is the version's business: deletions arrive as separate small files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES
from mmpipe.lake.columns import Files
from mmpipe.lake.frames import FRAME_COLUMNS
from mmpipe.lake.schema import FUSED, vector_block, vector_column
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search import postings
from mmpipe.search.dictionaries import Codes, Dictionaries
from mmpipe.search.prices import Sales, read_sales
from mmpipe.search.vectors import PackedBlock

# Text kept as it is, for the rows of a result page; everything else that a page shows is dictionary-encoded.
TEXT_FIELDS: tuple[str, ...] = ("id", "title", "image_link", "link", "item_group_id", "transcript")
CODED_FIELDS: tuple[str, ...] = (*FACET_FIELDS, "currency")
VECTOR_FIELDS: tuple[str, ...] = (*(vector_column(m) for m in MODALITIES), FUSED)
_SALES = ("sale_price", "sale_start", "sale_end")
_PAIRS = "attribute_pairs"
_TOKENS = "search_text"
# What a snapshot reads, now or, the frames of clips, when they are asked for.
READ_COLUMNS: tuple[str, ...] = (
    "deleted", "price", *_SALES, _PAIRS, _TOKENS, *TEXT_FIELDS, *CODED_FIELDS, *VECTOR_FIELDS, *FRAME_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Columns of one fragment; every array has one entry per physical row, deleted ones included. ``price``
    is the list price, ``sales`` has every sale price, also one that is no lower. ``files`` names what each of
    :data:`READ_COLUMNS` was read from."""

    files: Mapping[str, Files]
    rows: int
    tombstone: NDArray[np.bool_]
    price: NDArray[np.float64]
    sales: Sales
    texts: Mapping[str, pa.Array]
    codes: Mapping[str, Codes]
    pair_start: NDArray[np.int64]
    pair_codes: Codes
    postings: postings.Postings
    vectors: Mapping[str, PackedBlock]

    @property
    def nbytes(self) -> int:
        """Bytes held, token tables and dictionaries aside."""
        arrays = [self.tombstone, self.price, self.pair_start, self.pair_codes, *self.codes.values()]
        held = [*arrays, self.sales, *self.texts.values(), *self.vectors.values(), self.postings]
        return sum(int(part.nbytes) for part in held)


def files_of(held: Mapping[str, Files]) -> dict[str, Files]:
    """What names the values of each of :data:`READ_COLUMNS` for good: the files that hold it, and for a
    column that none holds, null in every row, those of the rows' ids."""
    rows = held["id"]
    return {name: held.get(name, rows) for name in READ_COLUMNS}


def read_block(
    fragment: Any,
    files: Mapping[str, Files],
    dictionaries: Dictionaries,
    dim: int,
    former: Block | None = None,
) -> Block:
    """Read one fragment, deleted rows included, so that the block serves every version. ``files`` are its
    :func:`files_of`.

    Of ``former``, a block of the fragment in another version, everything is taken over whose columns are in
    the same files, and none of it read. Where all are, the block is ``former`` itself.
    """
    if former is not None and former.files == files:
        return former
    return _Reader(fragment, files, dictionaries, dim, former).block()


class _Reader:
    """The parts of one block, each ``former``'s or read anew."""

    def __init__(
        self,
        fragment: Any,
        files: Mapping[str, Files],
        dictionaries: Dictionaries,
        dim: int,
        former: Block | None,
    ) -> None:
        self._fragment = fragment
        self._files = files
        self._dictionaries = dictionaries
        self._dim = dim
        self._former = former
        self._column = self._read()

    def block(self) -> Block:
        held, column = self._held, self._column
        pair_start, pair_codes = (b.pair_start, b.pair_codes) if (b := held(_PAIRS)) else self._pairs()
        return Block(
            files=self._files,
            rows=self._fragment.physical_rows,
            tombstone=b.tombstone if (b := held("deleted")) else self._tombstone(),
            price=b.price if (b := held("price")) else self._price(),
            sales=b.sales if (b := held(*_SALES)) else self._sales(),
            texts={name: b.texts[name] if (b := held(name)) else column[name] for name in TEXT_FIELDS},
            codes={name: b.codes[name] if (b := held(name)) else self._codes(name) for name in CODED_FIELDS},
            pair_start=pair_start,
            pair_codes=pair_codes,
            postings=b.postings if (b := held(_TOKENS)) else postings.build(column[_TOKENS]),
            vectors={
                name: b.vectors[name] if (b := held(name)) else self._vectors(name) for name in VECTOR_FIELDS
            },
        )

    def _held(self, *columns: str) -> Block | None:
        """The former block, where all these columns are in the files that it has them from."""
        former = self._former
        if former is None or any(former.files[name] != self._files[name] for name in columns):
            return None
        return former

    def _read(self) -> dict[str, pa.Array]:
        """Every column of the parts that are to be read, but for the vectors."""
        stored = set(self._fragment.schema.names)  # a table of an earlier release may lack what is new since
        single = ("deleted", "price", _PAIRS, _TOKENS, *TEXT_FIELDS, *CODED_FIELDS)
        names = [] if self._held(*_SALES) else [name for name in _SALES if name in stored]
        names += [name for name in single if not self._held(name)]
        if not names:
            return {}
        # The row id makes Lance report deleted rows instead of dropping them.
        table = self._fragment.to_table(columns=names, with_row_id=True, include_deleted_rows=True)
        return {name: _whole(table[name]) for name in names}

    def _tombstone(self) -> NDArray[np.bool_]:
        marks: NDArray[np.bool_] = self._column["deleted"].to_numpy(zero_copy_only=False).astype(np.bool_)
        return marks

    def _codes(self, name: str) -> Codes:
        return self._dictionaries.fields[name].encode(self._column[name])

    def _price(self) -> NDArray[np.float64]:
        price: NDArray[np.float64] = self._column["price"].to_numpy(zero_copy_only=False).astype(np.float64)
        return price

    def _sales(self) -> Sales:
        sale, start, end = (self._column.get(name) for name in _SALES)
        return read_sales(sale, start, end)

    def _pairs(self) -> tuple[NDArray[np.int64], Codes]:
        pairs = self._column[_PAIRS]
        lengths = pc.fill_null(pc.list_value_length(pairs), 0).to_numpy(zero_copy_only=False)
        start = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return start, self._dictionaries.pairs.encode(pairs.flatten())

    def _vectors(self, name: str) -> PackedBlock:
        # One column at a time: the float32 copy of only one is in memory before it is packed.
        table = self._fragment.to_table(columns=[name], with_row_id=True, include_deleted_rows=True)
        read = vector_block(table[name], self._dim)
        return PackedBlock.of(read.values, read.present, searched=name == FUSED)


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

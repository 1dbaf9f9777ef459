"""What the table already holds of the products of one chunk: orders, hashes, and vectors to copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mmpipe.encoders.base import MODALITIES, Modality
from mmpipe.lake.frames import FRAME_COLUMNS, FRAMES, SECONDS, ClipFrames, clip_frames
from mmpipe.lake.precedence import NO_ORDER, Standing
from mmpipe.lake.schema import VectorBlock, hash_column, vector_block, vector_column

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.lake import ProductTable

KNOWN_COLUMNS: tuple[str, ...] = (
    "id",
    "source_order",
    "deleted",
    "item_group_id",
    "stock",
    "document",
    "media_uris",
    "transcript",
    "transcript_by",
    *(hash_column(m) for m in MODALITIES),
    *(vector_column(m) for m in MODALITIES),
    *FRAME_COLUMNS,
)


class KnownRows:
    """Some rows of a table, by product id; an id it does not hold is not in the table. Vectors are read when
    first asked for.
    """

    def __init__(self, rows: pa.Table | None, dim: int) -> None:
        self._rows = rows
        self._dim = dim
        self._blocks: dict[Modality, VectorBlock] = {}
        if rows is None or rows.num_rows == 0:
            self._index: dict[str, int] = {}
            return
        self._orders: list[str] = rows.column("source_order").to_pylist()
        ids = enumerate(rows.column("id").to_pylist())
        self._index = {product_id: i for i, product_id in ids if self._orders[i] != NO_ORDER}
        self._groups: list[str | None] = rows.column("item_group_id").to_pylist()
        self._stocks: list[str | None] = rows.column("stock").to_pylist()
        self._deleted: list[bool] = rows.column("deleted").to_pylist()
        self._documents: list[str | None] = rows.column("document").to_pylist()
        self._uris: list[list[str] | None] = rows.column("media_uris").to_pylist()
        self._transcripts: list[str | None] = rows.column("transcript").to_pylist()
        self._listeners: list[str | None] = rows.column("transcript_by").to_pylist()
        self._hashes: dict[Modality, list[str | None]] = {
            m: rows.column(hash_column(m)).to_pylist() for m in MODALITIES
        }

    def __len__(self) -> int:
        return len(self._index)

    def ids(self) -> list[str]:
        """The ids it holds."""
        return list(self._index)

    def find(self, product_id: str) -> int | None:
        """The row of a product, tombstones included."""
        return self._index.get(product_id)

    def order(self, row: int) -> str:
        """``source_order`` of a row."""
        return self._orders[row]

    def standing(self, row: int) -> Standing:
        """What the row means to other writes of its id."""
        return Standing(self.order(row), self.deleted(row), self._groups[row])

    def stock(self, row: int) -> str | None:
        """What a newer source than the row's own told of its stock, as the column has it."""
        return self._stocks[row]

    def deleted(self, row: int) -> bool:
        """Whether the row is a tombstone."""
        return bool(self._deleted[row])

    def document(self, row: int) -> str | None:
        """The product as JSON; None for a tombstone."""
        return self._documents[row]

    def media_uris(self, row: int) -> list[str]:
        """The addresses its media were read from."""
        return self._uris[row] or []

    def hashes(self, row: int) -> dict[Modality, str]:
        """The content hashes of the modalities it has."""
        found = ((m, column[row]) for m, column in self._hashes.items())
        return {m: value for m, value in found if value}

    def transcript(self, row: int) -> tuple[str | None, str | None]:
        """What is said in its recording, and the recogniser that listened."""
        return self._transcripts[row], self._listeners[row]

    def without_vectors(self) -> KnownRows:
        """The same rows for someone who has copied the vectors already; far smaller to send."""
        if self._rows is None:
            return self
        dropped = [*(vector_column(m) for m in MODALITIES), *FRAME_COLUMNS]
        return KnownRows(self._rows.drop_columns(dropped), self._dim)

    def vectors(self, modality: Modality) -> VectorBlock:
        """One modality's vectors of all rows."""
        if self._rows is None:
            raise KeyError("no rows are known, so there are no vectors to copy")
        if modality not in self._blocks:
            self._blocks[modality] = vector_block(self._rows.column(vector_column(modality)), self._dim)
        return self._blocks[modality]

    def clip(self, row: int) -> ClipFrames | None:
        """The frames of a row's clip, to copy."""
        if self._rows is None:
            raise KeyError("no rows are known, so there are no frames to copy")
        return clip_frames(self._rows.column(SECONDS)[row], self._rows.column(FRAMES)[row], self._dim)


Lookup = Callable[[Sequence[str]], KnownRows]


def lookup_in(table: ProductTable, dim: int) -> Lookup:
    """Ask the table's newest version, one call per chunk."""

    def find(ids: Sequence[str]) -> KnownRows:
        return KnownRows(table.fetch(list(ids), columns=list(KNOWN_COLUMNS)) if ids else None, dim)

    return find


def nothing_known(dim: int) -> Lookup:
    """For a table that was empty when the run began: nothing can be copied, so nothing need be asked."""
    return lambda _ids: KnownRows(None, dim)

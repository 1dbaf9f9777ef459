"""What the table already holds of the products of one chunk: orders, digests, and vectors to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mmpipe.encoders.base import MODALITIES, Modality
from mmpipe.lake.changes import basis_of
from mmpipe.lake.frames import FRAME_COLUMNS, FRAMES, SECONDS, ClipFrames, clip_frames
from mmpipe.lake.precedence import NO_ORDER, Standing
from mmpipe.lake.schema import ADDED, VectorBlock, hash_column, vector_block, vector_column

if TYPE_CHECKING:
    from datetime import datetime

    import lance
    import pyarrow as pa

    from mmpipe.encoders.base import Vectors
    from mmpipe.lake import ProductTable

# What is looked up of every product: some hundred bytes of each.
HELD_COLUMNS: tuple[str, ...] = (
    "id",
    "source_order",
    "deleted",
    "item_group_id",
    "stock",
    "content",
    "media_uris",
    "media_seen",
    "media_asked",
    "transcript",
    "transcript_by",
    *(hash_column(m) for m in MODALITIES),
)
_VECTOR_COLUMNS: tuple[str, ...] = (*(vector_column(m) for m in MODALITIES), *FRAME_COLUMNS, ADDED)
# Of rows whose media are read again: the product itself is not at hand.
DOCUMENT_COLUMNS: tuple[str, ...] = (*HELD_COLUMNS, "document")
WHOLE_COLUMNS: tuple[str, ...] = (*DOCUMENT_COLUMNS, *_VECTOR_COLUMNS)
# Rows by their ids, with the columns asked for.
Fetch = Callable[[Sequence[str], Sequence[str]], "pa.Table"]


class HeldRows:
    """Some rows of a table, by product id; an id it does not hold is not in the table.

    Vectors, and when a product came, are read for the rows that :meth:`load_vectors` and :meth:`load_added`
    name, by ``fetch``, unless they are among the columns of ``rows``.
    """

    def __init__(self, rows: pa.Table | None, dim: int, fetch: Fetch | None = None) -> None:
        self._dim = dim
        self._fetch = fetch
        self._vectors: pa.Table | None = None
        self._places: dict[int, int] = {}
        self._blocks: dict[Modality, VectorBlock] = {}
        self._added: dict[int, datetime | None] = {}
        if rows is None or rows.num_rows == 0:
            self._index: dict[str, int] = {}
            return
        self._ids: list[str] = rows.column("id").to_pylist()
        self._orders: list[str] = rows.column("source_order").to_pylist()
        self._index = {i: row for row, i in enumerate(self._ids) if self._orders[row] != NO_ORDER}
        self._groups: list[str | None] = rows.column("item_group_id").to_pylist()
        self._stocks: list[str | None] = rows.column("stock").to_pylist()
        self._deleted: list[bool] = rows.column("deleted").to_pylist()
        self._contents: list[str | None] = rows.column("content").to_pylist()
        self._uris: list[list[str] | None] = rows.column("media_uris").to_pylist()
        self._seen: list[str | None] = rows.column("media_seen").to_pylist()
        self._asked: list[datetime | None] = rows.column("media_asked").to_pylist()
        self._transcripts: list[str | None] = rows.column("transcript").to_pylist()
        self._listeners: list[str | None] = rows.column("transcript_by").to_pylist()
        self._hashes: dict[Modality, list[str | None]] = {
            m: rows.column(hash_column(m)).to_pylist() for m in MODALITIES
        }
        names = set(rows.column_names)
        self._documents: list[str | None] | None = (
            rows.column("document").to_pylist() if "document" in names else None
        )
        if names.issuperset(_VECTOR_COLUMNS):
            self._vectors = rows.select(["id", *_VECTOR_COLUMNS])
            self._places = {row: row for row in range(rows.num_rows)}
            self._added = dict(enumerate(rows.column(ADDED).to_pylist()))

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

    def content(self, row: int) -> str | None:
        """The digest of the upload that made it; None in a row of an earlier release."""
        return self._contents[row]

    def basis(self, row: int) -> str:
        """See :func:`mmpipe.lake.changes.basis_of`."""
        return basis_of(self._contents[row], self._orders[row])

    def document(self, row: int) -> str | None:
        """The product as JSON; None for a tombstone. Only where it was asked for."""
        if self._documents is None:
            raise KeyError("the rows were looked up without their documents")
        return self._documents[row]

    def media_uris(self, row: int) -> list[str]:
        """The addresses its media were read from."""
        return self._uris[row] or []

    def media_seen(self, row: int) -> str | None:
        """What was found at each of these addresses, as the column has it."""
        return self._seen[row]

    def media_asked(self, row: int) -> datetime | None:
        """When hosts last told that its media are as they were."""
        return self._asked[row]

    def hashes(self, row: int) -> dict[Modality, str]:
        """The content hashes of the modalities it has."""
        found = ((m, column[row]) for m, column in self._hashes.items())
        return {m: value for m, value in found if value}

    def transcript(self, row: int) -> tuple[str | None, str | None]:
        """What is said in its recording, and the recogniser that listened."""
        return self._transcripts[row], self._listeners[row]

    def load_vectors(self, rows: Sequence[int]) -> None:
        """Read the vectors of these rows, in one call."""
        missing = {self._ids[row]: row for row in rows if row not in self._places}
        if not missing:
            return
        if self._fetch is None:
            raise KeyError("the rows were looked up without a way to their vectors")
        self._vectors = self._fetch(list(missing), ("id", *_VECTOR_COLUMNS))
        self._blocks = {}
        ids = self._vectors.column("id").to_pylist()
        self._places = {missing[product_id]: place for place, product_id in enumerate(ids)}
        self._add_moments(self._vectors, missing)

    def load_added(self, rows: Sequence[int]) -> None:
        """Read when the products of these rows came, in one call, where their vectors were not read."""
        missing = {self._ids[row]: row for row in rows if row not in self._added}
        if missing and self._fetch is not None:
            self._add_moments(self._fetch(list(missing), ("id", ADDED)), missing)

    def _add_moments(self, read: pa.Table, rows: Mapping[str, int]) -> None:
        ids, moments = read.column("id").to_pylist(), read.column(ADDED).to_pylist()
        self._added.update({rows[i]: moment for i, moment in zip(ids, moments, strict=True)})

    def added(self, row: int) -> datetime | None:
        """When the product of a row that was loaded came; None where nobody knows."""
        return self._added.get(row)

    def vector(self, modality: Modality, row: int) -> Vectors | None:
        """One vector of a row that was loaded; None where it has none, or the row is not there any more."""
        place = self._places.get(row)
        if place is None or self._vectors is None:
            return None
        if modality not in self._blocks:
            column = self._vectors.column(vector_column(modality))
            self._blocks[modality] = vector_block(column, self._dim)
        block = self._blocks[modality]
        return block.values[place] if block.present[place] else None

    def clip(self, row: int) -> ClipFrames | None:
        """The frames of a loaded row's clip, to copy."""
        place = self._places.get(row)
        if place is None or self._vectors is None:
            return None
        return clip_frames(
            self._vectors.column(SECONDS)[place], self._vectors.column(FRAMES)[place], self._dim
        )


Lookup = Callable[[Sequence[str]], HeldRows]


def lookup_in(table: ProductTable, dim: int, version: lance.LanceDataset | None = None) -> Lookup:
    """Ask ``version`` of the table, or the newest at each call; one call per chunk."""

    def find(ids: Sequence[str]) -> HeldRows:
        return _look(table, ids, HELD_COLUMNS, version) if ids else HeldRows(None, dim)

    return find


def with_documents(table: ProductTable, ids: Sequence[str]) -> HeldRows:
    """Rows whose media are to be read again, with their products."""
    return _look(table, ids, DOCUMENT_COLUMNS)


def _look(
    table: ProductTable,
    ids: Sequence[str],
    columns: Sequence[str],
    version: lance.LanceDataset | None = None,
) -> HeldRows:
    # Vectors that are read later are of the rows that were looked at, whoever writes meanwhile.
    version = table.latest() if version is None else version
    fetch = partial(table.fetch, version=version)
    return HeldRows(table.fetch(ids, columns=columns, version=version), table.dim, fetch)


def nothing_held(dim: int) -> Lookup:
    """For a table that was empty when the run began: nothing can be copied, so nothing need be asked."""
    return lambda _ids: HeldRows(None, dim)

"""One live version of one table in memory.

A snapshot is put together from blocks, one per Lance fragment. The next version shares every block that did
not change, and of one whose columns changed in place all the others. So following a small write costs reading
the new fragment and the deletion files, following new prices the prices, and joining a few small columns.
Rows are numbered 0 … n-1 in fragment order, dead rows included; ``alive`` tells which count. Nothing here
touches the object store after :func:`load` has returned. What a version does not settle is when sales begin
and end: :meth:`Snapshot.at` gives it with the prices of a moment.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, Modality, Profile, Vectors
from mmpipe.errors import UnknownProduct
from mmpipe.fusion import Fusion
from mmpipe.fusion import load as load_fusion
from mmpipe.lake.columns import ColumnFiles, Files
from mmpipe.lake.frames import FRAME_COLUMNS, FRAMES, SECONDS, clip_frames
from mmpipe.lake.schema import FUSED, profile_of, vector_column
from mmpipe.schemas.product import Product, PublicProduct
from mmpipe.search.ann import AnnIndex
from mmpipe.search.block import (
    CODED_FIELDS,
    TEXT_FIELDS,
    VECTOR_FIELDS,
    Block,
    files_of,
    live_rows,
    read_block,
)
from mmpipe.search.bm25 import Bm25
from mmpipe.search.dictionaries import NULL, Codes, Dictionaries, ragged
from mmpipe.search.frame_cache import FrameCache, Frames
from mmpipe.search.prices import PriceList, Prices
from mmpipe.search.prices import join as join_sales
from mmpipe.search.vectors import VectorColumn

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
# The files of the rows, and of those deleted: they name for good which are left.
LiveKey = tuple[Files, str | None]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a later version of the same table may take over; ``blocks`` by fragment id."""

    dictionaries: Dictionaries
    blocks: Mapping[int, Block]
    alive: Mapping[LiveKey, Mask]
    clips: FrameCache = field(default_factory=FrameCache)


class Snapshot:
    """Columns of one version, by row number. Safe for use by many threads.

    ``price`` is what is paid at the moment of the snapshot, ``list_price`` the price without sales (the same
    array where none runs); NaN where there is none. ``priced`` are the rows with a price in the collection's
    own ``currency``.
    """

    def __init__(
        self,
        *,
        collection: str,
        table: str,
        version: int,
        dataset: Any,
        profile: Profile,
        parts: Parts,
        exact_rows: int,
        alive: Sequence[Mask],
        fusion: Fusion | None = None,
    ) -> None:
        self.collection = collection
        self.table = table
        self.version = version
        self.dataset = dataset
        self.profile = profile
        self.fingerprint = profile.fingerprint
        self.fusion = fusion or load_fusion(profile.fusion)
        self.parts = parts
        self.dictionaries = parts.dictionaries
        blocks = list(parts.blocks.values())
        sizes = [block.rows for block in blocks]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        starts = self._starts[:-1].tolist()
        self._fragment_ids = np.fromiter(parts.blocks, np.int64)
        self._fragment_order = np.argsort(self._fragment_ids)
        self._blocks = blocks
        self._frame_files = [tuple(b.files[name] for name in FRAME_COLUMNS) for b in blocks]
        self._undeleted = alive
        self.rows = int(self._starts[-1])
        self.alive: Mask = _join(
            [live & ~b.tombstone for live, b in zip(alive, blocks, strict=True)], np.bool_
        )
        self.live_rows: Rows = np.flatnonzero(self.alive)
        self.codes: dict[str, Codes] = {
            name: _join([block.codes[name] for block in blocks], np.int32) for name in CODED_FIELDS
        }
        self.vectors = {
            name: VectorColumn([b.vectors[name] for b in blocks], starts, profile.dim)
            for name in VECTOR_FIELDS
        }
        self.modalities: tuple[Modality, ...] = tuple(
            m for m in MODALITIES if m in profile.encoders and self.vectors[vector_column(m)].present.any()
        )
        self.has_vector: Mask = self.alive & self.vectors[FUSED].present
        self.lexical = Bm25([block.postings for block in blocks], starts, self.alive)
        self.ann = AnnIndex(dataset) if self.rows > exact_rows and AnnIndex.exists(dataset) else None
        self._price_list = PriceList(
            _join([block.price for block in blocks], np.float64),
            join_sales([block.sales for block in blocks], starts),
            self.alive,
            self.codes["currency"],
            self.dictionaries.fields["currency"],
        )
        self.currency = self._price_list.currency
        self.list_price = self._price_list.listed
        self._show(self._price_list.at(time.time()))
        # id_order lists the live rows by id; id_rank is its inverse and orders equal scores.
        ids = pa.chunked_array([block.texts["id"] for block in blocks], pa.string()).take(
            pa.array(self.live_rows)
        )
        self.id_order: Rows = self.live_rows[pc.sort_indices(ids).to_numpy().astype(np.int64)]
        self.id_rank = np.zeros(self.rows, np.int32)
        self.id_rank[self.id_order] = np.arange(len(self.id_order), dtype=np.int32)

    def __len__(self) -> int:
        """Products that can be found."""
        return len(self.live_rows)

    @property
    def label(self) -> str:
        """What responses and cursors call this version."""
        return f"{self.table}@{self.version}"

    def text(self, field: str, row: int) -> str | None:
        """One of ``TEXT_FIELDS`` of one row."""
        block = int(np.searchsorted(self._starts, row, side="right")) - 1
        value: str | None = self._blocks[block].texts[field][row - int(self._starts[block])].as_py()
        return value

    def texts(self, rows: Rows) -> list[dict[str, str | None]]:
        """All ``TEXT_FIELDS`` of some rows."""
        found: list[dict[str, str | None]] = [{} for _ in range(len(rows))]
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for index in np.unique(owner).tolist():
            where = np.flatnonzero(owner == index)
            page = pa.array(rows[where] - self._starts[index])
            columns = [column.take(page).to_pylist() for column in self._blocks[index].texts.values()]
            for place, values in zip(where.tolist(), zip(*columns, strict=True), strict=True):
                found[place] = dict(zip(TEXT_FIELDS, values, strict=True))
        return found

    def coded(self, field: str, row: int) -> str | None:
        """One of ``CODED_FIELDS`` of one row."""
        code = self.codes[field][row]
        return None if code == NULL else self.dictionaries.fields[field].values[code]

    def pairs(self, rows: Rows) -> tuple[Rows, Codes]:
        """Attribute codes of some rows: parallel arrays of positions in ``rows`` and codes."""
        positions: list[Rows] = []
        codes: list[Codes] = []
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for index in np.unique(owner).tolist():
            where = np.flatnonzero(owner == index)
            block, local = self._blocks[index], rows[where] - self._starts[index]
            found, position = ragged(block.pair_codes, block.pair_start[local], block.pair_start[local + 1])
            codes.append(found)
            positions.append(where[position])
        return _join(positions, np.int64), _join(codes, np.int32)

    def rows_with_pair(self, allowed: Mask) -> Mask:
        """Rows with at least one attribute whose code is ``allowed`` (a truth table ending in NULL's
        entry)."""
        found = np.zeros(self.rows, np.bool_)
        for block, start in zip(self._blocks, self._starts.tolist(), strict=False):
            places = np.flatnonzero(allowed[block.pair_codes])
            found[start + np.searchsorted(block.pair_start, places, side="right") - 1] = True
        return found

    def find(self, product_id: str) -> int | None:
        """The row of a live product, by binary search over the ids."""
        low, high = 0, len(self.id_order)
        wanted = product_id.encode()
        while low < high:
            middle = (low + high) // 2
            if (self.text("id", int(self.id_order[middle])) or "").encode() < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(self.id_order):
            row = int(self.id_order[low])
            if self.text("id", row) == product_id:
                return row
        return None

    def row(self, product_id: str) -> int:
        """The row of a live product. Raises :class:`UnknownProduct`."""
        row = self.find(product_id)
        if row is None:
            raise UnknownProduct(f"no product '{product_id[:128]}' in collection '{self.collection}'")
        return row

    def at(self, moment: float) -> Snapshot:
        """This version with the prices of ``moment`` (Unix seconds): itself while no sale began or ended
        since, else a copy that shares all but the prices."""
        if self._prices.hold(moment):
            return self
        other = copy.copy(self)
        other._show(self._price_list.at(moment))
        return other

    def product(self, product_id: str) -> PublicProduct:
        """What is public of a product, read from the local copy. Raises :class:`UnknownProduct`."""
        row = self.row(product_id)
        block = int(np.searchsorted(self._starts, row, side="right")) - 1
        fragment = self.dataset.get_fragment(int(self._fragment_ids[block]))
        taken = fragment.take([self._live_place(block, row)], columns=["document"])
        return Product.model_validate_json(taken["document"][0].as_py()).public()

    def frames(self, rows: Rows) -> list[Frames | None]:
        """The frames of some rows' clips, from the local copy where they were not asked for lately: one read.

        None where a row has none, and where they cannot be read: the files of a version that a page cursor
        holds may be gone.
        """
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        local = (rows - self._starts[owner]).tolist()
        keys = [(self._frame_files[b], place) for b, place in zip(owner.tolist(), local, strict=True)]
        found = self.parts.clips.get(keys)
        missing = [i for i, clip in enumerate(found) if clip is None]
        if not missing:
            return found
        before = np.cumsum([0, *(np.count_nonzero(alive) for alive in self._undeleted)])
        places = [int(before[owner[i]]) + self._live_place(int(owner[i]), int(rows[i])) for i in missing]
        order = np.argsort(places, kind="stable").tolist()
        try:
            taken = self.dataset.take([places[i] for i in order], columns=list(FRAME_COLUMNS))
        except OSError as error:
            # A page without its seconds is better than none; a version that was compacted away is no fault.
            log.warning("frames of %s cannot be read: %s", self.label, error)
            return found
        for at, times, vectors in zip(order, taken[SECONDS], taken[FRAMES], strict=True):
            clip = clip_frames(times, vectors, self.profile.dim)
            if clip is not None:
                read = (clip.seconds, clip.vectors.astype(np.float32))
                found[missing[at]] = read
                self.parts.clips.put(keys[missing[at]], read)
        return found

    def rows_at(self, addresses: NDArray[np.uint64]) -> Rows:
        """Lance row addresses (fragment id × 2^32 + offset) to row numbers."""
        fragments = (addresses >> np.uint64(32)).astype(np.int64)
        place = self._fragment_order[
            np.searchsorted(self._fragment_ids, fragments, sorter=self._fragment_order)
        ]
        rows: Rows = self._starts[place] + (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
        return rows

    def modality_vectors(self, rows: Rows) -> tuple[dict[Modality, Vectors], dict[Modality, Mask]]:
        """Per modality that any row has: float32 ``(len(rows), dim)`` and which rows have one."""
        gathered = {m: self.vectors[vector_column(m)].gather(rows) for m in self.modalities}
        return {m: v for m, (v, _) in gathered.items()}, {m: p for m, (_, p) in gathered.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks this version holds (shared with other versions)."""
        return sum(block.nbytes for block in self._blocks)

    def _live_place(self, block: int, row: int) -> int:
        # Lance counts the rows of a fragment without the deleted ones; tombstones are rows like others to it.
        start = int(self._starts[block])
        return int(np.count_nonzero(self._undeleted[block][: row - start]))

    def _show(self, prices: Prices) -> None:
        self._prices = prices
        self.price, self.priced = prices.paid, prices.priced


def load(
    dataset: Any,
    *,
    collection: str,
    table: str,
    exact_rows: int,
    previous: Parts | None = None,
    check: Callable[[Profile], None] | None = None,
    fusion_for: Callable[[Profile], Fusion] | None = None,
) -> Snapshot:
    """Put one version together, taking over from ``previous`` (of the same table) what did not change.

    ``dataset`` is an opened ``lance`` dataset on local disk; above ``exact_rows`` rows its vector index is
    used and warmed by a query here, so that the first search finds everything in place. ``check`` may refuse
    the table's profile before anything else is read. ``fusion_for`` finds the fusion of a profile that is not
    part of the installation.
    """
    profile = profile_of(dataset.schema)
    if check is not None:
        check(profile)
    dictionaries = previous.dictionaries if previous else Dictionaries(CODED_FIELDS)
    blocks: dict[int, Block] = {}
    alive: dict[LiveKey, Mask] = {}
    held = ColumnFiles(dataset)
    for fragment in dataset.get_fragments():
        number, files = fragment.fragment_id, files_of(held.by_column(fragment))
        former = previous.blocks.get(number) if previous else None
        blocks[number] = read_block(fragment, files, dictionaries, profile.dim, former)
        live_key = (files["id"], fragment.deletion_file())
        mask = previous.alive.get(live_key) if previous else None
        alive[live_key] = live_rows(fragment) if mask is None else mask
    snapshot = Snapshot(
        collection=collection,
        table=table,
        version=dataset.version,
        dataset=dataset,
        profile=profile,
        parts=Parts(dictionaries, blocks, alive, previous.clips if previous else FrameCache()),
        exact_rows=exact_rows,
        alive=list(alive.values()),
        fusion=None if fusion_for is None else fusion_for(profile),
    )
    if snapshot.ann is not None:
        snapshot.ann.addresses(np.full(profile.dim, profile.dim**-0.5, np.float32), 1)
    return snapshot


def _join(parts: Sequence[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)

"""The parts of one Lance fragment, built once per node and mapped by every process that searches it.

Data files never change, so a part is named for good by the files that hold its columns, and serves every
version that still has these files. Where some columns were written anew in place, the next version builds
their parts alone and takes over the others. Parts whose columns are in the same files are one pack, one file
on disk: a small new fragment is a single one. Which rows are alive is the version's business: deletions
arrive as separate small files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality, Vectors
from mmpipe.lake.columns import Files
from mmpipe.lake.frames import FRAME_COLUMNS
from mmpipe.lake.schema import FUSED, vector_block, vector_column
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search.columns.coded import build_codes
from mmpipe.search.columns.fused_parts import build_parts
from mmpipe.search.columns.ids import build_rows
from mmpipe.search.columns.names import build_names
from mmpipe.search.columns.numbers import build_number
from mmpipe.search.columns.page import build_page
from mmpipe.search.columns.pairs import build_pairs
from mmpipe.search.columns.prices import build_price, build_sales
from mmpipe.search.columns.text import build_text
from mmpipe.search.columns.vectors import build_vectors
from mmpipe.search.kernels.memory import words_of
from mmpipe.search.versions.folder import Arrays, HeldPack, NodeFolder

if TYPE_CHECKING:
    from mmpipe.fusion import Fusion

Words = NDArray[np.uint64]
Columns = Mapping[str, pa.Array]

CODED_FIELDS: tuple[str, ...] = (*FACET_FIELDS, "currency", "item_group_id", "language")
MODALITY_FIELDS: Mapping[Modality, str] = {m: vector_column(m) for m in MODALITIES}
VECTOR_FIELDS: tuple[str, ...] = (*MODALITY_FIELDS.values(), FUSED)
PAGE_FIELDS: tuple[str, ...] = (
    "id", "title", "image_link", "link", "item_group_id", "transcript", "brand", "category", "color",
)  # fmt: skip
# Raised with every change of what a builder makes: packs of another form are left to the pruning.
_FORM = 9
_TEXT = pa.string()
_MOMENT = pa.timestamp("us", tz="UTC")
# Numbers by name, each with the column that it is of.
NUMBER_FIELDS: Mapping[str, tuple[str, pa.DataType]] = {
    "rating": ("rating", pa.float64()),
    "rating_count": ("rating_count", pa.int64()),
    "added": ("added_at", _MOMENT),
}
# A fragment whose vectors take no more than this as float32 is read at once.
_SMALL_BYTES = 64 << 20
_REMEMBERED_DELETIONS = 2


@dataclass(frozen=True)
class _Scalars:
    """A part that is built of columns without vectors; one that the table lacks is null, of the type here."""

    columns: Mapping[str, pa.DataType]
    build: Callable[[Columns], dict[str, NDArray[Any]]]


def _texts(*names: str) -> dict[str, pa.DataType]:
    return dict.fromkeys(names, _TEXT)


_SCALARS: Mapping[str, _Scalars] = {
    "rows": _Scalars({"id": _TEXT, "deleted": pa.bool_()}, lambda c: build_rows(c["id"], c["deleted"])),
    "page": _Scalars(_texts(*PAGE_FIELDS), build_page),
    **{
        f"code.{name}": _Scalars(_texts(name), lambda c, name=name: build_codes(c[name]))  # type: ignore[misc]
        for name in CODED_FIELDS
    },
    "pairs": _Scalars({"attribute_pairs": pa.list_(_TEXT)}, lambda c: build_pairs(c["attribute_pairs"])),
    **{
        f"number.{name}": _Scalars({column: kind}, lambda c, column=column: build_number(c[column]))  # type: ignore[misc]
        for name, (column, kind) in NUMBER_FIELDS.items()
    },
    "price": _Scalars({"price": pa.float64()}, lambda c: build_price(c["price"])),
    "sales": _Scalars(
        {"sale_price": pa.float64(), "sale_start": _MOMENT, "sale_end": _MOMENT},
        lambda c: build_sales(c["sale_price"], c["sale_start"], c["sale_end"]),
    ),
    "text": _Scalars(_texts("search_text"), lambda c: build_text(c["search_text"])),
    "names": _Scalars(_texts("title"), lambda c: build_names(c["title"])),
}
_VECTORS: Mapping[str, str] = {f"vector.{name}": name for name in VECTOR_FIELDS}
# What each modality adds to the fused vector depends on which others a product has.
_FUSED_PARTS: Mapping[str, Modality] = {f"part.{name}": m for m, name in MODALITY_FIELDS.items()}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(part.columns) for name, part in _SCALARS.items()},
    **{name: (column,) for name, column in _VECTORS.items()},
    **{name: tuple(MODALITY_FIELDS.values()) for name in _FUSED_PARTS},
}
PARTS: tuple[str, ...] = tuple(_COLUMNS)
# What parts are made of, and the frames of clips, which are read when they are asked for.
READ_COLUMNS: tuple[str, ...] = (
    *dict.fromkeys(column for columns in _COLUMNS.values() for column in columns),
    *FRAME_COLUMNS,
)


def files_of(held: Mapping[str, Files]) -> dict[str, Files]:
    """What names the values of each of :data:`READ_COLUMNS` for good: the files that hold it, and for a
    column that none holds, null in every row, those of the rows' ids."""
    rows = held["id"]
    return {name: held.get(name, rows) for name in READ_COLUMNS}


@dataclass(frozen=True)
class Fragment:
    """One fragment as a version's columns take it; every part has all physical rows, deleted ones included.

    ``files`` names what each of :data:`READ_COLUMNS` is in, ``fusion`` what ``part.<column>`` was made by.
    Arrays are read-only, and stay mapped while anybody holds them.
    """

    number: int
    rows: int
    dim: int
    files: Mapping[str, Files]
    fusion: FusionInfo
    packs: Mapping[str, HeldPack]
    parts: Mapping[str, Arrays]
    _undeleted: dict[str, Words] = field(default_factory=dict, repr=False, compare=False)

    def part(self, name: str) -> Arrays:
        """The arrays of one of :data:`PARTS`, by the names that its builder gave them."""
        return self.parts[name]

    def part_bytes(self, name: str) -> int:
        """Bytes of one part's arrays."""
        return sum(int(array.nbytes) for array in self.parts[name].values())

    @property
    def nbytes(self) -> int:
        """Bytes of all parts, mapped once per node."""
        return sum(self.part_bytes(name) for name in self.parts)

    def undeleted(self, fragment: Any, folder: str | Path | None = None) -> Words:
        """Which rows are not deleted in the version that ``fragment`` was opened in: bit ``i`` of word ``w``
        is row ``64 w + i``, padding is 0. Not for changing. With ``folder``, the table's, a short list of
        deletions is read from its file, else told by a scan of the fragment."""
        name = fragment.deletion_file() or ""
        found = self._undeleted.get(name)
        if found is None:
            found = undeleted_rows(fragment, folder)
            while len(self._undeleted) >= _REMEMBERED_DELETIONS:
                self._undeleted.pop(next(iter(self._undeleted)), None)
            self._undeleted[name] = found
        return found


def open_fragment(
    fragment: Any,
    files: Mapping[str, Files],
    dim: int,
    fusion: Fusion,
    folder: NodeFolder,
    former: Fragment | None = None,
    progress: Callable[[], None] | None = None,
) -> Fragment:
    """The parts of a ``lance`` fragment whose files (:func:`files_of`) are ``files``.

    What ``former``, the fragment in another version, has from the same files is taken over; of the others
    those in the folder are mapped, and the rest is built from one read of the fragment and written there.
    Where everything is ``former``'s it is ``former`` itself. ``progress`` is called now and then; what it
    raises ends the work. Raises :class:`StorageUnavailable` where the folder cannot be written.
    """
    if former is not None and (former.dim, former.fusion) != (dim, fusion.info):
        former = None
    if former is not None and former.files == files:
        return former
    told = json.dumps(asdict(fusion.info), sort_keys=True)
    rows = fragment.physical_rows
    of_part = {part: _files_of_part(files, part) for part in PARTS}
    name_of = {each: _pack_name(each, rows, dim, told) for each in set(of_part.values())}
    packs: dict[str, HeldPack] = {}
    parts: dict[str, Arrays] = {}
    for part in PARTS:
        if former is not None and _files_of_part(former.files, part) == of_part[part]:
            packs[part], parts[part] = former.packs[part], former.parts[part]

    def missing() -> dict[str, list[str]]:
        wanted: dict[str, list[str]] = {}
        for part in PARTS:
            if part not in parts:
                wanted.setdefault(name_of[of_part[part]], []).append(part)
        return wanted

    def take(pack: HeldPack, wanted: Iterable[str]) -> None:
        for part in wanted:
            packs[part], parts[part] = pack, pack.parts[part]

    def look() -> None:
        for name, wanted in missing().items():
            pack = folder.open(name)
            if pack is not None and pack.parts.keys() >= set(wanted):
                take(pack, wanted)

    look()
    if lacking := missing():
        with folder.building(lacking, progress):
            look()  # whoever was building meanwhile may have built these
            lacking = missing()
            if lacking:
                read = _Reader(fragment, dim, fusion, progress).arrays(
                    [part for wanted in lacking.values() for part in wanted], parts
                )
                for name, wanted in lacking.items():
                    # With what was taken over: whoever has no former one finds all of it in the pack.
                    whole = {
                        part: read.pop(part) if part in read else parts[part]
                        for part in PARTS
                        if name_of[of_part[part]] == name
                    }
                    arrays = {f"{p}/{key}": array for p, held in whole.items() for key, array in held.items()}
                    take(folder.write(name, arrays), wanted)
    kept = former._undeleted if former is not None and former.files["id"] == files["id"] else {}
    return Fragment(
        fragment.fragment_id,
        rows,
        dim,
        files,
        fusion.info,
        packs,
        {part: parts[part] for part in PARTS},
        dict(kept),
    )


class _Reader:
    """Builds parts of one fragment."""

    def __init__(self, fragment: Any, dim: int, fusion: Fusion, progress: Callable[[], None] | None) -> None:
        self._fragment = fragment
        self._rows = fragment.physical_rows
        self._dim = dim
        self._fusion = fusion
        self._progress = progress or (lambda: None)
        # A table of an earlier release may lack what is new since.
        self._stored = frozenset(fragment.schema.names)

    def arrays(self, wanted: list[str], held: Mapping[str, Arrays]) -> dict[str, Arrays]:
        """The parts ``wanted``; what these are made of beside columns is in ``held``."""
        built: dict[str, Arrays] = {}
        scalars = [name for name in wanted if name in _SCALARS]
        vectors = [name for name in wanted if name in _VECTORS]
        columns = {column for name in scalars for column in _SCALARS[name].columns}
        size = self._rows * self._dim * 4 * len(vectors)
        at_once = [_VECTORS[name] for name in vectors] if size <= _SMALL_BYTES else []
        table = self._read([*columns, *at_once])
        for name in scalars:
            part = _SCALARS[name]
            built[name] = part.build({c: self._column(table, c, kind) for c, kind in part.columns.items()})
            self._progress()
        for name in vectors:
            built[name] = self._vectors(_VECTORS[name], table)
            self._progress()
        fused = [name for name in wanted if name in _FUSED_PARTS]
        if fused:
            built.update(self._fused_parts(fused, {**held, **built}))
            self._progress()
        return built

    def _read(self, columns: Iterable[str]) -> pa.Table:
        names = [column for column in columns if column in self._stored]
        if not names:
            return pa.table({})
        # The row id makes Lance report deleted rows instead of dropping them.
        return self._fragment.to_table(columns=names, with_row_id=True, include_deleted_rows=True)

    def _column(self, table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
        if name not in self._stored:
            return pa.nulls(self._rows, kind)
        return _whole(table[name])

    def _vectors(self, column: str, read: pa.Table) -> Arrays:
        searched = column == FUSED
        if column not in self._stored:
            absent = np.zeros(self._rows, np.bool_)
            return build_vectors(np.zeros((self._rows, self._dim), np.float32), absent, searched=searched)
        # One column at a time: the float32 copy of only one is in memory before it is packed.
        table = read if column in read.schema.names else self._read([column])
        block = vector_block(table[column], self._dim)
        return build_vectors(block.values, block.present, searched=searched)

    def _fused_parts(self, wanted: list[str], held: Mapping[str, Arrays]) -> dict[str, Arrays]:
        dense: dict[Modality, Vectors] = {}
        present: dict[Modality, NDArray[np.bool_]] = {}
        for modality, column in MODALITY_FIELDS.items():
            part = held[f"vector.{column}"]
            there = part["place"] >= 0
            if there.any():
                present[modality] = there
                dense[modality] = np.zeros((self._rows, self._dim), np.float32)
                dense[modality][there] = part["values"][part["place"][there]]
        built = build_parts(self._fusion, dense, present)
        nothing = np.zeros(self._rows, np.bool_)
        for modality in {_FUSED_PARTS[name] for name in wanted} - set(built):
            none = np.zeros((self._rows, self._dim), np.float32)
            built[modality] = build_vectors(none, nothing, searched=False)
        return {name: built[_FUSED_PARTS[name]] for name in wanted}


def _files_of_part(files: Mapping[str, Files], part: str) -> Files:
    return tuple(sorted({file for column in _COLUMNS[part] for file in files[column]}))


def _pack_name(files: Files, rows: int, dim: int, fusion: str) -> str:
    # Which parts a pack has is not in its name: of the parts that were in the same files, those whose columns
    # were written anew since are simply not asked for any more.
    return hashlib.sha256(json.dumps([_FORM, files, rows, dim, fusion]).encode()).hexdigest()[:40]


def undeleted_rows(fragment: Any, folder: str | Path | None = None) -> Words:
    """See :meth:`Fragment.undeleted`; for whoever keeps nothing."""
    name, rows = fragment.deletion_file() or "", fragment.physical_rows
    if not name:
        alive = np.ones(rows, np.bool_)
    elif folder is not None and name.endswith(".arrow"):
        with pa.OSFile(str(Path(folder) / name)) as file:
            deleted = pa.ipc.open_file(file).read_all()["row_id"].to_numpy()
        alive = np.ones(rows, np.bool_)
        alive[deleted] = False
    else:
        addresses = fragment.to_table(columns=[], with_row_address=True)["_rowaddr"].to_numpy()
        alive = np.zeros(rows, np.bool_)
        alive[(addresses & 0xFFFFFFFF).astype(np.int64)] = True
    return words_of(alive)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole

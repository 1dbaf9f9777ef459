"""What a version must pass before it becomes live. Cheap for a small write: only what is new is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmpipe.errors import NotFound, PublishRejected
from mmpipe.lake.recent import file_of, state_of
from mmpipe.lake.resolve import FRAGMENT_BITS
from mmpipe.lake.schema import UNIT_TOLERANCE, UNREAD_COLUMNS, VECTOR_COLUMNS, vector_block
from mmpipe.lake.storage import lance_errors, sql_text

if TYPE_CHECKING:
    import lance

    from mmpipe.lake.live import LiveVersion
    from mmpipe.lake.products import ProductTable

# A small shop may take this many products away at once, whatever share that is.
FEW = 3
_BATCH_ROWS = 4_096


@dataclass(frozen=True, slots=True)
class Counts:
    """Live products and tombstones of one version."""

    rows: int
    tombstones: int


def check_version(
    table: ProductTable, dataset: lance.LanceDataset, live: LiveVersion | None, *, max_shrink: float | None
) -> Counts:
    """Check one version of a table against what is live. Raises ``PublishRejected`` saying which check
    failed.

    * products: no more than ``max_shrink`` of the live ones may vanish, and :data:`FEW` in any case,
      whatever made them (None: any number may);
    * vectors of all fragments that the live version does not have, and that were not written here from
      vectors known to be sound: finite, of unit length;
    * indexes, where they changed: one product found by its id and by a medium of its own.
    """
    with lance_errors(f"checking version {dataset.version} of table {table.name}"):
        base = _base(table, live)
        counts = count(table, dataset)
        if max_shrink is not None and live is not None:
            _check_shrink(counts, live, table.name, max_shrink)
        old = set() if base is None else {f.fragment_id for f in base.get_fragments()}
        new = [f for f in dataset.get_fragments() if f.fragment_id not in old]
        if base is None or _segments(base) != _segments(dataset):
            _check_indexes(dataset, new)
        _check_vectors(dataset, [f for f in new if file_of(f.metadata) not in table.sound], table.dim)
    return counts


def count(table: ProductTable, dataset: lance.LanceDataset) -> Counts:
    """Count products and tombstones, reading only fragments that changed since this handle last counted."""
    fragments = dataset.get_fragments()
    keys = {f.fragment_id: state_of(f) for f in fragments}
    known = dict(table.tombstone_counts)
    missing = [f for f in fragments if keys[f.fragment_id] not in known]
    if missing:
        scanner = dataset.scanner(columns=[], filter="deleted = true", with_row_id=True, fragments=missing)
        holders = scanner.to_table().column("_rowid").to_numpy() >> FRAGMENT_BITS
        found = dict(zip(*(a.tolist() for a in np.unique(holders, return_counts=True)), strict=True))
        for fragment in missing:
            known[keys[fragment.fragment_id]] = found.get(fragment.fragment_id, 0)
    counted = {key: known[key] for key in keys.values()}
    table.tombstone_counts = counted
    tombstones = sum(counted.values())
    return Counts(rows=sum(f.metadata.num_rows for f in fragments) - tombstones, tombstones=tombstones)


def shows(table: ProductTable, live: LiveVersion, version: int) -> bool:
    """Whether readers of ``live`` see all that ``version`` of the same table would show: it is not newer,
    or differs in columns alone that nobody reads. Told from manifests, mostly ones that are at hand."""
    if live.version >= version:
        return True
    old = _base(table, live)
    new = table.recent(version) or table.at(version)
    return old is not None and _read_files(old) == _read_files(new)


def _read_files(dataset: lance.LanceDataset) -> dict[int, object]:
    """By fragment, what is deleted of it and the files of columns that readers read."""
    unread = {f.id() for f in dataset.lance_schema.fields() if f.name() in UNREAD_COLUMNS}
    found: dict[int, object] = {}
    for fragment in dataset.get_fragments():
        files = (
            (file.path, tuple(i for i in file.fields if i >= 0 and i not in unread))
            for file in fragment.metadata.files
        )
        deleted = repr(fragment.metadata.deletion_file)
        found[fragment.fragment_id] = deleted, frozenset(each for each in files if each[1])
    return found


def _base(table: ProductTable, live: LiveVersion | None) -> lance.LanceDataset | None:
    if live is None or live.table != table.name:
        return None
    try:
        return table.recent(live.version) or table.at(live.version)
    except NotFound:
        return None


def may_vanish(live: int, max_shrink: float) -> float:
    """How many of ``live`` products may go at once."""
    return max(FEW, max_shrink * live)


def _check_shrink(counts: Counts, live: LiveVersion, table: str, max_shrink: float) -> None:
    lost = live.rows - counts.rows
    if lost > may_vanish(live.rows, max_shrink):
        raise PublishRejected(
            f"{lost:,} of the {live.rows:,} products that are live would vanish, more than the share of"
            f" {max_shrink:g} that may go at once (MMPIPE_LAKE__MAX_SHRINK); the old version stays live. If"
            f" it is meant: mmpipe live promote {table}; if not: mmpipe live reset"
        )


def _check_vectors(dataset: lance.LanceDataset, fragments: list[Any], dim: int) -> None:
    if not fragments:
        return
    scanner = dataset.scanner(columns=["id", *VECTOR_COLUMNS], fragments=fragments, batch_size=_BATCH_ROWS)
    for batch in scanner.to_batches():
        for name in VECTOR_COLUMNS:
            block = vector_block(batch.column(name), dim)
            lengths = np.linalg.norm(block.values[block.present], axis=1)
            bad = ~(np.abs(lengths - 1) <= UNIT_TOLERANCE)  # so written that NaN is bad
            if bad.any():
                row = int(np.flatnonzero(block.present)[int(np.argmax(bad))])
                product_id = batch.column("id")[row].as_py()
                raise PublishRejected(
                    f"{name} of product {product_id!r} has length {lengths[np.argmax(bad)]:.3g}, not 1, as "
                    f"have {int(bad.sum()) - 1:,} more rows; the encoder is at fault, the old version stays"
                )


def _check_indexes(dataset: lance.LanceDataset, new: list[Any]) -> None:
    """Look for one product, of the ``new`` fragments where there are some, as writers look for it."""
    rows = dataset.scanner(
        columns=["id", "media_keys"], filter="deleted = false", limit=1, fragments=new or None
    ).to_table()
    if rows.num_rows == 0:
        return
    product_id: str = rows.column("id")[0].as_py()
    mine = f"id = {sql_text(product_id)}"
    times = dataset.count_rows(filter=mine)
    if times != 1:
        raise PublishRejected(
            f"product {product_id!r} is found {times} times by its id; the old version stays live"
        )
    keys = (rows.column("media_keys")[0].as_py() or "").split()
    if not keys:
        return
    found = dataset.scanner(
        columns=["id"],
        full_text_query={"columns": ["media_keys"], "query": keys[0]},
        filter=mine,
        prefilter=True,
        disable_scoring_autoprojection=True,
    ).to_table()
    if found.num_rows == 0:
        raise PublishRejected(
            f"product {product_id!r} is not found by a medium of its own; the old version stays live"
        )


def _segments(dataset: lance.LanceDataset) -> frozenset[str]:
    return frozenset(str(s.uuid) for index in dataset.describe_indices() for s in index.segments)

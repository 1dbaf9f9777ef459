"""What a version must pass before it becomes live. Cheap for a small write: only what is new is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mmpipe.errors import NotFound, PublishRejected
from mmpipe.lake.maintenance import VECTOR_METRIC
from mmpipe.lake.recent import file_of, state_of
from mmpipe.lake.resolve import FRAGMENT_BITS
from mmpipe.lake.schema import FUSED, UNIT_TOLERANCE, UNREAD_COLUMNS, VECTOR_COLUMNS, vector_block
from mmpipe.lake.storage import lance_errors, sql_text

if TYPE_CHECKING:
    import lance

    from mmpipe.lake.live import LiveVersion
    from mmpipe.lake.products import ProductTable

# A small shop may take this many products away at once, whatever share that is.
FEW = 3
_DISTANCE_TOLERANCE = 1e-3
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
    * canary: one product found by its own vector and by a word of its own text, through the indexes where
      those changed.
    """
    with lance_errors(f"checking version {dataset.version} of table {table.name}"):
        base = _base(table, live)
        counts = count(table, dataset)
        if max_shrink is not None and live is not None:
            _check_shrink(counts, live, table.name, max_shrink)
        old = set() if base is None else {f.fragment_id for f in base.get_fragments()}
        new = [f for f in dataset.get_fragments() if f.fragment_id not in old]
        new = [f for f in new if file_of(f.metadata) not in table.sound]
        canary = _check_vectors(dataset, new, table.dim)
        changed = base is None or _segments(base) != _segments(dataset)
        if changed and counts.rows:
            _check_canary(dataset, canary if canary is not None else _any_row(dataset), None)
        elif canary is not None:
            _check_canary(dataset, canary, new)
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


def _check_vectors(dataset: lance.LanceDataset, fragments: list[Any], dim: int) -> dict[str, Any] | None:
    """Check the vectors of ``fragments``; returns one row with a fused vector as the canary."""
    if not fragments:
        return None
    canary: dict[str, Any] | None = None
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
            if name == FUSED and canary is None and block.present.any():
                row = int(np.argmax(block.present))
                canary = {"id": batch.column("id")[row].as_py(), "vector": block.values[row]}
    return canary


def _any_row(dataset: lance.LanceDataset) -> dict[str, Any] | None:
    rows = dataset.to_table(columns=["id", FUSED], filter=f"{FUSED} IS NOT NULL", limit=1)
    if rows.num_rows == 0:
        return None
    return {
        "id": rows.column("id")[0].as_py(),
        "vector": np.asarray(rows.column(FUSED)[0].as_py(), dtype=np.float32),
    }


def _check_canary(
    dataset: lance.LanceDataset, canary: dict[str, Any] | None, fragments: list[Any] | None
) -> None:
    if canary is None:  # no product has a vector
        return
    product_id: str = canary["id"]
    nearest = dataset.scanner(
        columns=["id", "_distance"],
        nearest={
            "column": FUSED,
            "q": pa.array(canary["vector"], pa.float32()),
            "k": 10,
            "nprobes": 32,
            "refine_factor": 4,
            "metric": VECTOR_METRIC,
        },
        fragments=fragments,
        prefilter=True,
        disable_scoring_autoprojection=True,
    ).to_table()
    # A product with the very same vector may stand in its place.
    same = nearest.num_rows > 0 and nearest.column("_distance").to_numpy().min() <= _DISTANCE_TOLERANCE
    if not same and product_id not in nearest.column("id").to_pylist():
        raise PublishRejected(
            f"product {product_id!r} is not found by its own vector; the old version stays live"
        )
    mine = f"id = {sql_text(product_id)}"
    texts = dataset.to_table(columns=["search_text"], filter=mine).column("search_text").to_pylist()
    words = (texts[0] if texts and texts[0] else "").split()
    if not words:
        return
    word = max(words, key=len)
    found = dataset.scanner(
        columns=["id"],
        full_text_query={"columns": ["search_text"], "query": word},
        filter=mine,
        prefilter=True,
        fragments=fragments,
        disable_scoring_autoprojection=True,
    ).to_table()
    if found.num_rows == 0:
        raise PublishRejected(
            f"product {product_id!r} is not found by {word!r} of its own text; the old version stays live"
        )


def _segments(dataset: lance.LanceDataset) -> frozenset[str]:
    return frozenset(str(s.uuid) for index in dataset.describe_indices() for s in index.segments)

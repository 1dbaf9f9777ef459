"""Keeping a ``products`` table quick: indexes, compaction, old versions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lance.optimize import Compaction, CompactionOptions

from mmpipe.errors import CommitConflict
from mmpipe.lake.cleanup import remove_versions
from mmpipe.lake.record_table import sql_time
from mmpipe.lake.storage import lance_errors

if TYPE_CHECKING:
    import lance

    from mmpipe.settings import LakeSettings

log = logging.getLogger(__name__)

# Fragments of this size and above are left alone, so a mirror need not fetch them again.
FRAGMENT_ROWS = 8_192
MAX_SMALL_FRAGMENTS = 32

# Every commit looks rows up by id; publish checks count the tombstones of all fragments at once.
_SCALAR_INDEXES = {"id": "BTREE", "deleted": "BITMAP"}
# Asked who uses a medium. It stands in for a label index on media_uris: keeping an index with a bitmap per
# value up to date takes minutes where nearly every row has a value of its own, an inverted list takes
# milliseconds.
MEDIA_INDEX = "media_keys_idx"
# What tables of earlier releases have besides. Search builds indexes of its own, nothing asks these.
_FORMER_INDEXES = frozenset({"vector_idx", "search_text_idx", "brand_idx", "availability_idx"})


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What :func:`maintain` did; ``version`` is the table's version afterwards."""

    version: int
    compacted: bool = False
    indexes_updated: bool = False
    tombstones_removed: int = 0
    versions_removed: int = 0
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether there is something new to publish."""
        return bool(self.compacted or self.indexes_updated or self.tombstones_removed)

    def summary(self) -> str:
        """In words, for a log or a version's reason."""
        steps = {
            "files compacted": self.compacted,
            "indexes updated": self.indexes_updated,
            f"{self.tombstones_removed} old tombstones removed": self.tombstones_removed > 0,
            f"{self.versions_removed} old versions removed": self.versions_removed > 0,
        }
        return ", ".join(words for words, done in steps.items() if done) or "nothing was due"


def create_indexes(dataset: lance.LanceDataset) -> None:
    """Create those that are missing; they may be empty, :func:`maintain` fills them."""
    present = {index.name for index in dataset.describe_indices()}
    for column, kind in _SCALAR_INDEXES.items():
        if f"{column}_idx" not in present:
            dataset.create_scalar_index(column, kind)
    if MEDIA_INDEX not in present:
        dataset.create_scalar_index(
            "media_keys",
            "INVERTED",
            name=MEDIA_INDEX,
            base_tokenizer="whitespace",
            lower_case=False,
            stem=False,
            remove_stop_words=False,
            ascii_folding=False,
            max_token_length=None,
            with_position=False,
        )


def clean_up_interval(settings: LakeSettings) -> float:
    """Seconds between two clean-ups of one table by one process: a tenth of the time versions are kept, a day
    at most."""
    return min(86_400.0, settings.keep_versions_days * 86_400 / 10)


def maintain(
    dataset: lance.LanceDataset,
    settings: LakeSettings,
    name: str,
    *,
    clean_up: bool,
    thorough: bool = False,
    writing: AbstractContextManager[object] | None = None,
    leased: Callable[[], float] = lambda: 0.0,
) -> MaintenanceReport:
    """Do what is due, and nothing (no request beyond the manifest) when nothing is.

    * indexes that only earlier releases asked: drop them;
    * more than ``MAX_SMALL_FRAGMENTS`` small files: compact them;
    * more than ``max_unindexed_rows`` rows outside the indexes, or files just compacted: update all indexes;
    * after any of these (always, if ``thorough``), with ``clean_up``: delete tombstones that were written
      more than ``keep_tombstones_days`` ago, for an upload that is older than one of them is in no queue any
      more; and remove versions older than ``keep_versions_days`` that carry no tag (those of which there are
      too many go sooner, see :mod:`mmpipe.lake.cleanup`), and none younger than the oldest lease, whose age
      ``leased`` tells.

    A writer that commits in between may win; the step it won against is left for the next call. The table's
    first fragment, which each commit marks, is compacted while ``writing`` is held, which this process's own
    writers wait for: under steady uploads it would never win.
    """
    started = time.monotonic()
    compacted = updated = False
    try:
        with lance_errors(f"maintaining table {name}"):
            updated = _drop_former_indexes(dataset)  # first: compaction writes indexes again
            compacted = _compact(dataset, nullcontext() if writing is None else writing)
            create_indexes(dataset)
            if compacted or unindexed_rows(dataset) > settings.max_unindexed_rows:
                dataset.optimize.optimize_indices()
                updated = True
    except CommitConflict as error:
        log.info("maintenance stopped early: %s", error)
    tombstones = removed = 0
    if compacted or updated or thorough:
        if clean_up:
            tombstones = _collect_tombstones(dataset, settings, name)
        with lance_errors(f"removing old versions of table {name}"):
            if clean_up:
                # Every version in live.json carries a tag, and Lance removes no tagged version.
                removed = remove_versions(dataset, hold=settings.keep_versions_days * 86_400, leased=leased())
            dataset.checkout_latest()
    return MaintenanceReport(
        version=int(dataset.version),
        compacted=compacted,
        indexes_updated=updated,
        tombstones_removed=tombstones,
        versions_removed=removed,
        seconds=time.monotonic() - started,
    )


def unindexed_rows(dataset: lance.LanceDataset) -> int:
    """Rows that the index of media does not cover yet; read from the manifest alone."""
    covered: set[int] = set()
    for index in dataset.describe_indices():
        if index.name == MEDIA_INDEX:
            for segment in index.segments:
                covered.update(segment.fragment_ids)
    return sum(f.metadata.num_rows for f in dataset.get_fragments() if f.fragment_id not in covered)


def _drop_former_indexes(dataset: lance.LanceDataset) -> bool:
    former = sorted(_FORMER_INDEXES.intersection(index.name for index in dataset.describe_indices()))
    for name in former:
        dataset.drop_index(name)
    return bool(former)


def _compact(dataset: lance.LanceDataset, writing: AbstractContextManager[object]) -> bool:
    if _small(dataset) <= MAX_SMALL_FRAGMENTS:
        return False
    options = CompactionOptions(target_rows_per_fragment=FRAGMENT_ROWS)
    first = min(fragment.fragment_id for fragment in dataset.get_fragments())
    compacted = marked = False
    for task in Compaction.plan(dataset, options).tasks:
        if any(fragment.id == first for fragment in task.fragments):
            # Whose files lie beside the first one's: it is written again only for many.
            marked = len(task.fragments) > MAX_SMALL_FRAGMENTS
            continue
        metrics = Compaction.commit(dataset, [task.execute(dataset)])
        compacted |= bool(metrics.fragments_removed)
    if marked:
        with writing:
            dataset.checkout_latest()
            metrics = dataset.optimize.compact_files(target_rows_per_fragment=FRAGMENT_ROWS)
        compacted |= bool(metrics.fragments_removed)
    return compacted


def _small(dataset: lance.LanceDataset) -> int:
    return sum(1 for f in dataset.get_fragments() if f.metadata.num_rows < FRAGMENT_ROWS)


def _collect_tombstones(dataset: lance.LanceDataset, settings: LakeSettings, name: str) -> int:
    oldest = datetime.now(UTC) - timedelta(days=settings.keep_tombstones_days)
    where = f"deleted = true AND updated_at < {sql_time(oldest)}"
    try:
        with lance_errors(f"removing tombstones of table {name}"):
            if not dataset.count_rows(filter=where):
                return 0
            return int(dataset.delete(where)["num_deleted_rows"])
    except CommitConflict as error:
        log.info("tombstones are removed later: %s", error)
        return 0

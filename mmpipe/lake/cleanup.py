"""Removing versions that nobody needs any more, by their age and by how many there are.

Every commit leaves the version before it behind: a manifest, a transaction, often a data file. A version goes
once it is older than *hold* and not among the newest few; one that carries a tag (of ``live.json``'s history,
of a lease) never does. The hold is for whoever is in the middle of something: a replica that loads a version,
a page cursor, a commit that was decided on it. Who takes longer takes a lease (:mod:`mmpipe.lake.tags`).

A clean-up lists the table's files and reads its manifests, off everybody's critical path: after every
:data:`COMMITS` commits, by whichever process crosses that number, and once more when the table is at rest.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mmpipe.lake.steady import JUMPS

if TYPE_CHECKING:
    import lance

    from mmpipe.objects import ObjectStore

# Commits between two clean-ups of a table that is written to without a break.
COMMITS: Final = 32
_FEW: Final = 4
_INDICES: Final = "_indices/"


class CleanUps:
    """When versions of one table are due to be removed, as far as a process knows that found it at
    ``version``, or a few commits before the first question. Thread-safe."""

    def __init__(self, version: int | None = None) -> None:
        self._lock = threading.Lock()
        self._opened = version
        self._version: int | None = None
        self._at = float("-inf")

    def due(self, version: int, hold: float, *, at_rest: bool) -> bool:
        """Whether to clean up now that the table is at ``version``; who is told so does it.

        ``at_rest``: wherever anything was committed since the last time. Otherwise the number of versions
        must have crossed a multiple of :data:`COMMITS`, and what was kept the last time have grown older.
        """
        JUMPS.lately(0.0)  # of a clock that is set and set right again between two clean-ups, see both
        with self._lock:
            now = time.monotonic()
            last = self._opened if self._version is None else self._version
            last = version - _FEW if last is None else last
            if at_rest:
                due = version != self._version
            else:
                due = version // COMMITS > last // COMMITS and now - self._at >= hold / 2
            if due:
                self._version, self._at = version, now
            return due


def remove_versions(
    dataset: lance.LanceDataset, *, hold: float, keep: int | None = None, leased: float = 0.0
) -> int:
    """Remove versions older than ``hold`` seconds, but for those that carry a tag and the ``keep`` newest;
    returns how many went. Nothing goes that is younger than the oldest lease, which is ``leased`` seconds
    old. A machine's clock that is set forward makes nothing old within this process's hold, for
    :data:`~mmpipe.lake.steady.REMEMBERED_SECONDS` at most."""
    forward, _ = JUMPS.lately(hold)
    stats = dataset.cleanup_old_versions(
        older_than=timedelta(seconds=max(hold + forward, leased, 1e-6)),
        retain_versions=keep,
        error_if_tagged_old_versions=False,
    )
    return int(stats.old_versions)


def remove_old_rows(dataset: lance.LanceDataset, uri: str, store: ObjectStore) -> None:
    """Remove the files in which older versions of the table at ``uri`` hold rows, their deletions and
    indexes, but for those that ``dataset``'s version or a newer one has: when this returns, nobody reads an
    older version any more.

    What the older versions were stays until the clean-up: by it a writer that was decided on one of them
    finds what others committed since. Where that is gone, Lance (pylance 14) takes nobody to have
    committed, and a key that both insert is there twice.
    """
    kept: set[str] = set()
    old: set[str] = set()
    for number in sorted(int(version["version"]) for version in dataset.versions()):
        files = _files(dataset.checkout_version(number))
        if number < int(dataset.version):
            old |= files
        else:
            kept |= files
    for path in sorted(old - kept):
        if path.startswith(_INDICES):
            for held in list(store.list(f"{uri}/{path}/")):
                store.delete(held.uri)
        else:
            store.delete(f"{uri}/{path}")


def _files(dataset: lance.LanceDataset) -> set[str]:
    """Paths below the table of what holds a version's rows; of an index its folder."""
    indexes = dataset.describe_indices()
    found = {f"{_INDICES}{segment.uuid}" for index in indexes for segment in index.segments}
    for fragment in dataset.get_fragments():
        found |= {f"data/{file.path}" for file in fragment.data_files()}
        deletions = fragment.deletion_file()
        if deletions is not None:
            found.add(deletions)
    return found

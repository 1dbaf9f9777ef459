"""Taking a table back to what readers follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mmpipe.errors import CommitConflict, PublishRejected
from mmpipe.lake.checks import Counts
from mmpipe.lake.storage import lance_errors

if TYPE_CHECKING:
    import lance

    from mmpipe.lake.lake import Collection
    from mmpipe.lake.live import LiveFile, LiveVersion
    from mmpipe.lake.products import ProductTable
    from mmpipe.schemas.run import RunRecord


class Publish(Protocol):
    """Makes a version live, and says which one it was taken back to."""

    def __call__(
        self,
        table: ProductTable,
        version: int,
        counts: Counts,
        reason: str,
        former: LiveFile,
        *,
        reset_to: int,
    ) -> LiveVersion: ...


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset did. ``former`` was the newest version; ``uploads`` count as never made since."""

    live: LiveVersion
    former: int
    uploads: tuple[RunRecord, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there was anything to take back."""
        return self.former != self.live.version


def reset(collection: Collection, publish: Publish, *, rolled_back: bool = False) -> Reset:
    """Make the newest version of the live table hold exactly what is live, and let readers follow that one.

    What was committed since and never became live is taken back, deletions included. The uploads that it
    came with count as never made: the ledger holds them as failed, so that the same event is worked on again,
    and nothing in the table is newer than its rows. The version that is taken back stays for
    ``keep_versions_days`` and can be promoted.

    After a rollback there is more to lose, all that was uploaded since the version that readers went back
    to; so it is refused then without ``rolled_back``. Uploads publish again afterwards.

    Raises ``PublishRejected`` for that and where nothing is live; ``NotFound`` where the live version is
    gone; ``CommitConflict`` where somebody wrote or published meanwhile: it says whether anything was lost.
    """
    former = collection.live_file()
    if former is None:
        raise PublishRejected(f"collection {collection.name} has nothing live to go back to")
    live = former.live
    if live.restores is not None and not rolled_back:
        raise PublishRejected(
            f"readers were rolled back to version {live.version} of {live.table}; a reset takes back all"
            " that was uploaded since that version was new, what was right included: --rolled-back if meant"
        )
    table = collection.table(live.table)
    newest, target = table.latest(), table.at(live.version)
    version = int(newest.version)
    if version == live.version and live.restores is None:
        return Reset(live, version)
    if not _same(newest, target):
        version = _restore(table, target, version)
    since = next((e.published_at for e in former.history if e.generation == live.origin), live.published_at)
    uploads = collection.runs.take_back(
        table.name, live.version, since, "taken back by `mmpipe live reset`: upload it again"
    )
    counts = Counts(rows=live.rows, tombstones=live.tombstones)
    try:
        now = publish(
            table, version, counts, f"reset to version {live.version}", former, reset_to=live.version
        )
    except CommitConflict:
        overtaken = collection.live()
        if overtaken is None or overtaken.table != table.name or overtaken.version < version:
            raise
        now = overtaken  # an upload that found the table as it is now was faster
    return Reset(now, int(newest.version), tuple(uploads))


def _same(one: lance.LanceDataset, other: lance.LanceDataset) -> bool:
    def parts(dataset: lance.LanceDataset) -> tuple[set[str], set[str]]:
        segments = {str(s.uuid) for index in dataset.describe_indices() for s in index.segments}
        return {str(fragment.metadata) for fragment in dataset.get_fragments()}, segments

    return parts(one) == parts(other)


def _restore(table: ProductTable, target: lance.LanceDataset, newest: int) -> int:
    """Commit ``target`` as the version after ``newest``; returns that one. Lance lets such a commit win over
    whatever came in between, so that is looked for and put back."""
    what = f"resetting table {table.name}"
    with lance_errors(what):
        target.restore()
    version = int(target.version)
    if version == newest + 1:
        return version
    between = table.at(version - 1)
    with lance_errors(what):
        between.restore()
    lost = [str(v) for v in range(version + 1, int(between.version))]
    also = (
        f"; of what was written while that was found out, version {', '.join(lost)} holds it" if lost else ""
    )
    raise CommitConflict(
        f"{table.name} was written to meanwhile, so nothing was taken back{also}: try again while nothing is"
        " uploaded"
    )

"""Maintenance of tables, and letting readers have the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmpipe.indexing.writing import journal
from mmpipe.indexing.writing.publish import publish
from mmpipe.lake.checks import shows

if TYPE_CHECKING:
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.maintenance import MaintenanceReport


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done to one table, and whether readers have it: ``note`` says why not."""

    report: MaintenanceReport
    published: bool
    note: str = ""


def keep_up(
    collection: Collection, table: ProductTable, *, thorough: bool = False, at_rest: bool = False
) -> Upkeep:
    """Do what is due, and publish the result where readers saw all that the table's newest version shows.

    Readers that were rolled back, or follow another table, stay where they are. Versions that nobody needs go
    where many have come; ``at_rest``, any that there are; ``thorough``, old ones also where nothing else was
    due. Raises what :meth:`ProductTable.maintain` and
    :meth:`Collection.publish` raise for a failing store.
    """
    live = collection.live()
    # A newer live version is another writer's, of this moment.
    followed = live is not None and live.table == table.name and shows(table, live, table.version)
    report = table.maintain(thorough=thorough)
    removed = table.clean_up(at_rest=at_rest or thorough)
    report = replace(report, versions_removed=report.versions_removed + removed)
    if not report.changed:
        return Upkeep(report, published=False)
    if not followed:
        return Upkeep(report, published=False, note=f"{table.name} is not what readers follow")
    note = publish(collection, table, f"maintenance: {report.summary()}")
    return Upkeep(report, published=not note, note=note)


def rest(collection: Collection, table: ProductTable) -> None:
    """Remove what nobody needs any more of a table that is not written to now, and of what is recorded beside
    it. Raises as :func:`keep_up` does."""
    collection.tidy(thorough=True)
    keep_up(collection, table, at_rest=True)
    collection.maintain_records(at_rest=True)


def keep_records(collection: Collection, *, thorough: bool = False) -> None:
    """Tidy the tags of what was live, maintain the ledger, the media log and the rejects, and forget what
    broken-off runs left. Raises ``StorageUnavailable``."""
    collection.tidy(thorough=thorough)
    collection.maintain_records(thorough=thorough)
    if thorough:
        journal.sweep(collection)

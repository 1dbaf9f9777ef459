"""Which of two writes of one id stands: by the order of their sources, and by what a deletion is meant for.

A deletion may name an item group: then it is meant for the product of that group alone, since shops give a
draft the id of the product that it is a copy of. Its tombstone keeps the group, and a product of another
group stands against it whichever is newer. Of two deletions for different groups nobody can tell which one is
meant for a product that comes late: together they are a deletion for any group, as new as the newer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

STANDING_COLUMNS: Final = ("source_order", "deleted", "item_group_id")
# Of the row that marks an empty table while its first rows are written (mmpipe.lake.fragments): no write.
NO_ORDER: Final = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under an id since the source of ``order``: a product of item group ``group``, or its
    deletion, which is meant for that group (None: for any)."""

    order: str
    deleted: bool
    group: str | None = None


def after(standing: Standing | None, write: Standing) -> Standing:
    """What stands after one more write; ``standing`` itself where the write changes nothing."""
    if standing is None:
        return write
    if write.deleted and standing.deleted and write.group != standing.group:
        return Standing(max(standing.order, write.order), deleted=True)
    if write.deleted and not standing.deleted and write.group not in (None, standing.group):
        return standing
    if not write.deleted and standing.deleted and standing.group not in (None, write.group):
        return write
    return write if write.order > standing.order else standing


def latest_per_id(rows: pa.Table) -> pa.Table:
    """One row per id, the one that stands: two source rows of one id make a merge undefined."""
    ids = rows.column("id")
    if pc.count_distinct(ids).as_py() == rows.num_rows:
        return rows
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("id", "ascending"), ("source_order", "ascending")]))
    ids, orders, deleted, groups = (rows.column(name).to_pylist() for name in ("id", *STANDING_COLUMNS))
    stands: dict[str, tuple[Standing, int]] = {}
    for place, product_id in enumerate(ids):
        before, kept = stands.get(product_id, (None, place))
        now = after(before, Standing(orders[place], deleted[place], groups[place]))
        # Of two deletions that are together one of any group, the newer row holds the order.
        stands[product_id] = now, kept if now == before else place
    places = [place for _, place in stands.values()]
    rows = rows.take(pa.array(places, pa.int64()))
    position = rows.schema.get_field_index("item_group_id")
    return rows.set_column(
        position, rows.schema.field(position), pa.array([s.group for s, _ in stands.values()], pa.string())
    )

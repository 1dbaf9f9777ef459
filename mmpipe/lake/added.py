"""When a product became part of its collection: ``added_at``, told once and carried by every later write.

An edit and a stock leave the column as it is, so only whole rows carry it. Whoever makes one has the value
from the row that it looked at, or says that the product is new: ``added_at`` is then ``updated_at``. What the
table holds by the time of the commit may be another row. So a row that says it is new, and replaces a
product, takes over the earlier moment; and a row that carries one, and replaces a deletion that is later than
this, is of a new product. No other rows are asked about, and nothing is read where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.lake.changes import with_column
from mmpipe.lake.precedence import NO_ORDER
from mmpipe.lake.schema import ADDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmpipe.lake.resolve import Winner

# What has to be known of the row that is replaced.
HELD_COLUMNS: Final = ("source_order", "updated_at", ADDED)


def in_doubt(rows: pa.Table, winners: Sequence[Winner]) -> list[int]:
    """The places of rows whose ``added_at`` depends on the row that they replace. ``rows`` have
    ``updated_at`` and ``added_at``, one for each of ``winners``."""
    if not any(winner.head is not None for winner in winners):
        return []
    fresh = pc.fill_null(pc.equal(rows.column("updated_at"), rows.column(ADDED)), False).to_pylist()
    known = rows.column(ADDED).is_valid().to_pylist()
    return [
        place
        for place, winner in enumerate(winners)
        if winner.head is not None and known[place] and fresh[place] != winner.dead
    ]


def settled(
    rows: pa.Table,
    winners: Sequence[Winner],
    places: Sequence[int],
    held: Mapping[int, Mapping[str, Any]],
) -> pa.Table:
    """``rows`` with the ``added_at`` of those at ``places``; ``held`` has :data:`HELD_COLUMNS`
    by address."""
    added = rows.column(ADDED).to_pylist()
    written = rows.column("updated_at").to_pylist()
    for place in places:
        winner = winners[place]
        if winner.head is None:
            continue
        former = held[winner.head]
        if not winner.dead:
            added[place] = None if former[ADDED] is None else min(former[ADDED], added[place])
        elif former["source_order"] != NO_ORDER and added[place] < former["updated_at"]:
            added[place] = written[place]
    return with_column(rows, ADDED, added)

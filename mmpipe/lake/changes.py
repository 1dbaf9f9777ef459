"""What is to become of a table in one commit, and what became of it.

A product comes in one of three forms, by what it costs: a whole row where a vector is new; an *edit*, all
columns but the vectors, where what was encoded still holds; or *seen*, where nothing changed and only the
order of its source moves on. An edit and a product that was seen say what they were made against: a table
that holds something else by the time of the commit tells them *stale*, and they are to be made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from mmpipe.lake.precedence import STANDING_COLUMNS
from mmpipe.lake.schema import ADDED, SEEN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lance.fragment import FragmentMetadata

    from mmpipe.lake.reviewed import Rerated, Reviewed
    from mmpipe.lake.stock import Restocked, Stock

# What is held of a row while its other columns wait in a file.
CLAIM_COLUMNS: Final = ("id", *STANDING_COLUMNS, "stock")
STAGED_COLUMNS: Final = (*CLAIM_COLUMNS, "updated_at", ADDED)
_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
SEEN_SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("source_order", pa.string()),
        pa.field("item_group_id", pa.string()),
        pa.field("basis", pa.string()),
        *(pa.field(n, _TIMESTAMP if n == "media_asked" else pa.string()) for n in SEEN_COLUMNS[1:]),
    ]
)


@dataclass(frozen=True, slots=True)
class Staged:
    """Whole rows whose file lies in the table's folder, in no version yet. ``claims`` has
    :data:`STAGED_COLUMNS` of every row, in the file's order."""

    fragment: FragmentMetadata
    claims: pa.Table


@dataclass(frozen=True, slots=True)
class Seen:
    """A product that a source of ``order`` found as ``basis`` (:func:`basis_of`) has it.

    ``content``, ``media_seen`` and ``media_asked`` replace the columns of those names; None leaves one.
    """

    id: str
    order: str
    item_group_id: str | None
    basis: str
    content: str | None = None
    media_seen: str | None = None
    media_asked: datetime | None = None


def seen_table(products: Sequence[Seen]) -> pa.Table:
    """Seen products as a table of :data:`SEEN_SCHEMA`."""
    return pa.table(
        [
            pa.array([p.id for p in products], pa.string()),
            pa.array([p.order for p in products], pa.string()),
            pa.array([p.item_group_id for p in products], pa.string()),
            pa.array([p.basis for p in products], pa.string()),
            pa.array([p.content for p in products], pa.string()),
            pa.array([p.media_seen for p in products], pa.string()),
            pa.array([p.media_asked for p in products], _TIMESTAMP),
        ],
        schema=SEEN_SCHEMA,
    )


def basis_of(content: str | None, source_order: str) -> str:
    """What a row was made of, to tell later whether it still is: its content digest, or, of a row that was
    written before there was one, its order."""
    return content or source_order


@dataclass(slots=True)
class Changes:
    """Everything that one commit does; rows of one id may be in any of them, the newest that stands counts.

    ``rows``, ``staged``: products and deletions (columns of ``products_schema``). ``edits``: columns of
    ``EDIT_COLUMNS``. ``seen``: :data:`SEEN_SCHEMA`. ``refreshed``: whole rows of which only the media were
    read again; each keeps the order that the table holds. ``stocks``: the availability of known products.
    ``reviewed``: what the reviews of known products come to, at most once an id and in a commit without
    anything else.
    ``sound`` says that every vector is known to be finite and of unit length, so that nobody need look again.
    """

    rows: list[pa.Table] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    edits: list[pa.Table] = field(default_factory=list)
    seen: list[pa.Table] = field(default_factory=list)
    refreshed: list[pa.Table] = field(default_factory=list)
    stocks: list[tuple[str, Stock]] = field(default_factory=list)
    reviewed: dict[str, Reviewed] = field(default_factory=dict)
    sound: bool = False

    def __bool__(self) -> bool:
        parts = (*self.rows, *self.edits, *self.seen, *self.refreshed)
        return any(part.num_rows for part in parts) or bool(self.staged or self.stocks or self.reviewed)

    def add(self, other: Changes) -> None:
        """Append other changes to the same commit."""
        self.rows += other.rows
        self.staged += other.staged
        self.edits += other.edits
        self.seen += other.seen
        self.refreshed += other.refreshed
        self.stocks += other.stocks
        self.reviewed.update(other.reviewed)


@dataclass(frozen=True, slots=True)
class Applied:
    """What one commit did. ``committed`` is false where the table is as it was, ``visible`` where readers
    would see no difference. ``lost`` has (id, order) of every product or deletion that changed nothing, for
    an equal or newer source was there. With ``stale`` ids nothing was done at all.
    """

    version: int
    committed: bool = False
    visible: bool = False
    inserted: int = 0
    updated: int = 0
    seen: int = 0
    deleted: int = 0
    lost: frozenset[tuple[str, str]] = frozenset()
    stale: frozenset[str] = frozenset()
    restocked: tuple[Restocked, ...] = ()
    rerated: Mapping[str, Rerated] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What one write of whole rows did. ``skipped`` rows lost to an equal or newer source, or to a newer row
    of the same call."""

    inserted: int
    updated: int
    skipped: int
    version: int


def with_column(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    """The table with one column replaced."""
    place = table.schema.get_field_index(name)
    column = table.schema.field(place)
    return table.set_column(place, column, pa.array(values, column.type))


def with_values(table: pa.Table, values: Mapping[str, Sequence[object]]) -> pa.Table:
    """The table with some columns replaced."""
    for name, column in values.items():
        table = with_column(table, name, column)
    return table

"""What each of many changes is to what a table holds: which stand, which lose, which are stale.

Nothing is read or written here: :class:`Heads` is what was read, :class:`Resolved` what is to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.encoders.base import MODALITIES
from mmpipe.lake.changes import CLAIM_COLUMNS, Changes, basis_of
from mmpipe.lake.precedence import NO_ORDER, STANDING_COLUMNS, Standing, after
from mmpipe.lake.reviewed import Rerated, Reviewed
from mmpipe.lake.schema import hash_column
from mmpipe.lake.stock import Restocked, Stock

if TYPE_CHECKING:
    from numpy.typing import NDArray

ADDRESS: Final = "_rowaddr"
# An address is the number of the fragment times 2 to this, and the row's place in it.
FRAGMENT_BITS: Final = 32
_HASHES: Final = tuple(hash_column(m) for m in MODALITIES)
# What has to be known of a row to decide on a change of it.
HEAD_COLUMNS: Final = (
    "id", *STANDING_COLUMNS, "stock", "reviewed", "availability", "content", *_HASHES, "transcript_by",
)  # fmt: skip
_MADE_OF: Final = (*_HASHES, "transcript_by")
_STOCKS: Final = 8_192
ClaimKind = Literal["row", "staged", "edit", "seen"]


class Heads:
    """What a table holds under some ids: :data:`HEAD_COLUMNS` and the address of each row."""

    def __init__(self, rows: pa.Table) -> None:
        self.address: NDArray[np.uint64] = rows.column(ADDRESS).to_numpy().astype(np.uint64)
        self._columns = {n: rows.column(n).to_pylist() for n in HEAD_COLUMNS}
        self._places = {product_id: place for place, product_id in enumerate(self._columns["id"])}

    def __len__(self) -> int:
        return len(self._places)

    def find(self, product_id: str) -> int | None:
        """The place of an id's row."""
        return self._places.get(product_id)

    def standing(self, place: int) -> Standing | None:
        """What the row means to other writes of its id; nothing, for the mark of an empty table."""
        columns = self._columns
        if columns["source_order"][place] == NO_ORDER:
            return None
        return Standing(
            columns["source_order"][place], columns["deleted"][place], columns["item_group_id"][place]
        )

    def stock(self, place: int) -> str | None:
        """What was told of its stock since."""
        stock: str | None = self._columns["stock"][place]
        return stock

    def reviewed(self, place: int | None) -> Reviewed | None:
        """What its reviews come to."""
        text = None if place is None else self._columns["reviewed"][place]
        return None if text is None else Reviewed.decode(text)

    def basis(self, place: int) -> str:
        """See :func:`~mmpipe.lake.changes.basis_of`."""
        return basis_of(self._columns["content"][place], self._columns["source_order"][place])

    def encoded(self, place: int) -> tuple[str | None, ...]:
        """What its vectors were made of."""
        return tuple(self._columns[name][place] for name in _MADE_OF)

    def row(self, place: int) -> dict[str, Any]:
        """The row, as :meth:`Stock.against` takes it."""
        return {name: column[place] for name, column in self._columns.items()}


@dataclass(frozen=True, slots=True)
class Winner:
    """One row that stands: where it is (``part`` of its kind's parts, ``place`` in that), the address of the
    row that it replaces (``head``), and what it takes over: ``standing`` where it is not its own, ``stock``
    that is newer, what it was ``reviewed``. ``dead`` says that the row replaced is a deletion."""

    id: str
    part: int
    place: int
    head: int | None
    dead: bool = False
    standing: Standing | None = None
    stock: Stock | None = None
    reviewed: Reviewed | None = None


@dataclass(slots=True)
class Resolved:
    """What stands, by kind; ``stocks`` by id with the address of the row that the table holds,
    ``reviewed`` by that address with the id. ``dead`` of
    ``inserted`` and ``updated`` are deletions of nothing that readers see."""

    rows: list[Winner] = field(default_factory=list)
    staged: list[Winner] = field(default_factory=list)
    edits: list[Winner] = field(default_factory=list)
    seen: list[Winner] = field(default_factory=list)
    refreshed: list[Winner] = field(default_factory=list)
    restocked: list[Restocked] = field(default_factory=list)
    stocks: dict[str, tuple[int | None, Stock]] = field(default_factory=dict)
    changed_stock: bool = False
    rerated: dict[str, Rerated] = field(default_factory=dict)
    reviewed: dict[int, tuple[str, Reviewed]] = field(default_factory=dict)
    lost: set[tuple[str, str]] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    dead: int = 0

    @property
    def visible(self) -> bool:
        """Whether readers see a difference."""
        rerated = "changed" in self.rerated.values()
        return self.inserted + self.updated > self.dead or self.changed_stock or rerated

    def __bool__(self) -> bool:
        whole = self.rows or self.staged or self.edits or self.seen or self.refreshed
        return bool(whole or self.stocks or self.reviewed)


@dataclass(frozen=True, slots=True)
class _Claim:
    kind: ClaimKind
    part: int
    place: int
    standing: Standing
    stock: str | None
    basis: str | tuple[str | None, ...]


_Claims = dict[str, list[_Claim]]
_Fates = dict[str, _Claim]
HeadsOf = Callable[[Sequence[str]], Heads]


def resolve(changes: Changes, lookup: HeadsOf) -> Resolved:
    """Decide on every change; ``lookup`` reads the heads of some ids, always of the same version. Where
    ``stale`` is not empty nothing of the rest may be written.

    What is held at once does not grow with the changes but for ids that several of them speak of.
    """
    resolved = Resolved()
    fates: _Fates = {}
    several = _several(changes)
    if several:
        claims: _Claims = {}
        for kind, part, rows in _parts(changes):
            _add_claims(claims, kind, part, rows, several, among=True)
        heads = lookup(sorted(several))
        for product_id, mine in claims.items():
            won = _settle(product_id, mine, heads, resolved)
            if won is not None:
                fates[product_id] = won
    for kind, part, rows in _parts(changes):
        claims = {}
        _add_claims(claims, kind, part, rows, several, among=False)
        heads = lookup(list(claims))
        for product_id, mine in claims.items():
            _settle(product_id, mine, heads, resolved)
    refreshed: set[str] = set()
    # Of several of one id the last counts: it was read last.
    for part, rows in reversed(list(enumerate(changes.refreshed))):
        _refresh(part, rows, lookup(rows.column("id").to_pylist()), fates, resolved, refreshed)
    _restock(changes, lookup, fates, resolved)
    _rerate(changes, lookup, resolved)
    return resolved


def _parts(changes: Changes) -> Iterator[tuple[ClaimKind, int, pa.Table]]:
    for part, rows in enumerate(changes.rows):
        yield "row", part, rows
    for part, staged in enumerate(changes.staged):
        yield "staged", part, staged.claims
    for part, rows in enumerate(changes.edits):
        yield "edit", part, rows
    for part, rows in enumerate(changes.seen):
        yield "seen", part, rows


def _several(changes: Changes) -> set[str]:
    """The ids that more than one change speaks of."""
    columns = [rows.column("id").combine_chunks() for _, _, rows in _parts(changes)]
    columns += [rows.column("id").combine_chunks() for rows in changes.refreshed]
    stocked = pa.array([product_id for product_id, _ in changes.stocks], pa.string())
    ids = pa.chunked_array([*(c.cast(pa.string()) for c in columns), pc.unique(stocked)], pa.string())
    if pc.count_distinct(ids).as_py() == len(ids):
        return set()
    counted = pc.value_counts(ids)
    often = pc.greater(counted.field("counts"), 1)
    return set(counted.field("values").filter(often).to_pylist())


def _add_claims(
    claims: _Claims, kind: ClaimKind, part: int, rows: pa.Table, several: set[str], *, among: bool
) -> None:
    names = {"seen": ("id", "source_order", "item_group_id")}.get(kind, CLAIM_COLUMNS)
    column = {name: rows.column(name).to_pylist() for name in names}
    bases: Sequence[str | tuple[str | None, ...]] | None = None
    if kind == "edit":
        made_of = (rows.column(name).to_pylist() for name in _MADE_OF)
        bases = list(zip(*made_of, strict=True))
    elif kind == "seen":
        bases = rows.column("basis").to_pylist()
    dead, stocks = column.get("deleted"), column.get("stock")
    for place, product_id in enumerate(column["id"]):
        if (product_id in several) is not among:
            continue
        standing = Standing(
            column["source_order"][place],
            dead is not None and kind != "edit" and dead[place],
            column["item_group_id"][place],
        )
        stock = None if stocks is None else stocks[place]
        claim = _Claim(kind, part, place, standing, stock, "" if bases is None else bases[place])
        claims.setdefault(product_id, []).append(claim)


def _settle(product_id: str, claims: list[_Claim], heads: Heads, resolved: Resolved) -> _Claim | None:
    """What becomes of one id; the claim that stands, if one does."""
    head = heads.find(product_id)
    before = now = None if head is None else heads.standing(head)
    won: _Claim | None = None
    if len(claims) > 1:
        claims = sorted(claims, key=lambda claim: claim.standing.order)
    for claim in claims:
        then = after(now, claim.standing)
        stands = then != now or (won is None and _tells_more(claim, before, heads, head))
        loser = won if stands else claim
        if loser is not None:
            resolved.lost.add((product_id, loser.standing.order))
        if stands:
            now, won = then, claim
    if won is None or now is None:
        return None
    if won.kind in ("edit", "seen") and _is_stale(won, heads, head):
        resolved.stale.add(product_id)
        return None
    stock = None if head is None else _newer_stock(heads.stock(head), won)
    address = None if head is None else int(heads.address[head])
    override = now if now != won.standing else None
    dead = head is not None and (before is None or before.deleted)
    winner = Winner(product_id, won.part, won.place, address, dead, override, stock, heads.reviewed(head))
    if won.kind == "seen":
        resolved.seen.append(winner)
        return won
    by_kind = {"row": resolved.rows, "staged": resolved.staged, "edit": resolved.edits}
    by_kind[won.kind].append(winner)
    if before is None:
        resolved.inserted += 1
    else:
        resolved.updated += 1
    if now.deleted:
        effective = before is not None and not before.deleted
        resolved.deleted += effective
        resolved.dead += not effective
    return won


def _tells_more(claim: _Claim, before: Standing | None, heads: Heads, head: int | None) -> bool:
    """Whether a deletion that is there already knows a newer stock than the table."""
    if before is None or head is None or not before.deleted or not claim.standing.deleted:
        return False
    held = heads.stock(head)
    newer = claim.stock is not None and (held is None or held < claim.stock)
    return newer and claim.standing.order == before.order


def _is_stale(claim: _Claim, heads: Heads, head: int | None) -> bool:
    standing = None if head is None else heads.standing(head)
    if head is None or standing is None or standing.deleted:
        return True
    if claim.kind == "edit":
        return heads.encoded(head) != claim.basis
    return heads.basis(head) != claim.basis or _is_superseded(heads.stock(head), claim.standing)


def _is_superseded(stock: str | None, standing: Standing) -> bool:
    """Whether what an upload says of the stock is newer than what was told apart from it."""
    return stock is not None and stock < standing.order


def _newer_stock(held: str | None, claim: _Claim) -> Stock | None:
    if held is None or held < claim.standing.order or (claim.stock is not None and held <= claim.stock):
        return None
    return Stock.decode(held)


def _refresh(
    part: int, rows: pa.Table, heads: Heads, fates: _Fates, resolved: Resolved, done: set[str]
) -> None:
    names = ("id", "source_order", "content", "stock")
    ids, orders, contents, stocks = (rows.column(n).to_pylist() for n in names)
    for place, product_id in enumerate(ids):
        if product_id in done:
            continue
        head, fate = heads.find(product_id), fates.get(product_id)
        standing = None if head is None else heads.standing(head)
        if (
            head is None
            or standing is None
            or standing.deleted
            or heads.basis(head) != basis_of(contents[place], orders[place])
            or _is_superseded(stocks[place], standing)
            or (fate is not None and fate.kind != "seen")
        ):
            # Whoever wrote another row since looks at the media of that one.
            resolved.lost.add((product_id, orders[place]))
            continue
        done.add(product_id)
        held, told = heads.stock(head), stocks[place]
        if fate is not None:  # seen again in the same commit: the newer of the two orders
            standing = fate.standing
            resolved.seen = [winner for winner in resolved.seen if winner.id != product_id]
        newer = held is not None and held > standing.order and (told is None or held > told)
        stock = Stock.decode(held) if newer and held is not None else None
        address = int(heads.address[head])
        reviewed = heads.reviewed(head)
        resolved.refreshed.append(Winner(product_id, part, place, address, False, standing, stock, reviewed))
        resolved.updated += 1


def _restock(changes: Changes, lookup: HeadsOf, fates: _Fates, resolved: Resolved) -> None:
    told: dict[str, int] = {}
    for start in range(0, len(changes.stocks), _STOCKS):
        block = changes.stocks[start : start + _STOCKS]
        heads = lookup(list(dict.fromkeys(product_id for product_id, _ in block)))
        for place, (product_id, stock) in enumerate(block, start):
            head = heads.find(product_id)
            what = stock.against(_row_after(product_id, changes, heads, fates.get(product_id)))
            resolved.restocked.append(what)
            if what not in ("same", "changed"):
                continue
            other = told.get(product_id)
            if other is not None:
                older, place = sorted((other, place), key=lambda i: changes.stocks[i][1].order)
                resolved.restocked[older] = "older"
            told[product_id] = place
            address = None if head is None else int(heads.address[head])
            resolved.stocks[product_id] = address, changes.stocks[place][1]
    resolved.changed_stock = any(resolved.restocked[place] == "changed" for place in told.values())


def _rerate(changes: Changes, lookup: HeadsOf, resolved: Resolved) -> None:
    ids = list(changes.reviewed)
    for start in range(0, len(ids), _STOCKS):
        block = ids[start : start + _STOCKS]
        heads = lookup(block)
        for product_id in block:
            told, head = changes.reviewed[product_id], heads.find(product_id)
            held = None if head is None or heads.standing(head) is None else heads.row(head)
            what = resolved.rerated[product_id] = told.against(held)
            if head is not None and what in ("changed", "kept"):
                resolved.reviewed[int(heads.address[head])] = product_id, told


def _row_after(product_id: str, changes: Changes, heads: Heads, fate: _Claim | None) -> dict[str, Any] | None:
    """The row of an id as the changes leave it, but for its stock."""
    head = heads.find(product_id)
    held = None if head is None or heads.standing(head) is None else heads.row(head)
    if fate is None:
        return held
    if fate.kind == "seen" and held is not None:
        return held | {"source_order": fate.standing.order}
    stock = None if head is None else _newer_stock(heads.stock(head), fate)
    availability = None if stock is None else stock.availability
    if availability is None and fate.kind != "staged" and not fate.standing.deleted:
        part = changes.rows[fate.part] if fate.kind == "row" else changes.edits[fate.part]
        availability = part.column("availability")[fate.place].as_py()
    return {
        "source_order": fate.standing.order,
        "deleted": fate.standing.deleted,
        "item_group_id": fate.standing.group,
        "availability": availability,
        "stock": fate.stock if stock is None else stock.encode(),
    }


def ids_of(changes: Changes) -> Iterator[str]:
    """The ids that the changes speak of, first those of rows that may be new."""
    for _, _, rows in _parts(changes):
        yield from rows.column("id").to_pylist()


def taken(rows: pa.Table, winners: Sequence[Winner]) -> pa.Table:
    """The winners' rows of one part, in the winners' order."""
    return rows.take(pa.array([w.place for w in winners], pa.int64()))

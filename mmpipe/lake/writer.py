"""Changes into one commit: which rows are written whole, which columns in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.lake.added import HELD_COLUMNS, in_doubt, settled
from mmpipe.lake.changes import Changes, with_column, with_values
from mmpipe.lake.fragments import (
    IN_PLACE_SHARE,
    Commit,
    by_fragment,
    live_share,
    overlaid,
    read_staged,
    stage,
)
from mmpipe.lake.recent import FragmentState, file_of, state_of
from mmpipe.lake.resolve import ADDRESS, FRAGMENT_BITS, Resolved, Winner, taken
from mmpipe.lake.reviewed import with_reviewed
from mmpipe.lake.schema import EDIT_COLUMNS, SEEN_COLUMNS
from mmpipe.lake.stock import Stock, with_stock

if TYPE_CHECKING:
    import lance
    from lance.fragment import FragmentMetadata, LanceFragment

_FETCH_ROWS = 8_192


@dataclass(slots=True)
class _Edits:
    """Edits that stand, with the addresses of the rows that they are of."""

    rows: list[pa.Table] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)


class Writer:
    """Writes what was resolved against ``base``. For one commit."""

    def __init__(
        self, base: lance.LanceDataset, changes: Changes, resolved: Resolved, options: dict[str, str] | None
    ) -> None:
        self._base = base
        self._changes = changes
        self._resolved = resolved
        self._options = options
        self._commit = Commit(base)
        self._tables: list[pa.Table] = []
        self._dead_gone: Counter[int] = Counter()
        # With the tombstones among their rows, and the rows where they are at hand.
        self._new: list[tuple[FragmentMetadata, int, pa.Table | None]] = []
        # Once it ran: new fragments of the version, with their rows.
        self.written: list[tuple[LanceFragment, pa.Table]] = []

    def run(
        self, tombstones: dict[FragmentState, int], in_time: Callable[[], None] = lambda: None
    ) -> lance.LanceDataset:
        """Write and commit. ``tombstones``, counted by the state of each fragment, gains the new version's
        where it has those of ``base``. ``in_time`` is called before the commit, and prevents it by raising.
        Raises ``CommitConflict``."""
        self._whole_rows()
        edits = self._edits()
        patches = self._seen()
        self._place(edits, patches)
        rows = self._with_stocks(pa.concat_tables(self._tables)) if self._tables else None
        if rows is not None and rows.num_rows:
            start = 0
            for fragment in stage(self._base, rows, self._options):
                mine = rows.slice(start, fragment.physical_rows)
                start += fragment.physical_rows
                self._new.append((fragment, sum(mine.column("deleted").to_pylist()), mine))
        self._commit.add([fragment for fragment, _, _ in self._new])
        in_time()
        written = self._commit.run(int(self._base.version))
        self._count(written, tombstones)
        return written

    @property
    def files(self) -> set[str]:
        """The files of the fragments that come in."""
        return {file_of(fragment) for fragment, _, _ in self._new}

    def _whole_rows(self) -> None:
        changes, resolved = self._changes, self._resolved
        for part, winners in _by_part(resolved.rows).items():
            self._replace(winners)
            self._tables.append(self._whole(taken(changes.rows[part], winners), winners))
        for part, winners in _by_part(resolved.staged).items():
            self._replace(winners)
            staged = changes.staged[part]
            as_it_is = len(winners) == staged.claims.num_rows and not any(
                w.standing or w.stock or w.reviewed or w.id in resolved.stocks for w in winners
            )
            as_it_is = as_it_is and not in_doubt(taken(staged.claims, winners), winners)
            if as_it_is:
                dead = pc.sum(staged.claims.column("deleted")).as_py() or 0
                self._new.append((staged.fragment, int(dead), None))
            else:
                rows = read_staged(self._base, staged.fragment, self._options)
                self._tables.append(self._whole(self._conform(taken(rows, winners)), winners))
        for part, winners in _by_part(resolved.refreshed).items():
            self._replace(winners)
            again = taken(changes.refreshed[part], winners)
            self._tables.append(self._whole(again, winners, uploaded=False))

    def _whole(self, rows: pa.Table, winners: Sequence[Winner], *, uploaded: bool = True) -> pa.Table:
        """Winners' rows with all that they take over."""
        places = in_doubt(rows, winners)
        if places:
            held = self._at([w.head for p in places if (w := winners[p]).head is not None], HELD_COLUMNS)
            by_address = dict(zip(held.column(ADDRESS).to_pylist(), held.to_pylist(), strict=True))
            rows = settled(rows, winners, places, by_address)
        return _own(rows, winners, uploaded=uploaded)

    def _replace(self, winners: Iterable[Winner]) -> None:
        heads = [w for w in winners if w.head is not None]
        self._commit.remove(w.head for w in heads if w.head is not None)
        self._dead_gone.update(w.head >> FRAGMENT_BITS for w in heads if w.dead and w.head is not None)

    def _edits(self) -> _Edits:
        changes, resolved = self._changes, self._resolved
        found = _Edits()
        for part, winners in _by_part(resolved.edits).items():
            rows = _own(taken(changes.edits[part], winners), winners)
            found.rows.append(with_stock(rows, _of(resolved.stocks, rows)))
            found.addresses += [w.head for w in winners if w.head is not None]
        self._add_stock_edits(found)
        self._add_reviewed_edits(found)
        return found

    def _add_stock_edits(self, found: _Edits) -> None:
        """Stocks of rows that nothing else changes, as edits."""
        resolved = self._resolved
        written = {w.id for w in (*resolved.rows, *resolved.staged, *resolved.edits, *resolved.refreshed)}
        told = {i: each for i, each in resolved.stocks.items() if i not in written}
        if not told:
            return
        orders = {w.id: w for w in resolved.seen if w.id in told}
        resolved.seen = [w for w in resolved.seen if w.id not in told]
        now = datetime.now(UTC)
        ids = list(told)
        for start in range(0, len(ids), _FETCH_ROWS):
            addresses = {told[i][0]: i for i in ids[start : start + _FETCH_ROWS]}
            held = self._at([a for a in addresses if a is not None], EDIT_COLUMNS)
            rows = self._conform_edits(held.drop_columns([ADDRESS]))
            rows = with_column(rows, "updated_at", [now] * rows.num_rows)
            rows = self._seen_again(rows, orders)
            found.rows.append(with_stock(rows, _of(resolved.stocks, rows)))
            found.addresses += held.column(ADDRESS).to_pylist()

    def _add_reviewed_edits(self, found: _Edits) -> None:
        """What reviews come to, as edits: nothing else is in the commit."""
        told = self._resolved.reviewed
        now, addresses = datetime.now(UTC), list(told)
        for start in range(0, len(addresses), _FETCH_ROWS):
            held = self._at(addresses[start : start + _FETCH_ROWS], EDIT_COLUMNS)
            rows = self._conform_edits(held.drop_columns([ADDRESS]))
            rows = with_column(rows, "updated_at", [now] * rows.num_rows)
            found.rows.append(with_reviewed(rows, dict(told.values())))
            found.addresses += held.column(ADDRESS).to_pylist()

    def _seen_again(self, rows: pa.Table, seen: Mapping[str, Winner]) -> pa.Table:
        if not seen:
            return rows
        values = {name: rows.column(name).to_pylist() for name in SEEN_COLUMNS}
        for place, product_id in enumerate(rows.column("id").to_pylist()):
            winner = seen.get(product_id)
            if winner is None:
                continue
            said = self._changes.seen[winner.part].slice(winner.place, 1).to_pylist()[0]
            for name in SEEN_COLUMNS:
                values[name][place] = said[name] if said[name] is not None else values[name][place]
        return with_values(rows, values)

    def _seen(self) -> dict[int, list[pa.Table]]:
        """By fragment, the rows of which only the order moves."""
        found: dict[int, list[pa.Table]] = {}
        for part, winners in _by_part(self._resolved.seen).items():
            rows = taken(self._changes.seen[part], winners).select(SEEN_COLUMNS)
            addresses = [w.head for w in winners if w.head is not None]
            for number, mine in _split(rows, addresses).items():
                found.setdefault(number, []).append(mine)
        return found

    def _place(self, edits: _Edits, patches: dict[int, list[pa.Table]]) -> None:
        """Edits of a large share of a fragment go in place, the others' rows are written whole elsewhere."""
        shares = live_share(self._base, Counter(a >> FRAGMENT_BITS for a in edits.addresses))
        moved: list[pa.Table] = []
        if edits.rows:
            rows = pa.concat_tables(edits.rows)
            for number, mine in _split(rows, edits.addresses).items():
                if shares[number] >= IN_PLACE_SHARE:
                    patches.setdefault(number, []).append(mine)
                else:
                    moved.append(mine)
        for number, tables in patches.items():
            fragment = self._base.get_fragment(number)
            columns = overlaid(fragment, self._base, tables)
            if columns is not None:
                self._commit.change(number, columns)
        for mine in moved:
            addresses = mine.column(ADDRESS).to_pylist()
            self._commit.remove(addresses)
            dead = pc.sum(mine.column("deleted")).as_py() or 0  # deletions that were told a stock
            self._dead_gone[addresses[0] >> FRAGMENT_BITS] += dead
            held = self._conform(self._at(addresses, self._base.schema.names).drop_columns([ADDRESS]))
            edited = mine.drop_columns([ADDRESS])
            edited = edited.take(pc.index_in(held.column("id"), value_set=_ids(edited)))
            for name in EDIT_COLUMNS:
                place = held.schema.get_field_index(name)
                held = held.set_column(place, held.schema.field(place), edited.column(name))
            self._tables.append(held)

    def _with_stocks(self, rows: pa.Table) -> pa.Table:
        return with_stock(rows, _of(self._resolved.stocks, rows))

    def _at(self, addresses: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Rows at these addresses, in no particular order, with ``_rowaddr``."""
        stored = set(self._base.schema.names)
        names = [name for name in columns if name in stored]
        tables = []
        for number, mine in by_fragment(addresses).items():
            fragment = self._base.get_fragment(number)
            # Lance counts a fragment's rows without the deleted ones, which its deletion file alone tells.
            live = fragment.to_table(columns=[], with_row_address=True).column(ADDRESS)
            places = pc.indices_nonzero(pc.is_in(live, value_set=pa.array(mine, pa.uint64())))
            rows = fragment.take(places.to_pylist(), columns=names)
            tables.append(rows.append_column(ADDRESS, live.take(places)))
        return pa.concat_tables(tables)

    def _conform(self, rows: pa.Table) -> pa.Table:
        return rows.select(self._base.schema.names).cast(self._base.schema)

    def _conform_edits(self, rows: pa.Table) -> pa.Table:
        schema = pa.schema([self._base.schema.field(name) for name in EDIT_COLUMNS])
        return rows.select(EDIT_COLUMNS).cast(schema)

    def _count(self, written: lance.LanceDataset, tombstones: dict[FragmentState, int]) -> None:
        before = {f.fragment_id: state_of(f) for f in self._base.get_fragments()}
        # By their files: a compaction may have been committed in between, with new fragments of its own.
        new = {file_of(fragment): (dead, rows) for fragment, dead, rows in self._new}
        for fragment in written.get_fragments():
            number = fragment.fragment_id
            if number in before:
                counted = tombstones.get(before[number])
                if counted is not None:
                    tombstones[state_of(fragment)] = counted - self._dead_gone[number]
            elif (one := new.get(file_of(fragment.metadata))) is not None:
                tombstones[state_of(fragment)], rows = one
                if rows is not None:
                    self.written.append((fragment, rows))


def _by_part(winners: Iterable[Winner]) -> dict[int, list[Winner]]:
    found: dict[int, list[Winner]] = {}
    for winner in winners:
        found.setdefault(winner.part, []).append(winner)
    return found


def _own(rows: pa.Table, winners: Sequence[Winner], *, uploaded: bool = True) -> pa.Table:
    """Winners' rows with the orders, groups, reviews and stocks that they take over."""
    overridden = {place: w.standing for place, w in enumerate(winners) if w.standing is not None}
    if overridden:
        orders, groups = (rows.column(n).to_pylist() for n in ("source_order", "item_group_id"))
        for place, standing in overridden.items():
            orders[place], groups[place] = standing.order, standing.group
        rows = with_values(rows, {"source_order": orders, "item_group_id": groups})
    reviewed = {w.id: w.reviewed for w in winners if w.reviewed is not None}
    if reviewed:
        rows = with_reviewed(rows, reviewed, uploaded=uploaded)
    stocks = {w.id: w.stock for w in winners if w.stock is not None}
    return with_stock(rows, stocks) if stocks else rows


def _of(stocks: Mapping[str, tuple[int | None, Stock]], rows: pa.Table) -> dict[str, Stock]:
    if not stocks:
        return {}
    return {i: stocks[i][1] for i in rows.column("id").to_pylist() if i in stocks}


def _split(rows: pa.Table, addresses: Sequence[int]) -> dict[int, pa.Table]:
    """Rows by the fragment that they are in, with their addresses."""
    rows = rows.append_column(ADDRESS, pa.array(addresses, pa.uint64()))
    numbers = pa.array([a >> FRAGMENT_BITS for a in addresses], pa.int64())
    return {int(number): rows.filter(pc.equal(numbers, number)) for number in pc.unique(numbers).to_pylist()}


def _ids(rows: pa.Table) -> pa.Array:
    return rows.column("id").combine_chunks()

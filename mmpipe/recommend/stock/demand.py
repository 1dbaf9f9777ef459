"""What shoppers asked for, counted per product: from the log of interactions to arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What of the log is read.
COLUMNS: Final = ("type", "user", "session", "product_id", "occurred_at", "quantity")
COUNTED: Final = ("view", "search-click", "add-to-cart", "purchase")
DAY: Final = 86_400.0
# One order of more is a typing error, or somebody's attempt to empty a competitor's shelf by our forecast.
MAX_QUANTITY: Final = 1_000
_PURCHASE: Final = COUNTED.index("purchase")
_MICROSECONDS: Final = 1e6
# Sales that wait to be summed up by product and day.
_PENDING: Final = 4_000_000


@dataclass(frozen=True)
class Demand:
    """Of ``n`` products, in the order of the ids that were asked about.

    ``counts`` int64 ``(n, 4)`` are the events since each product's ``since``, by :data:`COUNTED`;
    ``shoppers`` int64 ``(n,)`` how many different users or anonymous sessions they are of.
    ``product``, ``day`` and ``sold`` are parallel: that many pieces were bought on that day, of ``days``
    whole UTC days of which the last is yesterday. ``first_day`` int64 ``(n,)`` is the day of a product's
    first event, ``days`` where it has none before today. ``events`` were counted; ``strangers`` were of
    products that are not among the ids, ``ignored`` came from the future.
    """

    counts: Ints
    shoppers: Ints
    product: Ints
    day: Ints
    sold: Floats
    first_day: Ints
    days: int
    events: int = 0
    strangers: int = 0
    ignored: int = 0

    def per_day(self, groups: Ints, number: int) -> Floats:
        """Pieces sold by group and day, ``(number, days)``; ``groups`` has the group of each product."""
        cells = groups[self.product] * self.days + self.day
        return _sums(cells, self.sold, number * self.days).reshape(number, self.days)

    def per_week(self, products: Ints) -> Floats:
        """Pieces sold by product and week, ``(len(products), days // 7)``, the last week ending
        yesterday."""
        weeks = self.days // 7
        place = np.full(len(self.first_day), -1, np.int64)
        place[products] = np.arange(len(products))
        week = (self.day - self.days % 7) // 7
        mine = (place[self.product] >= 0) & (week >= 0)
        cells = place[self.product[mine]] * weeks + week[mine]
        return _sums(cells, self.sold[mine], len(products) * weeks).reshape(len(products), weeks)


@dataclass
class _Sales:
    """Sums by product and day, kept small while they are collected."""

    keys: list[Ints] = field(default_factory=list)
    amounts: list[Floats] = field(default_factory=list)
    waiting: int = 0

    def add(self, keys: Ints, amounts: Floats) -> None:
        self.keys.append(keys)
        self.amounts.append(amounts)
        self.waiting += len(keys)
        if self.waiting > _PENDING:
            keys, amounts = self.summed()
            self.keys, self.amounts, self.waiting = [keys], [amounts], 0

    def summed(self) -> tuple[Ints, Floats]:
        if not self.keys:
            return np.zeros(0, np.int64), np.zeros(0)
        keys, place = np.unique(np.concatenate(self.keys), return_inverse=True)
        return keys, _sums(place, np.concatenate(self.amounts), len(keys))


def start_of(now: datetime, days: int) -> datetime:
    """The first moment that :func:`demand_of` looks at: midnight UTC, ``days`` days before today."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def demand_of(
    events: Iterable[pa.Table], ids: Sequence[str], since: Floats, *, now: datetime, days: int
) -> Demand:
    """Count events (tables with :data:`COLUMNS`, each event once) of the products ``ids``.

    ``since`` (Unix seconds, one per id) is from when on a product's events are counted, infinite where they
    need not be; ``now`` is in UTC.
    Purchases are kept by day for ``days`` days before today, at most :data:`MAX_QUANTITY` pieces each. Events
    from after ``now`` are left out, as is what is no event of :data:`COUNTED`.
    """
    known = pa.array(ids, pa.string())
    number = len(ids)
    counts = np.zeros((number, len(COUNTED)), np.int64)
    first = np.full(number, days, np.int64)
    seen: list[Ints] = []
    people: list[NDArray[np.str_]] = []
    sales = _Sales()
    start, end = start_of(now, days).timestamp(), now.timestamp()
    events_seen = strangers = ignored = 0
    for table in events:
        kinds = pc.index_in(table["type"], pa.array(COUNTED, pa.string()))
        table = table.append_column("kind", kinds).filter(pc.is_valid(kinds))
        codes = pc.index_in(table["product_id"], known)
        strangers += codes.null_count
        table = table.append_column("code", codes).filter(pc.is_valid(codes))
        code = table["code"].to_numpy().astype(np.int64)
        kind = table["kind"].to_numpy().astype(np.int64)
        moment = table["occurred_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        at = moment.to_numpy().astype(np.float64) / _MICROSECONDS
        ignored += int(np.count_nonzero(at > end))
        events_seen += int(np.count_nonzero(at <= end))
        day = np.floor((at - start) / DAY).astype(np.int64)

        lately = (at >= since[code]) & (at <= end)
        np.add.at(counts, (code[lately], kind[lately]), 1)
        who = pc.fill_null(pc.coalesce(table["user"], table["session"]), "")
        seen.append(code[lately])
        people.append(who.filter(pa.array(lately)).to_numpy(zero_copy_only=False).astype(np.str_))

        whole = (day >= 0) & (day < days)
        np.minimum.at(first, code[whole], day[whole])
        bought = whole & (kind == _PURCHASE)
        pieces = pc.fill_null(table["quantity"], 1).to_numpy().astype(np.float64)[bought]
        sales.add(code[bought] * days + day[bought], np.clip(pieces, 1, MAX_QUANTITY))
    keys, sold = sales.summed()
    shoppers = _different(seen, people, number)
    return Demand(
        counts, shoppers, keys // days, keys % days, sold, first, days, events_seen, strangers, ignored
    )


def _sums(cells: Ints, amounts: Floats, number: int) -> Floats:
    return np.bincount(cells, amounts, number).astype(np.float64)


def _different(codes: list[Ints], people: list[NDArray[np.str_]], number: int) -> Ints:
    if not codes:
        return np.zeros(number, np.int64)
    _, who = np.unique(np.concatenate(people), return_inverse=True)
    pairs = np.unique(np.concatenate(codes) * (int(who.max(initial=0)) + 1) + who)
    return np.bincount(pairs // (int(who.max(initial=0)) + 1), minlength=number).astype(np.int64)

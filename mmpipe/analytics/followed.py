"""What shoppers did with what a search found: events of the interaction log, joined by ``query_id``.

A click is a ``search-click``, or a ``view`` that names a query. A product counts once a search. An
``add-to-cart`` or ``purchase`` belongs to the search that it names; one that names none, to the last click of
the same shopper (the same user, or the same session) on the same product in the 24 hours before. Pseudonyms
are compared here, in memory, and go nowhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

COLUMNS: Final = ["type", "user", "session", "product_id", "occurred_at", "query_id", "position"]
"""The columns of the log that are read."""
WINDOW_HOURS: Final = 24
_WINDOW: Final = WINDOW_HOURS * 3_600 * 1_000_000
_CLICKS: Final = pa.array(["search-click", "view"], pa.string())
_OUTCOMES: Final = pa.array(["add-to-cart", "purchase"], pa.string())

# So many rows become Python objects at a time: meanwhile no other thread runs.
_AT_ONCE: Final = 8_192

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Followed:
    """By the searches that were asked about, in their order: products clicked, those whose place is known and
    the sum of these places, whether something was put into the cart, whether something was bought.
    ``unknown`` events name a search that is none of these."""

    clicks: Ints
    placed: Ints
    places: Ints
    carted: NDArray[np.bool_]
    bought: NDArray[np.bool_]
    unknown: int


def follow(tables: Iterable[pa.Table], query_ids: pa.ChunkedArray | pa.Array) -> Followed:
    """Read tables of the log (:data:`COLUMNS` of it, each event once) for the searches of distinct
    ``query_ids``."""
    count = len(query_ids)
    events = _relevant(tables)
    search = pc.index_in(events["query_id"], value_set=query_ids)
    of = search.fill_null(-1).to_numpy().astype(np.int64)
    named = pc.is_valid(events["query_id"]).to_numpy()
    click = pc.is_in(events["type"], value_set=_CLICKS).to_numpy()
    bought = pc.equal(events["type"], "purchase").to_numpy()
    _attribute(events, of, click & (of >= 0), ~click & ~named)
    clicks, placed, places = _products(events, of, click & (of >= 0), count)
    after = ~click & (of >= 0)
    return Followed(
        clicks=clicks,
        placed=placed,
        places=places,
        carted=np.bincount(of[after & ~bought], minlength=count) > 0,
        bought=np.bincount(of[after & bought], minlength=count) > 0,
        unknown=int(np.count_nonzero(named & (of < 0))),
    )


def _relevant(tables: Iterable[pa.Table]) -> pa.Table:
    kept = []
    for table in tables:
        clicks = pc.and_(pc.is_in(table["type"], value_set=_CLICKS), pc.is_valid(table["query_id"]))
        either = pc.or_(clicks, pc.is_in(table["type"], value_set=_OUTCOMES))
        kept.append(table.filter(pc.and_(either, pc.is_valid(table["product_id"]))).select(COLUMNS))
    if not kept:
        return pa.table({name: pa.array([], _TYPES[name]) for name in COLUMNS})
    return pa.concat_tables(kept).combine_chunks()


_TYPES: Final = {
    **dict.fromkeys(COLUMNS, pa.string()),
    "occurred_at": pa.timestamp("us", tz="UTC"),
    "position": pa.int32(),
}


def _products(events: pa.Table, of: Ints, click: NDArray[np.bool_], count: int) -> tuple[Ints, Ints, Ints]:
    """Each product once a search, at the least place that an event tells."""
    rows = np.flatnonzero(click)
    product = pc.dictionary_encode(events["product_id"].combine_chunks()).indices.to_numpy()[rows]
    position = events["position"].cast(pa.int64()).fill_null(-1).to_numpy()[rows]
    unknown = position < 0
    order = np.lexsort((position, unknown, product, of[rows]))
    search, product, position = of[rows][order], product[order], position[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(search) != 0) | (np.diff(product) != 0)
    search, position = search[new], position[new]
    known = position >= 0
    clicks = np.bincount(search, minlength=count).astype(np.int64)
    placed = np.bincount(search[known], minlength=count).astype(np.int64)
    places = np.bincount(search[known], position[known], count).astype(np.int64)
    return clicks, placed, places


def _attribute(events: pa.Table, of: Ints, click: NDArray[np.bool_], open_: NDArray[np.bool_]) -> None:
    """Give carts and purchases that name no search (``open_``) that of the last click before, in ``of``."""
    rows = np.flatnonzero(open_)
    if not len(rows):
        return
    some = events.take(pa.array(rows))
    product, user, session = (
        pc.is_in(events[name], value_set=some[name].unique().drop_null()).to_numpy()
        for name in ("product_id", "user", "session")
    )
    maybe = product & (user | session)
    last: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row, event in _events(events, np.flatnonzero(click & maybe)):
        for shopper in _shoppers(event):
            last[shopper, event["product_id"]].append((event["at"], int(of[row])))
    for clicks in last.values():
        clicks.sort()
    for row, event in _events(events, rows):
        before = []
        for shopper in _shoppers(event):
            clicks = last.get((shopper, event["product_id"]), [])
            place = bisect_right(clicks, event["at"], key=itemgetter(0))
            before += clicks[max(0, place - 1) : place]
        if before and max(before)[0] >= event["at"] - _WINDOW:
            of[row] = max(before)[1]


def _events(events: pa.Table, rows: Ints) -> Iterator[tuple[int, dict[str, Any]]]:
    for begin in range(0, len(rows), _AT_ONCE):
        part = rows[begin : begin + _AT_ONCE]
        some = events.take(pa.array(part))
        times = some["occurred_at"].cast(pa.int64()).to_pylist()
        columns = [some[name].to_pylist() for name in ("user", "session", "product_id")]
        for row, at, user, session, product in zip(part.tolist(), times, *columns, strict=True):
            yield row, {"at": at, "user": user, "session": session, "product_id": product}


def _shoppers(event: dict[str, Any]) -> list[str]:
    # A user's and a session's pseudonyms are never the same.
    return [each for each in (event["user"], event["session"]) if each is not None]

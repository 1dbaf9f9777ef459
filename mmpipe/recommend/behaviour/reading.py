"""Rows of the log as numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.events import TYPE_CODES, rating_kinds
from mmpipe.recommend.behaviour.kernels.hashing import hash_texts
from mmpipe.recommend.behaviour.kernels.layout import CLICKED, Batch
from mmpipe.schemas.interaction import EVENT_TYPES

COLUMNS = (
    "event_id",
    "type",
    "user",
    "session",
    "product_id",
    "occurred_at",
    "received_at",
    "query_id",
    "list",
    "rating",
)
"""The columns of the log that behaviour is made of."""

_EVENT, _USER, _SESSION = 0, 1, 2
_TYPES = pa.array(EVENT_TYPES, pa.string())
# A dictionary's entry, with its share of the table that finds it.
_ENTRY_BYTES = 100


class Items:
    """Codes of products, in the order in which events named them first; they stay for as long as this lives.

    One writer at a time; readers at any time.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self.names)

    def code(self, product_id: str) -> int | None:
        """The code of a product, if any event named it."""
        return self._codes.get(product_id)

    def enrol(self, product_ids: Sequence[str]) -> list[int]:
        """The codes of some products, made where there is none."""
        codes, names = self._codes, self.names
        found = []
        for name in product_ids:
            code = codes.get(name)
            if code is None:
                code = codes[name] = len(names)
                names.append(name)
                self.nbytes += sys.getsizeof(name) + _ENTRY_BYTES
            found.append(code)
        return found


def user_key(pseudonym: str) -> int:
    """The key of a user, not 0."""
    return _key(pseudonym, _USER)


def session_key(pseudonym: str) -> int:
    """The key of a session, not 0; never a user's of the same name."""
    return _key(pseudonym, _SESSION)


def read(table: pa.Table, items: Items) -> Batch:
    """The events of a table with at least :data:`COLUMNS`, by rising moment of arrival.

    Rows that nobody did, that have no id or no time, or whose type is of a later release, are left out.
    """
    kinds = pc.index_in(_column(table, "type"), value_set=_TYPES)
    event, user, session = (
        _keys(_column(table, name), salt)
        for name, salt in (("event_id", _EVENT), ("user", _USER), ("session", _SESSION))
    )
    occurred, received = _column(table, "occurred_at"), _column(table, "received_at")
    good = _there(kinds) & _there(occurred) & (event != 0) & ((user != 0) | (session != 0))
    time = _microseconds(occurred)
    arrived = np.where(_there(received), _microseconds(received), time)
    kind = pc.fill_null(kinds, 0).to_numpy(zero_copy_only=False).astype(np.uint8)
    followed = _there(_column(table, "query_id")) | _there(_column(table, "list"))
    clicked = (kind == TYPE_CODES["search-click"]) | ((kind == TYPE_CODES["view"]) & followed)
    rated = kind == TYPE_CODES["rating"]
    if rated.any():
        ratings = pc.fill_null(_column(table, "rating").cast(pa.float64()), np.nan)
        kind = np.where(rated, rating_kinds(ratings.to_numpy(zero_copy_only=False)), kind)
    kind = np.where(clicked, kind | np.uint8(CLICKED), kind).astype(np.uint8)
    products = _column(table, "product_id")
    rows = None if good.all() else np.flatnonzero(good)
    if rows is not None:
        products = products.take(pa.array(rows))
    columns = [event, time, arrived, user, session, kind]
    if rows is not None:
        columns = [column[rows] for column in columns]
    item = _items(products, items)
    arrived = columns[2]
    if len(arrived) > 1 and (np.diff(arrived) < 0).any():
        order = np.argsort(arrived, kind="stable")
        columns, item = [column[order] for column in columns], item[order]
    event, time, arrived, user, session, kind = (np.require(column, None, ("C", "W")) for column in columns)
    return Batch(event, time, arrived, item, user, session, kind)


def _key(text: str, salt: int) -> int:
    data = np.frombuffer(text.encode("utf-8", "surrogatepass") or b"\0", np.uint8)
    out = np.empty(1, np.uint64)
    hash_texts(np.array([0, len(data) if text else 0], np.int32), data, np.uint64(salt), out)
    return int(out[0])


def _column(table: pa.Table, name: str) -> Any:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _there(column: Any) -> NDArray[np.bool_]:
    if not column.null_count:
        return np.ones(len(column), bool)
    found: NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return found


def _microseconds(column: Any) -> NDArray[np.int64]:
    numbers = pc.fill_null(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 0)
    found: NDArray[np.int64] = numbers.to_numpy(zero_copy_only=False)
    return found


def _keys(column: Any, salt: int) -> NDArray[np.uint64]:
    keys = np.empty(len(column), np.uint64)
    if len(column):
        _, places, texts = column.buffers()
        offsets = np.frombuffer(places, np.int32)[column.offset : column.offset + len(column) + 1]
        data = np.frombuffer(texts if texts is not None and texts.size else b"\0", np.uint8)
        hash_texts(offsets, data, np.uint64(salt), keys)
        if column.null_count:
            keys[~_there(column)] = 0
    return keys


def _items(products: Any, items: Items) -> NDArray[np.int32]:
    if not len(products):
        return np.empty(0, np.int32)
    encoded = products.dictionary_encode()
    codes = np.array([*items.enrol(encoded.dictionary.to_pylist()), -1], np.int32)
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    found: NDArray[np.int32] = codes[places]
    return found

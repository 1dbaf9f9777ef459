"""The live table's products, as a training sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import NotReady
from mmpipe.lake.schema import FUSED, vector_block
from mmpipe.lake.storage import lance_errors
from mmpipe.recommend.model.shelf import IN_STOCK, TableShelf

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.lake import Collection

_COLUMNS: Final = ("id", "price", "sale_price", "sale_start", "sale_end", "availability", FUSED)


def read_catalogue(collection: Collection, *, now: datetime | None = None) -> TableShelf:
    """The products of the live version, with their fused vectors and the prices of ``now``.

    Raises :class:`NotReady` where nothing is live, ``StorageUnavailable``.
    """
    live = collection.live()
    if live is None:
        raise NotReady(f"collection {collection.name!r} has nothing live: index a feed into it first")
    table = collection.table(live.table)
    with lance_errors(f"reading {live.table}"):
        dataset = table.at(live.version)
        there = [name for name in _COLUMNS if name in dataset.schema.names]
        read = dataset.to_table(columns=there, filter="deleted = false")
    block = vector_block(read[FUSED], table.dim)
    vectors = np.where(block.present[:, None], block.values, np.float32(0))
    available = np.array([value in IN_STOCK for value in read["availability"].to_pylist()], np.bool_)
    return TableShelf(
        table.profile.fingerprint,
        read["id"].to_pylist(),
        np.ascontiguousarray(vectors, np.float32),
        _paid(read, now or datetime.now(UTC)),
        available,
    )


def _paid(read: pa.Table, now: datetime) -> NDArray[np.float64]:
    price = _numbers(read["price"])
    if "sale_price" not in read.schema.names:
        return price
    sale = _numbers(read["sale_price"])
    moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    start, end = (read[name].to_numpy().astype("datetime64[us]") for name in ("sale_start", "sale_end"))
    runs = (sale > 0) & (np.isnat(start) | (start <= moment)) & (np.isnat(end) | (moment < end))
    return np.where(runs, sale, price)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.to_numpy().astype(np.float64)
    return numbers

"""The stock of known products, written with everything else of a result.

It is compared with the table only then: a product that the same upload or another worker has just written is
there, and what others change meanwhile is not overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import StockWithoutProduct
from mmpipe.indexing.pipeline.result import reject_of_row
from mmpipe.lake.stock import Stock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.indexing.sources.rows import UploadRow
    from mmpipe.lake.stock import Restocked
    from mmpipe.schemas.product import Availability

_REMEDY = "upload the product export, then replay this row"


def stocks_of(rows: Sequence[UploadRow]) -> list[tuple[str, Stock]]:
    """What each row tells, by product id."""
    return [(_id(row), Stock(row.order, _word(row), row.group_id)) for row in rows]


def count_stocks(result: ChunkResult, restocked: Sequence[Restocked]) -> dict[str, str]:
    """Count each row of ``result.stocks`` by what it was to the table; by id the order of each stock that met
    its product.

    A stock without its product becomes a reject, unless another row of the same record met one: a record
    whose product may have either of two names gives a row for each.
    """
    found = list(zip(result.stocks, restocked, strict=True))
    met = {(row.source.run_id, row.row) for row, what in found if what not in ("absent", "other")}
    settled: dict[str, str] = {}
    for row, what in found:
        counts = result.of_run(row.source.run_id)
        if what not in ("absent", "other"):
            settled[_id(row)] = max(row.order, settled.get(_id(row), ""))
        match what:
            case "changed":
                counts.indexed += 1
            case "same" | "held":
                counts.unchanged += 1
                result.repeated |= what == "held"
            case "older":
                counts.skipped += 1
            case _ if (row.source.run_id, row.row) in met:
                counts.skipped += 1
            case _:
                counts.rejected += 1
                result.rejects.append(reject_of_row(row, _problem(row, what)))
    return settled


def _id(row: UploadRow) -> str:
    if row.product_id is None:
        raise ValueError(f"row {row.row} of {row.source.uri} names no product")
    return row.product_id


def _word(row: UploadRow) -> Availability:
    if row.stock is None:
        raise ValueError(f"row {row.row} of {row.source.uri} tells no stock")
    return row.stock


def _problem(row: UploadRow, fault: Restocked) -> StockWithoutProduct:
    if fault == "other":
        return StockWithoutProduct(
            "id", f"{row.product_id!r} is not a product of {row.group_id!r}, but of another group: {_REMEDY}"
        )
    of = f" of {row.group_id!r}" if row.group_id else ""
    return StockWithoutProduct("id", f"there is no product {row.product_id!r}{of} yet: {_REMEDY}")

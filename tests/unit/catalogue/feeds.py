"""Feeds written in a test, read whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.feed import FeedReport
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings


def read(
    data: str | bytes, name: str = "feed", *, collection: str | None = None, **settings: Any
) -> tuple[list[FeedRow], FeedReport]:
    """All rows of a feed, and what was found in it."""
    body = data.encode() if isinstance(data, str) else data
    found = read_feed(io.BytesIO(body), name, FeedSettings(**settings), collection=collection)
    rows = list(found)
    return rows, found.report


def rows_of(data: str | bytes, name: str = "feed", **settings: Any) -> list[FeedRow]:
    return read(data, name, **settings)[0]


def report_of(data: str | bytes, name: str = "feed", **settings: Any) -> FeedReport:
    return read(data, name, **settings)[1]


def products_of(data: str | bytes, name: str = "feed", **settings: Any) -> list[Product]:
    """The products of a feed of which no row is refused."""
    rows = rows_of(data, name, **settings)
    assert [str(row.reject) for row in rows if row.reject] == []
    return [row.product for row in rows if row.product is not None]


def product_of(data: str | bytes, name: str = "feed", **settings: Any) -> Product:
    """The one product of a feed."""
    (product,) = products_of(data, name, **settings)
    return product


def told(row: FeedRow) -> str:
    """``id``, ``-id`` for a deletion, ``~id`` for a stock, ``!field`` for a reject."""
    assert sum(part is not None for part in (row.product, row.delete_id, row.stock, row.reject)) == 1
    row.raw.encode()
    if row.reject is not None:
        return f"!{row.reject.field}"
    if row.delete_id is not None:
        return f"-{row.delete_id}"
    return f"~{row.product_id}" if row.product is None else row.product.id


def outcomes(data: str | bytes, name: str = "feed", **settings: Any) -> list[str]:
    return [told(row) for row in rows_of(data, name, **settings)]


def until_error(data: str | bytes, name: str = "feed", **settings: Any) -> tuple[list[str], str]:
    """The rows before the feed is refused, and what the refusal says."""
    body = data.encode() if isinstance(data, str) else data
    rows: list[FeedRow] = []
    with pytest.raises(InvalidFeed) as caught:
        rows.extend(read_feed(io.BytesIO(body), name, FeedSettings(**settings)))
    return [told(row) for row in rows], str(caught.value)


def json_lines(*objects: Any) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def reason_of(data: str | bytes, **settings: Any) -> str:
    """Why the one row of a feed is refused, as ``field: reason``."""
    (row,) = rows_of(data, **settings)
    assert row.reject is not None, row
    return str(row.reject)

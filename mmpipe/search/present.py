"""Rows to hits, as plain dictionaries: what :class:`mmpipe.schemas.search.Hit` describes, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.currencies import decimals_of

if TYPE_CHECKING:
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
_CODED = ("brand", "category", "availability", "color")


def plain_number(value: float) -> str:
    """The shortest decimal that reads back as ``value``, without exponent: ``20``, ``19.99``."""
    return format(Decimal(repr(value)).normalize(), "f")


def money(amount: float, currency: str | None) -> str | None:
    """``19.99 USD`` with the currency's usual decimals, more only where the amount has more; None for no
    amount."""
    if math.isnan(amount):
        return None
    usual = f"{amount:.{decimals_of(currency)}f}"
    number = usual if float(usual) == amount else plain_number(amount)
    return f"{number} {currency}" if currency else number


def hits(
    snapshot: Snapshot,
    rows: Rows,
    scores: NDArray[np.float64],
    splits: Sequence[dict[str, float]] | None,
    seconds: Sequence[float | None] | None = None,
) -> list[dict[str, Any]]:
    """One dictionary per row, with ``splits[i]`` as its ``scores`` and ``seconds[i]`` as its
    ``video_second``."""
    coded = {field: snapshot.codes[field][rows].tolist() for field in (*_CODED, "currency")}
    values = {field: snapshot.dictionaries.fields[field].values for field in coded}
    prices = snapshot.price[rows].tolist()
    listed = None if snapshot.price is snapshot.list_price else snapshot.list_price[rows].tolist()
    page = []
    for index, (texts, score) in enumerate(zip(snapshot.texts(rows), scores.tolist(), strict=True)):
        hit: dict[str, Any] = {**texts, "score": score}
        for field in _CODED:
            code = coded[field][index]
            hit[field] = values[field][code] if code >= 0 else None
        code = coded["currency"][index]
        currency = values["currency"][code] if code >= 0 else None
        hit["price"] = money(prices[index], currency)
        hit["list_price"] = None
        if listed is not None and prices[index] < listed[index]:
            hit["list_price"] = money(listed[index], currency)
        hit["video_second"] = None if seconds is None else seconds[index]
        hit["scores"] = None if splits is None else splits[index]
        page.append(hit)
    return page

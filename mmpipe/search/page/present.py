"""Rows to hits as JSON: what :class:`mmpipe.schemas.search.Hit` describes.

Most of a hit does not change while the product does not: those members are kept as bytes. What depends on the
moment or the query is put behind them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.schemas.currencies import decimals_of
from mmpipe.search.page import explain

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]


def plain_number(value: float) -> str:
    """The shortest decimal that reads back as ``value``, without exponent: ``20``, ``19.99``."""
    return format(Decimal(repr(value)).normalize(), "f")


@lru_cache(maxsize=16_384)
def money(amount: float, currency: str | None) -> str | None:
    """``19.99 USD`` with the currency's usual decimals, more only where the amount has more; None for no
    amount."""
    if math.isnan(amount):
        return None
    usual = f"{amount:.{decimals_of(currency)}f}"
    number = usual if float(usual) == amount else plain_number(amount)
    return f"{number} {currency}" if currency else number


@lru_cache(maxsize=16_384)
def _text(text: str | None) -> bytes:
    return to_json(text)


def _known(numbers: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(number) else number for number in numbers.tolist()]


def hits(
    version: Version,
    rows: Rows,
    scores: Sequence[float],
    splits: Sequence[explain.Split] | None,
    seconds: Sequence[float | None],
    names: Sequence[str] = explain.NAMES,
) -> list[bytes]:
    """One JSON object per row, with ``splits[i]``, the values of ``names``, as its ``scores`` and
    ``seconds[i]`` as its ``video_second``."""
    currencies = version.coded["currency"].values(rows)
    availability = version.coded["availability"].values(rows)
    rating, rated = (_known(version.numbers[name].of(rows)) for name in ("rating", "rating_count"))
    paid, listed = version.prices.paid(rows).tolist(), version.prices.listed(rows).tolist()
    counts = [None if count is None else int(count) for count in rated]
    # All at once: a number alone takes longer to begin than to write.
    numbers = to_json([*scores, *rating, *counts, *seconds])[1:-1].split(b",")
    size = len(rows)
    page = []
    for index, members in enumerate(version.page.members(rows)):
        price, full, currency = paid[index], listed[index], currencies[index]
        page.append(
            b'{%b,"score":%b,"availability":%b,"price":%b,"list_price":%b,"rating":%b,"rating_count":%b,'
            b'"video_second":%b,"scores":%b}'
            % (
                members,
                numbers[index],
                _text(availability[index]),
                _text(money(price, currency)),
                _text(money(full, currency) if price < full else None),
                numbers[size + index],
                numbers[2 * size + index],
                numbers[3 * size + index],
                b"null" if splits is None else to_json(dict(zip(names, splits[index], strict=True))),
            )
        )
    return page

"""Amounts of money as whole millionths of their currency's unit: sums of them are exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

UNIT: Final = 1_000_000


def micros(amount: Decimal) -> int:
    """An amount in millionths. Raises ``ValueError`` for one that is not finite or has more decimals."""
    if not amount.is_finite():
        raise ValueError("is no finite amount")
    scaled = amount * UNIT
    if scaled != scaled.to_integral_value():
        raise ValueError("has more than six decimals")
    return int(scaled)


def micros_of(amount: float) -> int:
    """A setting's amount, rounded to millionths."""
    return micros(round(Decimal(str(amount)), 6))


def text(amount: int, currency: str) -> str:
    """``0.25 USD``, with two decimals or as many as are needed."""
    plain = format((Decimal(amount) / UNIT).normalize(), "f")
    whole, _, part = plain.partition(".")
    return f"{whole}.{part:0<2} {currency}"

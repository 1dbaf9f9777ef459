"""How many decimals a currency's amounts have (ISO 4217's minor units)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS: Final = {**dict.fromkeys(_NONE.split(), 0), **dict.fromkeys(_THREE.split(), 3)}


def decimals_of(currency: str | None) -> int:
    """The digits behind the decimal sign in this currency (an ISO 4217 code): 2 unless ISO 4217 says
    otherwise."""
    return _DECIMALS.get(currency or "", 2)


def of_minor_units(amount: int, currency: str) -> Decimal:
    """An amount given in a currency's smallest unit: 1999 is 19.99 in USD, 1999 in JPY, 1.999 in KWD."""
    return Decimal(amount).scaleb(-decimals_of(currency))


def to_minor_units(amount: Decimal, currency: str) -> int:
    """An amount in a currency's smallest unit, the way back from :func:`of_minor_units`; what is finer than
    that is rounded, half of it up."""
    return int(amount.scaleb(decimals_of(currency)).to_integral_value(ROUND_HALF_UP))

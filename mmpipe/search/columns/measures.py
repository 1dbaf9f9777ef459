"""What the values of a free attribute measure: numbers, numbers of a unit, and dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe import lexical
from mmpipe.schemas.conditions import moment

# In place of a unit: of a bare number, and of a date, whose number is its Unix seconds.
BARE: Final = ""
DATE: Final = "@"
_PLAIN: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")


@lru_cache(maxsize=65_536)
def measure(value: str) -> tuple[Decimal, str] | None:
    """A value's number and unit, where it is nothing but a number with or without one, or an ISO 8601 date or
    timestamp; None for any other. Units are those of :mod:`mmpipe.lexical`: ``500 ml`` and ``500毫升`` are
    one."""
    text = value.strip()
    try:
        return Decimal(repr(moment(text, end=False))), DATE
    except ValueError:
        pass
    text = lexical.fold(text)
    sign = text[:1] if text[:1] in ("-", "+") else ""
    text = text.removeprefix(sign)
    found = list(lexical.items(text))
    if len(found) != 1 or found[0].text != text:
        return None
    (number, *further), whole = found[0].tokens, found[0].whole
    if further or not _PLAIN.fullmatch(number) or len(whole or "") >= lexical.MAX_TOKEN_CHARACTERS:
        return None
    return Decimal(f"{sign}{number}"), BARE if whole is None else whole.removeprefix(number)


@dataclass(frozen=True)
class Measures:
    """The values of an attribute that measure something: ``codes`` int32 ``(m,)``, ``numbers`` float64
    ``(m,)`` and the place of each one's unit in ``units``."""

    codes: NDArray[np.int32]
    numbers: NDArray[np.float64]
    unit_of: NDArray[np.int32]
    units: tuple[str, ...]

    @classmethod
    def of(cls, codes: NDArray[np.int32], values: Sequence[str]) -> Measures:
        """What ``values``, one for each of ``codes``, measure."""
        held: list[int] = []
        numbers: list[float] = []
        unit_of: list[int] = []
        units: dict[str, int] = {}
        for code, value in zip(codes.tolist(), values, strict=True):
            found = measure(value)
            if found is not None:
                held.append(code)
                numbers.append(float(found[0]))
                unit_of.append(units.setdefault(found[1], len(units)))
        return cls(
            np.array(held, np.int32), np.array(numbers, np.float64), np.array(unit_of, np.int32), tuple(units)
        )

    def within(self, unit: str, low: float, high: float) -> NDArray[np.int32]:
        """The codes of values of a unit from ``low`` to ``high``, both included."""
        if unit not in self.units:
            return np.zeros(0, np.int32)
        right = self.unit_of == self.units.index(unit)
        found: NDArray[np.int32] = self.codes[right & (self.numbers >= low) & (self.numbers <= high)]
        return found

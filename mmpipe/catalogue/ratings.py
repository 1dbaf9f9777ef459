"""What shoppers gave a product, as shops write it, to stars of five and a count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mmpipe.schemas.product import MOST_RATINGS

STARS: Final = 5
_PLACES: Final = 4
_NUMBER: Final = r"(\d{1,9}(?:[.,]\d{1,9})?)"
_RATING: Final = re.compile(rf"{_NUMBER}\s*(?:(?:/|out of|of)\s*{_NUMBER}|(%))?", re.IGNORECASE)
_COUNT: Final = re.compile(r"\d{1,13}(?:\.0{1,9})?|\d{1,3}(?:[., ]\d{3}){1,4}")
_LONGEST: Final = 40


def rating_of(value: Any) -> float | None:
    """A rating of five: ``4,5`` and ``9/10`` are 4.5, ``4 out of 5`` and ``80%`` are 4. None for what is no
    rating: text, a list, or a number above its scale, which is five where none is told."""
    found = _RATING.fullmatch(_text(value))
    if found is None:
        return None
    number = float(found[1].replace(",", "."))
    best = 100.0 if found[3] else float((found[2] or str(STARS)).replace(",", "."))
    return round(number / best * STARS, _PLACES) if best > 0 and number <= best else None


def count_of(value: Any) -> int | None:
    """How many rated: ``1234``, ``1,234`` and ``12.0``; None for what is no such number."""
    text = _text(value)
    if _COUNT.fullmatch(text) is None:
        return None
    whole, _, fraction = text.partition(".")
    if fraction and not fraction.strip("0") and len(fraction) != 3:
        text = whole
    count = int(re.sub(r"[., ]", "", text))
    return count if count <= MOST_RATINGS else None


def scaled(value: Any, best: Any) -> str:
    """A rating and the best of its scale as one text for :func:`rating_of`; empty where there is none."""
    rating, scale = _text(value), _text(best)
    return f"{rating}/{scale}" if rating and scale and "/" not in rating and "%" not in rating else rating


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | bytes | Mapping | list | tuple):
        return ""
    text = str(value).strip()
    return text if len(text) <= _LONGEST else ""

"""JSON of feeds: bounded nesting, and whole numbers of any length."""

from __future__ import annotations

import json
from typing import Any, Final

# Deeper than any product, and far from where recursion ends: what is read is walked, written and pickled.
MAX_DEPTH: Final = 64


class TooDeep(ValueError):
    """Nested deeper than :data:`MAX_DEPTH`."""


def _whole(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)  # of thousands of digits, which Python does not convert: infinite


LENIENT: Final = json.JSONDecoder(parse_int=_whole)


def loads(text: str) -> Any:
    """The value of a JSON text. :class:`TooDeep`, or ``json.JSONDecodeError`` where it is no JSON; a whole
    number that is too long for Python is infinite."""
    try:
        value = _decoded(text)
    except RecursionError:
        raise TooDeep("is nested too deep") from None
    return checked(value, text)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return LENIENT.decode(text)


def checked(value: Any, text: str) -> Any:
    """``value``, read from ``text``, unless it is nested too deep: then :class:`TooDeep`."""
    # A value is never deeper than its text has brackets, which are counted in no time.
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise TooDeep("is nested too deep")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True

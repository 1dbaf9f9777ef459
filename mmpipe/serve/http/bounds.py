"""How much a JSON body may hold, found out before it is validated.

A validator makes an object of every member, and an error of every one that it does not know, before it says
that there are too many. Here a body's quotes, colons and commas are counted where they stand, by searches of
its bytes: what is refused costs its length at the speed of memory, and no object is made of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mmpipe.errors import RequestTooLarge
from mmpipe.serve.http.errors import MalformedRequest

# Nested deeper than any schema here.
MAX_DEPTH: Final = 16
# Characters of a string that is no medium, and of what stands between two strings: numbers, white space.
MAX_TEXT: Final = 100_000
# Quotes and backslashes that are escaped inside strings: taken out one by one, where all else is counted.
_MAX_ESCAPED: Final = 100_000
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the largest valid body of a schema holds, generously: names of members, values of any kind, and
    strings over :data:`MAX_TEXT`, which only media are."""

    names: int
    values: int
    media: int = 0


SEARCH: Final = Bounds(names=200, values=5_000, media=3)
FILTERS: Final = Bounds(names=200, values=5_000)
RECOMMENDATIONS: Final = Bounds(names=1_000, values=50_000)
INTERACTIONS: Final = Bounds(names=20_000, values=20_000)
WORK: Final = Bounds(names=30_000, values=30_000)


def check(body: bytes, bounds: Bounds, field: str = "body") -> None:
    """Raises ``RequestTooLarge`` for a body with more than ``bounds``, ``MalformedRequest`` for one nested
    deeper than :data:`MAX_DEPTH`. What is no JSON at all may pass; its parser refuses it.

    Linear in the length of ``body``; what it allocates, beside a copy of ``body``, has at most as many parts
    as ``bounds`` allow.
    """
    plain = body
    if b"\\" in body:
        if body.count(b"\\\\") + body.count(b'\\"') > _MAX_ESCAPED:
            raise RequestTooLarge(
                field, f"has more than {_MAX_ESCAPED:,} escaped characters; send less, or media as base64"
            )
        # In this order: a backslash that is escaped escapes nothing.
        plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    strings = plain.count(b'"') // 2
    if strings > bounds.names + bounds.values:
        raise _too_many(field, strings, "strings", bounds.names + bounds.values)
    parts = plain.split(b'"')
    around = parts[::2]
    _check_depth(around, field)
    long = sum(len(part) > MAX_TEXT for part in parts[1::2])
    if long > bounds.media or any(len(part) > MAX_TEXT for part in around):
        raise RequestTooLarge(
            field, f"has a text over {MAX_TEXT:,} bytes that is no medium; send a shorter one"
        )
    names = sum(part.count(b":") for part in around)
    if names > bounds.names:
        raise _too_many(field, names, "members", bounds.names)
    values = sum(part.count(b",") + part.count(b"[") + part.count(b"{") for part in around)
    if values > bounds.values + bounds.names:
        raise _too_many(field, values, "values", bounds.values + bounds.names)


def _check_depth(around: list[bytes], field: str) -> None:
    depth = 0
    for part in around:
        for found in _BRACKETS.finditer(part, 0, MAX_TEXT):
            depth += 1 if found.group() in b"[{" else -1
            if depth > MAX_DEPTH:
                raise MalformedRequest(field, f"is nested deeper than {MAX_DEPTH} levels; send it flat")


def _too_many(field: str, found: int, what: str, most: int) -> RequestTooLarge:
    return RequestTooLarge(field, f"holds {found:,} {what}, at most {most:,} are of use here; send less")

"""How much a JSON body may hold, found out before it is validated.

A validator makes an object of every member, and an error of every one that it does not know, before it says
that there are too many. Here a body's quotes, colons and commas are counted where they stand, by searches of
its bytes: what is refused costs a few milliseconds, and no object is made of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mmpipe.errors import RequestTooLarge
from mmpipe.serve.http.errors import MalformedRequest

# Nested deeper than any schema here.
MAX_DEPTH: Final = 24
# Characters of a string that is no medium, and of what stands between two strings: numbers, white space.
MAX_TEXT: Final = 100_000
_MAX_ESCAPED: Final = 50_000
_BACKSLASH: Final = 0x5C
_BRACKETS: Final = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the largest valid body of a schema holds, generously: names of members, values of any kind, and
    strings over :data:`MAX_TEXT`, which only media are."""

    names: int
    values: int
    media: int = 0


SEARCH: Final = Bounds(names=2_000, values=20_000, media=3)
ASSISTANT: Final = Bounds(names=40, values=80, media=2)
FILTERS: Final = Bounds(names=1_200, values=12_000)
RULES: Final = Bounds(names=50_000, values=100_000)
RECOMMENDATIONS: Final = Bounds(names=5_000, values=60_000)
INTERACTIONS: Final = Bounds(names=20_000, values=20_000)
WORK: Final = Bounds(names=30_000, values=30_000)


def check(body: bytes, bounds: Bounds, field: str = "body") -> None:
    """Raises ``RequestTooLarge`` for a body with more than ``bounds``, ``MalformedRequest`` for one nested
    deeper than :data:`MAX_DEPTH`. What is no JSON at all may pass; its parser refuses it.

    Linear in the length of ``body``; stops at the first string too many, and copies none of them.
    """
    if len(body) <= min(bounds.names, MAX_TEXT) and body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return  # so short a body cannot hold too much
    around = _around_strings(body, bounds, field)
    _check_depth(around, bounds, field)
    if any(len(part) > MAX_TEXT for part in around):
        raise RequestTooLarge(
            field, f"has {MAX_TEXT:,} bytes between two texts; send shorter numbers, less space"
        )
    names = sum(part.count(b":") for part in around)
    if names > bounds.names:
        raise _too_many(field, "members", bounds.names)
    values = sum(part.count(b",") + part.count(b"[") + part.count(b"{") for part in around)
    if values > bounds.values + bounds.names:
        raise _too_many(field, "values", bounds.values + bounds.names)


def _around_strings(body: bytes, bounds: Bounds, field: str) -> list[bytes]:
    """What stands between strings, each part up to one byte over :data:`MAX_TEXT`."""
    around: list[bytes] = []
    strings = long = escaped = at = 0
    while True:
        begin = body.find(b'"', at)
        around.append(body[at : min(begin if begin >= 0 else len(body), at + MAX_TEXT + 1)])
        if begin < 0:
            return around
        end = body.find(b'"', begin + 1)
        since = begin + 1
        # A quote after an odd number of backslashes is part of the string.
        while end > 0 and body[end - 1] == _BACKSLASH:
            part = body[since:end]
            if (len(part) - len(part.rstrip(b"\\"))) % 2 == 0:
                break
            escaped += 1
            if escaped > _MAX_ESCAPED:
                raise _too_many(field, "escaped quotes", _MAX_ESCAPED)
            since, end = end + 1, body.find(b'"', end + 1)
        if end < 0:
            return around
        strings += 1
        if strings > bounds.names + bounds.values:
            raise _too_many(field, "texts and members", bounds.names + bounds.values)
        long += end - begin > MAX_TEXT
        if long > bounds.media:
            raise RequestTooLarge(field, f"has a text over {MAX_TEXT:,} bytes that is no medium; send less")
        at = end + 1


def _check_depth(around: list[bytes], bounds: Bounds, field: str) -> None:
    depth = seen = 0
    for part in around:
        for found in _BRACKETS.finditer(part, 0, MAX_TEXT):
            seen += 1
            if seen > 2 * (bounds.names + bounds.values):
                return  # too many of them, at any depth
            depth += 1 if found.group() in b"[{" else -1
            if depth > MAX_DEPTH:
                raise MalformedRequest(field, f"is nested deeper than {MAX_DEPTH} levels; send it flat")


def _too_many(field: str, what: str, most: int) -> RequestTooLarge:
    return RequestTooLarge(field, f"holds more than {most:,} {what}, which no request needs; send less")

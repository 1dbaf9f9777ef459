"""``multipart/form-data`` (RFC 7578) from a body that is whole, to its parts.

A body's parts are cut out where its boundary stands, a search of its bytes; nothing is decoded by a character
set that the caller names, and nothing is written to disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mmpipe.errors import RequestTooLarge
from mmpipe.serve.http.errors import MalformedRequest

MAX_PARTS: Final = 64
# Bytes of what stands before one part's content.
MAX_HEAD: Final = 2_000
# RFC 2046, 5.1.1.
_MAX_BOUNDARY: Final = 70
_PARAMETER: Final = re.compile(
    rb';[ \t]*([A-Za-z0-9*_-]{1,40})[ \t]*=[ \t]*(?:"((?:[^"\\\r\n]|\\[^\r\n])*)"|([^\s;"]+))'
)
_DISPOSITION: Final = re.compile(
    rb"^content-disposition[ \t]*:[ \t]*form-data(?=[ \t]*(?:;|\r|$))", re.I | re.M
)
_ESCAPED: Final = re.compile(rb'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; ``file`` says whether it was sent with a file name."""

    name: str
    data: bytes
    file: bool


def parameters(value: bytes) -> dict[bytes, bytes]:
    """The parameters of a header's value by their names in lower case; of several of a name the first."""
    found: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(value[:MAX_HEAD]):
        quoted, token = match.group(2), match.group(3)
        given = _ESCAPED.sub(rb"\1", quoted) if quoted is not None else token
        found.setdefault(match.group(1).lower(), given)
    return found


def parse_form(body: bytes, content_type: bytes) -> list[Part]:
    """The parts in order. Linear in the length of ``body``.

    Raises ``MalformedRequest`` for what is no form, names no boundary or breaks off before its closing
    boundary, ``RequestTooLarge`` for more than :data:`MAX_PARTS` parts.
    """
    boundary = parameters(content_type).get(b"boundary", b"")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise MalformedRequest("Content-Type", f"names no boundary of 1 to {_MAX_BOUNDARY} characters")
    delimiter = b"\r\n--" + boundary
    # The first boundary may stand at the very start.
    content = b"\r\n" + body if body.startswith(delimiter[2:]) else body
    if content.count(delimiter) > MAX_PARTS + 1:
        raise RequestTooLarge("body", f"has more than {MAX_PARTS} parts; send one for each field")
    _, *sections = content.split(delimiter)
    parts: list[Part] = []
    for section in sections:
        if section.startswith(b"--"):
            return parts
        parts.append(_part(section))
    raise MalformedRequest("body", "breaks off before the form's closing boundary; send all of it")


def _part(section: bytes) -> Part:
    # What pads a boundary's line, then headers, an empty line, and the content.
    start = section.find(b"\r\n", 0, MAX_HEAD)
    end = section.find(b"\r\n\r\n", max(start, 0), MAX_HEAD)
    if start < 0 or end < 0 or section[:start].strip(b" \t"):
        raise MalformedRequest("body", f"has a part without headers, or with over {MAX_HEAD:,} bytes of them")
    head = section[start + 2 : end]
    disposition = _DISPOSITION.search(head)
    if disposition is None:
        raise MalformedRequest("body", "has a part without a Content-Disposition of form-data")
    line = head[disposition.end() :].partition(b"\r\n")[0]
    given = parameters(line)
    try:
        name = given[b"name"].decode()
    except KeyError:
        raise MalformedRequest("body", "has a part whose Content-Disposition has no name") from None
    except UnicodeDecodeError:
        raise MalformedRequest("body", "has a part whose name is not UTF-8") from None
    return Part(name, section[end + 4 :], b"filename" in given or b"filename*" in given)

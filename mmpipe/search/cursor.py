"""Page cursors: where the next page of one search in one version begins.

A cursor is opaque to clients but not secret: it holds the version, a digest of what was asked, and an offset,
and is checked against the request it comes with. Changing one can only move the changer's own place in a
result they may read anyway, so there is nothing to sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.schemas.search import Heard, SearchRequest
    from mmpipe.search.query import EncodedQuery

_FORM = 1
_MAX_OFFSET = 2**53


@dataclass(frozen=True)
class Cursor:
    """``version`` is :attr:`Snapshot.label <mmpipe.search.snapshot.Snapshot.label>`; ``digest`` names the
    search. ``heard`` is the text and confidence of a spoken query and its language: later pages must not
    listen again, for the recogniser may have been adapted meanwhile and understand something else."""

    version: str
    digest: str
    offset: int
    heard: tuple[str, float, str | None] | None = None

    def encode(self) -> str:
        """URL-safe text."""
        parts: list[object] = [_FORM, self.version, self.digest, self.offset]
        if self.heard is not None:
            parts.append(self.heard)
        raw = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """The inverse of :meth:`Cursor.encode`. Raises :class:`InvalidRequest` for anything else."""
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _foreign() from None
    match raw:
        case [int(form), str(version), str(digest), int(offset)] if (
            form == _FORM and 0 <= offset < _MAX_OFFSET and not isinstance(offset, bool)
        ):
            return Cursor(version, digest, offset)
        case [int(form), str(version), str(digest), int(offset), [str(said), float(sure), language]] if (
            form == _FORM
            and 0 <= offset < _MAX_OFFSET
            and not isinstance(offset, bool)
            and 0 <= sure <= 1
            and (language is None or isinstance(language, str))
        ):
            return Cursor(version, digest, offset, (said, sure, language))
    raise _foreign()


def pinned_version(text: str | None) -> str | None:
    """The version a request's cursor belongs to; None without a cursor."""
    return None if text is None else decode(text).version


def next_page(version: str, digest: str, offset: int, heard: Heard | None) -> str:
    """The cursor of the page that begins at ``offset``."""
    spoken = None if heard is None else (heard.text, heard.confidence, heard.language)
    return Cursor(version, digest, offset, spoken).encode()


def digest_of(collection: str, request: SearchRequest, query: EncodedQuery) -> str:
    """What must not change from page to page: the query, its weights and its filters. Page size, facets and
    explanation may."""
    parts = [
        collection,
        request.weights.model_dump_json(),
        request.filters.model_dump_json(exclude_defaults=True),
    ]
    digest = hashlib.blake2b(query.identity, digest_size=12)
    for part in parts:
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()


def offset_of(text: str | None, version: str, digest: str) -> int:
    """Where the page begins: 0 without a cursor. Raises :class:`InvalidRequest` where the cursor belongs to
    another search or version."""
    if text is None:
        return 0
    found = decode(text)
    if found.version != version:
        raise expired()
    if found.digest != digest:
        raise InvalidRequest(
            "cursor", "belongs to another search; send it with the same query, weights and filters"
        )
    return found.offset


def expired() -> InvalidRequest:
    """The version a cursor is pinned to is no longer held."""
    return InvalidRequest("cursor", "has expired, the catalogue has moved on; repeat the search without it")


def _foreign() -> InvalidRequest:
    return InvalidRequest(
        "cursor", "is no cursor of this service; send next_cursor of the previous page as it is"
    )

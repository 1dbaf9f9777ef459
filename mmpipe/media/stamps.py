"""What a place told about the medium that was read there, kept to ask later whether it is still the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from mmpipe.objects import ObjectStat

# Printable ASCII that separates nothing here and nothing in a list of stamps.
_PLAIN: Final = "\"'/:;=!*()@&+$-_.~"
_ENCODED: Final = re.compile(r"(\d*),(-?\d*),([^\s,]*)(?:,([0-9a-f]{16}))?")


@dataclass(frozen=True, slots=True)
class MediaStamp:
    """What an object store or host told of the bytes that it gave.

    ``etag`` as told: an object store's without quotes, a host's as it stood in the header, ``W/`` and quotes
    included, for it is sent back so. ``last_modified`` is in UTC and whole seconds, whatever it is made
    from: a listing is often more precise than an object's own headers. ``size`` is in bytes. ``redirected``
    tells where redirects of a host led (:func:`address_digest`), for an ETag is unique to one address; None
    where there were none.
    """

    etag: str | None
    last_modified: datetime | None
    size: int | None
    redirected: str | None = None

    def __post_init__(self) -> None:
        if self.last_modified is not None:
            whole = self.last_modified.astimezone(UTC).replace(microsecond=0)
            object.__setattr__(self, "last_modified", whole)
        if not self.etag:
            object.__setattr__(self, "etag", None)

    def encode(self) -> str:
        """As short text of printable ASCII without spaces; equal stamps give equal texts."""
        size = "" if self.size is None else str(self.size)
        seconds = "" if self.last_modified is None else str(int(self.last_modified.timestamp()))
        fields = [size, seconds, quote(self.etag or "", safe=_PLAIN)]
        if self.redirected is not None:
            fields.append(self.redirected)
        return ",".join(fields)

    @classmethod
    def decode(cls, text: str) -> MediaStamp:
        """The stamp that :meth:`encode` wrote; ``ValueError`` for any other text."""
        found = _ENCODED.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:100]!r} is no encoded stamp of a medium")
        size, seconds, etag, redirected = found.groups()
        try:
            moment = datetime.fromtimestamp(int(seconds), UTC) if seconds else None
        except (ValueError, OverflowError, OSError):
            raise ValueError(f"{text[:100]!r} is no encoded stamp of a medium: no such time") from None
        return cls(unquote(etag) or None, moment, int(size) if size else None, redirected)


def stamp_of(found: ObjectStat) -> MediaStamp:
    """The stamp of an object."""
    return MediaStamp(found.etag, found.last_modified, found.size)


def address_digest(address: str) -> str:
    """The 16 hex digits by which a stamp knows the address that redirects led to."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]

"""The layout of an upload bucket: which keys mean something, and what.

::

    <collection>/feeds/…                a feed file, any depth
    <collection>/products/<id>.json     one product
    <collection>/media/…                photos, clips, recordings, any depth
    <collection>/events/….jsonl         interactions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from mmpipe.errors import InvalidEvent
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.schemas.work import EventKind

Section = Literal["feeds", "products", "media", "events"]

_SECTIONS: dict[str, Section] = {name: name for name in get_args(Section)}
_CREATED: dict[Section, EventKind] = {
    "feeds": "feed_uploaded",
    "products": "product_uploaded",
    "media": "media_uploaded",
    "events": "interactions_uploaded",
}
# A removed feed removes no product, and removed interaction files were stored long ago: neither is an event.
_REMOVED: dict[Section, EventKind] = {"products": "product_removed", "media": "media_removed"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_KEY_BYTES = 1024
_REMEDY = "upload the object under another key"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands in the layout."""

    collection: str
    section: Section
    name: str
    """The rest of the key, after ``<collection>/<section>/``."""

    def kind(self, *, removed: bool) -> EventKind | None:
        """The event that creating or removing this key is; None where it is none."""
        return _REMOVED.get(self.section) if removed else _CREATED[self.section]


def place_of(key: str) -> Place | None:
    """Find a decoded key's place; None where it is outside the layout.

    Folder markers (keys ending in ``/``), hidden and underscore-named files (``.DS_Store``, ``_SUCCESS``)
    are outside. Raises :class:`InvalidEvent` for a key that no honest client writes (control characters,
    ``.`` and ``..`` segments, text that is not UTF-8) and for a collection whose name is not allowed.
    """
    _check_key(key)
    collection, _, rest = key.partition("/")
    section_name, _, name = rest.partition("/")
    section = _SECTIONS.get(section_name)
    if section is None or not name or name.endswith("/"):
        return None
    if name.rpartition("/")[2].startswith((".", "_")):
        return None
    if section == "products" and ("/" in name or not name.endswith(".json")):
        return None
    if section == "events" and not name.endswith(".jsonl"):
        return None
    if not COLLECTION_PATTERN.fullmatch(collection):
        raise InvalidEvent(
            f"object key: {collection!r} is no collection name; upload under a folder of 1 to 63 lower-case"
            " letters, digits, '-' and '_' that starts with a letter or digit, and not 'models'"
        )
    return Place(collection, section, name)


def _check_key(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidEvent(f"object key: not valid Unicode text; {_REMEDY}") from error
    if not key or size > _MAX_KEY_BYTES:
        raise InvalidEvent(f"object key: {size} bytes long; S3 keys have 1 to {_MAX_KEY_BYTES}")
    if _CONTROL.search(key):
        raise InvalidEvent(f"object key {key[:80]!r}: holds control characters; {_REMEDY}")
    if any(part in (".", "..") for part in key.split("/")):
        raise InvalidEvent(f"object key {key[:80]!r}: holds a '.' or '..' segment; {_REMEDY}")

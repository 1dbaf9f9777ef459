"""The layout of an upload bucket: which keys mean something, and what.

::

    <collection>/feeds/…                a feed file, any depth
    <collection>/products/<id>.json     one product
    <collection>/media/…                photos, clips, recordings, any depth
    <collection>/events/….jsonl         interactions
    <collection>/reviews/….jsonl, .csv  what shoppers wrote

What a writer leaves before it is done, or beside its work, is no upload (see :func:`place_of`); the finished
object has an event of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from mmpipe.errors import InvalidEvent
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.schemas.work import EventKind, Section

_SECTIONS: dict[str, Section] = {name: name for name in get_args(Section)}
_CREATED: dict[Section, EventKind] = {
    "feeds": "feed_uploaded",
    "products": "product_uploaded",
    "media": "media_uploaded",
    "events": "interactions_uploaded",
    "reviews": "reviews_uploaded",
}
# Interactions and reviews were stored long ago: the removal of their file is no event.
_REMOVED: dict[Section, EventKind] = {
    "feeds": "feed_removed",
    "products": "product_removed",
    "media": "media_removed",
}
# Of browsers, FTP clients, downloaders, editors, Hadoop's copy and its folders on S3.
_UNFINISHED = (
    ".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".opdownload", ".swp",
    ".inprogress", "._copying_", "_$folder$", "~",
)  # fmt: skip
_BESIDE_DATA = re.compile(
    r"_temporary|_delta_log|_spark_metadata|_metadata|_common_metadata|_SUCCESS|_(started|committed)_\d+"
    r"|__MACOSX"
)
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

    Outside are folder markers (keys ending in ``/``), names and folders that begin with ``.``, names of
    unfinished files (``x.csv.part``, ``x.tmp``, ``~$x.xlsx``, …), and what Spark, Hadoop, Delta and macOS
    write beside their data (``_temporary/``, ``_SUCCESS``, ``_delta_log/``, ``__MACOSX/``, …). In ``feeds/``,
    ``events/`` and ``reviews/`` that is whatever begins with ``_``; elsewhere only the known names, for an id
    may begin with ``_``, and cameras name photos ``_DSC0001.jpg``.

    Raises :class:`InvalidEvent` for a key that no honest client writes (control characters, ``.`` and ``..``
    segments, text that is not UTF-8) and for a collection whose name is not allowed.
    """
    _check_key(key)
    collection, _, rest = key.partition("/")
    section_name, _, name = rest.partition("/")
    section = _SECTIONS.get(section_name)
    if section is None or not name or name.endswith("/"):
        return None
    if _is_unfinished(section, name):
        return None
    if section == "products" and ("/" in name or not name.endswith(".json")):
        return None
    if section == "events" and not name.endswith(".jsonl"):
        return None
    if section == "reviews" and not name.endswith((".jsonl", ".csv")):
        return None
    if not COLLECTION_PATTERN.fullmatch(collection):
        raise InvalidEvent(
            f"object key: {collection!r} is no collection name; upload under a folder of 1 to 63 lower-case"
            " letters, digits, '-' and '_' that starts with a letter or digit, and not 'models'"
        )
    return Place(collection, section, name)


def _is_unfinished(section: Section, name: str) -> bool:
    parts = name.split("/")
    if parts[-1].startswith("~$") or parts[-1].lower().endswith(_UNFINISHED):
        return True
    beside = ("_", ".") if section in ("feeds", "events", "reviews") else (".",)
    return any(part.startswith(beside) or _BESIDE_DATA.fullmatch(part) for part in parts)


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

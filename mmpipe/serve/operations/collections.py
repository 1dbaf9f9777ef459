"""Which collection a caller means: one of the lake, or one that their first upload makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.serve.answer import tenancy

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake


def opened(lake: Lake, name: str | None) -> Collection:
    """A collection that is there, live or not. Blocks. Raises ``UnknownCollection``, also for what is not the
    caller's, and ``InvalidRequest`` for a missing name."""
    found = lake.named(tenancy.chosen(name))
    _told(found.name)
    return found


def name_of(lake: Lake, name: str | None) -> str:
    """The same of one that need not be there yet. Raises ``InvalidRequest`` for what is no name."""
    chosen = tenancy.chosen(name)
    if chosen is None:
        chosen = lake.named(None).name
    if not COLLECTION_PATTERN.fullmatch(chosen):
        raise InvalidRequest(
            "collection",
            "give 1 to 63 lower-case letters, digits, '-' and '_' that begin with a letter or digit",
        )
    _told(chosen)
    return chosen


def _told(name: str) -> None:
    caller = tenancy.current()
    if caller is not None:
        caller.collection = name

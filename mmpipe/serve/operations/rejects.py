"""Rejects by pages, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmpipe.schemas.uploads import RejectsPage

if TYPE_CHECKING:
    from mmpipe.lake import Collection

# A reject holds up to 64 KiB of its row.
MAX_REJECTS: Final = 100
MAX_OFFSET: Final = 1_000_000


def page_of(held: Collection, source: str | None, limit: int, offset: int) -> RejectsPage:
    """A page of a collection's rejects, or of those of one file. Blocks."""
    total = held.rejects.count(source_uri=source)
    found = held.rejects.list(source_uri=source, limit=limit, offset=offset) if offset < total else []
    end = offset + len(found)
    return RejectsPage(
        collection=held.name, total=total, rejects=found, next_offset=end if found and end < total else None
    )

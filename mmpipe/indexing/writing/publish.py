"""Readers get what was committed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict, LiveMoved, PublishRejected

if TYPE_CHECKING:
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.live import LiveFile

logger = logging.getLogger(__name__)
_ATTEMPTS = 3


def publish(
    collection: Collection,
    table: ProductTable,
    reason: str,
    *,
    version: int | None = None,
    follow: bool = False,
    seen: LiveFile | None = None,
    max_shrink: float | None = None,
    tidy: bool = True,
) -> str:
    """Make a version live, the newest where none is named; returns why it could not be, or nothing.

    A table of another profile than the live one's is left for an explicit ``mmpipe live switch``: readers
    must never be moved to another model by an upload. With ``follow`` it raises ``LiveMoved`` then: the work
    is to be done again, for the table that is live by now. Nor are readers moved on from a version they were
    rolled back to: the fault that made somebody roll back would be live again with the next upload.

    ``seen`` is the live file as the caller read it, which is read again only where it has changed since.
    ``max_shrink`` of 1 lets any number of products go. Without ``tidy`` the caller tidies the table's tags.
    """
    for _ in range(_ATTEMPTS):
        content = seen if seen is not None else collection.live_file()
        seen = None
        live = None if content is None else content.live
        if live is not None and live.profile_fingerprint != table.profile.fingerprint:
            if follow:
                raise LiveMoved(f"written to {table.name}; readers follow {live.table} since: write it there")
            return (
                f"written to {table.name}, not live: {live.table} of another profile is;"
                f" mmpipe live switch {table.name}"
            )
        if live is not None and live.restores is not None:
            return (
                f"written to {table.name}, not live: readers were rolled back to version {live.version};"
                f" when the newest is right again, mmpipe live promote {table.name}"
            )
        try:
            collection.publish(
                table,
                reason=reason,
                version=version,
                following=content,
                allow_shrink=max_shrink == 1,
                tidy=tidy,
            )
        except LiveMoved:
            continue
        except PublishRejected as error:
            logger.warning("a version was not published", extra={"table": table.name, "reason": str(error)})
            return f"written, not live: {error}"
        return ""
    raise CommitConflict(f"{table.name}: what is live keeps changing")

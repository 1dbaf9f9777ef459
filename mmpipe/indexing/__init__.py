"""Uploads to table rows: one pipeline, a warm lane for small orders and a batch lane for large feeds.

In the order of the data's way: ``sources`` (what was uploaded) → ``pipeline`` (what of it is due, its media,
its vectors) → ``lanes`` (who does the work) → ``writing`` (one commit, then readers) → ``tables`` (copying,
switching, upkeep) → ``replays`` (rejects again). ``batch`` and ``maintain`` are the entry points of Ray jobs.

:class:`Indexer` executes orders of the warm lane, :func:`execute_file` a feed file without queue or cluster,
:func:`replay` and :func:`try_again` a reject. On the way a row is a ``UploadRow`` (read), ``Work`` (due),
``Ready`` (media read), and part of a ``ChunkResult``, whose ``Changes`` the lake makes in one commit.
``settings.indexing.modalities`` limits what of a product is encoded; without ``text`` nothing of it is found
by full text either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.lazily import names_of

if TYPE_CHECKING:
    from mmpipe.indexing.lanes.files import execute_file
    from mmpipe.indexing.lanes.warm import Indexer
    from mmpipe.indexing.replays import replay, try_again

__all__ = ["Indexer", "execute_file", "replay", "try_again"]

_HOMES = {
    "Indexer": "lanes.warm",
    "execute_file": "lanes.files",
    "replay": "replays",
    "try_again": "replays",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = names_of(__name__, _HOMES)

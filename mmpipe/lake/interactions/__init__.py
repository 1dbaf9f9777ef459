"""What shoppers did: an append-only log beside the tables, made for many small writes and for following.

The log of a collection is a set of Parquet segments below ``<lake>/<collection>/interactions/``, by the UTC
day they arrived on (``schema`` has its columns and names). A set: who writes adds an object and meets nobody,
who reads counts each ``event_id`` once, so order, repetition and merging change nothing.

* :class:`InteractionLog` (``Collection.interactions``): :meth:`~InteractionLog.append`,
  :meth:`~InteractionLog.scan`, :meth:`~InteractionLog.tail`; ``reading`` says what counts, ``tailing`` how it
  is followed, ``folder`` touches the objects.
* :class:`Pseudonyms` take the place of ids before anything is stored; ``rows`` turns events into rows.
* ``erasing``: a person leaves the log, or is handed what it holds, and ``records`` are the proofs;
  ``compaction`` makes few of many segments. :meth:`~InteractionLog.maintain` does what is due.
"""

from __future__ import annotations

from mmpipe.lake.interactions.log import InteractionLog
from mmpipe.lake.interactions.pseudonyms import Pseudonyms, open_pseudonyms
from mmpipe.lake.interactions.rows import rows_of
from mmpipe.lake.interactions.schema import SCHEMA, Segment
from mmpipe.lake.interactions.tailing import Position
from mmpipe.schemas.people import Erasure, Export, Rewritten

__all__ = [
    "SCHEMA",
    "Erasure",
    "Export",
    "InteractionLog",
    "Position",
    "Pseudonyms",
    "Rewritten",
    "Segment",
    "open_pseudonyms",
    "rows_of",
]

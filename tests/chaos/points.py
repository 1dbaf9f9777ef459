"""The steps at which a process can end, by name.

Each is a call that changes something that another process sees. A life (``life.py``) is killed right before
or right after one of them; nothing of this is in the product, whose functions are wrapped in the process that
is to be killed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple


class Point(NamedTuple):
    """A named step: where its function is, and what makes it come (see ``life.Task``)."""

    name: str
    where: str
    by: str


POINTS: Final = (
    Point("table created", "mmpipe.lake.products:create_table", "first"),
    Point("rows staged", "mmpipe.lake.products:stage", "large"),
    Point("journal noted", "mmpipe.indexing.writing.journal:Journal.append", "large"),
    Point("journal removed", "mmpipe.indexing.writing.journal:Journal.forget", "large"),
    Point("rows written", "mmpipe.lake.writer:stage", "uploads"),
    Point("products committed", "mmpipe.lake.fragments:Commit.run", "uploads"),
    Point("version tagged", "mmpipe.lake.tags:LiveTags.keep", "uploads"),
    Point("version live", "mmpipe.lake.live:LivePointer.replace", "uploads"),
    Point("media announced", "mmpipe.lake.media_log:MediaLog.record", "photo"),
    Point("rejects written", "mmpipe.lake.rejects:RejectTable.put", "uploads"),
    Point("run recorded", "mmpipe.lake.runs:RunTable.put", "uploads"),
    Point("files compacted", "mmpipe.lake.maintenance:_compact", "upkeep"),
    Point("records compacted", "mmpipe.lake.record_table:RecordTable._compact", "upkeep"),
    Point("tag dropped", "mmpipe.lake.tags:LiveTags.drop", "upkeep"),
    Point("versions removed", "mmpipe.lake.products:remove_versions", "upkeep"),
    Point("interactions stored", "mmpipe.lake.interactions.folder:LogFolder.write", "events"),
    Point("interactions merged", "mmpipe.lake.interactions.folder:LogFolder.delete_many", "merge"),
    Point("erasure recorded", "mmpipe.lake.interactions.folder:LogFolder.write_record", "erase"),
)
# Where messages come by a queue: steps of ``queue.consume``, and one of the product's.
QUEUE_POINTS: Final = (
    Point("batch handled", "", "queue"),
    Point("messages deleted", "", "queue"),
    Point("messages shown again", "mmpipe.dispatch.redelivery:Redelivery._change", "queue"),
)
MOMENTS: Final = ("before", "after")
# Asked for faults alone: nothing is changed by them.
READS: Final = (
    "mmpipe.lake.products:ProductTable.latest",
    "mmpipe.lake.live:LivePointer.read",
    "mmpipe.lake.runs:RunTable.get_many",
)


def wrap(where: str, around: Callable[[Callable[[], Any]], Any]) -> None:
    """Let ``around`` make the calls of a function, for as long as this process lives."""
    module, _, path = where.partition(":")
    holder: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    real = getattr(holder, name)

    @functools.wraps(real)
    def wrapped(*args: Any, **more: Any) -> Any:
        return around(lambda: real(*args, **more))

    setattr(holder, name, wrapped)

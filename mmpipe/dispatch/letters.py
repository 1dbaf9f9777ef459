"""Dead letters, wherever they lie: what could not be handled, why, and putting it back or throwing it away.

:class:`mmpipe.dispatch.dead_letters.QueueLetters` are those of a queue of SQS,
:class:`mmpipe.dispatch.folder_letters.FolderLetters` those of a folder that shops upload to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, computed_field

if TYPE_CHECKING:
    from mmpipe.schemas.work import CatalogueEvent

PREVIEW = 200
"""Characters of a message that are shown."""


class LetterEvent(BaseModel):
    """One catalogue event of a message that could be read."""

    model_config = ConfigDict(frozen=True)

    event: str
    collection: str
    uri: str
    """Of the object that it is about."""
    etag: str | None
    event_time: datetime

    @classmethod
    def of(cls, event: CatalogueEvent) -> LetterEvent:
        """What is told of an event."""
        ref = event.object
        return cls(
            event=event.kind,
            collection=event.collection,
            uri=ref.uri,
            etag=ref.etag,
            event_time=ref.event_time,
        )


class DeadLetter(BaseModel):
    """One message that was given up."""

    model_config = ConfigDict(frozen=True)

    message_id: str
    sent_at: datetime
    age_seconds: float
    receives: int | None
    """As the queue counts them, looks included; a folder counts none."""
    events: tuple[LetterEvent, ...]
    unreadable: str
    """Why it can never be handled; empty for a message that can be read, whose work was not taken in time."""
    reason: str = ""
    """What whoever gave it up said, where that was written down."""
    body: str
    """Its first characters."""

    def about(self, collection: str) -> bool:
        """Whether it is about something of this collection."""
        return any(event.collection == collection for event in self.events)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cause(self) -> Literal["poison", "outage", "nothing"]:
        """``poison``: it can never be handled. ``outage``: nobody took its work for as long as its queue
        tries, so it is good once somebody does. ``nothing``: no work follows from it."""
        if self.unreadable:
            return "poison"
        return "outage" if self.events else "nothing"


@dataclass(frozen=True, slots=True)
class Sorted:
    """What became of the messages that were meant: ids of those that were ``taken`` (put back on their queue,
    or thrown away), and wanted ids that were not found."""

    taken: tuple[str, ...]
    missing: tuple[str, ...]


class DeadLetters(Protocol):
    """The dead letters of one queue. Calls block."""

    @property
    def where(self) -> str:
        """The address or folder that they lie in."""
        ...

    @property
    def queue(self) -> str:
        """The address or folder of the queue that they go back to."""
        ...

    def count(self) -> int:
        """About how many there are."""
        ...

    def peek(self, limit: int = 100) -> list[DeadLetter]:
        """Messages, oldest first; they stay where they are."""
        ...

    def replay(self, message_ids: Collection[str] | None = None) -> Sorted:
        """Put messages back on their queue, oldest first; all that are there now where no id is given.
        Nothing is lost where that is cut off: a message may then be in both places, which is harmless."""
        ...

    def purge(self, message_ids: Collection[str]) -> Sorted:
        """Throw these away for good."""
        ...

"""Uploads whose events were given up, as far as this service may look: those of a folder, and of a queue of
SQS where the settings name its dead letters, as they do on one machine. A deployment's service is given no
right to its queues; there it is told by an upload's age that it is time to look."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mmpipe.dispatch.dead_letters import QueueLetters
from mmpipe.dispatch.folder_letters import FolderLetters
from mmpipe.dispatch.folder_queue import upload_folder
from mmpipe.dispatch.redelivery import OUTAGE_SECONDS
from mmpipe.errors import MmpipeError
from mmpipe.objects import scheme_of, to_path, to_uri

if TYPE_CHECKING:
    from mmpipe.dispatch.letters import DeadLetter, LetterEvent
    from mmpipe.schemas.uploads import Upload
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)

LIST: Final = "mmpipe dlq list"
_NOT_TAKEN: Final = "nobody took its work for as long as the queue tries"
_LOOKED_AT: Final = 1_000
_COUNTED_SECONDS: Final = 2.0
_LOOKED_SECONDS: Final = 60.0
_ID_DIGITS: Final = 13


class Letters(Protocol):
    """Where dead letters are looked for. Calls block."""

    def of(self, uri: str, etag: str) -> DeadLetter | None:
        """The newest about this content at this address, unless its event waits again."""
        ...

    def newest(self, collection: str, limit: int) -> list[DeadLetter]:
        """Of those about this collection some, the newest first."""
        ...


class GivenUp:
    """Tells uploads of their dead letters. ``may_know`` says whether the caller may be told where the lake
    is."""

    def __init__(self, settings: Settings, may_know: Callable[[], bool]) -> None:
        root, dispatch = settings.indexing.uploads_uri, settings.dispatch
        self._lake, self._may_know = settings.lake.uri, may_know
        self._folder = root is not None and scheme_of(to_uri(root)) == "file"
        unset = settings.indexing.model_copy(update={"uploads_uri": None})
        usual = upload_folder(settings.model_copy(update={"indexing": unset}))
        self._elsewhere = root if self._folder and root and usual != Path(to_path(to_uri(root))) else ""
        self._letters: Letters | None = None
        if root is not None and self._folder:
            self._letters = FolderLetters(Path(to_path(to_uri(root))))
        elif dispatch.queue_url is not None and dispatch.dlq_url is not None:
            self._letters = _Looks(QueueLetters(dispatch.queue_url, dispatch.dlq_url))

    def told(self, upload: Upload, uri: str, etag: str, put_at: datetime | None) -> Upload:
        """An upload that is not over yet, which it may be for this reason; ``put_at`` is when what is there
        now was put, so that a letter about equal bytes before it says nothing."""
        try:
            letter = None if self._letters is None else self._letters.of(uri, etag)
        except MmpipeError as error:
            logger.warning("dead letters cannot be looked at", extra={"reason": str(error)})
            letter = None
        if letter is not None and (put_at is None or any(_of_now(each, put_at) for each in letter.events)):
            return self.given_up(upload, letter)
        waits = datetime.now(UTC) - upload.received_at
        if upload.state == "queued" and not self._folder and waits > timedelta(seconds=OUTAGE_SECONDS):
            hours = waits.total_seconds() / 3_600
            reason = f"nobody took it up for {hours:.0f} hours: its event may be a dead letter"
            return upload.model_copy(update={"reason": reason, "remedy": LIST})
        return upload

    def given_up(self, upload: Upload, letter: DeadLetter) -> Upload:
        """What is told of an upload whose event is this dead letter."""
        may_know = self._may_know()
        lake = f" --lake {shlex.quote(self._lake if may_know else 'LAKE')}" if self._folder else ""
        remedy = f"mmpipe dlq replay{lake} --id {letter.message_id[:_ID_DIGITS]}"
        if self._elsewhere and may_know:
            remedy = f"MMPIPE_INDEXING__UPLOADS_URI={shlex.quote(self._elsewhere)} {remedy}"
        # What was said the last time has the service's own paths, and of a process that died its log.
        reason = (letter.reason if may_know else "") or _NOT_TAKEN
        return upload.model_copy(update={"state": "dead_letter", "reason": reason, "remedy": remedy})

    def newest(self, collection: str, limit: int) -> list[DeadLetter]:
        """Of the letters about this collection the newest; none where they cannot be looked at."""
        try:
            return [] if self._letters is None else self._letters.newest(collection, limit)
        except MmpipeError as error:
            logger.warning("dead letters cannot be looked at", extra={"reason": str(error)})
            return []


def _of_now(event: LetterEvent, put_at: datetime) -> bool:
    # Of equal bytes; S3 dates objects by the second, its events to the thousandth.
    return event.event_time + timedelta(seconds=1) >= put_at.replace(microsecond=0)


class _Looks:
    """A queue of SQS, which cannot be looked at without its messages being hidden for a moment: that is done
    where their number has changed, and once a minute, and of more than 1,000 as many are seen, whichever it
    gives."""

    def __init__(self, held: QueueLetters) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._seen: Sequence[DeadLetter] = ()
        self._count = 0
        self._count_again = self._look_again = 0.0

    def of(self, uri: str, etag: str) -> DeadLetter | None:
        """See :class:`Letters`."""
        return next(
            (
                letter
                for letter in self._all()
                if any((event.uri, event.etag) == (uri, etag) for event in letter.events)
            ),
            None,
        )

    def newest(self, collection: str, limit: int) -> list[DeadLetter]:
        """See :class:`Letters`."""
        return [letter for letter in self._all() if letter.about(collection)][:limit]

    def _all(self) -> Sequence[DeadLetter]:
        """The newest first."""
        # Whoever finds another looking takes what was seen before.
        if self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._seen[::-1]

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._count_again:
            return
        # Also where asking fails: a queue that is away, or not ours to read, is not asked all the time.
        self._count_again = now + _LOOKED_SECONDS
        count = self._held.count()
        if count != self._count or now >= self._look_again:
            self._seen = self._held.peek(_LOOKED_AT) if count else ()
            self._look_again = now + _LOOKED_SECONDS
        self._count, self._count_again = count, now + _COUNTED_SECONDS

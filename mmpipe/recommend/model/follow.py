"""Which recommenders a replica answers with: follows each collection's pointer, swaps when the next is ready.

Per collection and interval one small conditional request asks which recommender is followed. Only a change
causes more: its files are fetched, compared with their digests and mapped, the live version's rows are looked
up in it, then one assignment swaps it in. What goes wrong leaves the old one answering and is reported by
:meth:`Recommenders.status`; queries never wait for any of this.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from mmpipe.errors import MmpipeError, ModelUnavailable
from mmpipe.lake.steady import steady_time
from mmpipe.recommend.model.recommender import Bound, Recommender

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.lake.recommenders import LiveRecommender
    from mmpipe.search import Version

log = logging.getLogger(__name__)

# Recommenders change about once a day.
POLL_SECONDS = 5.0
# One that could not be loaded is tried again this often while it is named.
RETRY_SECONDS = 60.0
# Copies on this node's disk that nobody has read for so long are removed.
UNUSED_SECONDS = 2 * 86_400.0
_USED_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class RecommenderStatus:
    """What a replica knows of one collection's recommender. Times are Unix seconds.

    ``name`` and ``revision`` are of the one that answers, None where none does. ``error`` is the last look's,
    ``refused`` what this recommender does not do with the live version's vectors; both empty where all is
    well.
    """

    name: str | None = None
    revision: str | None = None
    kind: str | None = None
    generation: int = 0
    loaded_at: float | None = None
    checked_at: float | None = None
    error: str = ""
    refused: str = ""


@dataclass(slots=True)
class _Followed:
    model: Recommender | None = None
    status: RecommenderStatus = RecommenderStatus()
    etag: str | None = None
    failed_at: float | None = None
    used_at: float = 0.0


class Recommenders:
    """The recommenders of the collections that were asked for. :meth:`get` and :meth:`bound` touch nothing
    but memory, from any thread.

    ``version_of`` gives a collection's live version, None where none is loaded: a recommender is made ready
    for it before it is swapped in.
    """

    def __init__(
        self,
        lake: Lake,
        *,
        version_of: Callable[[str], Version | None] = lambda collection: None,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = steady_time,
    ) -> None:
        self._lake = lake
        self._version_of = version_of
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Follow from now on, on a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mmpipe-recommenders", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop following; what was handed out can still be used."""
        self._stop.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def follow(self, collection: str) -> None:
        """Follow a collection from now on; the thread looks at once."""
        if collection not in self._followed:
            with self._lock:
                self._followed.setdefault(collection, _Followed())
            self._asked.set()

    def get(self, collection: str) -> Recommender | None:
        """The recommender that is followed and loaded; None where there is none (yet)."""
        followed = self._followed.get(collection)
        if followed is None:
            self.follow(collection)
            return None
        return followed.model

    def bound(self, version: Version) -> Bound | None:
        """The collection's recommender on the rows of a version; None where there is none, or where nothing
        of it can be used with this version's vectors."""
        model = self.get(version.collection)
        if model is None:
            return None
        try:
            return model.on(version)
        except ModelUnavailable:
            return None  # status() says so

    def status(self) -> Mapping[str, RecommenderStatus]:
        """Per followed collection, what answers and how the last look went."""
        return {name: followed.status for name, followed in list(self._followed.items())}

    def look(self, collection: str) -> RecommenderStatus:
        """Look at once, and load what is named; what goes wrong is in the status. Blocks."""
        self.follow(collection)
        followed = self._followed[collection]
        try:
            self._look(collection, followed)
        except MmpipeError as error:
            self._report(collection, followed, str(error))
        except Exception as error:  # a fault of ours must not end the following of the others
            log.exception("the recommender of %s could not be looked at", collection)
            self._report(collection, followed, f"{type(error).__name__}: {error}")
        return followed.status

    def _look(self, collection: str, followed: _Followed) -> None:
        content = self._lake.collection(collection, create=True).recommender.read()
        now = self._clock()
        named = None if content is None else content.live
        etag = None if named is None else named.etag
        waiting = followed.failed_at is not None and now - followed.failed_at < RETRY_SECONDS
        if etag != followed.etag or (followed.failed_at is not None and not waiting):
            followed.etag = etag
            followed.failed_at = now
            self._swap(collection, followed, named)
            followed.failed_at = None
        if followed.failed_at is not None:
            return  # what went wrong then still stands
        version, refused = self._version_of(collection), ""
        if followed.model is not None and version is not None:
            refused = followed.model.on(version).refused
        if refused and refused != followed.status.refused:
            log.warning("the recommender of %s: %s", collection, refused)
        followed.status = replace(followed.status, checked_at=now, error="", refused=refused)
        self._mark_used(followed)

    def _swap(self, collection: str, followed: _Followed, named: LiveRecommender | None) -> None:
        now = self._clock()
        if named is None or named.name is None or named.revision is None:
            followed.model = None
            generation = 0 if named is None else named.generation
            followed.status = RecommenderStatus(generation=generation, checked_at=now)
            return
        models = self._lake.models
        record = models.get(named.name, named.revision)
        if record.kind != "recommender":
            raise ModelUnavailable(f"{named.name} is a {record.kind}, no recommender")
        model = Recommender(models.fetch(record), name=record.name, revision=record.revision)
        if model.card.collection != collection:
            raise ModelUnavailable(
                f"{named.name} {named.revision} is of collection {model.card.collection!r}: its events say"
                " nothing of this one"
            )
        version = self._version_of(collection)
        if version is not None:
            model.on(version)
        followed.model = model
        followed.status = RecommenderStatus(
            model.name, model.revision, model.kind, named.generation, loaded_at=now, checked_at=now
        )
        log.info("%s is recommended by %s %s", collection, model.name, model.revision)
        models.forget_copies("recommender", unused_seconds=UNUSED_SECONDS)

    def _report(self, collection: str, followed: _Followed, reason: str) -> None:
        if reason != followed.status.error:
            log.warning("the recommender of %s is not followed: %s", collection, reason)
        followed.status = replace(followed.status, checked_at=self._clock(), error=reason)

    def _mark_used(self, followed: _Followed) -> None:
        now = self._clock()
        if followed.model is not None and now - followed.used_at > _USED_SECONDS:
            followed.model.touch()
            followed.used_at = now

    def _run(self) -> None:
        while not self._stop.is_set():
            self._asked.clear()
            for collection in list(self._followed):
                if self._stop.is_set():
                    return
                self.look(collection)
            self._asked.wait(self._poll_seconds)

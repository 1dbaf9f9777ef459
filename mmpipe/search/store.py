"""Which snapshot a replica answers from: follows what is live, swaps when the next version is ready.

One background thread asks, per collection and interval, which version is live: one small read. Only a change
causes more: the mirror fetches what is new, the snapshot is put together beside the old one, then one
assignment swaps them. Queries never wait for any of this. A failed refresh leaves the old version answering
and is reported by :meth:`SnapshotStore.status`. Between versions sales begin and end: a snapshot is handed
out with the prices of that moment.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import lance

from mmpipe.errors import (
    InvalidRequest,
    NotFound,
    NotReady,
    StorageUnavailable,
    UnknownCollection,
)
from mmpipe.lake.mirror import Mirror
from mmpipe.lake.model_loading import fusion_of
from mmpipe.lake.storage import is_missing, lance_errors
from mmpipe.search import cursor
from mmpipe.search.snapshot import Snapshot, load

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.fusion import Fusion
    from mmpipe.lake import Collection, Lake, LiveVersion
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)

# Versions kept for page cursors besides the current one: always MIN_HELD, and up to MAX_HELD not yet
# HOLD_SECONDS old.
MIN_HELD = 2
MAX_HELD = 8
HOLD_SECONDS = 60.0
_UNKNOWN_SECONDS = 1.0
_MAX_UNKNOWN = 1_000


@dataclass(frozen=True)
class CollectionStatus:
    """What a replica knows of one collection. Times are Unix seconds; ``error`` is the last refresh's, empty
    if it went well."""

    version: str | None
    rows: int
    loaded_at: float | None
    checked_at: float | None
    error: str


@dataclass
class _Followed:
    """The state of one collection; all but the locks and ``mirrors`` is replaced, never changed in place.

    ``lock`` is held while the next version is looked for and loaded, ``swap`` only while snapshots are
    exchanged.
    """

    collection: Collection
    lock: threading.Lock = field(default_factory=threading.Lock)
    swap: threading.Lock = field(default_factory=threading.Lock)
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    current: Snapshot | None = None
    generation: int = 0
    held: tuple[tuple[float, Snapshot], ...] = ()
    loaded_at: float | None = None
    checked_at: float | None = None
    error: str = ""


class SnapshotStore:
    """Snapshots of the collections that were asked for, each following its live version.

    ``check`` is called with a new version's profile before it is swapped in, off the query path: it may load
    that profile's encoders, and refuses the version by raising :class:`ProfileMismatch` or
    :class:`ModelUnavailable`. ``clock`` tells the moment that prices are of, in Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        *,
        check: Callable[[Profile], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._check = check
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._unknown: dict[str, float] = {}
        self._fusions: dict[str, Fusion] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._own_folder = settings.serve.mirror_dir is None
        self._folder: Path | None = (
            None if settings.serve.mirror_dir is None else Path(settings.serve.mirror_dir)
        )

    def __enter__(self) -> SnapshotStore:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Load the lake's only collection, if it has one, and follow from now on. A lake that cannot be
        reached yet, or read, is no error: the thread keeps trying."""
        if self._thread is not None:
            return
        try:
            self._follow_only()
        except Exception as error:  # noqa: BLE001 - as in the thread: status() and the log tell of it
            log.warning("no collection loaded at start: %s", error)
        self._thread = threading.Thread(target=self._run, name="mmpipe-snapshots", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following and remove a temporary mirror. Snapshots handed out keep what they have in
        memory."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            for followed in self._followed.values():
                for mirror in followed.mirrors.values():
                    mirror.close()
            self._followed.clear()
            if self._own_folder and self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def get(self, collection: str | None = None, *, page_cursor: str | None = None) -> Snapshot:
        """The current version of a collection, or with ``page_cursor`` the version that cursor is pinned to,
        with the prices of now.

        Without a name, the only collection there is. The first call for a collection loads it; later ones
        touch nothing but memory. Raises :class:`UnknownCollection`, :class:`NotReady` while nothing is live,
        :class:`InvalidRequest` for a missing name or a bad or expired cursor, and what refused the first
        version.
        """
        followed = self._followed_named(collection) if collection is not None else self._only()
        current = followed.current
        if current is None:
            self._refresh(followed)
            current = followed.current
            if current is None:
                raise NotReady(
                    f"collection '{followed.collection.name}' has no live version yet;"
                    " try again when its upload is indexed"
                )
        pinned = cursor.pinned_version(page_cursor)
        if pinned is None or pinned == current.label:
            return self._priced(followed, current)
        for _, snapshot in followed.held:
            if snapshot.label == pinned:
                return self._priced(followed, snapshot)
        raise cursor.expired()

    def refresh(self, collection: str) -> Snapshot:
        """Look at once and load what is live. Raises what went wrong, unlike the background thread."""
        followed = self._followed_named(collection)
        self._refresh(followed)
        return self.get(collection)

    def status(self) -> Mapping[str, CollectionStatus]:
        """Per followed collection, what answers and how the last refresh went."""
        report = {}
        for name, followed in list(self._followed.items()):
            current = followed.current
            report[name] = CollectionStatus(
                version=None if current is None else current.label,
                rows=0 if current is None else len(current),
                loaded_at=followed.loaded_at,
                checked_at=followed.checked_at,
                error=followed.error,
            )
        return report

    def _priced(self, followed: _Followed, snapshot: Snapshot) -> Snapshot:
        now = snapshot.at(self._clock())
        if now is not snapshot:
            with followed.swap:
                if followed.current is snapshot:
                    followed.current = now
                followed.held = tuple((moment, now if s is snapshot else s) for moment, s in followed.held)
        return now

    def _run(self) -> None:
        while not self._stop.wait(self._settings.serve.live_poll_seconds):
            if not self._followed:
                self._quietly(self._follow_only)
            for followed in list(self._followed.values()):
                self._quietly(lambda f=followed: self._refresh(f))  # type: ignore[misc]

    def _quietly(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; status() and the log tell of it
            log.debug("refresh failed: %s", error)

    def _only(self) -> _Followed:
        followed = list(self._followed.values())
        if len(followed) == 1:
            return followed[0]
        if not followed:
            only = self._follow_only()
            if only is not None:
                return only
        names = self._lake.collections()
        if not names:
            raise NotReady("the lake has no collection yet; index a feed first")
        raise InvalidRequest("collection", f"name one of: {', '.join(names[:20])}")

    def _follow_only(self) -> _Followed | None:
        names = self._lake.collections()
        if len(names) != 1:
            return None
        followed = self._followed_named(names[0])
        self._refresh(followed)
        return followed

    def _followed_named(self, name: str) -> _Followed:
        followed = self._followed.get(name)
        if followed is not None:
            return followed
        now = time.monotonic()
        # Made-up names must not each cost a listing of the lake.
        if now - self._unknown.get(name, float("-inf")) < _UNKNOWN_SECONDS:
            raise UnknownCollection(f"no collection '{name}' in this lake")
        try:
            collection = self._lake.collection(name)
        except UnknownCollection:
            with self._lock:
                if len(self._unknown) >= _MAX_UNKNOWN:
                    self._unknown.clear()
                self._unknown[name] = now
            raise
        with self._lock:
            return self._followed.setdefault(name, _Followed(collection))

    def _refresh(self, followed: _Followed) -> None:
        with followed.lock:
            try:
                live = followed.collection.live()
                if live is not None and (followed.current is None or live.generation != followed.generation):
                    self._swap(followed, live)
                followed.error = ""
            except Exception as error:
                if followed.error != str(error):
                    log.warning("collection %s keeps its version: %s", followed.collection.name, error)
                followed.error = str(error) or type(error).__name__
                raise
            finally:
                followed.checked_at = time.time()

    def _swap(self, followed: _Followed, live: LiveVersion) -> None:
        former = followed.current
        label = f"{live.table}@{live.version}"
        if former is None or former.label != label:
            snapshot = self._load(followed, live, former)
            with followed.swap:
                if followed.current is not None:
                    followed.held = _still_held(((time.monotonic(), followed.current), *followed.held))
                followed.current = snapshot
            followed.loaded_at = time.time()
            log.info("collection %s: %s with %d products", followed.collection.name, label, len(snapshot))
        followed.generation = live.generation

    def _load(self, followed: _Followed, live: LiveVersion, former: Snapshot | None) -> Snapshot:
        mirror = followed.mirrors.get(live.table)
        if mirror is None:
            uri = followed.collection.table_uri(live.table)
            mirror = Mirror(uri, self._mirror_folder(), self._settings.storage)
            followed.mirrors[live.table] = mirror
        dataset = _opened(mirror, live)
        snapshot = load(
            dataset,
            collection=followed.collection.name,
            table=live.table,
            exact_rows=self._settings.serve.exact_rows,
            previous=former.parts if former is not None and former.table == live.table else None,
            check=self._check,
            fusion_for=self._fusion_of,
        )
        for table in [t for t in followed.mirrors if t not in (live.table, former.table if former else None)]:
            followed.mirrors.pop(table).close()
        return snapshot

    def _fusion_of(self, profile: Profile) -> Fusion:
        # Once per profile: finding a registered model asks the store, and versions follow one another fast.
        found = self._fusions.get(profile.fingerprint)
        if found is None:
            found = self._fusions[profile.fingerprint] = fusion_of(profile, self._settings)
        return found

    def _mirror_folder(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="mmpipe-mirror-"))
            return self._folder


def _opened(mirror: Mirror, live: LiveVersion) -> lance.LanceDataset:
    try:
        with lance_errors(f"opening table {live.table}"):
            return lance.dataset(str(mirror.sync(live.version)), version=live.version)
    except (NotFound, OSError, ValueError) as error:
        if not isinstance(error, NotFound) and not is_missing(error):
            raise
        # The caller asked for nothing that is not there: the lake has lost what it says is live.
        raise StorageUnavailable(
            f"version {live.version} of {live.table} is live, but gone: promote another"
        ) from error


def _still_held(versions: tuple[tuple[float, Snapshot], ...]) -> tuple[tuple[float, Snapshot], ...]:
    """``versions`` are newest first, each with the moment it ceased to be current."""
    oldest = time.monotonic() - HOLD_SECONDS
    kept = []
    for place, (moment, snapshot) in enumerate(versions[:MAX_HELD]):
        # A large version searches with its index on disk, and the mirror keeps the files of only one former
        # version.
        if (place < MIN_HELD or moment > oldest) and (place == 0 or snapshot.ann is None):
            kept.append((moment, snapshot))
    return tuple(kept)

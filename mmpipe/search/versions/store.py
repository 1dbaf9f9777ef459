"""Which version a replica answers from: follows what is live, swaps when the next version is ready.

Per collection and interval one small conditional request asks which version is live. Only a change causes
more: the mirror fetches what is new, the version is put together beside the old one, then one assignment
swaps them. Collections are asked about and loaded each by itself: one that takes minutes holds up no other.
Queries never wait for any of this. A failed refresh leaves the old version answering and is reported by
:meth:`VersionStore.status`. Between versions sales begin and end: a version is handed out with the prices of
that moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import lance

from mmpipe.errors import (
    InvalidRequest,
    ModelUnavailable,
    NotFound,
    NotReady,
    ProfileMismatch,
    StorageUnavailable,
    UnknownCollection,
)
from mmpipe.lake.mirror import Mirror
from mmpipe.lake.steady import steady_time
from mmpipe.lake.storage import is_missing, lance_errors
from mmpipe.search.page.cursor import pinned_version
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.workers import Workers

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake, LiveVersion
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)

# Versions kept for page cursors besides the current one: always MIN_HELD, and up to MAX_HELD not yet
# HOLD_SECONDS old.
MIN_HELD = 2
MAX_HELD = 8
HOLD_SECONDS = 60.0
# Looks are short, loads may take minutes and much memory: each have threads of their own.
LOOKERS = 4
LOADERS = 4
# How often the lake is listed and the node's folder pruned; while no collection is known, the lake is listed
# more often.
HOUSEKEEPING_SECONDS = 30.0
# How often files on local disk are looked at: one entry of a folder each.
CHECK_SECONDS = 5.0
FIRST_LIST_SECONDS = 2.0
# What an earlier process left is kept until everything that is live was loaded, but no longer than this.
SETTLE_SECONDS = 900.0
# Listings of the lake that names which it does not hold may cost, at once and a second.
UNKNOWN_LISTS = 10.0
_CLOSE_SECONDS = 10.0
_UNKNOWN_SECONDS = 1.0


class StoredVersion(Protocol):
    """What the store asks of a version."""

    @property
    def label(self) -> str:
        """What responses and cursors call it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the profile that encoded it."""
        ...

    def __len__(self) -> int:
        """Products that can be found."""
        ...

    def at(self, moment: float) -> Self:
        """With the prices of a moment, itself where these are the same."""
        ...


V = TypeVar("V", bound=StoredVersion)


class Load(Protocol[V]):
    """Puts a version together from an opened ``lance`` dataset on local disk. ``former`` is the version
    before it, where that is of the same table. It calls ``progress`` now and then: what this raises must end
    it."""

    def __call__(
        self,
        dataset: Any,
        *,
        collection: str,
        table: str,
        folder: NodeFolder,
        former: V | None,
        progress: Callable[[], None],
    ) -> V: ...


class Beside(Protocol[V]):
    """Gives a version what goes with it and follows versions of its own: ``followed``, as ``live.json`` names
    them. It gives the version itself where nothing is new; what ``former`` has is taken over."""

    def __call__(
        self,
        collection: Collection,
        version: V,
        followed: Mapping[str, int],
        former: V | None,
        progress: Callable[[], None],
    ) -> V: ...


@dataclass(frozen=True)
class CollectionStatus:
    """What a replica knows of one collection. Times are Unix seconds; ``error`` is the last refresh's, empty
    if it went well, and ``lacks_models`` that it failed for models which another process may have.
    ``loading_since`` is when the load that runs began, None while none does, and
    ``progressed_at`` when a load last got on."""

    version: str | None
    rows: int
    loaded_at: float | None
    checked_at: float | None
    error: str
    loading_since: float | None
    progressed_at: float | None
    lacks_models: bool = False


@dataclass
class _Followed(Generic[V]):
    """The state of one collection; all but the locks and ``mirrors`` is replaced, never changed in place.

    ``lock`` is held while the next version is looked for and loaded, ``swap`` only while versions are
    exchanged.
    """

    collection: Collection
    lock: threading.Lock = field(default_factory=threading.Lock)
    swap: threading.Lock = field(default_factory=threading.Lock)
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    current: V | None = None
    table: str | None = None
    # What it followed last, and whether the collection was emptied since: the next is another by any number.
    live: LiveVersion | None = None
    emptied: bool = False
    # What goes beside the versions, as far as it was brought to all, and why it was not.
    beside: Mapping[str, int] = field(default_factory=dict)
    lacking: str = ""
    held: tuple[tuple[float, V], ...] = ()
    # Whether a look or a load was given to the workers and has not come back.
    queued: bool = False
    loaded_at: float | None = None
    checked_at: float | None = None
    loading_since: float | None = None
    progressed_at: float | None = None
    error: str = ""
    lacks_models: bool = False
    # Whether files that the current version is read from were found damaged.
    damaged: bool = False

    @property
    def settled(self) -> bool:
        """Whether what is live, if anything, was loaded once."""
        return self.checked_at is not None and (self.current is not None or not self.error)


class VersionStore(Generic[V]):
    """Versions of the collections that were asked for, each following its live one.

    ``load`` puts a version together, off the query path, and may refuse it by what it raises. ``clock`` tells
    the moment that prices are of, in Unix seconds. ``folder`` is where packs and copies of tables are;
    without one that of the settings is opened, and closed with the store. What goes ``beside`` versions is
    brought to all that are held; where it cannot be, they answer without, and it is tried again.
    ``forget_beside`` is called where a collection was emptied and filled again: what was known of versions
    is of others.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        load: Load[V],
        *,
        beside: Beside[V] | None = None,
        forget_beside: Callable[[Collection], None] | None = None,
        folder: NodeFolder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._load = load
        self._beside = beside
        self._forget_beside = forget_beside
        self._clock = clock
        self._own_folder = folder is None
        self._folder = NodeFolder(settings.serve.mirror_dir) if folder is None else folder
        self._followed: dict[str, _Followed[V]] = {}
        self._listed: tuple[float, list[str]] | None = None
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        self._lists, self._lists_at = UNKNOWN_LISTS, time.monotonic()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lookers: Workers | None = None
        self._loaders: Workers | None = None
        self._opened_at = time.monotonic()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def folder(self) -> NodeFolder:
        """Where the packs and the copies of tables are."""
        return self._folder

    def start(self) -> None:
        """Load the lake's only collection, if it has one, and follow from now on. A lake that cannot be
        reached yet, or read, is no error: the thread keeps trying."""
        if self._thread is not None:
            return
        try:
            self._follow_only()
        except Exception as error:  # noqa: BLE001 - as in the thread: status() and the log tell of it
            log.warning("no collection loaded at start: %s", error)
        self._lookers = Workers("mmpipe-look", LOOKERS)
        self._loaders = Workers("mmpipe-load", LOADERS)
        self._thread = threading.Thread(target=self._run, name="mmpipe-versions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following; a load that runs is given up at its next step. Versions handed out keep what they
        have in memory."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for workers in (self._lookers, self._loaders):
            if workers is not None:
                workers.close(_CLOSE_SECONDS)
        with self._lock:
            for followed in self._followed.values():
                for mirror in followed.mirrors.values():
                    mirror.close()
            self._followed.clear()
        if self._own_folder:
            self._folder.close()

    def get(self, collection: str | None = None, *, page_cursor: str | None = None) -> V:
        """The current version of a collection, with the prices of now; with ``page_cursor`` the version that
        the cursor was made in, while that is held.

        Without a name, the only collection there is. The first call for a collection loads it; later ones
        touch nothing but memory. Raises :class:`UnknownCollection`, :class:`NotReady` while nothing is live,
        :class:`InvalidRequest` for a missing name or a bad cursor, and what refused the first version.
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
        pinned = pinned_version(page_cursor)
        if pinned is not None and pinned != current.label:
            for _, version in followed.held:
                if version.label == pinned:
                    return self._priced(followed, version)
        return self._priced(followed, current)

    def refresh(self, collection: str) -> V:
        """Look at once and load what is live. Raises what went wrong, unlike the background threads."""
        followed = self._followed_named(collection, fresh=True)
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
                loading_since=followed.loading_since,
                progressed_at=followed.progressed_at,
                lacks_models=followed.lacks_models,
            )
        return report

    def _priced(self, followed: _Followed[V], version: V) -> V:
        now = version.at(self._clock())
        if now is not version:
            with followed.swap:
                if followed.current is version:
                    followed.current = now
                followed.held = tuple((moment, now if v is version else v) for moment, v in followed.held)
        return now

    def _run(self) -> None:
        kept_house = checked = time.monotonic()
        while not self._stop.wait(self._settings.serve.live_poll_seconds):
            if not self._followed:
                self._quietly(lambda: self._know_only(FIRST_LIST_SECONDS))
            if time.monotonic() - kept_house >= HOUSEKEEPING_SECONDS:
                kept_house = time.monotonic()
                self._quietly(self._keep_house)
            if time.monotonic() - checked >= CHECK_SECONDS:
                checked = time.monotonic()
                self._quietly(self._check_files)
            for followed in list(self._followed.values()):
                if not followed.queued and not followed.lock.locked():
                    followed.queued = True
                    assert self._lookers is not None
                    self._lookers.put(lambda f=followed: self._look(f))  # type: ignore[misc]

    def _check_files(self) -> None:
        # Of packs it is not known whose they are; a load maps those that are whole.
        packs = self._folder.damaged()
        for followed in list(self._followed.values()):
            if followed.current is not None and (packs or any(m.damaged() for m in _mirrors(followed))):
                log.warning("collection %s is loaded anew: files of it are damaged", followed.collection.name)
                followed.damaged = True

    def _keep_house(self) -> None:
        if time.monotonic() - self._opened_at < SETTLE_SECONDS:
            followed = [self._followed.get(name) for name in self._names(HOUSEKEEPING_SECONDS)]
            if not all(f is not None and f.settled for f in followed):
                return
        self._folder.prune()

    def _quietly(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; status() and the log tell of it
            log.debug("refresh failed: %s", error)

    def _look(self, followed: _Followed[V]) -> None:
        """On a looker's thread: see whether something new is live, and if so have it loaded."""
        handed_on = False
        try:
            if followed.lock.acquire(blocking=False):
                try:
                    handed_on = self._refreshed(followed, load=False)
                finally:
                    followed.lock.release()
            if handed_on:
                assert self._loaders is not None
                self._loaders.put(lambda: self._load_queued(followed))
        finally:
            if not handed_on:
                followed.queued = False

    def _load_queued(self, followed: _Followed[V]) -> None:
        try:
            if not self._stop.is_set():
                self._refresh(followed)
        finally:
            followed.queued = False

    def _only(self) -> _Followed[V]:
        followed = list(self._followed.values())
        if len(followed) == 1:
            return followed[0]
        if not followed:
            only = self._follow_only()
            if only is not None:
                return only
        names = sorted({*self._names(_UNKNOWN_SECONDS), *self._followed})
        if not names:
            raise NotReady("the lake has no collection yet; index a feed first")
        raise InvalidRequest("collection", f"name one of: {', '.join(names[:20])}")

    def _names(self, seconds: float) -> list[str]:
        """The lake's collections as they were at most so long ago."""
        listed = self._listed
        if listed is None or time.monotonic() - listed[0] >= seconds:
            with self._listing:
                # Who waited for another's listing takes that.
                listed = self._listed
                now = time.monotonic()
                if listed is None or now - listed[0] >= seconds:
                    listed = self._listed = (now, self._lake.collections())
        return listed[1]

    def _may_list(self) -> bool:
        """Whether an unknown name is worth a listing, of :data:`UNKNOWN_LISTS` at once and a second."""
        with self._lock:
            now = time.monotonic()
            self._lists = min(UNKNOWN_LISTS, self._lists + (now - self._lists_at) * UNKNOWN_LISTS)
            self._lists_at = now
            if self._lists < 1:
                return False
            self._lists -= 1
            return True

    def _follow_only(self) -> _Followed[V] | None:
        followed = self._know_only(_UNKNOWN_SECONDS)
        if followed is not None:
            self._refresh(followed)
        return followed

    def _know_only(self, seconds: float) -> _Followed[V] | None:
        names = self._names(seconds)
        return self._followed_named(names[0]) if len(names) == 1 else None

    def _followed_named(self, name: str, *, fresh: bool = False) -> _Followed[V]:
        followed = self._followed.get(name)
        if followed is not None:
            return followed
        # Made-up names must not each cost a listing of the lake: together they cost so many a second.
        if name not in self._names(0.0 if fresh or self._may_list() else float("inf")):
            raise UnknownCollection(f"there is no collection {name[:80]!r}")
        collection = self._lake.collection(name)
        with self._lock:
            return self._followed.setdefault(name, _Followed(collection))

    def _refresh(self, followed: _Followed[V]) -> None:
        with followed.lock:
            self._refreshed(followed, load=True)

    def _refreshed(self, followed: _Followed[V], *, load: bool) -> bool:
        """Whether something new is live that was not loaded. Under ``followed.lock``."""
        waits = False
        try:
            live = followed.collection.live()
            if followed.live is not None and followed.live.was_emptied(live):
                followed.emptied = True
            if live is not None and (
                followed.current is None
                or followed.damaged
                or not live.same(followed.live)
                or self._lacks(followed, live)
            ):
                waits = not load
                if load:
                    self._swap(followed, live)
            if not waits:
                followed.error, followed.lacks_models = followed.lacking, False
        except Exception as error:
            if followed.error != str(error):
                log.warning("collection %s keeps its version: %s", followed.collection.name, error)
            followed.error = str(error) or type(error).__name__
            followed.lacks_models = isinstance(error, (ModelUnavailable, ProfileMismatch))
            raise
        finally:
            # What is answered is not what is live until it was loaded.
            if not waits:
                followed.checked_at = steady_time()
        return waits

    def _lacks(self, followed: _Followed[V], live: LiveVersion) -> bool:
        return self._beside is not None and followed.beside != live.photos

    def _swap(self, followed: _Followed[V], live: LiveVersion) -> None:
        former = followed.current
        label = f"{live.table}@{live.version}"
        if followed.emptied:
            self._begin_anew(followed)
        damaged = followed.damaged or followed.emptied
        if former is None or former.label != label or damaged:
            followed.loading_since = followed.progressed_at = steady_time()
            try:
                version = self._loaded(followed, live, None if damaged else former)
            finally:
                followed.loading_since = None
            with followed.swap:
                if followed.current is not None and not damaged:
                    followed.held = _still_held(((time.monotonic(), followed.current), *followed.held))
                followed.current = version
                if damaged:
                    followed.held, followed.damaged, followed.emptied = (), False, False
            followed.table = live.table
            followed.loaded_at = steady_time()
            log.info("collection %s: %s with %d products", followed.collection.name, label, len(version))
        followed.live = live
        if self._lacks(followed, live):
            self._bring(followed, live.photos)

    def _begin_anew(self, followed: _Followed[V]) -> None:
        """Take nothing that is on disk for a version of the table that there is now, by its number alone."""
        for mirror in followed.mirrors.values():
            mirror.begin_anew()
        followed.beside = {}
        if self._forget_beside is not None:
            self._forget_beside(followed.collection)

    def _bring(self, followed: _Followed[V], wanted: Mapping[str, int]) -> None:
        """Bring what goes beside versions to all that answer. Where that fails they answer as they are."""
        for version in [followed.current, *(held for _, held in followed.held)]:
            if version is None:
                continue
            now = self._with_beside(followed, version, wanted)
            if now is None:
                return
            with followed.swap:
                # Its prices may have moved on meanwhile: the next question tells the moment anew.
                if followed.current is not None and followed.current.label == now.label:
                    followed.current = now
                followed.held = tuple(
                    (moment, now if held.label == now.label else held) for moment, held in followed.held
                )
        followed.beside, followed.lacking = wanted, ""

    def _with_beside(self, followed: _Followed[V], version: V, wanted: Mapping[str, int]) -> V | None:
        """None, and why, where what goes beside the version cannot be had now: it is no reason not to
        answer."""
        assert self._beside is not None
        try:
            former, progress = followed.current, self._progress(followed)
            return self._beside(followed.collection, version, wanted, former, progress)
        except Exception as error:  # noqa: BLE001  whatever it is, products can be found without
            reason = str(error) or type(error).__name__
            if followed.lacking != reason:
                log.warning("collection %s lacks review photos: %s", followed.collection.name, reason)
            followed.lacking = reason
            return None

    def _progress(self, followed: _Followed[V]) -> Callable[[], None]:
        def progress() -> None:
            followed.progressed_at = steady_time()
            if self._stop.is_set():
                raise NotReady("the replica is closing")

        return progress

    def _loaded(self, followed: _Followed[V], live: LiveVersion, former: V | None) -> V:
        progress = self._progress(followed)
        mirror = followed.mirrors.get(live.table)
        if mirror is None:
            uri = followed.collection.table_uri(live.table)
            mirror = Mirror(uri, self._folder.shared, self._settings.storage)
            followed.mirrors[live.table] = mirror
        version = self._load(
            _opened(mirror, live, progress),
            collection=followed.collection.name,
            table=live.table,
            folder=self._folder,
            former=former if followed.table == live.table else None,
            progress=progress,
        )
        if self._beside is not None and followed.beside:
            # As it was: nothing is missing for as long as it takes to bring what is new.
            version = self._with_beside(followed, version, followed.beside) or version
        for table in [t for t in followed.mirrors if t not in (live.table, followed.table)]:
            followed.mirrors.pop(table).close()
        return version


def _mirrors(followed: _Followed[V]) -> list[Mirror]:
    return list(followed.mirrors.values())


def _opened(mirror: Mirror, live: LiveVersion, progress: Callable[[], None]) -> lance.LanceDataset:
    try:
        with lance_errors(f"opening table {live.table}"):
            return lance.dataset(str(mirror.sync(live.version, progress)), version=live.version)
    except (NotFound, OSError, ValueError) as error:
        if not isinstance(error, NotFound) and not is_missing(error):
            raise
        # The caller asked for nothing that is not there: the lake has lost what it says is live.
        raise StorageUnavailable(
            f"version {live.version} of {live.table} is live, but gone: promote another"
        ) from error


def _still_held(versions: tuple[tuple[float, V], ...]) -> tuple[tuple[float, V], ...]:
    """``versions`` are newest first, each with the moment it ceased to be current."""
    oldest = time.monotonic() - HOLD_SECONDS
    return tuple(
        (moment, version)
        for place, (moment, version) in enumerate(versions[:MAX_HELD])
        if place < MIN_HELD or moment > oldest
    )

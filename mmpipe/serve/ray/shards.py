"""One shard of every collection as a Serve deployment, and how the ingress reaches the shards.

Each shard number is a deployment of its own with one replica, so that Serve places, watches and replaces it
like any other. It keeps its own fragments' files on the disk of its node, loads what it is told to, and
answers for it. A replica that has just been put in place of another loads what is live before it takes calls.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import lance

from mmpipe.errors import DispatchUnavailable, MmpipeError, NotFound
from mmpipe.lake import open_lake
from mmpipe.lake.mirror import Mirror
from mmpipe.lake.model_loading import fusion_of
from mmpipe.lake.storage import is_missing, lance_errors
from mmpipe.search.shards import Loaded, Shard, ShardMissing, VersionGone, VersionRef, assign
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.search.versions.review_photos import FollowedPhotos
from mmpipe.search.versions.store import (
    CHECK_SECONDS,
    HOLD_SECONDS,
    MAX_HELD,
    MIN_HELD,
    SETTLE_SECONDS,
)
from mmpipe.serve.ray.deployments.logs import log_as_replica

if TYPE_CHECKING:
    from datetime import datetime

    from ray.serve import Application
    from ray.serve.handle import DeploymentHandle

    from mmpipe.lake import Collection
    from mmpipe.search.versions.version import Version
    from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")
# A round of a search takes milliseconds: a shard that takes so long is away.
ANSWER_SECONDS = 5.0
# Longer than any part of a version takes to load.
LOAD_SECONDS = 900.0


@dataclass
class _Held:
    version: Version
    shard: Shard
    used: float = field(default_factory=time.monotonic)


class ShardVersions:
    """The parts of versions that one of ``settings.serve.shards`` shards holds: those used last, loaded when
    first asked for. Safe to share between threads."""

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings = settings
        self._number = number
        self._lake = open_lake(settings)
        self._folder = NodeFolder(settings.serve.mirror_dir)
        self._mirrors: dict[tuple[str, str], Mirror] = {}
        # Looked through as a list: other collections' versions come and go meanwhile.
        self._held: dict[VersionRef, _Held] = {}
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._photos = FollowedPhotos(settings, self._folder)
        # By collection what of its review photos was last told, and those that lack it.
        self._told: dict[str, Mapping[str, int]] = {}
        self._lacking: set[str] = set()
        self._damaged: set[str] = set()
        # By collection the publication that it was last begun anew for.
        self._begun: dict[str, datetime] = {}
        self._opened_at = time.monotonic()

    def open_live(self) -> None:
        """Load what is live of every collection. What cannot be loaded now is when it is asked for; the
        others do not wait for it."""
        try:
            names = self._lake.collections()
        except MmpipeError as error:
            _log.warning("a shard begins without what is live", extra={"reason": str(error)})
            return
        for name in names:
            try:
                live = self._lake.collection(name).live()
                if live is not None:
                    self._told[name] = live.photos
                    self.load(VersionRef(name, live.table, live.version))
            except Exception as error:  # noqa: BLE001  one damaged table must not take the others down with it
                _log.warning(
                    "a shard begins without a collection", extra={"collection": name, "reason": str(error)}
                )

    def held(self, ref: VersionRef) -> Shard | None:
        """The part of a version where it is in memory."""
        found = self._held.get(ref)
        if found is None:
            return None
        found.used = time.monotonic()
        return found.shard

    def load(self, ref: VersionRef, anew: datetime | None = None) -> Shard:
        """The part of a version. Blocks. Raises :class:`VersionGone` where it was cleaned up.

        ``anew`` is the moment of the publication that filled the collection again after it was emptied: what
        is held of it, by whatever name, answers until the version is loaded, and goes then. Once for a
        publication: every ingress tells of it, and again where another shard could not load it.
        """
        with self._loading[ref.collection]:
            begins = anew is not None and self._begun.get(ref.collection) != anew
            if begins:
                self._know_none(ref.collection)
            found = None if begins else self.held(ref)
            if found is None:
                version = self._load(ref, None if begins else self._latest(ref))
                found = Shard(version)
                if begins and anew is not None:
                    for other in [other for other in list(self._held) if other.collection == ref.collection]:
                        del self._held[other]
                    self._begun[ref.collection] = anew
                self._held[ref] = _Held(version, found)
                self._forget(ref.collection)
        # Until then what another shard of this node left from before is about to be used.
        if time.monotonic() - self._opened_at > SETTLE_SECONDS:
            self._folder.prune()
        return found

    def follow_photos(self, collection: str) -> None:
        """Bring the photos of reviews, as ``live.json`` names them now, to all parts of versions that are
        held. Blocks. Raises as :meth:`FollowedPhotos.follow` does; meanwhile products answer as they did."""
        opened = self._lake.collection(collection)
        with self._loading[collection]:
            # Read here: of two that are told at once the later one must not bring what was before.
            live = opened.live()
            told = self._told[collection] = {} if live is None else live.photos
            self._lacking.add(collection)
            for ref in [ref for ref in list(self._held) if ref.collection == collection]:
                held = self._held[ref]
                version = self._photos.follow(opened, held.version, told)
                if version is not held.version:
                    self._held[ref] = _Held(version, Shard(version), held.used)
            self._lacking.discard(collection)

    def mend(self) -> None:
        """Load anew what is read from files that are not as they were written, and bring the photos of
        reviews that could not be had; until then it answers. Blocks. What cannot be mended now is by a later
        call."""
        for name in sorted(self._lacking):
            try:
                self.follow_photos(name)
            except Exception as error:  # noqa: BLE001  products can be found without
                _log.warning("a shard lacks review photos", extra={"collection": name, "reason": str(error)})
        # Of packs it is not known whose they are; a load maps those that are whole.
        if self._folder.damaged():
            self._damaged |= {ref.collection for ref in list(self._held)}
        self._damaged |= {name for (name, _), mirror in list(self._mirrors.items()) if mirror.damaged()}
        for name in sorted(self._damaged):
            _log.warning("a collection is loaded anew: files of it are damaged", extra={"collection": name})
            try:
                self._load_anew(name)
            except Exception as error:  # noqa: BLE001  one damaged table must not keep the others waiting
                _log.warning("it could not be", extra={"collection": name, "reason": str(error)})
            else:
                self._damaged.discard(name)

    def _load_anew(self, collection: str) -> None:
        """The version used last; older ones are when they are asked for."""
        with self._loading[collection]:
            refs = [ref for ref in list(self._held) if ref.collection == collection]
            refs.sort(key=lambda ref: -self._held[ref].used)
            for place, ref in enumerate(refs):
                if place == 0:
                    version = self._load(ref, None)
                    self._held[ref] = _Held(version, Shard(version))
                else:
                    del self._held[ref]

    def close(self) -> None:
        """Give up the files on disk."""
        for mirror in self._mirrors.values():
            mirror.close()
        self._photos.close()
        self._folder.close()

    def _know_none(self, collection: str) -> None:
        """Take no version that is on disk for known: its tables were removed, and are others now."""
        for (name, _), mirror in list(self._mirrors.items()):
            if name == collection:
                mirror.begin_anew()
        self._photos.forget(self._lake.collection(collection))

    def _load(self, ref: VersionRef, former: Version | None) -> Version:
        dataset = self._opened(ref)
        rows = {each.fragment_id: each.physical_rows for each in dataset.get_fragments()}
        version = load(
            dataset,
            collection=ref.collection,
            table=ref.table,
            folder=self._folder,
            exact_rows=self._settings.serve.exact_rows,
            former=None if ref.collection in self._damaged else former,
            fusion_for=lambda profile: fusion_of(profile, self._settings),
            mine=self._chosen(rows),
        )
        return self._shown(ref, version, former)

    def _shown(self, ref: VersionRef, version: Version, former: Version | None) -> Version:
        """With its photos as they were last told; where they cannot be had, without, until :meth:`mend`."""
        told = self._told.get(ref.collection)
        if told:
            try:
                opened = self._lake.collection(ref.collection)
                return self._photos.follow(opened, version, told, former)
            except Exception as error:  # noqa: BLE001  products can be found without
                self._lacking.add(ref.collection)
                told_of = {"collection": ref.collection, "reason": str(error)}
                _log.warning("a shard lacks review photos", extra=told_of)
        return version

    def _chosen(self, rows: Mapping[int, int]) -> Callable[[int], bool]:
        shard_of = assign(rows, self._settings.serve.shards)
        return lambda fragment: shard_of[fragment] == self._number

    def _latest(self, ref: VersionRef) -> Version | None:
        of_table = [
            held
            for other, held in list(self._held.items())
            if (other.collection, other.table) == (ref.collection, ref.table)
        ]
        return max(of_table, key=lambda held: held.used).version if of_table else None

    def _opened(self, ref: VersionRef) -> Any:
        collection = self._lake.collection(ref.collection)
        mirror = self._mirror(collection, ref)
        try:
            with lance_errors(f"opening table {ref.table}"):
                folder = mirror.sync(ref.number, fragments=self._chosen)
                return lance.dataset(str(folder), version=ref.number)
        except (NotFound, OSError, ValueError) as error:
            if not isinstance(error, NotFound) and not is_missing(error):
                raise
            raise VersionGone(f"{ref.label} of '{ref.collection}' was cleaned up") from error

    def _mirror(self, collection: Collection, ref: VersionRef) -> Mirror:
        key = (ref.collection, ref.table)
        found = self._mirrors.get(key)
        if found is None:
            uri = collection.table_uri(ref.table)
            found = self._mirrors[key] = Mirror(uri, self._folder.shared, self._settings.storage)
        return found

    def _forget(self, collection: str) -> None:
        """Those used last stay, and of the others those that were not long ago."""
        oldest = time.monotonic() - HOLD_SECONDS
        held = [(ref, each) for ref, each in list(self._held.items()) if ref.collection == collection]
        held.sort(key=lambda entry: -entry[1].used)
        for place, (ref, each) in enumerate(held):
            if place > MAX_HELD or (place > MIN_HELD and each.used < oldest):
                del self._held[ref]
        tables = {(ref.collection, ref.table) for ref in list(self._held)}
        for key in [key for key in self._mirrors if key[0] == collection and key not in tables]:
            self._mirrors.pop(key).close()


class ShardServer:
    """The deployment. Its constructor returns once this shard's part of what is live is in memory."""

    def __init__(self, settings: Settings, number: int) -> None:
        log_as_replica()
        self._versions = ShardVersions(settings, number)
        self._versions.open_live()
        self._stop = threading.Event()
        self._mending = threading.Thread(target=self._mend, name="mmpipe-mend", daemon=True)
        self._mending.start()

    def close(self) -> None:
        """Give up the files on disk."""
        self._stop.set()
        self._mending.join()
        self._versions.close()

    async def ping(self) -> None:
        """Answers once the replica takes calls."""

    async def load(self, ref: VersionRef, anew: datetime | None = None) -> Loaded:
        """See :meth:`ShardVersions.load`."""
        if anew is not None:
            return (await asyncio.to_thread(self._versions.load, ref, anew)).loaded()
        return (await self._shard(ref)).loaded()

    async def follow_photos(self, collection: str) -> None:
        """See :meth:`ShardVersions.follow_photos`."""
        await asyncio.to_thread(self._versions.follow_photos, collection)

    async def ask(self, method: str, ref: VersionRef, *args: Any) -> Any:
        """A method of :class:`~mmpipe.search.shards.shard.Shard`."""
        shard = await self._shard(ref)
        if method in ("product", "media"):
            # Read from local disk, the calls that wait for I/O.
            return await asyncio.to_thread(getattr(shard, method), *args)
        # On the event loop: threads would only take the interpreter lock from one another.
        return getattr(shard, method)(*args)

    def _mend(self) -> None:
        while not self._stop.wait(CHECK_SECONDS):
            try:
                self._versions.mend()
            except Exception as error:  # noqa: BLE001  the thread must outlive any fault
                _log.warning("looking after files failed", extra={"reason": str(error)})

    async def _shard(self, ref: VersionRef) -> Shard:
        held = self._versions.held(ref)
        return held if held is not None else await asyncio.to_thread(self._versions.load, ref)


class RayTransport:
    """A :class:`~mmpipe.search.shards.searcher.Transport` over Serve. Of one event loop.

    A shard that fails to answer is away until it answers again, which is watched for: meanwhile every call
    of it raises at once, instead of waiting for its replacement.
    """

    def __init__(self, handles: Sequence[DeploymentHandle]) -> None:
        self._handles = handles
        self._away: dict[int, asyncio.Task[None]] = {}

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """See :class:`~mmpipe.search.shards.searcher.Transport`. Raises also the errors of
        :mod:`mmpipe.errors` that the shard raised, and ``DispatchUnavailable`` for any other fault of it."""
        if shard in self._away:
            raise ShardMissing(shard)
        handle = self._handles[shard]
        try:
            if method in ("load", "follow_photos"):
                return await _within(LOAD_SECONDS, getattr(handle, method).remote(*args))
            return await _within(ANSWER_SECONDS, handle.ask.remote(method, *args))
        except _faults() as error:
            cause = _cause(error)
            if cause is not None:
                raise cause from None
            if _failed_there(error):
                raise DispatchUnavailable(f"shard {shard} failed: {error}") from error
            reason = str(error) or type(error).__name__
            _log.warning("a shard is away", extra={"shard": shard, "reason": reason})
            if shard not in self._away:
                self._away[shard] = asyncio.create_task(self._until_back(shard))
            raise ShardMissing(shard) from None

    async def _until_back(self, shard: int) -> None:
        try:
            while True:
                try:
                    await _within(LOAD_SECONDS, self._handles[shard].ping.remote())
                    return
                except _faults():
                    await asyncio.sleep(1.0)
        finally:
            del self._away[shard]


async def _within(seconds: float, response: Any) -> Any:
    async def answered() -> Any:
        return await response

    return await asyncio.wait_for(answered(), seconds)


def _faults() -> tuple[type[BaseException], ...]:
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    return (RayError, RayServeException, TimeoutError)


def _failed_there(error: BaseException) -> bool:
    from ray.exceptions import RayTaskError

    return isinstance(error, RayTaskError)


def _cause(error: BaseException) -> MmpipeError | None:
    """Our own error as it was raised there: Ray's wrapper is of its class too, but its text a traceback."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, MmpipeError) else None


def deployments(settings: Settings) -> list[Application]:
    """One deployment per shard, ``Shard-0`` and on, to be bound to the ingress, where handles take their
    place: a :class:`RayTransport`. None where collections are not split."""
    from ray import serve
    from ray.serve.schema import LoggingConfig

    if settings.serve.shards == 1:
        return []
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    return [
        serve.deployment(
            ShardServer,
            name=f"Shard-{number}",
            logging_config=quiet,
            num_replicas=1,
            max_ongoing_requests=256,
            ray_actor_options={"num_cpus": 0.5},
            health_check_period_s=5.0,
            # A part that takes minutes to load is loaded in a thread: the loop still answers.
            health_check_timeout_s=15.0,
            graceful_shutdown_timeout_s=10.0,
        ).bind(settings, number)
        for number in range(settings.serve.shards)
    ]

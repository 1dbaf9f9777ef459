"""The collections of a lake whose versions are split among shards: which one answers, and its answers.

What :class:`mmpipe.search.LiveVersions` does in one process is done here for many: one task asks which
version is live, has every shard load its part of it, and only then, when all have it, one assignment makes it
the version that answers. So a search never meets two versions, and a shard that is away keeps the former one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mmpipe.errors import (
    InvalidRequest,
    MmpipeError,
    ModelUnavailable,
    NotReady,
    ProfileMismatch,
    UnknownCollection,
    UnknownProduct,
)
from mmpipe.lake.steady import steady_time
from mmpipe.recommend import similar_in_shards_json
from mmpipe.search.page import cursor
from mmpipe.search.shards import (
    Loaded,
    ShardedSearcher,
    ShardedVersion,
    Transport,
    VersionGone,
    VersionRef,
    currency_of,
)
from mmpipe.search.versions.store import HOLD_SECONDS, MAX_HELD, MIN_HELD
from mmpipe.serve.answer.synonyms import OwnSynonyms
from mmpipe.serve.answer.watch import (
    BROKEN_SECONDS,
    LIST_SECONDS,
    STUCK_SECONDS,
    is_old,
    some,
    unsearchable,
)

if TYPE_CHECKING:
    from datetime import datetime

    from mmpipe.encoders.base import Profile
    from mmpipe.lake import Collection, Lake, LiveVersion
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import Filters, SearchRequest
    from mmpipe.search.answer import Answer
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.meaning import Meaning
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")


@dataclass(frozen=True)
class ShardedStatus:
    """What a replica knows of one collection. Times are Unix seconds; ``error`` is the last look's, empty if
    it went well."""

    version: str | None
    rows: int
    loaded_at: float | None
    checked_at: float | None
    error: str
    loading_since: float | None = None


@dataclass
class _Followed:
    collection: Collection
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    current: ShardedVersion | None = None
    # What it followed last, and whether the collection was emptied since: the next is another by any number.
    live: LiveVersion | None = None
    emptied: bool = False
    # What of review photos the shards were told, and why they were not.
    photos: Mapping[str, int] = field(default_factory=dict)
    without: str = ""
    held: tuple[tuple[float, ShardedVersion], ...] = ()
    loaded_at: float | None = None
    checked_at: float | None = None
    fine_at: float | None = None
    loading_since: float | None = None
    failing_since: float | None = None
    error: str = ""
    lacking: ModelUnavailable | ProfileMismatch | None = None


class ShardedCollections:
    """Every collection of a lake, each following its live version. Of one event loop.

    ``check`` is called in a thread with the profile of a version that all shards have, before it answers: it
    may load that profile's encoders, and refuses the version by raising. ``clock`` tells the moment that
    prices are of, in Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        transport: Transport,
        *,
        check: Callable[[Profile], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._transport = transport
        self._check = check
        self._clock = clock
        self._searcher = ShardedSearcher(settings.serve, transport)
        self._synonyms = OwnSynonyms(settings, lake)
        self._followed: dict[str, _Followed] = {}
        self._listed_at: float | None = None
        self._fault = ""
        self._told = ""
        self._round_at = steady_time()
        self._task: asyncio.Task[None] | None = None
        self._looks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Look once at every collection, then keep looking. A lake or shards that cannot be reached yet are
        no error: the task keeps trying."""
        # Queries are understood on the loop: none may be the one that reads the dictionary.
        words = asyncio.create_task(asyncio.to_thread(self._synonyms.load))
        await self.look()
        await asyncio.to_thread(self._synonyms.look)
        await words
        self._synonyms.start()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop looking."""
        await asyncio.to_thread(self._synonyms.close)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for look in list(self._looks):
            look.cancel()

    def get(self, collection: str | None = None, *, page_cursor: str | None = None) -> ShardedVersion:
        """The version of a collection that answers: the one that ``page_cursor`` was made in where that is
        still held, else the current one. Without a name, of the only collection there is.

        Touches memory only. Raises :class:`UnknownCollection`, :class:`NotReady` while nothing is live,
        :class:`ProfileMismatch` or :class:`ModelUnavailable` where that is for want of its models,
        :class:`InvalidRequest` for a missing name or a bad cursor.
        """
        followed = self._named(collection)
        current = followed.current
        if current is None and followed.lacking is not None:
            raise type(followed.lacking)(str(followed.lacking))
        if current is None:
            # What went wrong may name addresses: it is in the log.
            raise NotReady(
                f"collection '{followed.collection.name}' has no live version here yet: try again when its"
                " upload is indexed"
            )
        pinned = cursor.pinned_version(page_cursor)
        held = (version for _, version in followed.held if version.label == pinned)
        return next(held, current)

    async def search(
        self, version: ShardedVersion, request: SearchRequest, query: EncodedQuery, asked: Asked
    ) -> Answer:
        """A page, with the prices of now. See :meth:`ShardedSearcher.answer`."""
        own = self._synonyms.of(version.ref.collection)
        try:
            return await self._searcher.answer(
                version, request, query, seconds=self._clock(), asked=asked, own=own
            )
        except VersionGone:
            current = self.get(version.ref.collection)
            if current.ref == version.ref:
                raise
            # A cursor's version that a shard no longer has: the current one gives the same places.
            return await self._searcher.answer(
                current, request, query, seconds=self._clock(), asked=asked, own=own
            )

    async def meaning(self, version: ShardedVersion, request: SearchRequest) -> Meaning | None:
        """What the request's text means, see :meth:`ShardedSearcher.meaning`."""
        own = self._synonyms.of(version.ref.collection)
        try:
            return await self._searcher.meaning(version, request, own)
        except VersionGone:
            return await self._searcher.meaning(self.get(version.ref.collection), request, own)

    async def product(self, version: ShardedVersion, product_id: str) -> PublicProduct:
        """What is public of a product. Raises :class:`UnknownProduct`, :class:`ShardMissing`."""
        product: PublicProduct = await self._of_its_shard("product", version, product_id)
        return product

    async def media(self, version: ShardedVersion, product_id: str) -> tuple[PublicProduct, list[str]]:
        """See :meth:`Version.media`. Raises as :meth:`product` does."""
        found: tuple[PublicProduct, list[str]] = await self._of_its_shard("media", version, product_id)
        return found

    async def _of_its_shard(self, method: str, version: ShardedVersion, product_id: str) -> Any:
        for found in await self._searcher.ask(range(version.shards), method, version, product_id):
            if found is not None:
                return found
        name = version.ref.collection
        raise UnknownProduct(f"no product '{product_id[:128]}' in collection '{name}'")

    async def similar(
        self, version: ShardedVersion, product_id: str, filters: Filters | None, limit: int
    ) -> bytes:
        """See :func:`mmpipe.recommend.similar_in_shards_json`, with the prices of now."""
        return await similar_in_shards_json(
            self._searcher, version, product_id, filters, limit, seconds=self._clock()
        )

    async def look(self) -> None:
        """List the lake, and look at every collection. What goes wrong is in :meth:`status` and the log."""
        await self._list(0.0)
        # status() and the log tell of faults.
        await asyncio.gather(*map(self._refresh, self._followed.values()), return_exceptions=True)

    async def refresh(self, collection: str) -> ShardedVersion:
        """Look at once, and load what is live. Raises what went wrong, unlike the task."""
        if collection not in self._followed:
            found = await asyncio.to_thread(self._lake.collection, collection)
            self._followed.setdefault(collection, _Followed(found))
        await self._refresh(self._followed[collection])
        return self.get(collection)

    def follow_synonyms(self, collection: str) -> None:
        """Look at a collection's synonyms now. Blocks."""
        self._synonyms.look_at(collection)

    def status(self) -> Mapping[str, ShardedStatus]:
        """Per collection, what answers and how the last look went."""
        return {
            name: ShardedStatus(
                version=None if followed.current is None else followed.current.label,
                rows=0 if followed.current is None else followed.current.products,
                loaded_at=followed.loaded_at,
                checked_at=followed.checked_at,
                error=followed.error,
                loading_since=followed.loading_since,
            )
            for name, followed in self._followed.items()
        }

    def live(self) -> list[ShardedVersion]:
        """The versions that answer now, by collection."""
        found = sorted(self._followed.items())
        return [followed.current for _, followed in found if followed.current is not None]

    def not_ready(self) -> str | None:
        """Why this replica should get no traffic, by the rules of :meth:`Watch.not_ready
        <mmpipe.serve.answer.watch.Watch.not_ready>`. A shard that is away is no reason: that is the same for
        every replica, and an answer says so."""
        self._note()
        if self._listed_at is None:
            return self._unready("the lake cannot be listed", self._fault)
        missing = {name: each.error for name, each in self._followed.items() if each.fine_at is None}
        if missing:
            known = some([f"{name}: {error}" for name, error in missing.items()])
            return self._unready(unsearchable(list(missing)), known)
        self._told = ""
        return None if self.live() else "no collection is live yet; index a feed first"

    def ages(self) -> dict[str, float]:
        """See :meth:`Watch.ages <mmpipe.serve.answer.watch.Watch.ages>`."""
        self._note()
        now = steady_time()
        answering = [
            (name, each)
            for name, each in self._followed.items()
            if each.current is not None or (each.error and each.fine_at is not None)
        ]
        return {name: max(0.0, now - (each.fine_at or now)) for name, each in answering}

    def old(self, name: str) -> int | None:
        """The age of one collection in whole seconds, where answers tell it."""
        followed = self._followed.get(name)
        age = 0.0 if followed is None or followed.fine_at is None else steady_time() - followed.fine_at
        return int(age) if is_old(age, self._settings.serve.live_poll_seconds) else None

    def check_alive(self) -> None:
        """Raises :class:`NotReady` where what follows the lake has ended or hangs. A load does not: it is
        given up in time."""
        if self._task is None:
            return
        if self._task.done():
            raise NotReady("the task that follows the lake has ended")
        limit = max(STUCK_SECONDS, 10 * self._settings.serve.live_poll_seconds)
        oldest = steady_time() - limit
        looked = [each.checked_at for each in self._followed.values() if each.loading_since is None]
        if min([self._round_at, *(moment for moment in looked if moment is not None)]) < oldest:
            raise NotReady(f"live versions were not looked at for {limit:.0f} s")

    def _note(self) -> None:
        """One that has failed for :data:`BROKEN_SECONDS`, while another answers, is not waited for."""
        answers = any(each.current is not None and not each.error for each in self._followed.values())
        now = steady_time()
        for name, each in self._followed.items():
            if each.fine_at is not None or not each.error or each.lacking is not None:
                continue
            if each.failing_since is None:
                each.failing_since = now
            if answers and now - each.failing_since >= BROKEN_SECONDS:
                _log.warning(
                    "a collection is not waited for", extra={"collection": name, "reason": each.error}
                )
                each.fine_at = each.failing_since

    def _unready(self, said: str, known: str) -> str:
        """What anybody may read; what is known beyond it is for the log, once."""
        if known != self._told:
            _log.warning("not ready", extra={"reason": known})
        self._told = known
        return said

    def _named(self, collection: str | None) -> _Followed:
        if collection is None:
            if len(self._followed) == 1:
                return next(iter(self._followed.values()))
            if not self._followed:
                raise NotReady("the lake has no collection yet; index a feed first")
            raise InvalidRequest("collection", f"name one of: {', '.join(sorted(self._followed)[:20])}")
        followed = self._followed.get(collection)
        if followed is None:
            raise UnknownCollection(f"no collection '{collection}' in this lake")
        return followed

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._settings.serve.live_poll_seconds)
            await self._list(LIST_SECONDS)
            for followed in self._followed.values():
                # Each by itself: one that loads for minutes holds up no other.
                if not followed.lock.locked():
                    look = asyncio.create_task(self._quietly(followed))
                    self._looks.add(look)
                    look.add_done_callback(self._looks.discard)
            self._round_at = steady_time()

    async def _quietly(self, followed: _Followed) -> None:
        # Whatever the fault: status() and the log tell of it.
        with contextlib.suppress(Exception):
            await self._refresh(followed)

    async def _list(self, seconds: float) -> None:
        """Know the collections that there were at most so long ago; while none is known, those of now."""
        now, listed = steady_time(), self._listed_at
        if self._followed and listed is not None and now - listed < seconds:
            return
        try:
            for name in await asyncio.to_thread(self._lake.collections):
                if name not in self._followed:
                    found = await asyncio.to_thread(self._lake.collection, name)
                    # Found while we serve: opened or not, the others are answered as before.
                    fine_at = None if listed is None else now
                    self._followed.setdefault(name, _Followed(found, fine_at=fine_at))
            self._listed_at, self._fault = now, ""
        except Exception as error:  # noqa: BLE001  the task must outlive any fault; not_ready() and the log tell
            if self._fault != str(error):
                _log.warning("the lake cannot be listed", extra={"reason": str(error)})
            self._fault = str(error) or type(error).__name__

    async def _refresh(self, followed: _Followed) -> None:
        async with followed.lock:
            try:
                live = await asyncio.to_thread(followed.collection.live)
                if followed.live is not None and followed.live.was_emptied(live):
                    followed.emptied = True
                if live is not None and (followed.current is None or not live.same(followed.live)):
                    followed.loading_since = steady_time()
                    await self._switch(followed, live)
                if live is not None and followed.photos != live.photos:
                    await self._show(followed, live.photos)
                followed.error, followed.lacking = followed.without, None
                followed.fine_at, followed.failing_since = steady_time(), None
            except Exception as error:
                if followed.error != str(error):
                    told = {"collection": followed.collection.name, "reason": str(error)}
                    _log.warning("a collection keeps its version", extra=told)
                followed.error = str(error) or type(error).__name__
                followed.lacking = error if isinstance(error, (ModelUnavailable, ProfileMismatch)) else None
                raise
            finally:
                followed.loading_since = None
                followed.checked_at = steady_time()

    async def _switch(self, followed: _Followed, live: LiveVersion) -> None:
        ref = VersionRef(followed.collection.name, live.table, live.version)
        former = followed.current
        if former is None or former.ref != ref or followed.emptied:
            version = await self._load(ref, live.published_at if followed.emptied else None)
            if followed.emptied:
                followed.held, followed.emptied = (), False
                self._searcher.forget_meanings()
            elif former is not None:
                followed.held = _still_held(((time.monotonic(), former), *followed.held))
            followed.current = version
            followed.loaded_at = steady_time()
        followed.live = live

    async def _show(self, followed: _Followed, photos: Mapping[str, int]) -> None:
        """Have the shards bring the photos of reviews; where one cannot, it answers as before, and is told
        again."""
        name = followed.collection.name
        shards = range(self._settings.serve.shards)
        try:
            await asyncio.gather(*(self._transport.call(shard, "follow_photos", name) for shard in shards))
        except MmpipeError as error:
            if followed.without != str(error):
                told = {"collection": name, "reason": str(error)}
                _log.warning("a collection lacks review photos", extra=told)
            followed.without = str(error)
        else:
            followed.photos, followed.without = photos, ""

    async def _load(self, ref: VersionRef, anew: datetime | None) -> ShardedVersion:
        count = self._settings.serve.shards
        calls = [self._transport.call(shard, "load", ref, anew) for shard in range(count)]
        parts: list[Loaded] = await asyncio.gather(*calls)
        profile = parts[0].profile
        if self._check is not None:
            await asyncio.to_thread(self._check, profile)
        return ShardedVersion(ref, profile, sum(p.products for p in parts), currency_of(parts), count)


V = TypeVar("V")


def _still_held(versions: tuple[tuple[float, V], ...]) -> tuple[tuple[float, V], ...]:
    """Those of ``versions``, newest first and each with the moment it ceased to be current, that are kept."""
    oldest = time.monotonic() - HOLD_SECONDS
    return tuple(
        (moment, version)
        for place, (moment, version) in enumerate(versions[:MAX_HELD])
        if place < MIN_HELD or moment > oldest
    )

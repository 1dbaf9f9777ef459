"""Where answers come from: live versions that this process holds, or that shards hold.

:class:`~mmpipe.serve.answer.service.QueryService` asks one :class:`Source`: :class:`WholeSource` of a process
that holds every version whole, or :class:`~mmpipe.serve.answer.sharded_source.ShardedSource`.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mmpipe.recommend import similar_json
from mmpipe.search import LiveVersions, Searcher
from mmpipe.serve.answer import tenancy
from mmpipe.serve.answer.synonyms import OwnSynonyms
from mmpipe.serve.answer.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.encoders.base import Profile
    from mmpipe.lake import Lake
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import Filters, SearchRequest
    from mmpipe.search import EncodedQuery, Version
    from mmpipe.search.answer import Answer
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.meaning import Meaning
    from mmpipe.search.find.synonyms import Synonyms
    from mmpipe.settings import Settings


class LiveVersion(Protocol):
    """A version that answers. ``whole`` is it where this process holds it, else None; ``currency`` is the
    collection's own, that of most of its products."""

    @property
    def collection(self) -> str: ...
    @property
    def table(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def products(self) -> int: ...
    @property
    def profile(self) -> Profile: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def whole(self) -> Version | None: ...

    async def meaning(self, request: SearchRequest) -> Meaning | None:
        """What the request's text means, see :meth:`Searcher.meaning`."""

    async def search(self, request: SearchRequest, query: EncodedQuery, asked: Asked) -> Answer:
        """A page. The order leans to the taste that is ``asked`` for where ``whole``."""

    async def similar(self, product_id: str, filters: Filters | None, limit: int) -> bytes:
        """The same, of products like one. Raises ``UnknownProduct``."""

    async def product(self, product_id: str) -> PublicProduct:
        """What is public of a product. Raises ``UnknownProduct``."""

    async def media(self, product_id: str) -> tuple[PublicProduct, list[str]]:
        """The same, with the addresses that its media were looked for at."""


class Source(Protocol):
    """The live versions of a lake. Of one event loop, but for :meth:`refresh` and :meth:`close`."""

    async def start(self) -> None:
        """Begin what needs the event loop; returns once what is live was looked at."""

    async def open(self, collection: str | None, page_cursor: str | None = None) -> LiveVersion:
        """The version of a collection that answers: the one that ``page_cursor`` was made in where that is
        held, else the current one. Without a name, of the only collection there is, or that the caller has.
        None but the caller's is opened: :mod:`mmpipe.serve.answer.tenancy`.

        Raises ``UnknownCollection``, ``NotReady`` while nothing is live, ``InvalidRequest`` for a missing
        name or a bad cursor.
        """

    def live(self) -> list[LiveVersion]:
        """The versions that answer now, by collection. Touches memory only."""

    async def look(self) -> None:
        """List the lake now, and open the collections that are not open yet."""

    def not_ready(self) -> str | None:
        """Why this replica should get no traffic; None where it should. Touches memory only."""

    def ages(self) -> dict[str, float]:
        """For each collection that answers, the seconds since its version was last seen to be what is live.
        Touches memory only."""

    def old(self, collection: str) -> int | None:
        """The age of one in whole seconds, where answers tell it. Takes no time."""

    def check_alive(self) -> None:
        """Raises ``NotReady`` where only a restart mends what follows the lake."""

    def refresh(self) -> None:
        """Follow the live versions now instead of at the next poll. Blocks; not for the event loop."""

    def follow_synonyms(self, collection: str) -> None:
        """Look at a collection's synonyms now. Blocks."""

    async def stop(self) -> None:
        """End what :meth:`start` began."""

    def close(self) -> None:
        """End the background threads."""


@dataclass(frozen=True)
class WholeVersion:
    """A version in this process."""

    whole: Version
    searcher: Searcher
    synonyms: Synonyms | None = None

    @property
    def collection(self) -> str:
        """See :class:`LiveVersion`."""
        return self.whole.collection

    @property
    def table(self) -> str:
        """See :class:`LiveVersion`."""
        return self.whole.table

    @property
    def number(self) -> int:
        """See :class:`LiveVersion`."""
        return self.whole.version

    @property
    def label(self) -> str:
        """See :class:`LiveVersion`."""
        return self.whole.label

    @property
    def products(self) -> int:
        """See :class:`LiveVersion`."""
        return len(self.whole)

    @property
    def profile(self) -> Profile:
        """See :class:`LiveVersion`."""
        return self.whole.profile

    @property
    def currency(self) -> str | None:
        """See :class:`LiveVersion`."""
        return self.whole.prices.currency

    async def meaning(self, request: SearchRequest) -> Meaning | None:
        """See :class:`LiveVersion`."""
        return self.searcher.meaning(self.whole, request, self.synonyms)

    async def search(self, request: SearchRequest, query: EncodedQuery, asked: Asked) -> Answer:
        """See :class:`LiveVersion`."""
        if asked.judge is not None:
            # A model is waited for, which the searches of others need not do.
            return await asyncio.to_thread(
                self.searcher.answer, self.whole, request, query, asked, self.synonyms
            )
        # On the event loop: threads would only take the interpreter lock from one another. Measured at 42,662
        # products and 8 clients: here 385 searches a second at 2.5 ms of CPU each, in threads 276 at 4.2 ms.
        # Retrieval, rank fusion, facets, explanation and the page, in that order.
        return self.searcher.answer(self.whole, request, query, asked, self.synonyms)

    async def similar(self, product_id: str, filters: Filters | None, limit: int) -> bytes:
        """See :class:`LiveVersion`."""
        # Several milliseconds, which the searches of others need not wait for.
        return await asyncio.to_thread(similar_json, self.whole, product_id, filters, limit)

    async def product(self, product_id: str) -> PublicProduct:
        """See :class:`LiveVersion`."""
        # Read from local disk, the one thing here that waits for I/O.
        return await asyncio.to_thread(self.whole.product, product_id)

    async def media(self, product_id: str) -> tuple[PublicProduct, list[str]]:
        """See :class:`LiveVersion`."""
        return await asyncio.to_thread(self.whole.media, product_id)


class WholeSource:
    """Every version in this process. The constructor returns once every live collection is open and warm;
    ``check`` may refuse a version's profile."""

    def __init__(self, settings: Settings, lake: Lake, check: Callable[[Profile], None]) -> None:
        self._settings = settings
        self._lake = lake
        self._searchers: dict[str, Searcher] = {}
        self._synonyms = OwnSynonyms(settings, lake)
        threading.Thread(target=self._synonyms.load, name="mmpipe-words", daemon=True).start()
        self._versions = LiveVersions(settings, lake, check=check)
        self._versions.start()
        self._synonyms.look()
        self._synonyms.start()
        self._watch = Watch(lake, self._versions, settings.serve.live_poll_seconds)
        self._watch.start()

    async def start(self) -> None:
        """See :class:`Source`. All of it runs in threads, since the constructor."""

    async def open(self, collection: str | None, page_cursor: str | None = None) -> WholeVersion:
        """See :class:`Source`."""
        collection = tenancy.chosen(collection)
        statuses = self._versions.status()
        name = next(iter(statuses)) if collection is None and len(statuses) == 1 else collection
        known = statuses.get(name) if name is not None else None
        if known is not None and known.version is not None:
            return tenancy.opened(self._opened(self._versions.get(name, page_cursor=page_cursor)))
        # The first call for a collection reads the store; the others must not wait for it.
        found = await asyncio.to_thread(self._versions.get, collection, page_cursor=page_cursor)
        return tenancy.opened(self._opened(found))

    def live(self) -> list[LiveVersion]:
        """See :class:`Source`."""
        live = [name for name, status in self._versions.status().items() if status.version is not None]
        return [self._opened(self._versions.get(name)) for name in sorted(live)]

    async def look(self) -> None:
        """See :class:`Source`."""
        await asyncio.to_thread(self._watch.look)

    def not_ready(self) -> str | None:
        """See :meth:`Watch.not_ready`."""
        return self._watch.not_ready()

    def ages(self) -> dict[str, float]:
        """See :meth:`Watch.ages`."""
        return self._watch.ages()

    def old(self, collection: str) -> int | None:
        """See :meth:`Watch.old`."""
        return self._watch.old(collection)

    def check_alive(self) -> None:
        """See :meth:`Watch.check_alive`."""
        self._watch.check_alive()

    def refresh(self) -> None:
        """See :class:`Source`."""
        for name in self._lake.collections():
            self._versions.refresh(name)
        self._synonyms.look()

    def follow_synonyms(self, collection: str) -> None:
        """See :class:`Source`."""
        self._synonyms.look_at(collection)

    async def stop(self) -> None:
        """See :class:`Source`. Threads end with :meth:`close`."""

    def close(self) -> None:
        """See :class:`Source`."""
        self._watch.close()
        self._synonyms.close()
        self._versions.close()

    def _opened(self, version: Version) -> WholeVersion:
        found = self._searchers.get(version.fingerprint)
        if found is None:
            searcher = Searcher(version.profile, self._settings.serve)
            found = self._searchers.setdefault(version.fingerprint, searcher)
        return WholeVersion(version, found, self._synonyms.of(version.collection))

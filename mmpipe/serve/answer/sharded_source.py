"""The :class:`~mmpipe.serve.answer.source.Source` of a process whose collections are split among shards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmpipe.serve.answer import tenancy

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import Filters, SearchRequest
    from mmpipe.search import EncodedQuery
    from mmpipe.search.answer import Answer
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.meaning import Meaning
    from mmpipe.search.shards import ShardedVersion
    from mmpipe.serve.answer.sharded import ShardedCollections
    from mmpipe.serve.answer.source import LiveVersion


@dataclass(frozen=True)
class SplitVersion:
    """A version that shards hold."""

    version: ShardedVersion
    collections: ShardedCollections
    whole: None = None

    @property
    def collection(self) -> str:
        """See :class:`~mmpipe.serve.answer.source.LiveVersion`, also of what follows."""
        return self.version.ref.collection

    @property
    def table(self) -> str:
        """Where it is."""
        return self.version.ref.table

    @property
    def number(self) -> int:
        """Which of the table's."""
        return self.version.ref.number

    @property
    def label(self) -> str:
        """What responses and cursors call it."""
        return self.version.label

    @property
    def products(self) -> int:
        """How many can be found."""
        return self.version.products

    @property
    def profile(self) -> Profile:
        """What encoded it."""
        return self.version.profile

    @property
    def currency(self) -> str | None:
        """That of most of its products."""
        return self.version.currency

    async def meaning(self, request: SearchRequest) -> Meaning | None:
        """See :meth:`ShardedCollections.meaning`."""
        return await self.collections.meaning(self.version, request)

    async def search(self, request: SearchRequest, query: EncodedQuery, asked: Asked) -> Answer:
        """See :meth:`ShardedCollections.search`."""
        return await self.collections.search(self.version, request, query, asked)

    async def similar(self, product_id: str, filters: Filters | None, limit: int) -> bytes:
        """See :meth:`ShardedCollections.similar`."""
        return await self.collections.similar(self.version, product_id, filters, limit)

    async def product(self, product_id: str) -> PublicProduct:
        """See :meth:`ShardedCollections.product`."""
        return await self.collections.product(self.version, product_id)

    async def media(self, product_id: str) -> tuple[PublicProduct, list[str]]:
        """See :meth:`ShardedCollections.media`."""
        return await self.collections.media(self.version, product_id)


class ShardedSource:
    """See :class:`~mmpipe.serve.answer.source.Source`. A collection is known from the lake's next listing
    after its first upload, at most ten seconds later."""

    def __init__(self, collections: ShardedCollections) -> None:
        self._collections = collections
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """See :meth:`ShardedCollections.start`."""
        self._loop = asyncio.get_running_loop()
        await self._collections.start()

    async def open(self, collection: str | None, page_cursor: str | None = None) -> SplitVersion:
        """See :meth:`ShardedCollections.get`."""
        named = tenancy.chosen(collection)
        return tenancy.opened(self._opened(self._collections.get(named, page_cursor=page_cursor)))

    def live(self) -> list[LiveVersion]:
        """See :meth:`ShardedCollections.live`."""
        return [self._opened(version) for version in self._collections.live()]

    async def look(self) -> None:
        """See :meth:`ShardedCollections.look`."""
        await self._collections.look()

    def not_ready(self) -> str | None:
        """See :meth:`ShardedCollections.not_ready`."""
        return self._collections.not_ready()

    def ages(self) -> dict[str, float]:
        """See :meth:`ShardedCollections.ages`."""
        return self._collections.ages()

    def old(self, collection: str) -> int | None:
        """See :class:`~mmpipe.serve.answer.source.Source`."""
        return self._collections.old(collection)

    def check_alive(self) -> None:
        """See :meth:`ShardedCollections.check_alive`."""
        self._collections.check_alive()

    def refresh(self) -> None:
        """See :class:`~mmpipe.serve.answer.source.Source`. After :meth:`start` alone."""
        assert self._loop is not None, "start first"
        asyncio.run_coroutine_threadsafe(self._collections.look(), self._loop).result()

    def follow_synonyms(self, collection: str) -> None:
        """See :class:`~mmpipe.serve.answer.source.Source`."""
        self._collections.follow_synonyms(collection)

    async def stop(self) -> None:
        """See :meth:`ShardedCollections.close`."""
        await self._collections.close()

    def close(self) -> None:
        """There are no threads."""

    def _opened(self, version: ShardedVersion) -> SplitVersion:
        return SplitVersion(version, self._collections)

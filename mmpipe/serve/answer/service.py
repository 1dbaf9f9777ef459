"""What one replica can do, without HTTP: the calls behind the routes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, Field
from pydantic_core import to_json

from mmpipe.lake import Lake, open_lake
from mmpipe.objects import open_store
from mmpipe.recommend import similar_json
from mmpipe.schemas.product import Money, PublicProduct
from mmpipe.schemas.search import Filters, InteractionsRequest, SearchRequest
from mmpipe.search import LiveVersions, Searcher, Version
from mmpipe.serve.answer.interactions import InteractionLog
from mmpipe.serve.answer.query_encoder import Encode, Media, QueryEncoder
from mmpipe.serve.answer.query_media import ParsedSearch, QueryMedia, has_media
from mmpipe.serve.answer.steps import step
from mmpipe.serve.answer.voice import Voice
from mmpipe.serve.answer.watch import Watch
from mmpipe.settings import Settings

_MEDIA_THREADS = 8


class ServedCollection(BaseModel):
    """The version a replica answers from."""

    collection: str
    table: str
    version: int
    rows: int = Field(description="products that can be found")
    profile: str
    profile_fingerprint: str


class CollectionsResponse(BaseModel):
    """Every collection this replica serves."""

    collections: list[ServedCollection]


class ProductResponse(BaseModel):
    """One product as it is live: what is public of it, and what a shopper pays now."""

    collection: str
    version: str
    product: PublicProduct
    effective_price: Money | None = Field(
        description="the sale price while a sale runs, else the price; null where there is none"
    )


class QueryService:
    """Search, products, interactions over the live versions of one lake.

    The constructor returns once every live collection is open, warm and its models are ready. Calls may
    come from one event loop; what blocks for long runs in threads. Without ``listen`` spoken queries
    are understood only after ``voice.adapt()``.
    """

    def __init__(self, settings: Settings, encoder: QueryEncoder, *, listen: bool = True) -> None:
        self.settings = settings
        self._encoder = encoder
        self._lake: Lake = open_lake(settings)
        self._engines: dict[str, _Engine] = {}
        self._media = QueryMedia(settings.media, lambda uri: open_store(uri, settings.storage))
        self._media_threads = ThreadPoolExecutor(_MEDIA_THREADS, thread_name_prefix="query-media")
        self._interactions = InteractionLog(self._lake)
        self._versions = LiveVersions(settings, self._lake, check=encoder.prepare)
        self._versions.start()
        self._watch = Watch(self._lake, self._versions, settings.serve.live_poll_seconds)
        self._watch.start()
        self.voice = Voice(settings, self._live)
        if listen:
            self.voice.start()

    async def search(self, parsed: ParsedSearch) -> bytes:
        """A :class:`~mmpipe.schemas.search.SearchResponse` as JSON."""
        media: Media = {}
        if has_media(parsed):
            # Threads of their own: a slow host must not hold up what else runs in threads.
            loop = asyncio.get_running_loop()
            with step("query.media"):
                media = await loop.run_in_executor(self._media_threads, self._media.decode, parsed)
        return await self._search(parsed.request, media)

    async def search_text(self, request: SearchRequest) -> bytes:
        """The same without media."""
        return await self._search(request, {})

    async def _search(self, request: SearchRequest, media: Media) -> bytes:
        version = await self._version(request.collection, request.cursor)
        engine = self._engines.get(version.fingerprint) or self._add_engine(version)
        if "audio" in media or request.audio_as == "speech":
            # Listening takes a good part of the recording's own length.
            loop = asyncio.get_running_loop()
            understand = self.voice.understand
            with step("query.listen"):
                spoken = await loop.run_in_executor(self._media_threads, understand, version, request, media)
            request = spoken.request
            with step("query.encode", media=len(spoken.media)):
                query = spoken.mark(await engine.encode(request, spoken.media))
        else:
            with step("query.encode", media=len(media)):
                query = await engine.encode(request, media)
        # On the event loop: threads would only take the interpreter lock from one another. Measured at 42,662
        # products and 8 clients: here 385 searches a second at 2.5 ms of CPU each, in threads 276 at 4.2 ms.
        # Retrieval, rank fusion, facets, explanation and the page, in that order.
        with step("query.search", products=len(version), limit=request.limit, facets=len(request.facets)):
            return engine.searcher.search_json(version, request, query)

    async def similar(
        self, product_id: str, *, collection: str | None, limit: int, filters: Filters | None = None
    ) -> bytes:
        """A :class:`~mmpipe.schemas.search.SearchResponse` as JSON. Raises ``UnknownProduct``."""
        version = await self._version(collection)
        with step("query.similar", products=len(version), limit=limit):
            # Several milliseconds, which the searches of others need not wait for.
            return await asyncio.to_thread(similar_json, version, product_id, filters, limit)

    async def product(self, collection: str | None, product_id: str) -> bytes:
        """A :class:`ProductResponse` as JSON. Raises ``UnknownProduct``."""
        version = await self._version(collection)
        # Read from local disk, the one thing here that waits for I/O.
        with step("product.read"):
            product = await asyncio.to_thread(version.product, product_id)
        return to_json(
            {
                "collection": version.collection,
                "version": version.label,
                "product": product.model_dump(mode="json", exclude_defaults=True),
                "effective_price": product.effective_price(datetime.now(UTC)),
            }
        )

    async def record(self, request: InteractionsRequest) -> int:
        """Store interactions durably; gives how many. Raises ``UnknownCollection``, ``InvalidRequest``."""
        version = await self._version(request.collection)
        with step("interactions.store", interactions=len(request.interactions)):
            return await self._interactions.store(version.collection, request.interactions)

    async def collections(self) -> list[ServedCollection]:
        """Every collection of the lake with the version that answers, also those nobody asked for yet."""
        await asyncio.to_thread(self._watch.look)
        return self.served()

    def served(self) -> list[ServedCollection]:
        """The versions that answer now, by collection. Touches memory only."""
        return [_served(version) for version in self._live()]

    def _live(self) -> list[Version]:
        live = [name for name, status in self._versions.status().items() if status.version is not None]
        return [self._versions.get(name) for name in sorted(live)]

    def not_ready(self) -> str | None:
        """Why this replica should get no traffic; None where it should. See :meth:`Watch.not_ready`."""
        return self._watch.not_ready()

    def check_alive(self) -> None:
        """Raises :class:`NotReady` where this replica cannot recover by itself and should be replaced: what
        follows the lake has ended or hangs, or what stores interactions hangs."""
        self._watch.check_alive()
        self._interactions.check_alive()

    def refresh(self) -> None:
        """Follow the live versions now instead of at the next poll. Blocks."""
        for name in self._lake.collections():
            self._versions.refresh(name)

    async def drain(self) -> None:
        """Store the interactions that are waiting; no more are taken."""
        await self._interactions.close()

    def close(self) -> None:
        """End the background threads."""
        self.voice.close()
        self._watch.close()
        self._versions.close()
        self._media_threads.shutdown(wait=False, cancel_futures=True)

    async def _version(self, collection: str | None, page_cursor: str | None = None) -> Version:
        statuses = self._versions.status()
        name = next(iter(statuses)) if collection is None and len(statuses) == 1 else collection
        known = statuses.get(name) if name is not None else None
        if known is not None and known.version is not None:
            return self._versions.get(name, page_cursor=page_cursor)
        # The first call for a collection reads the store; the others must not wait for it.
        return await asyncio.to_thread(self._versions.get, collection, page_cursor=page_cursor)

    def _add_engine(self, version: Version) -> _Engine:
        engine = _Engine(
            self._encoder.bound(version.profile), Searcher(version.profile, self.settings.serve)
        )
        return self._engines.setdefault(version.fingerprint, engine)


@dataclass(frozen=True)
class _Engine:
    """What answers searches of tables that one profile encoded."""

    encode: Encode
    searcher: Searcher


def _served(version: Version) -> ServedCollection:
    return ServedCollection(
        collection=version.collection,
        table=version.table,
        version=version.version,
        rows=len(version),
        profile=version.profile.name,
        profile_fingerprint=version.fingerprint,
    )

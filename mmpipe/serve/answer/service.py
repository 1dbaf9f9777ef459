"""What one replica can do, without HTTP: the calls behind the routes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from mmpipe.encoders.base import Profile
from mmpipe.errors import InvalidRequest
from mmpipe.lake import Lake, open_lake
from mmpipe.schemas.assistant import AssistantRequest
from mmpipe.schemas.collections import ListedCollection, ServedCollection
from mmpipe.schemas.interaction import Interaction, InteractionsResponse
from mmpipe.schemas.people import Erasure, PersonResponse
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.schemas.rules import Rule, RuleSet
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.schemas.suggest import SuggestParams
from mmpipe.search import EncodedQuery, Version
from mmpipe.search.asked import NOBODY, Asked
from mmpipe.search.find.aim import less_like
from mmpipe.search.find.meaning import Meaning
from mmpipe.search.rules import RuleBook
from mmpipe.search.shards import Transport
from mmpipe.serve.answer import assistant, tenancy
from mmpipe.serve.answer.analytics import Found, SearchAnalytics
from mmpipe.serve.answer.assistant_words import words_of
from mmpipe.serve.answer.budget import Budget
from mmpipe.serve.answer.interactions import Interactions
from mmpipe.serve.answer.merchandising import Merchandising
from mmpipe.serve.answer.people import People
from mmpipe.serve.answer.product_media import Kind, ProductMedia, Shown
from mmpipe.serve.answer.query_encoder import Encode, Media, QueryEncoder
from mmpipe.serve.answer.query_media import ParsedSearch, QueryMedia, has_media
from mmpipe.serve.answer.recommendations import Known, Recommendations
from mmpipe.serve.answer.reranking import Reranking
from mmpipe.serve.answer.reviews import ReviewAnswers
from mmpipe.serve.answer.sharded import ShardedCollections
from mmpipe.serve.answer.sharded_source import ShardedSource
from mmpipe.serve.answer.source import LiveVersion, Source, WholeSource
from mmpipe.serve.answer.steps import step
from mmpipe.serve.answer.stock import StockReports
from mmpipe.serve.answer.suggestions import Suggestions
from mmpipe.serve.answer.voice import SpokenQuery, Voice
from mmpipe.settings import Settings

_LISTENING_THREADS = 8
# A lake that is away must not keep whoever asks what answers meanwhile.
LOOK_SECONDS = 2.0


class QueryService:
    """Search, products, interactions over the live versions of one lake.

    Without ``shards`` this process holds every version whole, and the constructor returns once every live
    collection is open, warm and its models are ready. With ``shards``, how to reach ``serve.shards`` of them,
    they hold the versions, followed from :meth:`start` on; a recording is then a sound, since recognisers
    learn the words of versions that are here. Calls may come from one event loop; what blocks for long runs
    in threads. Without ``listen`` spoken queries are understood only after ``voice.adapt()``.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: QueryEncoder,
        *,
        listen: bool = True,
        shards: Transport | None = None,
    ) -> None:
        self.settings = settings
        self._encoder = encoder
        self._lake: Lake = open_lake(settings)
        self.audit = self._lake.audit
        self._encode: dict[str, Encode] = {}
        decoding = Budget(int(settings.serve.media_megapixels * 1e6), settings.serve.media_wait_seconds)
        self._media = QueryMedia(settings.media, decoding)
        self._product_media = ProductMedia(settings, decoding)
        self._looking: asyncio.Task[None] | None = None
        self._listening = ThreadPoolExecutor(_LISTENING_THREADS, thread_name_prefix="query-voice")
        self._recommendations = Recommendations(
            settings,
            self._lake,
            self._version_of,
            # It may come again, to any replica, and is no duplicate then.
            erased=lambda collection: self._interactions.forget(collection),
        )
        self._reranking = Reranking(settings, self._recommendations)
        stored = self._recommendations.accepted if shards is None else None
        self._interactions = Interactions(self._lake, stored)
        self._people = People(self._lake)
        self._reviews = ReviewAnswers(self._lake)
        self._words = words_of(settings.assistant)
        self._suggestions = Suggestions(settings, self._lake, self._version_of)
        self._source: Source = (
            WholeSource(settings, self._lake, encoder.prepare)
            if shards is None
            else ShardedSource(ShardedCollections(settings, self._lake, shards, check=encoder.prepare))
        )
        self.merchandising = Merchandising(self._lake, self._source.follow_synonyms)
        self.merchandising.start()
        self.stock = StockReports(settings, self._lake, self._source.open)
        self.analytics = SearchAnalytics(settings, self._lake, self._source.open)
        self.voice = Voice(settings, self._whole)
        if listen and shards is None:
            self.voice.start()
        if shards is None:
            self._recommendations.start([version.collection for version in self._whole()])

    async def start(self) -> None:
        """Follow what is live where shards hold it; returns once it was looked at. Else prepare suggestions
        from now on."""
        await self._source.start()
        self.analytics.start()
        for version in self._whole():
            self._suggestions.follow(version.collection)

    async def search(self, parsed: ParsedSearch) -> bytes:
        """A :class:`~mmpipe.schemas.search.SearchResponse` as JSON."""
        media: Media = {}
        if has_media(parsed):
            with step("query.media"):
                media = await self._media.decode(parsed)
        return await self._search(parsed.request, media)

    async def search_text(self, request: SearchRequest) -> bytes:
        """The same without media."""
        return await self._search(request, {})

    async def browse(self, request: SearchRequest) -> bytes:
        """A page of a request without text or medium: no rule nor taste takes part, nothing is recorded."""
        version = await self._source.open(request.collection, request.cursor)
        return (await version.search(request, EncodedQuery(), NOBODY)).body

    async def live(self, collection: str | None) -> LiveVersion:
        """The version that answers for a collection, or for the only one. Raises ``UnknownCollection``,
        ``NotReady``, ``InvalidRequest`` for a missing name."""
        return await self._source.open(collection)

    async def preview_rules(self, request: SearchRequest, rules: Sequence[Rule]) -> tuple[bytes, bytes]:
        """One search with the rules that are set and with others, as :meth:`search` answers it."""
        parsed = ParsedSearch(request)
        media = await self._media.decode(parsed) if has_media(parsed) else {}
        tried = RuleBook(RuleSet(rules=list(rules)))
        now, then = await self._found(request, media), await self._found(request, media, tried)
        return now.answer.body, then.answer.body

    async def _search(self, request: SearchRequest, media: Media) -> bytes:
        begun = time.perf_counter()
        found = await self._found(request, media)
        self.analytics.note(found, time.perf_counter() - begun)
        return found.answer.body

    async def assist(self, request: AssistantRequest) -> bytes:
        """An :class:`~mmpipe.schemas.assistant.AssistantResponse` as JSON. Raises ``InvalidRequest`` for a
        state that is none, a turn that says nothing, and speech that nobody here can listen to."""
        parsed = ParsedSearch(assistant.as_search(request))
        version = await self._source.open(request.collection)
        media: Media = {}
        if has_media(parsed):
            with step("query.media"):
                media = await self._media.decode(parsed)
        spoken = SpokenQuery(parsed.request, media)
        if "audio" in media:
            with step("query.listen"):
                spoken = await self._understood(version.whole, parsed.request, media)

        listed: list[tuple[Found, float]] = []

        async def find(asked: LiveVersion, search: SearchRequest, given: Media) -> bytes:
            begun = time.perf_counter()
            found = await self._of_version(asked, search, given)
            if search.rules:
                listed.append((found, time.perf_counter() - begun))
            return found.answer.body

        reviews = assistant.LakeReviews(self._reviews, version.collection)
        with step("query.assist", products=version.products):
            answer = await assistant.answer(version, request, spoken, find, reviews, self._words)
        # A turn is one search to the shop: what it came to, not what was tried before.
        for found, seconds in listed[-1:]:
            self.analytics.note(found, seconds)
            if answer.kind == "find":
                answer.query_id = found.answer.query_id
        return answer.model_dump_json().encode()

    async def _found(self, request: SearchRequest, media: Media, tried: RuleBook | None = None) -> Found:
        self._reranking.check(request)
        version = await self._source.open(request.collection, request.cursor)
        return await self._of_version(version, request, media, tried)

    async def _of_version(
        self, version: LiveVersion, request: SearchRequest, media: Media, tried: RuleBook | None = None
    ) -> Found:
        encode = self._encode.get(version.profile.fingerprint) or self._bound(version.profile)
        spoken = SpokenQuery(request, media)
        if "audio" in media or request.audio_as == "speech":
            with step("query.listen"):
                spoken = await self._understood(version.whole, request, media)
            request = spoken.request
        meaning = await version.meaning(request)
        with step("query.encode", media=len(spoken.media)):
            query = spoken.mark(await encode(_left(request, meaning), spoken.media))
        unwanted = await self._media.unwanted(request)
        if unwanted is not None:
            with step("query.encode", media=1):
                query = less_like(query, await encode(SearchRequest(), {"image": unwanted}))
        with step("query.search", products=version.products, limit=request.limit, facets=len(request.facets)):
            taste = await self._recommendations.taste(version, request)
            effects = self.merchandising.effects(version.collection, request, query.text, tried)
            popularity = await self._recommendations.popularity(version, request)
            judge = await self._reranking.judge(version, request, query)
            asked = Asked(taste, _new_query_id(), effects, popularity, judge, meaning)
            answer = await version.search(request, query, asked)
            return Found(version.collection, request, media, asked, answer)

    async def recommend(self, request: RecommendationsRequest) -> bytes:
        """A :class:`~mmpipe.schemas.recommend.RecommendationsResponse` as JSON. Raises ``UnknownProduct``,
        and ``InvalidRequest`` for a collection that is split among shards."""
        version = await self._source.open(request.collection)
        with step("query.recommend", products=version.products, lists=len(request.wanted)):
            return await self._recommendations.answer(version, request)

    async def suggest(self, params: SuggestParams) -> bytes:
        """See :meth:`Suggestions.answer`. Raises ``UnknownCollection``, ``InvalidRequest``, ``NotReady``."""
        return await self._suggestions.answer(await self._source.open(params.collection), params)

    async def similar(
        self, product_id: str, *, collection: str | None, limit: int, filters: Filters | None = None
    ) -> bytes:
        """A :class:`~mmpipe.schemas.search.SearchResponse` as JSON. Raises ``UnknownProduct``."""
        version = await self._source.open(collection)
        with step("query.similar", products=version.products, limit=limit):
            return await version.similar(product_id, filters, limit)

    async def name_of(self, collection: str | None) -> str:
        """The name of a collection, or of the only one. Raises ``UnknownCollection``, ``NotReady``,
        ``InvalidRequest`` for a missing name."""
        return (await self.live(collection)).collection

    async def product(self, collection: str | None, product_id: str) -> bytes:
        """A :class:`~mmpipe.schemas.product.ProductResponse` as JSON. Raises ``UnknownProduct``."""
        version = await self._source.open(collection)
        with step("product.read"):
            product = await version.product(product_id)
        return to_json(
            {
                "collection": version.collection,
                "version": version.label,
                "product": product.model_dump(mode="json", exclude_defaults=True),
                "effective_price": product.effective_price(datetime.now(UTC)),
            }
        )

    @asynccontextmanager
    async def product_medium(
        self, collection: str | None, product_id: str, kind: Kind, number: int
    ) -> AsyncIterator[Shown]:
        """See :meth:`ProductMedia.whole`."""
        version = await self._source.open(collection)
        async with self._product_media.whole(version, product_id, kind, number) as shown:
            yield shown

    async def product_thumbnail(
        self, collection: str | None, product_id: str, number: int, width: int
    ) -> Shown:
        """See :meth:`ProductMedia.thumbnail`."""
        version = await self._source.open(collection)
        with step("product.thumbnail"):
            return await self._product_media.thumbnail(version, product_id, number, width)

    async def reviews(self, collection: str | None, product_id: str) -> bytes:
        """A :class:`~mmpipe.schemas.review.ProductReviews` as JSON. Raises ``UnknownProduct``,
        ``NotReady``."""
        version = await self._source.open(collection)
        with step("reviews.read"):
            await version.product(product_id)
            return await self._reviews.answer(version.collection, product_id)

    async def review_photo(self, collection: str | None, product_id: str, photo: str, width: int) -> Shown:
        """See :meth:`ProductMedia.photo`."""
        version = await self._source.open(collection)
        name = version.collection
        with step("reviews.photo"):
            await version.product(product_id)
            return await self._product_media.photo(
                name, product_id, photo, width, lambda: self._reviews.photo(name, product_id, photo)
            )

    async def record(
        self, collection: str | None, events: Sequence[Interaction | Any]
    ) -> InteractionsResponse:
        """Judge events, each an :class:`Interaction` or as JSON gave it, and store the good ones durably.
        Raises ``UnknownCollection``, ``InvalidRequest`` for a missing name, ``StorageUnavailable``."""
        version = await self._source.open(collection)
        whole = version.whole
        is_known = None if whole is None else lambda product_id: whole.find(product_id) is not None
        with step("interactions.store", interactions=len(events)):
            return await self._interactions.store(version.collection, events, is_known)

    async def export_person(
        self, collection: str | None, user_id: str, limit: int, cursor: str | None
    ) -> PersonResponse:
        """See :meth:`People.export`. Raises ``UnknownCollection``, ``InvalidRequest``."""
        version = await self._source.open(collection)
        return await self._people.export(version.collection, user_id, limit, cursor)

    async def erase_person(self, collection: str | None, user_id: str) -> Erasure:
        """See :meth:`People.erase`. Raises ``UnknownCollection``, ``InvalidRequest`` for a missing name."""
        version = await self._source.open(collection)
        proof = await self._people.erase(version.collection, user_id)
        self._interactions.forget(version.collection)
        await self._recommendations.forget(version.collection, proof)
        self._suggestions.forget(version.collection)
        self._reviews.forget(version.collection)
        return proof

    async def collections(self) -> list[ListedCollection]:
        """Every collection that the caller has, with the version that answers, also those nobody asked for
        yet; those that are known where the lake does not answer soon. Who asks meanwhile shares the look."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._source.look())
        await asyncio.wait([self._looking], timeout=LOOK_SECONDS)
        ages = self.ages()
        return [
            ListedCollection(**each.model_dump(), age_seconds=round(ages.get(each.collection, 0.0), 3))
            for each in self.served()
        ]

    def served(self) -> list[ServedCollection]:
        """The versions that answer now, by collection, of those that the caller has. Touches memory only."""
        live = self._source.live()
        return [_served(version) for version in live if tenancy.visible(version.collection)]

    def unsearchable(self) -> list[str]:
        """The live collections of the caller that cannot be searched here and are not waited for. Touches
        memory only."""
        served = {version.collection for version in self._source.live()}
        return sorted(self.ages().keys() - served)

    def known_of_shoppers(self) -> dict[str, Known]:
        """What this replica knows of shoppers, by collection. Touches memory only."""
        return self._recommendations.known()

    def ages(self) -> dict[str, float]:
        """For each collection that the caller has, the seconds since the version that answers was last seen
        to be what is live; see :meth:`Watch.ages`. Touches memory only."""
        return {name: age for name, age in self._source.ages().items() if tenancy.visible(name)}

    def oldest(self) -> int | None:
        """The highest age of all of them in whole seconds, where answers tell it, whoever asks."""
        told = [age for name in self._source.ages() if (age := self._source.old(name)) is not None]
        return max(told, default=None)

    def old(self, collection: str) -> int | None:
        """The age of one of them in whole seconds, where answers tell it. Takes no time."""
        return self._source.old(collection)

    def not_ready(self) -> str | None:
        """Why this replica should get no traffic; None where it should."""
        return self._source.not_ready()

    def check_alive(self) -> None:
        """Raises :class:`NotReady` where this replica cannot recover by itself and should be replaced: what
        follows the lake has ended or hangs, or what stores interactions hangs."""
        self._source.check_alive()
        self._interactions.check_alive()

    def refresh(self) -> None:
        """Follow the live versions now instead of at the next poll. Blocks; not for the event loop."""
        self._source.refresh()
        self.merchandising.look()

    async def drain(self) -> None:
        """Store the interactions that are waiting, and end what :meth:`start` began; no more are taken."""
        await self._interactions.close()
        await asyncio.to_thread(self.analytics.close)
        await self._source.stop()

    def close(self) -> None:
        """End the background threads."""
        self.voice.close()
        self._recommendations.close()
        self._reranking.close()
        self._suggestions.close()
        self._reviews.close()
        self.stock.close()
        self.analytics.close()
        self.merchandising.close()
        self._people.close()
        self._source.close()
        self._media.close()
        self._product_media.close()
        if self._words is not None:
            self._words.close()
        self._listening.shutdown(wait=False, cancel_futures=True)

    async def _understood(self, version: Version | None, request: SearchRequest, media: Media) -> SpokenQuery:
        if version is None:
            if request.audio_as == "speech":
                raise InvalidRequest(
                    "audio_as",
                    "'speech' is not understood here: the collection is split among shards, and no"
                    " recogniser knows its words; send them as text",
                )
            return SpokenQuery(request, media)
        # Listening takes a good part of the recording's own length.
        loop = asyncio.get_running_loop()
        understand = self.voice.understand
        return await loop.run_in_executor(self._listening, understand, version, request, media)

    def _version_of(self, collection: str) -> Version | None:
        return next((each for each in self._whole() if each.collection == collection), None)

    def _whole(self) -> list[Version]:
        return [version.whole for version in self._source.live() if version.whole is not None]

    def _bound(self, profile: Profile) -> Encode:
        return self._encode.setdefault(profile.fingerprint, self._encoder.bound(profile))


def _left(request: SearchRequest, meaning: Meaning | None) -> SearchRequest:
    return request if meaning is None else meaning.asked(request)


def _new_query_id() -> str:
    return secrets.token_urlsafe(9)


def _served(version: LiveVersion) -> ServedCollection:
    return ServedCollection(
        collection=version.collection,
        table=version.table,
        version=version.number,
        rows=version.products,
        profile=version.profile.name,
        profile_fingerprint=version.profile.fingerprint,
    )

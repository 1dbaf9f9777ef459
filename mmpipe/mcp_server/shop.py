"""Who answers the tools: a lake in this process, or a query service at an address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from mmpipe.client import calls
from mmpipe.client.asking import AskedSearch
from mmpipe.schemas.collections import CollectionsResponse
from mmpipe.schemas.product import ProductResponse
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.schemas.search import Filters, SearchRequest, SearchResponse
from mmpipe.serve.answer.query_media import ParsedSearch

if TYPE_CHECKING:
    from mmpipe.client import Client
    from mmpipe.client.calls import Call
    from mmpipe.serve.answer.service import QueryService

R = TypeVar("R")


class Shop(Protocol):
    """The questions of the tools. Each raises :class:`MmpipeError`."""

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Search."""

    async def similar(
        self, product_id: str, collection: str | None, limit: int, filters: Filters
    ) -> SearchResponse:
        """Products like one."""

    async def product(self, product_id: str, collection: str | None) -> ProductResponse:
        """What is public of one product."""

    async def recommend(self, request: RecommendationsRequest) -> RecommendationsResponse:
        """Lists."""

    async def collections(self) -> CollectionsResponse:
        """What there is to search."""


class ShopHere:
    """The calls of a query service in this process. Of one event loop."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    async def search(self, request: SearchRequest) -> SearchResponse:
        """See :class:`Shop`."""
        return SearchResponse.model_validate_json(await self._service.search(ParsedSearch(request)))

    async def similar(
        self, product_id: str, collection: str | None, limit: int, filters: Filters
    ) -> SearchResponse:
        """See :class:`Shop`."""
        found = await self._service.similar(product_id, collection=collection, limit=limit, filters=filters)
        return SearchResponse.model_validate_json(found)

    async def product(self, product_id: str, collection: str | None) -> ProductResponse:
        """See :class:`Shop`."""
        return ProductResponse.model_validate_json(await self._service.product(collection, product_id))

    async def recommend(self, request: RecommendationsRequest) -> RecommendationsResponse:
        """See :class:`Shop`."""
        return RecommendationsResponse.model_validate_json(await self._service.recommend(request))

    async def collections(self) -> CollectionsResponse:
        """See :class:`Shop`."""
        return CollectionsResponse(collections=await self._service.collections())


class ShopThere:
    """A query service at an address. It decodes and guards what is sent, as for every caller."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def search(self, request: SearchRequest) -> SearchResponse:
        """See :class:`Shop`."""
        return await self._sent(calls.search_call(AskedSearch(request)))

    async def similar(
        self, product_id: str, collection: str | None, limit: int, filters: Filters
    ) -> SearchResponse:
        """See :class:`Shop`."""
        return await self._sent(
            calls.similar(product_id, collection=collection, limit=limit, filters=filters)
        )

    async def product(self, product_id: str, collection: str | None) -> ProductResponse:
        """See :class:`Shop`."""
        return await self._sent(calls.product(product_id, collection=collection))

    async def recommend(self, request: RecommendationsRequest) -> RecommendationsResponse:
        """See :class:`Shop`."""
        return await self._sent(calls.recommend_call(request))

    async def collections(self) -> CollectionsResponse:
        """See :class:`Shop`."""
        return CollectionsResponse(collections=await self._sent(calls.collections()))

    async def _sent(self, call: Call[R]) -> R:
        return await asyncio.to_thread(self._client.send, call)

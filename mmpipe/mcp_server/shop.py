"""Who answers the tools: a lake in this process, or a query service at an address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from mmpipe.client.calls import filters_in_query
from mmpipe.errors import InvalidRequest, MmpipeError
from mmpipe.schemas.collections import CollectionsResponse
from mmpipe.schemas.product import ProductResponse
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.schemas.search import Filters, SearchRequest, SearchResponse
from mmpipe.serve.answer.query_media import ParsedSearch

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

R = TypeVar("R", bound=BaseModel)


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


class JsonService(Protocol):
    """A query service over HTTP. Both calls block, and raise :class:`MmpipeError` for any answer but a good
    one."""

    def get(self, path: str) -> Any:
        """The JSON of a GET."""

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a POST."""


class ShopThere:
    """A query service at an address. It decodes and guards what is sent, as for every caller."""

    def __init__(self, service: JsonService) -> None:
        self._service = service

    async def search(self, request: SearchRequest) -> SearchResponse:
        """See :class:`Shop`."""
        return await self._post("/v1/search", request, SearchResponse)

    async def similar(
        self, product_id: str, collection: str | None, limit: int, filters: Filters
    ) -> SearchResponse:
        """See :class:`Shop`."""
        asked = {"limit": limit, "collection": collection, **filters_in_query(filters)}
        path = f"/v1/products/{quote(product_id, safe='')}/similar?{_query(asked)}"
        return await self._get(path, SearchResponse)

    async def product(self, product_id: str, collection: str | None) -> ProductResponse:
        """See :class:`Shop`."""
        path = f"/v1/products/{quote(product_id, safe='')}?{_query({'collection': collection})}"
        return await self._get(path, ProductResponse)

    async def recommend(self, request: RecommendationsRequest) -> RecommendationsResponse:
        """See :class:`Shop`."""
        return await self._post("/v1/recommendations", request, RecommendationsResponse)

    async def collections(self) -> CollectionsResponse:
        """See :class:`Shop`."""
        return await self._get("/v1/collections", CollectionsResponse)

    async def _get(self, path: str, model: type[R]) -> R:
        return _read(await _answer(self._service.get, path), model)

    async def _post(self, path: str, request: BaseModel, model: type[R]) -> R:
        body = request.model_dump(mode="json", exclude_defaults=True, by_alias=True)
        return _read(await _answer(self._service.post, path, body), model)


async def _answer(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(call, *arguments)
    except MmpipeError as error:
        if type(error) is MmpipeError:
            # What the service says of a request is for whoever made it.
            raise InvalidRequest("service", str(error)) from error
        raise


def _read(found: Any, model: type[R]) -> R:
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise MmpipeError("the service's answer is none; is that address an mmpipe service?") from error


def _query(given: Mapping[str, Any]) -> str:
    there = {name: value for name, value in given.items() if value is not None}
    return urlencode(there, doseq=True, errors="replace")

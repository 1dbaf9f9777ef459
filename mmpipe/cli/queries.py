"""Who answers a query: a service over HTTP, or the same code in this process on a lake."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import ValidationError

from mmpipe.cli.options import API_KEY, api_key, reach_local_cloud, refused, running_stack, settings_with
from mmpipe.client import Client, Refused, calls
from mmpipe.client.asking import AskedSearch
from mmpipe.errors import InvalidRequest, MmpipeError
from mmpipe.schemas.assistant import AssistantRequest, AssistantResponse
from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.rules import PreviewBody
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.schemas.suggest import SuggestParams, SuggestResponse

if TYPE_CHECKING:
    from mmpipe.client.calls import Call
    from mmpipe.schemas.rules import Rule
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.settings import Settings

TIMEOUT_SECONDS = 60.0
R = TypeVar("R")


class Queries(Protocol):
    """The questions of the command line."""

    def search(self, request: SearchRequest) -> SearchResponse:
        """Search. Raises :class:`MmpipeError`."""
        ...

    def similar(self, product_id: str, collection: str | None, limit: int) -> SearchResponse:
        """Products like one. Raises :class:`MmpipeError`."""
        ...

    def suggest(self, params: SuggestParams) -> SuggestResponse:
        """What may be meant by what was typed. Raises :class:`MmpipeError`."""
        ...

    def assist(self, request: AssistantRequest) -> AssistantResponse:
        """One turn of a conversation. Raises :class:`MmpipeError`."""
        ...

    def preview(self, request: SearchRequest, rules: Sequence[Rule]) -> tuple[SearchResponse, SearchResponse]:
        """A search with the rules that are set, and with others. Raises :class:`MmpipeError`."""
        ...


@contextmanager
def queries_for(url: str | None, lake: str | None, folder: Path) -> Iterator[Queries]:
    """``--url``, else ``--lake``, else the stack in ``folder``; :class:`InvalidRequest` without any."""
    if url is not None and lake is not None:
        raise InvalidRequest("url", "give --url or --lake, not both")
    if url is not None:
        with Client(url, api_key(), timeout=TIMEOUT_SECONDS) as client:
            yield ServiceQueries(client)
        return
    if lake is not None:
        yield from _embedded(lake)
        return
    state = running_stack(folder)
    if state is None:
        raise InvalidRequest(
            "lake", f"no stack runs in {folder}; give --lake or --url, or start one with `mmpipe up`"
        )
    reach_local_cloud()
    with Client(state.url, api_key(), timeout=TIMEOUT_SECONDS) as client:
        yield ServiceQueries(client)


class ServiceQueries:
    """A query service at an address, called with the API key; an empty one is not sent."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def search(self, request: SearchRequest) -> SearchResponse:
        """See :class:`Queries`."""
        return self._sent(calls.search_call(AskedSearch(request)))

    def similar(self, product_id: str, collection: str | None, limit: int) -> SearchResponse:
        """See :class:`Queries`."""
        return self._sent(calls.similar(product_id, collection=collection, limit=limit))

    def suggest(self, params: SuggestParams) -> SuggestResponse:
        """See :class:`Queries`."""
        return self._sent(calls.suggest_call(params))

    def assist(self, request: AssistantRequest) -> AssistantResponse:
        """See :class:`Queries`."""
        return self._sent(calls.assist_call(request))

    def preview(self, request: SearchRequest, rules: Sequence[Rule]) -> tuple[SearchResponse, SearchResponse]:
        """See :class:`Queries`."""
        found = self._sent(calls.preview_call(PreviewBody(search=request, rules=list(rules))))
        return found.before, found.after

    def _sent(self, call: Call[R]) -> R:
        try:
            return self._client.send(call)
        except Refused as error:
            raise MmpipeError(f"{error} (put the key into the variable {API_KEY})") from error


class EmbeddedQueries:
    """The query service's own calls, without HTTP or Ray."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    def search(self, request: SearchRequest) -> SearchResponse:
        """See :class:`Queries`."""
        from mmpipe.serve.answer.query_media import ParsedSearch

        if request.audio is not None:
            # One query is all this process answers: it should have the catalogue's words.
            self._service.voice.adapt(request.collection)
        return SearchResponse.model_validate_json(asyncio.run(self._service.search(ParsedSearch(request))))

    def similar(self, product_id: str, collection: str | None, limit: int) -> SearchResponse:
        """See :class:`Queries`."""
        answer = self._service.similar(product_id, collection=collection, limit=limit)
        return SearchResponse.model_validate_json(asyncio.run(answer))

    def suggest(self, params: SuggestParams) -> SuggestResponse:
        """See :class:`Queries`."""
        return SuggestResponse.model_validate_json(asyncio.run(self._service.suggest(params)))

    def assist(self, request: AssistantRequest) -> AssistantResponse:
        """See :class:`Queries`."""
        if request.audio is not None:
            self._service.voice.adapt(request.collection)
        return AssistantResponse.model_validate_json(asyncio.run(self._service.assist(request)))

    def preview(self, request: SearchRequest, rules: Sequence[Rule]) -> tuple[SearchResponse, SearchResponse]:
        """See :class:`Queries`."""
        before, after = asyncio.run(self._service.preview_rules(request, rules))
        return SearchResponse.model_validate_json(before), SearchResponse.model_validate_json(after)


def _embedded(lake: str) -> Iterator[Queries]:
    with service_here(settings_with(lake=lake)) as service:
        yield EmbeddedQueries(service)


@contextmanager
def service_here(settings: Settings) -> Iterator[QueryService]:
    """A query service in this process, without HTTP or Ray, that does not listen to recordings yet."""
    from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
    from mmpipe.serve.answer.service import QueryService

    models = Models(settings.serve.encoder_threads, settings)
    service = QueryService(settings, LocalQueryEncoder(models), listen=False)
    try:
        yield service
    finally:
        service.close()


def read_condition(text: str) -> Condition:
    """What ``--filter`` says. Raises :class:`InvalidRequest`, which names the place."""
    try:
        return Condition.model_validate_json(text)
    except ValidationError as error:
        raise refused(error, "filter") from error


def search_request(
    text: str | None,
    media: Mapping[str, bytes],
    collection: str | None,
    limit: int,
    condition: Condition | None = None,
    more: Mapping[str, Any] | None = None,
) -> SearchRequest:
    """A search by text and files, of what meets a condition. ``more`` are other members by name, and
    ``crop``, the box of the image. Raises :class:`InvalidRequest`, which names the member."""
    asked: dict[str, Any] = {name: {"data": base64.b64encode(data).decode()} for name, data in media.items()}
    asked |= {"text": text, "collection": collection, "limit": limit, "filter": condition, **(more or {})}
    crop = asked.pop("crop", None)
    if crop is not None:
        if "image" not in asked:
            raise InvalidRequest("crop", "is a box of a picture: give --image as well")
        asked["image"]["crop"] = crop
    try:
        return SearchRequest.model_validate(asked)
    except ValidationError as error:
        raise refused(error) from error

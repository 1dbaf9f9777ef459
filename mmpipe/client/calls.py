"""The routes of the HTTP API as calls: what is sent, and how the answer is read. Nothing is sent here.

Each function makes a :class:`Call` of arguments; :class:`mmpipe.client.Client` and its asynchronous twin send
it. Arguments that are not valid are an ``InvalidRequest`` here.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, Unpack
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from mmpipe.client.asking import AskedSearch, SearchOptions, model_of, search_of, turn_of
from mmpipe.client.files import Progress, SentFile
from mmpipe.errors import InvalidRequest, MmpipeError
from mmpipe.schemas.analytics import AnalyticsReport
from mmpipe.schemas.assistant import AssistantRequest, AssistantResponse
from mmpipe.schemas.collections import CollectionsResponse, ListedCollection
from mmpipe.schemas.interaction import Interaction, InteractionsRequest, InteractionsResponse
from mmpipe.schemas.people import Erasure, PersonResponse
from mmpipe.schemas.product import ProductResponse
from mmpipe.schemas.recommend import Kind, RecommendationsRequest, RecommendationsResponse
from mmpipe.schemas.review import ProductReviews
from mmpipe.schemas.rules import Preview, PreviewBody, Rule, RulesBody, RuleSet, RuleVersions, SynonymsSet
from mmpipe.schemas.search import Filters, SearchResponse
from mmpipe.schemas.status import Moved, PromoteBody, RollbackBody, Status
from mmpipe.schemas.stock import StockReport
from mmpipe.schemas.suggest import SuggestParams, SuggestResponse
from mmpipe.schemas.uploads import RejectsPage, ReplayBody, Upload, UploadsResponse
from mmpipe.schemas.work import ReplayOutcome, Section

R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)
_BYTES = "application/octet-stream"
_TSV = "text/tab-separated-values"
_READ = "the service's answer is none of this route's: is that address an mmpipe service of this release?"


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One request. ``read`` makes the result of an answer's body; ``again``: sending it twice does what
    sending it once does."""

    method: str
    path: str
    read: Callable[[bytes], R]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    files: Mapping[str, bytes] = field(default_factory=dict)
    file: SentFile | None = None
    again: bool = True

    def query(self) -> list[tuple[str, str | int | float | bool | None]]:
        """The parameters that are given, a list's values one by one."""
        pairs: list[tuple[str, str | int | float | bool | None]] = []
        for name, value in self.params.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            pairs += [(name, _plain(each)) for each in values if each is not None]
        return pairs


def search(text: str | None = None, **options: Unpack[SearchOptions]) -> Call[SearchResponse]:
    """One page of a search by any mix of text, ``image``, ``audio``, ``video`` and products; see
    :class:`~mmpipe.client.asking.SearchOptions`."""
    return search_call(search_of(text, options))


def search_call(asked: AskedSearch) -> Call[SearchResponse]:
    """A search that was made already."""
    body = asked.request.model_dump_json(exclude_defaults=True, by_alias=True).encode()
    if asked.files:
        return Call("POST", "/v1/search", _model(SearchResponse), files={"request": body, **asked.files})
    return Call("POST", "/v1/search", _model(SearchResponse), body=body)


def suggest(
    q: str = "", *, collection: str | None = None, limit: int = 10, lang: str | None = None
) -> Call[SuggestResponse]:
    """What may be meant by what was typed so far."""
    return suggest_call(
        model_of(SuggestParams, {"q": q, "collection": collection, "limit": limit, "lang": lang})
    )


def suggest_call(asked: SuggestParams) -> Call[SuggestResponse]:
    """The same of parameters that were made already."""
    return Call("GET", "/v1/suggest", _model(SuggestResponse), params=asked.model_dump(exclude_none=True))


def product(product_id: str, *, collection: str | None = None) -> Call[ProductResponse]:
    """One product as it is live, and what a shopper pays now."""
    return Call("GET", _of_product(product_id), _model(ProductResponse), params={"collection": collection})


def medium(
    product_id: str,
    kind: Literal["image", "audio", "video"] = "image",
    number: int = 0,
    *,
    width: Literal[160, 320, 640, 1280] | None = None,
    collection: str | None = None,
) -> Call[bytes]:
    """A product's own picture, recording or clip, by its place among those of its kind; with ``width`` a
    picture as JPEG of at most so many pixels across."""
    path = _of_product(product_id, f"/media/{kind}/{int(number)}")
    return Call("GET", path, bytes, params={"width": width, "collection": collection})


def similar(
    product_id: str,
    *,
    collection: str | None = None,
    limit: int = 20,
    filters: Filters | Mapping[str, Any] | None = None,
) -> Call[SearchResponse]:
    """Products like this one."""
    wanted = filters if isinstance(filters, Filters) else model_of(Filters, filters or {})
    params = {"collection": collection, "limit": limit, **filters_in_query(wanted)}
    return Call("GET", _of_product(product_id, "/similar"), _model(SearchResponse), params=params)


def reviews(product_id: str, *, collection: str | None = None) -> Call[ProductReviews]:
    """What a product's reviews add up to."""
    path = _of_product(product_id, "/reviews")
    return Call("GET", path, _model(ProductReviews), params={"collection": collection})


def recommend(kind: Kind | None = None, **asked: Any) -> Call[RecommendationsResponse]:
    """One list of a ``kind``, or up to ten in ``lists``; the arguments are the fields of
    :class:`~mmpipe.schemas.recommend.RecommendationsRequest`."""
    return recommend_call(model_of(RecommendationsRequest, {"kind": kind, **asked}))


def recommend_call(request: RecommendationsRequest) -> Call[RecommendationsResponse]:
    """The same of a request that was made already."""
    body = request.model_dump_json(exclude_defaults=True).encode()
    return Call("POST", "/v1/recommendations", _model(RecommendationsResponse), body=body)


def interact(
    *events: Interaction | Mapping[str, Any], collection: str | None = None, **event: Any
) -> Call[InteractionsResponse]:
    """Store what shoppers did: up to 1,000 events, or one by its fields. An event without an ``event_id`` is
    given one here, so that it counts once however often it is sent."""
    given = [*events, *([event] if event else [])]
    if not given:
        raise InvalidRequest("events", "give one at least, or its fields")
    named = [_named(each) for each in given]
    request = model_of(InteractionsRequest, {"collection": collection, "interactions": named})
    body = request.model_dump_json(exclude_none=True).encode()
    return Call("POST", "/v1/interactions", _model(InteractionsResponse), body=body)


def assist(text: str | None = None, **given: Any) -> Call[AssistantResponse]:
    """One turn of a conversation; ``image``, ``audio`` (as in a search), ``state`` of the answer before,
    ``language``, ``limit``, ``collection``."""
    return assist_call(turn_of(text, given))


def assist_call(request: AssistantRequest) -> Call[AssistantResponse]:
    """A turn that was made already."""
    body = request.model_dump_json(exclude_none=True).encode()
    return Call("POST", "/v1/assistant", _model(AssistantResponse), body=body)


def collections() -> Call[list[ListedCollection]]:
    """The caller's collections, and the version each is served from."""

    def read(body: bytes) -> list[ListedCollection]:
        return _model(CollectionsResponse)(body).collections

    return Call("GET", "/v1/collections", read)


def export_user(
    user_id: str, *, collection: str | None = None, limit: int = 1_000, cursor: str | None = None
) -> Call[PersonResponse]:
    """A page of what is held of a person."""
    params = {"collection": collection, "limit": limit, "cursor": cursor}
    return Call("GET", _of_user(user_id), _model(PersonResponse), params=params)


def erase_user(user_id: str, *, collection: str | None = None) -> Call[Erasure]:
    """Erase a person; the answer is the proof. Sent again it would be another erasure, so it is not."""
    params = {"collection": collection}
    return Call("DELETE", _of_user(user_id), _model(Erasure), params=params, again=False)


def rules(*, collection: str | None = None, version: int | None = None) -> Call[RuleSet]:
    """A collection's merchandising rules, the current ones unless a version is named."""
    return Call("GET", "/v1/rules", _model(RuleSet), params={"collection": collection, "version": version})


def set_rules(
    rules: Sequence[Rule | Mapping[str, Any]],
    *,
    collection: str | None = None,
    version: int | None = None,
) -> Call[RuleSet]:
    """Replace them as a whole. ``version``: the one that they were made from; a newer one is an
    ``Outdated``."""
    body = model_of(RulesBody, {"rules": list(rules), "version": version})
    return Call(
        "PUT",
        "/v1/rules",
        _model(RuleSet),
        params={"collection": collection},
        body=_dumped(body),
        # Once set, the version it was made from is no longer the newest.
        again=version is None,
    )


def rule_versions(*, collection: str | None = None) -> Call[RuleVersions]:
    """The versions of a collection's rules that there are."""
    return Call("GET", "/v1/rules/versions", _model(RuleVersions), params={"collection": collection})


def preview_rules(
    tried: Sequence[Rule | Mapping[str, Any]], text: str | None = None, **options: Unpack[SearchOptions]
) -> Call[Preview]:
    """One search as it is answered now, and as it would be with these rules. Media are given by address."""
    asked = search_of(text, options)
    if asked.files:
        raise InvalidRequest(next(iter(asked.files)), "of a preview is an https:// or data: address")
    return preview_call(model_of(PreviewBody, {"search": asked.request, "rules": list(tried)}))


def preview_call(body: PreviewBody) -> Call[Preview]:
    """The same of a search and rules that were made already."""
    return Call("POST", "/v1/rules/preview", _model(Preview), body=_dumped(body))


def synonyms(*, collection: str | None = None) -> Call[str]:
    """A collection's own synonyms, as they were set."""
    return Call("GET", "/v1/synonyms", bytes.decode, params={"collection": collection})


def set_synonyms(lines: str, *, collection: str | None = None) -> Call[SynonymsSet]:
    """Replace them as a whole: lines of text, see docs/search.md."""
    params = {"collection": collection}
    body = lines.encode()
    return Call("PUT", "/v1/synonyms", _model(SynonymsSet), params=params, body=body, content_type=_TSV)


def analytics(*, collection: str | None = None, days: int = 28, limit: int = 20) -> Call[AnalyticsReport]:
    """What was searched, found and clicked."""
    params = {"collection": collection, "days": days, "limit": limit}
    return Call("GET", "/v1/analytics", _model(AnalyticsReport), params=params)


def stock(
    *,
    collection: str | None = None,
    limit: int = 50,
    days: int | None = None,
    lead_days: float | None = None,
) -> Call[StockReport]:
    """Sold-out products that are asked for, and what may run out."""
    params = {"collection": collection, "limit": limit, "days": days, "lead_days": lead_days}
    return Call("GET", "/v1/stock", _model(StockReport), params=params)


def upload(
    file: str | os.PathLike[str] | bytes,
    *,
    section: Section = "feeds",
    name: str | None = None,
    collection: str | None = None,
    progress: Progress | None = None,
) -> Call[Upload]:
    """Put a file into the shop's bucket, from where it is indexed: a feed unless ``section`` says otherwise,
    under its own name unless another is given. It is read in pieces; ``progress`` is told of the bytes that
    were handed over and of all bytes. A collection's first feed makes it."""
    given = SentFile(file, progress)
    called = name if name is not None else given.name
    if not called:
        raise InvalidRequest("name", "is missing: bytes have none of their own")
    path = f"/v1/uploads/{section}/{quote(called, safe='/')}"
    params = {"collection": collection}
    return Call("PUT", path, _model(Upload), params=params, file=given, content_type=_BYTES)


def upload_progress(upload_id: str, *, collection: str | None = None) -> Call[Upload]:
    """How far an upload is, by its ``id``."""
    path = f"/v1/uploads/{quote(upload_id, safe='')}"
    return Call("GET", path, _model(Upload), params={"collection": collection})


def uploads(*, collection: str | None = None, limit: int = 20) -> Call[list[Upload]]:
    """Uploads that were taken up, the newest first."""

    def read(body: bytes) -> list[Upload]:
        return _model(UploadsResponse)(body).uploads

    return Call("GET", "/v1/uploads", read, params={"collection": collection, "limit": limit})


def rejects(
    *, collection: str | None = None, upload: str | None = None, limit: int = 20, offset: int = 0
) -> Call[RejectsPage]:
    """Rows and media that could not be used, the newest first; ``upload`` is one file's id."""
    params = {"collection": collection, "upload": upload, "limit": limit, "offset": offset}
    return Call("GET", "/v1/rejects", _model(RejectsPage), params=params)


def replay_reject(
    reject_id: str, row: Mapping[str, Any] | None = None, *, collection: str | None = None
) -> Call[ReplayOutcome]:
    """Try a reject again, as it was or with a mended row."""
    body = model_of(ReplayBody, {"row": None if row is None else dict(row)})
    path = f"/v1/rejects/{quote(reject_id, safe='')}/replay"
    params = {"collection": collection}
    return Call("POST", path, _model(ReplayOutcome), params=params, body=_dumped(body), again=False)


def status(*, collection: str | None = None) -> Call[Status]:
    """What is live, since when, by which models, and how the service does."""
    return Call("GET", "/v1/status", _model(Status), params={"collection": collection})


def roll_back(generation: int, *, collection: str | None = None) -> Call[Moved]:
    """Make live again what was live before; ``generation`` is what is live now, as :func:`status` has it."""
    body = _dumped(model_of(RollbackBody, {"generation": generation}))
    params = {"collection": collection}
    return Call("POST", "/v1/live/rollback", _model(Moved), params=params, body=body, again=False)


def promote(
    generation: int, table: str, version: int | None = None, *, collection: str | None = None
) -> Call[Moved]:
    """Make a version of the live table live, the newest unless one is named."""
    given = {"generation": generation, "table": table, "version": version}
    body = _dumped(model_of(PromoteBody, given))
    params = {"collection": collection}
    return Call("POST", "/v1/live/promote", _model(Moved), params=params, body=body, again=False)


def _named(event: Interaction | Mapping[str, Any]) -> dict[str, Any]:
    told = event.model_dump(exclude_none=True) if isinstance(event, Interaction) else dict(event)
    if told.get("event_id") is None:
        told["event_id"] = uuid.uuid4().hex
    return told


def _model(model: type[M]) -> Callable[[bytes], M]:
    def read(body: bytes) -> M:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise MmpipeError(_READ) from error

    return read


def _dumped(body: BaseModel) -> bytes:
    return json.dumps(body.model_dump(mode="json", exclude_defaults=True, by_alias=True)).encode()


def _of_product(product_id: str, more: str = "") -> str:
    if not product_id:
        raise InvalidRequest("product_id", "is empty")
    return f"/v1/products/{quote(product_id, safe='')}{more}"


def _of_user(user_id: str) -> str:
    if not user_id:
        raise InvalidRequest("user_id", "is empty")
    return f"/v1/users/{quote(user_id, safe='')}"


def filters_in_query(filters: Filters) -> dict[str, Any]:
    """Filters as the names of a query string."""
    given = filters.model_dump(mode="json", exclude_none=True)
    price, attributes = given.pop("price", {}), given.pop("attributes", {})
    pairs = [f"{name}={value}" for name, values in attributes.items() for value in values]
    return given | {f"price_{name}": value for name, value in price.items()} | {"attribute": pairs}


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Bytes of a request to typed requests, with every fault named.

Bodies are read and validated here rather than by FastAPI's dependency machinery: one route takes JSON and
multipart, errors come out of one place, and the hot path parses straight from bytes.
"""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidRequest, RequestTooLarge
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.schemas.search import Explain, Filters, Fusion, Meaning, ProductId, SearchRequest, ShopperId, Sort
from mmpipe.serve.answer.query_media import MEDIA_PARTS, ParsedSearch, has_media
from mmpipe.serve.http import bounds
from mmpipe.serve.http.backlog import leave
from mmpipe.serve.http.bounds import MAX_TEXT, Bounds, check
from mmpipe.serve.http.errors import InvalidFields, UnsupportedMediaType
from mmpipe.serve.http.form_pictures import PARTS as PICTURE_PARTS
from mmpipe.serve.http.form_pictures import FormPictures, file_of
from mmpipe.serve.http.forms import parse_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
JSON = "application/json"
MULTIPART = "multipart/form-data"
_PLAIN_PARTS = frozenset(
    {
        "collection", "text", "limit", "cursor", "explain", "audio_as", "user_id", "session_id",
        "personalise", "sort", "collapse", "diversity", "understand", "fusion", "rules", "rerank",
        "highlight",
    }
)  # fmt: skip
_JSON_PARTS = frozenset({"weights", "filters", "filter", "boosts", "not", "context"})
# May be sent several times; of the first, each may name several.
_COMMA_PARTS = frozenset({"facets", "fields"})
_LIST_PARTS = frozenset({*_COMMA_PARTS, "like"})
# Smaller bodies are read in less time than a thread takes to begin.
_ASIDE_BYTES: Final = 64_000
_CHARSET: Final = re.compile(r"""\bcharset\s*\*?=\s*["']?([^\s;"']{1,80})""", re.IGNORECASE)
_UTF8: Final = frozenset({"utf-8", "utf8"})


class FilterParams(BaseModel):
    """Filters of a query string. Repeat one to allow any of several values."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    limit: int = Field(default=20, ge=1, le=100)
    price_gte: Decimal | None = Field(default=None, ge=0, description="of what a shopper pays now")
    price_lte: Decimal | None = Field(default=None, ge=0, description="of what a shopper pays now")
    brand: list[str] = Field(default_factory=list)
    category: list[str] = Field(default_factory=list)
    availability: list[str] = Field(default_factory=list)
    color: list[str] = Field(default_factory=list)
    size: list[str] = Field(default_factory=list)
    gender: list[str] = Field(default_factory=list)
    age_group: list[str] = Field(default_factory=list)
    material: list[str] = Field(default_factory=list)
    pattern: list[str] = Field(default_factory=list)
    condition: list[str] = Field(default_factory=list)
    attribute: list[Annotated[str, Field(max_length=401)]] = Field(
        default_factory=list, max_length=100, description="name=value of a free attribute"
    )

    def filters(self) -> Filters:
        """The filters as a body would give them. Raises ``InvalidFields`` or ``InvalidRequest``."""
        return validate(Filters, self.raw_filters())

    def raw_filters(self) -> dict[str, Any]:
        """The filters as JSON would have them, not yet validated as a whole."""
        found: dict[str, Any] = {name: getattr(self, name) for name in FACET_FIELDS if getattr(self, name)}
        price = {"gte": self.price_gte, "lte": self.price_lte}
        if any(bound is not None for bound in price.values()):
            found["price"] = price
        if self.attribute:
            found["attributes"] = _attributes(self.attribute)
        return found


class SimilarParams(FilterParams):
    """The query string of ``GET /v1/products/{id}/similar``."""


class SearchParams(FilterParams):
    """The query string of ``GET /v1/search``."""

    q: str | None = Field(default=None, max_length=1_000, description="what the shopper typed; empty browses")
    cursor: str | None = Field(default=None, max_length=16_000, description="next_cursor of the page before")
    facets: list[str] = Field(
        default_factory=list, max_length=20, description="fields to count; repeated or comma-separated"
    )
    filter: str | None = Field(
        default=None, max_length=8_000, description="a condition as JSON, beside the other filters"
    )
    sort: Sort = Field(default="relevance", description="as in a body")
    collapse: bool = Field(default=False, description="of each item group the best match alone")
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="above 0: of what is alike the first pages show less"
    )
    like: list[ProductId] = Field(
        default_factory=list, max_length=10, description="ids of products that what is looked for is like"
    )
    understand: Meaning | None = Field(default=None, description="what becomes of what the words say")
    fusion: Fusion | None = None
    rules: bool = Field(default=True, description="false: no merchandising rule takes part")
    rerank: bool | None = Field(default=None, description="judge the best matches again")
    highlight: bool = Field(default=False, description="where the query's words stand in title and brand")
    fields: list[str] = Field(
        default_factory=list, max_length=30, description="more of each product; repeated or comma-separated"
    )
    explain: Explain = "scores"
    user_id: ShopperId | None = Field(default=None, description="who asks; the order leans to their taste")
    session_id: ShopperId | None = Field(default=None, description="the same for a session")
    personalise: bool = True

    def to_request(self) -> SearchRequest:
        """The same search as a body would ask it. Raises ``InvalidFields`` or ``InvalidRequest``."""
        asked = {
            "collection": self.collection,
            "text": self.q or None,
            "limit": self.limit,
            "cursor": self.cursor,
            "facets": _names(self.facets),
            "sort": self.sort,
            "collapse": self.collapse,
            "diversity": self.diversity,
            "like": self.like,
            "understand": self.understand,
            "fusion": self.fusion,
            "rules": self.rules,
            "rerank": self.rerank,
            "highlight": self.highlight,
            "fields": _names(self.fields),
            "explain": self.explain,
            "filters": self.raw_filters(),
            "filter": None if self.filter is None else _json_part("filter", self.filter.encode()),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "personalise": self.personalise,
        }
        return validate(SearchRequest, asked)


_REPEATED = frozenset(
    name for name, field in SearchParams.model_fields.items() if get_origin(field.annotation) is list
)


def _names(entries: list[str]) -> list[str]:
    return [name for entry in entries for name in entry.split(",") if name.strip()]


def _attributes(pairs: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise InvalidRequest("attribute", f"'{pair[:80]}' is not name=value, as in attribute=sole=rubber")
        found.setdefault(name, []).append(value)
    return found


def validate(model: type[M], value: Any) -> M:
    """``model`` from Python values; raises :class:`InvalidFields`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidFields(error.errors(include_url=False, include_input=False)) from None


def parse_json(model: type[M], body: bytes, within: str = "body") -> M:
    """``model`` from JSON bytes; raises :class:`InvalidFields` (400 for bad JSON, 422 for a bad field).
    Values are of the types that JSON gave them: `true` is no number, nor is a text."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        entries = error.errors(include_url=False, include_input=False)
        raise InvalidFields([{**entry, "loc": entry["loc"] or (within,)} for entry in entries]) from None


def header(scope: Scope, name: bytes) -> str:
    """The first header of this name, which is in lower case; empty where there is none."""
    for given, value in scope["headers"]:
        if given == name:
            return str(value, "latin-1")
    return ""


def content_type(scope: Scope) -> str:
    """The media type of the body without its parameters, lower case. Raises ``UnsupportedMediaType`` where
    they name another character set than UTF-8."""
    given = header(scope, b"content-type")
    kind, parameters, rest = given.partition(";")
    if parameters and (charset := _CHARSET.search(rest)) and charset[1].lower() not in _UTF8:
        raise UnsupportedMediaType("Content-Type", f"charset '{charset[1]}' is not taken here; send UTF-8")
    return kind.strip().lower()


def sent_path(scope: Scope, prefix: str, field: str) -> str:
    """What follows ``prefix`` in the path as it was sent, percent-decoded once: on some ways here it is
    decoded once more. Raises ``InvalidRequest``, naming ``field``."""
    sent = scope["raw_path"]
    begin = next(
        (start for start in (scope.get("root_path", "") + prefix, prefix) if sent.startswith(start.encode())),
        None,
    )
    if begin is None:
        # What is routed and put on record goes by the decoded path: it must not say anything else.
        raise InvalidRequest(field, "stands behind a path that is percent-encoded; write that out")
    sent = sent[len(begin.encode()) :]
    try:
        return unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(field, "is not UTF-8 when percent-decoded") from None


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises ``ClientDisconnect`` where the caller goes away before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def read_json(request: Request, model: type[M], bounds: Bounds) -> M:
    """The body of a JSON-only route. Raises ``UnsupportedMediaType``, or as
    :func:`mmpipe.serve.http.bounds.check` and :func:`parse_json`."""
    body = await read_json_body(request)
    return await aside(len(body), _bounded, model, body, bounds)


async def read_whole(scope: Scope, receive: Receive, model: type[M], bounds: Bounds) -> M:
    """The same of a route that is no function of FastAPI's."""
    _json_alone(scope)
    body = await read_body(receive)
    return await aside(len(body), _bounded, model, body, bounds)


async def read_json_body(request: Request) -> bytes:
    """The same, neither held against bounds nor parsed. Raises ``UnsupportedMediaType``."""
    _json_alone(request.scope)
    return await request.body()


def _json_alone(scope: Scope) -> None:
    kind = content_type(scope)
    if kind != JSON:
        raise UnsupportedMediaType("Content-Type", f"'{kind[:80] or 'none'}' is not taken here; send {JSON}")


async def aside(size: int, call: Callable[..., T], *arguments: Any) -> T:
    """``call(*arguments)``; where ``size`` is over :data:`_ASIDE_BYTES` in a thread, between whose steps
    others are answered."""
    if size > _ASIDE_BYTES:
        return await asyncio.to_thread(call, *arguments)
    return call(*arguments)


def _bounded(model: type[M], body: bytes, bounds: Bounds, within: str = "body") -> M:
    check(body, bounds, within)
    return parse_json(model, body, within)


def search_params(query: bytes) -> SearchParams:
    """A query string. Raises :class:`InvalidFields`. Of a field that takes one value the last one counts."""
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in _REPEATED:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return validate(SearchParams, given)


def again(body: bytes, receive: Receive) -> Receive:
    """A body that was read whole, to be read once more."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


async def read_search(scope: Scope, receive: Receive) -> ParsedSearch:
    """The body of ``POST /v1/search``, JSON or multipart.

    Raises ``UnsupportedMediaType``, ``MalformedRequest``, ``RequestTooLarge`` and ``InvalidRequest``, each
    naming the field.
    """
    kind = content_type(scope)
    if kind == JSON:
        body = await read_body(receive)
        parsed = ParsedSearch(await aside(len(body), _bounded, SearchRequest, body, bounds.SEARCH))
        if has_media(parsed):
            leave(scope)
        return parsed
    if kind == MULTIPART:
        leave(scope)
        body = await read_body(receive)
        return await aside(len(body), _parse_form, body, header(scope, b"content-type").encode("latin-1"))
    raise UnsupportedMediaType(
        "Content-Type", f"'{kind[:80] or 'none'}' is not taken here; send {JSON} or {MULTIPART}"
    )


def _parse_form(body: bytes, content_type: bytes) -> ParsedSearch:
    uploads: dict[Modality, bytes] = {}
    pictures = FormPictures()
    whole: SearchRequest | None = None
    loose: dict[str, Any] = {}
    for part in parse_form(body, content_type):
        name, data = part.name, part.data
        if name in MEDIA_PARTS:
            uploads[name] = file_of(part, twice=name in uploads)
        elif name in PICTURE_PARTS:
            pictures.take(part)
        elif name == "request":
            if whole is not None:
                raise InvalidRequest(name, "was sent twice; send one value")
            whole = _bounded(SearchRequest, data, bounds.SEARCH, "request")
        elif len(data) > MAX_TEXT:
            raise RequestTooLarge(name[:100], f"is over {MAX_TEXT:,} bytes of text; send less")
        elif name in _LIST_PARTS:
            text = _text(name, data)
            loose.setdefault(name, []).extend(_names([text]) if name in _COMMA_PARTS else [text])
        elif name in loose:
            raise InvalidRequest(name, "was sent twice; send one value")
        elif name in _JSON_PARTS:
            loose[name] = _json_part(name, data)
        elif name in _PLAIN_PARTS:
            loose[name] = _text(name, data)
        else:
            raise InvalidRequest(name[:100], "unknown field; remove it or see /docs for the fields there are")
    if whole is not None and loose:
        raise InvalidRequest(next(iter(loose)), "is sent beside a 'request' part; put it inside that part")
    asked = whole if whole is not None else validate(SearchRequest, loose)
    for name in uploads:
        if getattr(asked, name) is not None:
            raise InvalidRequest(name, "is given both as a file and inside the request; send one of them")
    return pictures.beside(asked, uploads)


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(name, "is not UTF-8 text") from None


def _json_part(name: str, data: bytes) -> Any:
    check(data, bounds.FILTERS, name)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(name, f"is not valid JSON ({str(error)[:100]})") from None

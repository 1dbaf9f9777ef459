"""Bytes of a request to typed requests, with every fault named.

Bodies are read and validated here rather than by FastAPI's dependency machinery: one route takes JSON and
multipart, errors come out of one place, and the hot path parses straight from bytes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.schemas.search import Filters, SearchRequest, ShopperId
from mmpipe.serve.answer.query_media import MEDIA_PARTS, ParsedSearch
from mmpipe.serve.http.errors import InvalidFields, MalformedRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

M = TypeVar("M", bound=BaseModel)
JSON = "application/json"
MULTIPART = "multipart/form-data"
_PLAIN_PARTS = frozenset(
    {"collection", "text", "limit", "cursor", "explain", "audio_as", "user_id", "session_id", "personalise"}
)
_JSON_PARTS = frozenset({"weights", "filters"})
_MAX_TEXT_PART = 1_000_000


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
    cursor: str | None = Field(default=None, max_length=8_000, description="next_cursor of the page before")
    facets: list[str] = Field(
        default_factory=list, max_length=20, description="fields to count; repeated or comma-separated"
    )
    explain: bool = True
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
            "facets": [name for entry in self.facets for name in entry.split(",") if name.strip()],
            "explain": self.explain,
            "filters": self.raw_filters(),
            "user_id": self.user_id,
            "session_id": self.session_id,
            "personalise": self.personalise,
        }
        return validate(SearchRequest, asked)


_REPEATED = frozenset(
    name for name, field in SearchParams.model_fields.items() if get_origin(field.annotation) is list
)


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
    """``model`` from JSON bytes; raises :class:`InvalidFields` (400 for bad JSON, 422 for a bad field)."""
    try:
        return model.model_validate_json(body)
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
    """The media type of the body without its parameters, lower case."""
    return header(scope, b"content-type").partition(";")[0].strip().lower()


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


async def read_json(request: Request, model: type[M]) -> M:
    """The body of a JSON-only route. Raises ``UnsupportedMediaType``, or as :func:`parse_json`."""
    return parse_json(model, await read_json_body(request))


async def read_json_body(request: Request) -> bytes:
    """The same, not parsed. Raises ``UnsupportedMediaType``."""
    kind = content_type(request.scope)
    if kind != JSON:
        raise UnsupportedMediaType("Content-Type", f"'{kind[:80] or 'none'}' is not taken here; send {JSON}")
    return await request.body()


def search_params(query: bytes) -> SearchParams:
    """A query string. Raises :class:`InvalidFields`. Of a field that takes one value the last one counts."""
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in _REPEATED:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return validate(SearchParams, given)


async def read_search(scope: Scope, receive: Receive) -> ParsedSearch:
    """The body of ``POST /v1/search``, JSON or multipart.

    Raises ``UnsupportedMediaType``, ``MalformedRequest`` and ``InvalidRequest``, each naming the field.
    """
    kind = content_type(scope)
    if kind == JSON:
        return ParsedSearch(parse_json(SearchRequest, await read_body(receive)))
    if kind == MULTIPART:
        return await _read_multipart(Request(scope, receive))
    raise UnsupportedMediaType(
        "Content-Type", f"'{kind[:80] or 'none'}' is not taken here; send {JSON} or {MULTIPART}"
    )


async def _read_multipart(request: Request) -> ParsedSearch:
    # The parser takes a form that breaks off for a shorter one: a search without its text or its filters.
    if not _is_whole(await request.body(), request.headers["content-type"]):
        raise MalformedRequest("body", "breaks off before the form's closing boundary; send all of it")
    try:
        form = await request.form(max_files=len(MEDIA_PARTS), max_fields=60, max_part_size=_MAX_TEXT_PART)
    except (MultiPartException, HTTPException, UnicodeDecodeError, ValueError, KeyError) as error:
        reason = getattr(error, "detail", None) or getattr(error, "message", None) or str(error)
        raise MalformedRequest("body", f"not a readable multipart form ({str(reason)[:200]})") from None
    uploads: dict[Modality, bytes] = {}
    whole: SearchRequest | None = None
    loose: dict[str, Any] = {}
    try:
        for name, part in form.multi_items():
            if name in MEDIA_PARTS:
                if not isinstance(part, UploadFile):
                    raise InvalidRequest(name, "send it as a file part (with a filename)")
                if name in uploads:
                    raise InvalidRequest(name, "was sent twice; send one file for it")
                uploads[name] = await part.read()
                if not uploads[name]:
                    raise InvalidRequest(
                        name, "is an empty file; send the file's bytes or leave the part out"
                    )
                continue
            data = await part.read() if isinstance(part, UploadFile) else part.encode("utf-8", "replace")
            if name == "request":
                if whole is not None:
                    raise InvalidRequest(name, "was sent twice; send one value")
                whole = parse_json(SearchRequest, data, "request")
            elif name == "facets":
                loose.setdefault("facets", []).extend(v for v in _text(name, data).split(",") if v.strip())
            elif name in loose:
                raise InvalidRequest(name, "was sent twice; send one value")
            elif name in _JSON_PARTS:
                loose[name] = _json_part(name, data)
            elif name in _PLAIN_PARTS:
                loose[name] = _text(name, data)
            else:
                raise InvalidRequest(
                    name[:100], "unknown field; remove it or see /docs for the fields there are"
                )
    finally:
        await form.close()
    if whole is not None and loose:
        raise InvalidRequest(next(iter(loose)), "is sent beside a 'request' part; put it inside that part")
    asked = whole if whole is not None else validate(SearchRequest, loose)
    for name in uploads:
        if getattr(asked, name) is not None:
            raise InvalidRequest(name, "is given both as a file and inside the request; send one of them")
    return ParsedSearch(asked, uploads)


def _is_whole(body: bytes, content_type: str) -> bool:
    """Whether a form ends; one that names no boundary is the parser's to refuse."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    return boundary is None or b"--" + boundary + b"--" in body


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(name, "is not UTF-8 text") from None


def _json_part(name: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(name, f"is not valid JSON ({str(error)[:100]})") from None

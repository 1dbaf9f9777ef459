"""The one table from exceptions to HTTP answers, as RFC 9457 problem documents; shopping agents get the same
by their protocol (:mod:`mmpipe.serve.http.problem_response`).

Every error a route raises ends here. What a caller sent never becomes a 5xx: it is a 4xx that names the
field and the remedy. What went wrong on our side is a 503 where repeating may help, else a 500 that carries
an id to find in the logs and nothing of the inside.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mmpipe import errors
from mmpipe.schemas.problem import Problem, ProblemField
from mmpipe.serve.answer.budget import Busy
from mmpipe.serve.answer.query_encoder import EncodersStarting
from mmpipe.serve.http.security_headers import SECURITY_HEADERS

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

# As nginx counts callers that did not wait; nobody is left to see it but metrics and traces.
CALLER_GONE = 499
_log = logging.getLogger("mmpipe.serve")


class MalformedRequest(errors.InvalidRequest):
    """A body that cannot be read at all: not JSON, not multipart, cut short."""


class UnsupportedMediaType(errors.InvalidRequest):
    """A body of a content type the route does not take."""


class UriTooLong(errors.InvalidRequest):
    """A query string over the limits."""


class Unauthorized(errors.InvalidRequest):
    """A route was called without its token, or without a valid API key."""


class Forbidden(errors.InvalidRequest):
    """A route was called with a valid API key whose caller may not use it."""


class TooManyRequests(errors.InvalidRequest):
    """One caller asks for more than its share."""


class InvalidFields(errors.InvalidRequest):
    """Several fields of one request; ``entries`` is pydantic's list of them."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("request", "not valid")
        self.entries = entries


@dataclass(frozen=True, slots=True)
class Answer:
    """How one class of errors is answered. ``shown`` says whether its message may leave the service."""

    status: HTTPStatus
    kind: str
    title: str
    shown: bool = True
    retry_after: int | None = None


# Looked up along the exception's method resolution order, so a subclass without a line inherits its parent's.
TABLE: Mapping[type[Exception], Answer] = {
    MalformedRequest: Answer(HTTPStatus.BAD_REQUEST, "malformed-request", "The request cannot be read"),
    Unauthorized: Answer(HTTPStatus.UNAUTHORIZED, "unauthorized", "A valid token or key is needed"),
    Forbidden: Answer(HTTPStatus.FORBIDDEN, "forbidden", "This key may not do that"),
    errors.NotFound: Answer(HTTPStatus.NOT_FOUND, "not-found", "No such thing"),
    errors.UnknownCollection: Answer(HTTPStatus.NOT_FOUND, "unknown-collection", "No such collection"),
    errors.UnknownProduct: Answer(HTTPStatus.NOT_FOUND, "unknown-product", "No such product"),
    errors.PublishRejected: Answer(HTTPStatus.CONFLICT, "publish-rejected", "The version failed its checks"),
    errors.RequestTooLarge: Answer(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request-too-large", "The request is too large"
    ),
    errors.MediaTooLarge: Answer(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "media-too-large", "A medium is too large"
    ),
    UriTooLong: Answer(HTTPStatus.REQUEST_URI_TOO_LONG, "uri-too-long", "The query string is too long"),
    UnsupportedMediaType: Answer(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The content type is not supported"
    ),
    errors.Outdated: Answer(HTTPStatus.CONFLICT, "outdated", "Something newer is there"),
    TooManyRequests: Answer(
        HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", "This caller asks too much at once", retry_after=1
    ),
    errors.InvalidRequest: Answer(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "The request is not valid"
    ),
    errors.InvalidMedia: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-media", "A medium cannot be used"),
    errors.InvalidRow: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-row", "A row is not a valid product"),
    errors.InvalidFeed: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-feed", "The feed cannot be read"),
    errors.InvalidEvent: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-event", "The event cannot be read"),
    errors.NotReady: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "Not ready yet", retry_after=1),
    Busy: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too much is asked at once", retry_after=2),
    EncodersStarting: Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, "encoders-starting", "The query encoders are starting", retry_after=15
    ),
    errors.RetryableError: Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable", shown=False, retry_after=2
    ),
    errors.ProfileMismatch: Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, "model-mismatch", "Served by another model release"
    ),
    errors.ModelUnavailable: Answer(
        HTTPStatus.SERVICE_UNAVAILABLE, "model-unavailable", "A model cannot be loaded", shown=False
    ),
    # A stored object that is gone is our loss, whatever its class says about the caller's.
    errors.ObjectNotFound: Answer(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something broke here", shown=False
    ),
    Exception: Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something broke here", shown=False),
}


def answer_for(error: BaseException) -> Answer:
    """The table's line for this error."""
    for cls in type(error).__mro__:
        if cls in TABLE:
            return TABLE[cls]
    return TABLE[Exception]


def problem_of(error: BaseException) -> tuple[Problem, dict[str, str]]:
    """The problem document and extra headers for any exception; logs those that are our fault."""
    answer = answer_for(error)
    instance = f"urn:uuid:{uuid.uuid4()}"
    detail = str(error) if answer.shown else f"{answer.title}; quote {instance} when asking about it"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, errors.NotReady):
        _log.error(
            "request failed", exc_info=error, extra={"instance": instance, "status": int(answer.status)}
        )
    headers: dict[str, str] = {}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    field = getattr(error, "field", None)
    problem = Problem(
        type=f"urn:mmpipe:problem:{answer.kind}",
        title=answer.title,
        status=int(answer.status),
        detail=detail,
        instance=instance,
        field=field if isinstance(field, str) and answer.shown else None,
    )
    return problem, headers


def problem_of_fields(entries: Iterable[Mapping[str, Any]], *, limit: int = 20) -> Problem:
    """The problem document for pydantic's list of errors: 400 where the body is no JSON, else 422."""
    found = list(entries)
    malformed = any(entry["type"] == "json_invalid" for entry in found)
    fields = [ProblemField(field=_place(entry["loc"]), detail=_remedy(entry)) for entry in found[:limit]]
    answer = TABLE[MalformedRequest if malformed else errors.InvalidRequest]
    first = fields[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(
        type=f"urn:mmpipe:problem:{answer.kind}",
        title=answer.title,
        status=int(answer.status),
        detail=f"{first.field}: {first.detail}{more}",
        instance=f"urn:uuid:{uuid.uuid4()}",
        field=first.field,
        errors=fields,
    )


def status_of(error: Exception) -> int:
    """The status that an answer to this error has."""
    entries = _entries(error)
    return int(answer_for(error).status) if entries is None else problem_of_fields(entries).status


def _entries(error: Exception) -> Sequence[Mapping[str, Any]] | None:
    from fastapi.exceptions import RequestValidationError

    if isinstance(error, InvalidFields):
        return error.entries
    return error.errors() if isinstance(error, RequestValidationError) else None


def _place(loc: Iterable[Any]) -> str:
    parts = [str(part) for part in loc]
    if parts and parts[0] in ("body", "query", "path") and len(parts) > 1:
        parts = parts[1:]
    return ".".join(part[:100] for part in parts) or "body"


def _remedy(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown field; remove it or see /docs for the fields there are"
    if entry["type"] == "json_invalid":
        reason = (entry.get("ctx") or {}).get("error", "")
        return f"not valid JSON ({reason}); send one JSON document in UTF-8"
    message = str(entry["msg"])
    return message.removeprefix("Value error, ")[:300]


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response, below the doors for agents in their protocol's words."""
    from mmpipe.serve.http.problem_response import ProblemResponse

    return ProblemResponse(problem, dict(headers or {}))


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document, see :func:`respond`."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response

    async def gone(request: Request, _error: Exception) -> Response:
        _log.info("the caller went away before its request was read", extra={"path": request.url.path[:200]})
        return Response(status_code=CALLER_GONE)

    async def known(_request: Request, error: Exception) -> Response:
        problem, headers = problem_of(error)
        return respond(problem, headers)

    async def unexpected(_request: Request, error: Exception) -> Response:
        problem, headers = problem_of(error)
        # It is answered outside of all middleware.
        return respond(problem, {**headers, **SECURITY_HEADERS})

    async def invalid(_request: Request, error: Exception) -> Response:
        return respond(problem_of_fields(_entries(error) or ()))

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return respond(_of_status(error.status_code, str(error.detail)), error.headers)

    app.add_exception_handler(errors.MmpipeError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(InvalidFields, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unexpected)


def _of_status(status: int, detail: str) -> Problem:
    phrase = HTTPStatus(status).phrase
    remedy = {
        404: "no such path; /docs lists the ones there are",
        405: "this path does not take that method; see the Allow header and /docs",
    }.get(status, detail)
    return Problem(
        type=f"urn:mmpipe:problem:{phrase.lower().replace(' ', '-')}",
        title=phrase,
        status=status,
        detail=remedy,
        instance=f"urn:uuid:{uuid.uuid4()}",
    )

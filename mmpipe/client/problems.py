"""What a service's answer means as an error: the classes of :mod:`mmpipe.errors`, by the kind of its problem.

Whoever asks a service and whoever asks a lake in their own process (:func:`mmpipe.open`) catch the same ones.
What was answered is the error's ``__cause__``, an :class:`Answered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from mmpipe import errors
from mmpipe.schemas.problem import Problem

if TYPE_CHECKING:
    import httpx

_PREFIX: Final = "urn:mmpipe:problem:"
# Kinds that say more than their status does.
_KINDS: Final[Mapping[str, type[errors.MmpipeError]]] = {
    "unknown-collection": errors.UnknownCollection,
    "unknown-product": errors.UnknownProduct,
    "publish-rejected": errors.PublishRejected,
    "outdated": errors.Outdated,
    "request-too-large": errors.RequestTooLarge,
    "media-too-large": errors.MediaTooLarge,
    "invalid-media": errors.InvalidMedia,
    "invalid-row": errors.InvalidRow,
    "invalid-feed": errors.InvalidFeed,
    "invalid-event": errors.InvalidEvent,
    "model-mismatch": errors.ProfileMismatch,
    "model-unavailable": errors.ModelUnavailable,
}
_OF_FIELDS: Final = (errors.InvalidRequest, errors.InvalidMedia, errors.InvalidRow)
_MOST: Final = 500


class Answered(Exception):
    """An answer that is no good one: its ``status``, and its ``problem`` where it holds one."""

    def __init__(self, status: int, problem: Problem | None) -> None:
        super().__init__(f"HTTP {status}" if problem is None else f"HTTP {status} {problem.type}")
        self.status = status
        self.problem = problem


class Refused(errors.InvalidRequest):
    """The service wants an API key, or another one (HTTP 401, 403)."""


class Unreachable(errors.RetryableError):
    """No answer came: no connection, or none in time."""


def error_of(answer: httpx.Response) -> errors.MmpipeError:
    """The error for an answer of another status than 2xx; its body was read."""
    problem = _problem(answer)
    error = _error(answer, problem)
    error.__cause__ = Answered(answer.status_code, problem)
    return error


def _error(answer: httpx.Response, problem: Problem | None) -> errors.MmpipeError:
    status = answer.status_code
    detail = answer.text.strip()[:_MOST] if problem is None else problem.detail
    told = f"HTTP {status}: {detail or answer.reason_phrase}"
    kind = _kind(status, problem)
    if not issubclass(kind, _OF_FIELDS):
        return kind(detail if problem is not None and status < 500 else told)
    name = (problem.field if problem is not None else None) or "request"
    return kind(name, detail.removeprefix(f"{name}: ") if detail else told)


def _kind(status: int, problem: Problem | None) -> type[errors.MmpipeError]:
    known = _KINDS.get(problem.type.removeprefix(_PREFIX)) if problem is not None else None
    if known is not None:
        return known
    if status in (401, 403):
        return Refused
    if status == 404:
        return errors.NotFound
    if status in (408, 425, 429, 502, 503, 504):
        return errors.NotReady
    return errors.InvalidRequest if 400 <= status < 500 else errors.MmpipeError


def _problem(answer: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return None

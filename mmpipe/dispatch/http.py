"""JSON over HTTP with urllib3 (which botocore brings along, so that zip Lambdas need nothing more)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import urllib3

from mmpipe.dispatch.tokens import TokenSource
from mmpipe.errors import DispatchUnavailable
from mmpipe.telemetry import carrier

_CONNECT_SECONDS = 5.0
_MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the far side said. ``text`` is the body, undecodable bytes replaced."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        """Status 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises :class:`DispatchUnavailable` where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise DispatchUnavailable(f"HTTP {self.status} with a body that is not JSON") from error

    def summary(self) -> str:
        """``HTTP 503: first line of the body``, or the title and detail of a problem+json body."""
        body = self.text.strip()
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict) and (parsed.get("title") or parsed.get("detail")):
            body = ": ".join(str(parsed[key]) for key in ("title", "detail") if parsed.get(key))
        lines = body.splitlines()
        return f"HTTP {self.status}: {lines[0][:_MAX_REASON]}" if lines else f"HTTP {self.status}"


class HttpClient:
    """One service at one address, with a bearer token."""

    def __init__(self, base_url: str, token: TokenSource, timeout_seconds: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, timeout_seconds), read=timeout_seconds),
            retries=False,  # the queue retries; redirects could carry the token elsewhere
        )

    def request(self, method: str, path: str, payload: object | None = None) -> Answer:
        """One request; any HTTP status is an answer. Raises :class:`DispatchUnavailable` without one.

        The request is part of the current trace (``traceparent``), where traces are on.

        A refused token (401, 403) that has been rotated meanwhile is replaced, and the request sent again.
        """
        body = None if payload is None else json.dumps(payload).encode()
        token = self._token.value()
        answer = self._send(method, path, body, token)
        if answer.status in (401, 403) and self._token.renewed(token):
            answer = self._send(method, path, body, self._token.value())
        return answer

    def _send(self, method: str, path: str, body: bytes | None, token: str) -> Answer:
        url = self._base_url + path
        headers = {"Accept": "application/json", "User-Agent": "mmpipe", **carrier()}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._pool.request(method, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise DispatchUnavailable(f"no answer from {url}: {type(error).__name__}: {error}") from error
        return Answer(response.status, response.data.decode(errors="replace"))

"""Requests whose messages are given one by one, as no client sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.testclient import TestClient


def statuses(
    client: TestClient,
    path: str,
    headers: list[tuple[bytes, bytes]],
    messages: Sequence[dict[str, Any]],
    method: str = "POST",
    query: bytes = b"",
) -> list[int]:
    """Those that the application sends to a caller whose messages these are."""
    sent: list[int] = []
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "scheme": "http",
        "server": ("test", 80),
        "client": ("test", 1),
        "http_version": "1.1",
    }
    assert client.portal is not None

    async def asked() -> None:
        await client.app(scope, receive, send)  # type: ignore[arg-type]

    client.portal.call(asked)
    return sent

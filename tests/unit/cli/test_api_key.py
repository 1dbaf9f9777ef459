"""``mmpipe search --url`` sends the caller's key from the environment, and says what a refusal asks for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.cli.queries import ServiceQueries
from mmpipe.client import Client
from mmpipe.errors import MmpipeError
from mmpipe.schemas.search import SearchRequest

KEY = "a-callers-key-0123456789"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str | None]]]:
    """An address where every search is refused, and the Authorization headers that came."""
    seen: list[str | None] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b'{"title": "A valid token or key is needed", "detail": "no such API key"}')

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    monkeypatch.delenv("MMPIPE_API_KEY", raising=False)
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_key_comes_from_the_environment(
    service: tuple[str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = service
    assert CliRunner().invoke(app, ["search", "red shoe", "--url", url]).exit_code != 0
    monkeypatch.setenv("MMPIPE_API_KEY", KEY)
    assert CliRunner().invoke(app, ["search", "red shoe", "--url", url]).exit_code != 0
    assert seen == [None, f"Bearer {KEY}"]


def test_a_refusal_says_where_the_key_goes_and_shows_none(service: tuple[str, list[str | None]]) -> None:
    with pytest.raises(MmpipeError, match="MMPIPE_API_KEY") as raised:
        ServiceQueries(Client(service[0], KEY)).search(SearchRequest(text="red shoe", limit=3))
    assert "no such API key" in str(raised.value)
    assert KEY not in str(raised.value)

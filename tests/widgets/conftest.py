"""The shop of the widgets over HTTP, and the pages that show it, from another origin than the API's."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from mmpipe.settings import Settings
from tests.browser.conftest import browser, page, served
from tests.serve.conftest import InProcessWork, order_for, settings_for, write_feed
from tests.serve.held_keys import entry, held
from tests.widgets.shop import rows

__all__ = ["browser", "page"]

# A busy machine takes its time.
expect.set_options(timeout=20_000)
CLIENT = Path(__file__).parents[2] / "clients" / "instantsearch"
KEY = "a-key-that-pages-hold-0123"


@dataclass(frozen=True)
class Shop:
    """``api`` is the API's address, ``pages`` the address of what was built, ``folder`` the lake's."""

    api: str
    pages: str
    folder: Path


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the example and the tests' pages, made by the package's own scripts."""
    if not (CLIENT / "node_modules").is_dir() or shutil.which("npm") is None:
        pytest.skip("the widgets are not installed: make test-widgets does it, with npm")
    for script in ("example", "pages"):
        subprocess.run(["npm", "run", "--silent", script], cwd=CLIENT, check=True, capture_output=True)
    return CLIENT / "build"


@pytest.fixture(scope="session")
def shop(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """300 products, for a key that pages hold; products have pictures of their own where screenshots are
    wanted."""
    folder = tmp_path_factory.mktemp("widgets")
    settings = settings_for(folder)
    feed = write_feed(folder, "all.jsonl", rows(drawn=bool(os.environ.get("SCREENSHOTS"))))
    [outcome] = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    assert outcome.status == "done", outcome
    given: dict[str, str] = {}
    with _pages(built, given) as pages:
        serve = {
            "api_keys": held(web=entry(KEY, ["search", "interactions"], ["shop"])),
            "cors_origins": {"shop": (pages,)},
        }
        with served(_with(settings, **serve)) as api:
            given["http://127.0.0.1:8000"] = api
            given['data-url=""'] = f'data-url="{api}"'
            given['data-key=""'] = f'data-key="{KEY}"'
            yield Shop(api, pages, folder)


def _with(settings: Settings, **serve: Any) -> Settings:
    return settings.model_copy(update={"serve": settings.serve.model_copy(update=serve)})


@contextmanager
def _pages(folder: Path, given: dict[str, str]) -> Iterator[str]:
    """The built pages on a port; of HTML what ``given`` says is put in place, as a shop does by hand."""
    handler = functools.partial(_Handler, given, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, given: dict[str, str], *args: Any, **more: Any) -> None:
        self._given = given
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        if not self.path.endswith(".html"):
            super().do_GET()
            return
        text = Path(self.translate_path(self.path)).read_text("utf-8")
        for written, wanted in self._given.items():
            text = text.replace(written, wanted)
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def ask(shop: Shop) -> Callable[..., Any]:
    """The API's own answer to a search, for what the page shows to be compared with."""
    import httpx

    def search(**body: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{shop.api}/v1/search", json={"collection": "shop", **body}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return search

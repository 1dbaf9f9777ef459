"""The built site in a browser (`make docs`): diagrams are drawn, search finds, nothing is from elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import browser

__all__ = ["browser"]

SITE = Path(__file__).parents[2] / "build" / "site"
DRAWN = {
    page.relative_to(SITE).as_posix(): len(re.findall(r'<pre class="mermaid">', text))
    for page in sorted(SITE.rglob("*.html"))
    if '<pre class="mermaid">' in (text := page.read_text(encoding="utf-8"))
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is said of requests."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The site's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_is_a_diagram_to_each_concept() -> None:
    concepts = {path.relative_to(SITE).as_posix() for path in (SITE / "concepts").glob("*.html")}
    assert concepts - DRAWN.keys() == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_diagrams_are_drawn_and_nothing_comes_from_elsewhere(
    browser: Browser, site: str, scheme: str
) -> None:
    assert "architecture.html" in DRAWN
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path, diagrams in DRAWN.items():
        page.goto(f"{site}/{path}")
        # The theme puts each drawing into a closed shadow root, and leaves the text where there is none.
        expect(page.locator("div.mermaid"), path).to_have_count(diagrams, timeout=20_000)
        assert page.locator("pre.mermaid").count() == 0, path
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []
    assert said == []
    context.close()


def test_search_finds_a_setting(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(f"{site}/index.html")
    page.get_by_role("textbox", name="Search").fill("TRUST_SECONDS")
    found = page.locator(".md-search-result__item", has_text="Settings")
    expect(found.first).to_be_visible(timeout=20_000)
    page.close()

"""A real browser, and the application of one replica on a loopback port."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mmpipe.settings import Settings
from tests.serve.conftest import make_app, make_service, shop
from tests.serve.listening import listening

__all__ = ["shop"]

# Chromium's own services would look outside this machine at every start.
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# A page is awaited as long as a busy machine takes to draw it.
expect.set_options(timeout=60_000)


# Of a module, not of the session: Playwright keeps an event loop running in this thread while it is open,
# and no other test could then run one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; in CI it has to be there."""
    with launched() as browser:
        yield browser


@contextmanager
def launched(*more: str) -> Iterator[Browser]:
    """The same with further switches."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no Chromium on this machine: install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_QUIET, *more])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test on a script error and on any request that leaves the machine."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:", "file:", "data:"))
            else faults.append(f"asked {request.url}")
        ),
    )
    yield page
    page.close()
    assert faults == []


@pytest.fixture(scope="package")
def api_url(shop: tuple[Path, Settings]) -> Iterator[str]:
    """The fake-profile shop, served over HTTP."""
    with served(shop[1]) as url:
        yield url


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The application of these settings over HTTP; gives its address."""
    with listening(make_app(make_service(settings), "browser")) as url:
        yield url

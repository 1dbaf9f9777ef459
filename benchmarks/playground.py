"""The playground in a real browser: until it can be used, and from an answer to what is painted of it.

    python benchmarks/playground.py --lake ./lake [--rounds 20]

Serves the lake in this process, opens the page ``--rounds`` times with an empty cache, and searches as often
by words of the catalogue. ``interactive_ms``: from the navigation to the first answer on the page, with box,
filters and cards ready. ``painted_ms``: from an answer's arrival (parsed) to the frame after the one that it
is drawn in, by the page's own performance marks. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvicorn
from playwright.sync_api import Page, sync_playwright

from mmpipe.serve.ray.run import free_port
from mmpipe.serve.standalone import standalone_app
from mmpipe.settings import load_settings

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SINCE = """() => performance.getEntriesByName("mmpipe:painted").at(-1).startTime
    - performance.getEntriesByName("mmpipe:answered").at(-1).startTime"""


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", required=True)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    settings = load_settings()
    lake = settings.lake.model_copy(update={"uri": given.lake})
    port = free_port()
    serve = settings.serve.model_copy(update={"host": "127.0.0.1", "port": port, "playground": True})
    app = standalone_app(settings.model_copy(update={"lake": lake, "serve": serve}))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.1)
    try:
        print(json.dumps(measured(f"http://127.0.0.1:{port}", given.rounds)))
    finally:
        server.should_exit = True
        thread.join()


def measured(url: str, rounds: int) -> dict[str, object]:
    """Both times over ``rounds``, in milliseconds."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    ready: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
            page = context.new_page()
            page.goto(url)
            page.wait_for_function("() => performance.getEntriesByName('mmpipe:ready').length")
            ready.append(page.evaluate("() => performance.getEntriesByName('mmpipe:ready')[0].startTime"))
            context.close()
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page.goto(url)
        page.wait_for_selector(".grid .product")
        words = [title.split()[-1] for title in page.locator(".grid .product .title").all_inner_texts()]
        painted = [one_search(page, f"{words[turn % len(words)]} {turn}") for turn in range(rounds)]
        browser.close()
    return {
        "rounds": rounds,
        "interactive_ms": spread(ready),
        "painted_ms": spread(painted),
        "machine": platform.machine(),
    }


def one_search(page: Page, text: str) -> float:
    """From its answer to what is painted of it."""
    before = page.evaluate("() => performance.getEntriesByName('mmpipe:painted').length")
    page.locator("#q").fill(text)
    page.locator("#q").press("Enter")
    page.wait_for_function(
        "before => performance.getEntriesByName('mmpipe:painted').length > before", arg=before
    )
    return float(page.evaluate(_SINCE))


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and most."""
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 1),
        "max": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    main()

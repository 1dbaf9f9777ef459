"""A service with the first products of the sample catalogue, for pages whose examples are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from examples.catalogue.writer import write_sample
from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import open_lake
from mmpipe.serve.standalone import standalone_app
from mmpipe.settings import MediaSettings, Settings, SpeechSettings
from tests.serve.conftest import InProcessWork, order_for, settings_for, write_feed
from tests.serve.listening import listening

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# As pages have it.
ADDRESS: Final = "http://127.0.0.1:8000"
PRODUCTS: Final = 24
# One of them.
KNOWN: Final = "sneakers-001-orange"


@dataclass
class Seen:
    """What was asked of a service: method, path and the answer's status."""

    app: ASGIApp
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests.append((scope["method"], scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)


@dataclass
class Typed:
    """A block that was typed into a shell: how it ended, and what it asked."""

    code: int
    out: str
    err: str
    asked: list[tuple[str, str, int]]


@dataclass
class Served:
    """A service at an address, and a folder to ask it from."""

    address: str
    folder: Path
    seen: Seen
    _typed: dict[str, Typed] = field(default_factory=dict)

    def typed(self, block: str) -> Typed:
        """A page's block, typed once into a shell that ends with the first command that fails."""
        if block not in self._typed:
            before = len(self.seen.requests)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.replace(ADDRESS, self.address)],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "no_proxy": "*"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            asked = self.seen.requests[before:]
            if any(path.startswith("/v1/live/") for _, path, _ in asked):
                self._follow()
            self._typed[block] = Typed(done.returncode, done.stdout, done.stderr, asked)
        return self._typed[block]

    def _follow(self) -> None:
        """Wait until the service has opened what is live again: the sample's products."""
        until = time.monotonic() + 60
        while httpx.get(f"{self.address}/v1/products/{KNOWN}", trust_env=False).status_code != 200:
            assert time.monotonic() < until, "the version that was promoted is not served"
            time.sleep(0.05)


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The first products of the sample catalogue, indexed by the fake profile and served on a port; in the
    folder to ask from lie ``photo.jpg`` and ``feed.csv``."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder = tmp_path_factory.mktemp("api")
    sample = write_sample(folder / "shop", count=PRODUCTS, workers=1)
    settings = _settings(folder)
    more = write_feed(folder, "more.jsonl", [{"id": "tea-1", "title": "Green tea", "price": "4.50 USD"}])
    work = InProcessWork(settings).indexer
    for feed in (more, sample.folder / sample.feed):
        (outcome,) = work.execute([order_for(feed, settings)])
        assert outcome.status == "done", outcome
    (folder / "feed.csv").write_text("id,title,price\ntea-2,Black tea,3.50 USD\n")
    shutil.copy(folder / "shop" / "media" / f"{KNOWN}.jpg", folder / "photo.jpg")
    review = {"product_id": KNOWN, "review_id": "r1", "rating": 5, "photos": ["photo.jpg"]}
    (folder / "reviews.jsonl").write_text(json.dumps(review) + "\n")
    lake = open_lake(settings)
    assert execute_reviews(lake, lake.collection("shop"), folder / "reviews.jsonl").status == "done"
    seen = Seen(standalone_app(settings))
    with listening(seen) as address:
        yield Served(address, folder, seen)


def _settings(folder: Path) -> Settings:
    return settings_for(folder, uploads=True).model_copy(
        update={"media": MediaSettings(), "speech": SpeechSettings(recognizer="none")}
    )

"""A small lake of the fake profile, and the application of one replica over it, without Ray."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.events import plan
from mmpipe.indexing import Indexer, try_again
from mmpipe.lake import open_lake
from mmpipe.objects import open_store
from mmpipe.schemas.work import (
    CatalogueEvent,
    ObjectRef,
    ReplayOrder,
    ReplayOutcome,
    WorkOrder,
    WorkOutcome,
)
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.internal import behind_one_port, create_internal_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ingest.uploads import Uploads
from mmpipe.serve.operations import Operations
from mmpipe.settings import (
    DispatchSettings,
    IndexingSettings,
    LakeSettings,
    MediaSettings,
    ServeSettings,
    Settings,
)

MAX_BODY = 1_000_000
TOKEN = "a-test-token"
COLORS = {"red": (240, 20, 20), "green": (20, 200, 40), "blue": (20, 30, 230), "black": (10, 10, 10)}
_KINDS = {"shoe": "Clothing > Shoes", "bag": "Accessories > Bags", "hat": "Clothing > Hats"}
_CHINESE = {
    "red": "红色",
    "green": "绿色",
    "blue": "蓝色",
    "black": "黑色",
    "shoe": "鞋",
    "bag": "包",
    "hat": "帽子",
}
_BRANDS = ("Acme", "Orbit")


def png(color: tuple[int, int, int], side: int = 16) -> bytes:
    """One plain picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), color).save(buffer, "PNG")
    return buffer.getvalue()


def catalogue() -> list[dict[str, Any]]:
    """120 products: 4 colours × 3 kinds × 10, half of each brand."""
    rows: list[dict[str, Any]] = []
    for color, rgb in COLORS.items():
        image = "data:image/png;base64," + base64.b64encode(png(rgb)).decode()
        for kind, category in _KINDS.items():
            for n in range(10):
                row: dict[str, Any] = {
                    "id": f"{color}-{kind}-{n}",
                    "title": f"{color.title()} {kind} model {n}",
                    "price": f"{10 * (n + 1)}.00 USD",
                    "brand": _BRANDS[n % 2],
                    "product_type": category,
                    "color": color,
                    "image_link": image,
                    "availability": "in_stock" if n < 9 else "out_of_stock",
                    "translations": {"zh": {"title": f"{_CHINESE[color]} {_CHINESE[kind]}"}},
                }
                if kind == "shoe":
                    row["attributes"] = {"sole": "rubber"}
                rows.append(row)
    return rows


def order_for(path: Path, settings: Settings, kind: str = "feed_uploaded") -> WorkOrder:
    """The order that an upload of ``path`` to collection ``shop`` becomes."""
    stat = path.stat()
    event = CatalogueEvent.model_validate(
        {
            "kind": kind,
            "collection": "shop",
            "object": ObjectRef(
                uri=path.as_uri(), etag=str(stat.st_mtime_ns), size=stat.st_size, event_time=datetime.now(UTC)
            ),
        }
    )
    order = plan(event, settings.indexing)
    assert order is not None
    return order


def write_feed(folder: Path, name: str, rows: Sequence[dict[str, Any]]) -> Path:
    """A JSONL feed in the bucket layout of collection ``shop``."""
    path = folder / "shop" / "feeds" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def settings_for(folder: Path, **serve: Any) -> Settings:
    """Settings of a test: the fake profile and a lake inside ``folder``."""
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(profile="fake", warm_max_bytes=10_000_000, uploads_uri=str(folder)),
        media=MediaSettings(max_image_pixels=256 * 256),
        dispatch=DispatchSettings(token=TOKEN),  # type: ignore[arg-type]
        serve=ServeSettings(
            max_body_bytes=MAX_BODY, live_poll_seconds=0.1, mirror_dir=str(folder / "mirror"), **serve
        ),
    )


class InProcessWork:
    """Warm work by an indexer in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.indexer = Indexer(
            settings,
            open_lake(settings),
            _profile(settings.indexing.profile),
            lambda uri: open_store(uri, settings.storage),
        )

    async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """As :class:`mmpipe.serve.ingest.work.WorkGateway` has it."""
        return self.indexer.execute(orders)

    async def replay(self, order: ReplayOrder) -> ReplayOutcome:
        """As :class:`mmpipe.serve.ingest.work.WorkGateway` has it."""
        loaded = _profile(self._settings.indexing.profile)
        return await asyncio.to_thread(try_again, self._settings, order, loaded=loaded)

    def check_alive(self) -> None:
        """Always."""

    async def close(self) -> None:
        """Nothing is waiting."""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """The folder and the settings of a lake that holds :func:`catalogue`; not to be written to."""
    folder = tmp_path_factory.mktemp("shop")
    settings = settings_for(folder)
    feed = write_feed(folder, "all.jsonl", catalogue())
    outcomes = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    assert [outcome.status for outcome in outcomes] == ["done"], outcomes
    return folder, settings


def make_service(settings: Settings) -> QueryService:
    """One replica's service with encoders in this process. It learns a catalogue's words where
    ``voice.adapt()`` or ``voice.start()`` is called, which takes a second for each."""
    return QueryService(settings, LocalQueryEncoder(_models()), listen=False)


# What is large is shared: FastAPI keeps what it knows of an application's routes as long as the process, and
# with it whatever they call.
@cache
def _models() -> Models:
    return Models(threads=1)


@cache
def _profile(name: str) -> LoadedEncoders:
    return registry.load(name)


def make_app(service: QueryService, replica: str = "test") -> Starlette:
    """Queries and internal routes as one process has them; ``app.state.service`` is ``service``."""
    settings = service.settings
    work, meter = InProcessWork(settings), Metrics(replica)
    internal = create_internal_app(settings, work, Uploads(open_lake(settings)), Metrics(replica))
    operations = Operations(service, meter.recent_searches, replay=work.replay)
    app = behind_one_port(create_app(service, meter, operations=operations), internal)
    app.state.service = service
    return app


@pytest.fixture(scope="package")
def client(shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    """Over :func:`shop`. An unexpected exception is seen as the 500 a caller would see."""
    _, settings = shop
    service = make_service(settings)
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client
    service.close()

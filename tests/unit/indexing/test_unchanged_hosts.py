"""Photos of https hosts: asked about as seldom as may be, and never lost while a host is down."""

from __future__ import annotations

import http.server
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.indexing.pipeline import preparation
from mmpipe.indexing.pipeline import seen as asking
from mmpipe.lake import open_lake
from mmpipe.media.https import HttpsClient
from mmpipe.settings import MediaSettings, Settings
from tests.unit.indexing.bucket import Bucket, png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.uploads import last_run
from tests.unit.media.conftest import certificate as certificate
from tests.unit.media.tls_server import HOST, Server

RED, GREEN = png((220, 30, 30)), png((30, 200, 30))
LONG_AGO = format_datetime(datetime(2024, 1, 1, tzinfo=UTC), usegmt=True)


class Host:
    """A host with one photo, which counts what it gives."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.photo: bytes | None = RED
        self.etag = True
        self.bodies = 0
        server.scripts["/a.png"] = self._answer

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server.port}/a.png"

    @property
    def asked(self) -> int:
        """Requests since the last look."""
        count = len(self.server.asked)
        self.server.asked.clear()
        return count

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if self.photo is None:
            handler.send_response(503)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        tag = f'"{hash(self.photo)}"' if self.etag else None
        same = tag is not None and handler.headers.get("If-None-Match") == tag
        handler.send_response(304 if same else 200)
        if tag is not None:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", "0" if same else str(len(self.photo)))
        handler.end_headers()
        if not same:
            self.bodies += 1
            handler.wfile.write(self.photo)


@pytest.fixture
def host(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    running = Server(certificate)
    tls = ssl.create_default_context(cafile=str(certificate))

    def client(hosts: tuple[str, ...], timeout: float) -> HttpsClient:
        return HttpsClient(
            hosts, timeout, resolver=lambda _host, _port: ["127.0.0.1"], public=lambda _address: True, tls=tls
        )

    monkeypatch.setattr(preparation, "HttpsClient", client)
    yield Host(running)
    running.close()


def opened(settings: Settings, host: Host | None, bucket: Bucket, **media: object) -> Shop:
    """A shop over the bucket and the settings' lake, which may fetch from the host."""
    allowed = () if host is None else (f"{HOST}:{host.server.port}",)
    settings = settings.model_copy(
        update={"media": MediaSettings(allowed_hosts=allowed, **media)}  # type: ignore[arg-type]
    )
    lake, loaded = open_lake(settings), registry.load("fake")
    indexer = Indexer(settings, lake, loaded, lambda _uri: bucket, maintain=False)
    return Shop(bucket, indexer, settings, lake.collection("demo", create=True), loaded)


@pytest.fixture
def shop(settings: Settings, host: Host) -> Iterator[Shop]:
    made = opened(settings, host, Bucket())
    yield made
    made.indexer.close()


def upload(shop: Shop, host: Host, price: str = "10 USD") -> tuple[int, int]:
    """A feed of one product with the photo; returns how many rows were indexed and unchanged."""
    shop.bucket.tick()
    row: dict[str, object] = {"id": "a", "title": "Dress", "price": price, "image_link": host.url}
    event = shop.bucket.put_feed(f"feed{shop.bucket.now:%H%M%S}", [row])
    shop.ok(event)
    run = last_run(shop, event)
    return run.indexed, run.unchanged


def faults(shop: Shop) -> list[str]:
    return [reject.error for reject in shop.collection.rejects.list(product_id="a", scope="media")]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(seconds=seconds)

    monkeypatch.setattr(asking, "datetime", Clock)


def test_a_host_is_asked_once_and_trusted_for_a_while(
    shop: Shop, host: Host, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(shop, host) == (1, 0)
    assert (host.asked, host.bodies) == (1, 1)
    asked = shop.row("a")["media_asked"]
    assert upload(shop, host) == (0, 1)
    assert (host.asked, host.bodies) == (0, 1), "fetched just now"
    later(monkeypatch, 3_700)
    assert upload(shop, host) == (0, 1)
    assert (host.asked, host.bodies) == (1, 1)
    assert shop.row("a")["media_asked"] > asked + timedelta(seconds=3_600)
    other = opened(settings, host, shop.bucket)  # another process: what was asked is in the table
    assert upload(other, host) == (0, 1)
    assert host.asked == 0
    assert upload(other, host, "8 USD") == (1, 0)
    assert (host.asked, shop.row("a")["price"]) == (0, 8.0)
    later(monkeypatch, 7_400)
    host.photo = GREEN
    shop.encoded()
    assert upload(other, host, "8 USD") == (1, 0)
    assert other.encoded() == {"image": 1}
    other.indexer.close()


def test_a_host_that_was_asked_by_a_clock_that_was_ahead_is_asked_again(
    shop: Shop, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(shop, host) == (1, 0)
    host.asked  # noqa: B018  forgets what was asked before
    later(monkeypatch, -3_700)
    assert upload(shop, host) == (0, 1)
    assert (host.asked, host.bodies) == (1, 1)


def test_without_trust_a_host_is_asked_each_time(settings: Settings, host: Host) -> None:
    shop = opened(settings, host, Bucket(), trust_seconds=0)
    upload(shop, host)
    for _ in range(2):
        host.asked  # noqa: B018  forgets what was asked before
        assert upload(shop, host) == (0, 1)
        assert (host.asked, host.bodies) == (1, 1)
    shop.indexer.close()


def test_a_host_that_tells_nothing_is_read_each_time_and_nothing_is_encoded(
    settings: Settings, host: Host
) -> None:
    host.etag = False
    shop = opened(settings, host, Bucket(), trust_seconds=0)
    upload(shop, host)
    shop.encoded()
    assert upload(shop, host) == (0, 1)
    assert (host.bodies, shop.encoded()) == (2, {})
    shop.indexer.close()


def test_a_host_that_is_down_keeps_the_vector_and_is_asked_again(
    shop: Shop, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(shop, host)
    before = shop.row("a")
    shop.encoded()
    later(monkeypatch, 3_700)
    host.photo = None
    for price in ("10 USD", "8 USD", "8 USD"):
        upload(shop, host, price)
        assert host.asked >= 1
        row = shop.row("a")
        assert row["image_vector"] == before["image_vector"]
        assert row["image_hash"] == before["image_hash"]
        assert faults(shop) == ["StorageUnavailable"]
    host.photo = RED
    assert upload(shop, host, "8 USD") == (0, 1)
    assert (host.bodies, shop.encoded()) == (2, {})
    assert faults(shop) == []
    bodies = host.bodies
    later(monkeypatch, 7_400)
    assert upload(shop, host, "8 USD") == (0, 1)
    assert host.bodies == bodies, "what it tells now is known again"


def test_a_host_that_is_allowed_later_is_read(settings: Settings, host: Host) -> None:
    bucket = Bucket()
    strict = opened(settings, None, bucket)
    upload(strict, host)
    assert upload(strict, host) == (0, 1)
    assert faults(strict) == ["MediaNotAllowed"]
    assert strict.row("a")["image_vector"] is None
    open_now = opened(settings, host, bucket)
    assert upload(open_now, host) == (1, 0)
    assert open_now.row("a")["image_vector"] is not None
    assert faults(open_now) == []
    for shop in (strict, open_now):
        shop.indexer.close()

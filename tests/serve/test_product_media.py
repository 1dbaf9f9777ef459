"""A product's own media over HTTP: what is handed out, as what, and what is not."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmpipe.schemas.product import PublicProduct
from mmpipe.serve.answer.budget import Budget
from mmpipe.serve.answer.product_media import ProductMedia
from mmpipe.serve.http.backlog import Backlog
from mmpipe.settings import Settings, UcpSettings
from tests.serve.conftest import InProcessWork, make_app, make_service, order_for, settings_for, write_feed
from tests.serve.held_keys import bearer, entry, held, keyed

_WAV = b"RIFF" + b"\x24\x00\x00\x00" + b"WAVEfmt "  # as far as its kind is told by


def _picture(kind: str, size: tuple[int, int], color: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def media_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """A shop of a folder, with files beside the feed and one that is none of the shop's."""
    folder = tmp_path_factory.mktemp("media-shop")
    settings = settings_for(folder)
    files = folder / "shop" / "media"
    files.mkdir(parents=True)
    (files / "front view.jpg").write_bytes(_picture("JPEG", (240, 120)))
    (files / "side.png").write_bytes(_picture("PNG", (50, 40), "red"))
    (files / "old.bmp").write_bytes(_picture("BMP", (50, 40), "navy"))
    (files / "hello.wav").write_bytes(_WAV + bytes(600_000))
    (files / "evil.jpg").write_bytes(b"<html><script>alert(1)</script></html>")
    (folder / "secret.jpg").write_bytes(_picture("JPEG", (64, 64)))
    (files / "out.jpg").symlink_to(folder / "secret.jpg")
    rows: list[dict[str, Any]] = [
        {
            "id": "boots",
            "title": "Boots",
            "price": "90.00 USD",
            "image_link": "media/front%20view.jpg",
            "additional_image_link": ["media/side.png", "media/gone.png", "media/old.bmp", "media/evil.jpg"],
            "audio_link": "media/hello.wav",
        },
        {"id": "thief", "title": "Thief", "price": "1.00 USD", "image_link": "media/side.png",
         "additional_image_link": [
            "../secret.jpg", "media/out.jpg", (folder / "secret.jpg").as_uri(), "http://127.0.0.1:1/x.jpg",
            "https://elsewhere.example/x.jpg", "s3://others/x.jpg"]},
        {"id": "bare", "title": "Bare"},
    ]  # fmt: skip
    feed = write_feed(folder, "all.jsonl", rows)
    outcomes = InProcessWork(settings).indexer.execute([order_for(feed, settings)])
    assert [outcome.status for outcome in outcomes] == ["done"], outcomes
    return folder, settings


@pytest.fixture(scope="module")
def media_client(media_shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    service = make_service(media_shop[1])
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client
    service.close()


def test_agents_are_told_of_media_that_buyers_can_open(media_shop: tuple[Path, Settings]) -> None:
    folder, settings = media_shop
    ucp = UcpSettings(public_url="https://shop.example")
    service = make_service(settings.model_copy(update={"ucp": ucp}))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        body = {"ids": ["thief", "boots"]}
        answer = client.post("/ucp/catalog/lookup", json=body, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.text
        media = {each["id"]: each["media"] for each in answer.json()["products"]}
        assert [each["type"] for each in media["boots"]] == ["image"] * 5 + ["audio"]
        first = media["boots"][0]["url"]
        assert first == "https://shop.example/ucp/media/image/0?product_id=boots"
        shown = client.get(first.removeprefix("https://shop.example"))
        assert shown.content == (folder / "shop" / "media" / "front view.jpg").read_bytes()
        assert client.get("/ucp/media/image/9?product_id=boots").status_code == 404
        assert client.get("/ucp/media/image/0?product_id=nobody").status_code == 404
        # What is outside of the shop is told of, where a feed says so, and not handed out.
        assert client.get("/ucp/media/image/1?product_id=thief").status_code == 404
    service.close()


def test_without_a_public_address_no_medium_of_the_shop_is_told_of(media_client: TestClient) -> None:
    answer = media_client.post("/ucp/catalog/lookup", json={"ids": ["boots"]})
    assert [each.get("media") for each in answer.json()["products"]] == [None]


@pytest.mark.parametrize("open_to_agents", [True, False])
def test_with_keys_media_are_for_everybody_only_where_the_catalogue_is(
    media_shop: tuple[Path, Settings], open_to_agents: bool
) -> None:
    key = "agents-key-0123456789"
    ucp = UcpSettings(public_url="https://shop.example", open=open_to_agents)
    settings = keyed(media_shop[1], api_keys=held(agents=entry(key, ["agent"])))
    service = make_service(settings.model_copy(update={"ucp": ucp}))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        headers = {} if open_to_agents else bearer(key)
        answer = client.post("/ucp/catalog/lookup", json={"ids": ["boots"]}, headers=headers)
        assert ("media" in answer.json()["products"][0]) is open_to_agents
        status = client.get("/ucp/media/image/0?product_id=boots").status_code
        assert status == (200 if open_to_agents else 404)
        assert client.get("/v1/products/boots/media/image/0").status_code == 401
    service.close()


def test_pictures_come_as_they_are_stored(
    media_client: TestClient, media_shop: tuple[Path, Settings]
) -> None:
    for number, name, kind in ((0, "front view.jpg", "jpeg"), (1, "side.png", "png")):
        answer = media_client.get(f"/v1/products/boots/media/image/{number}")
        assert answer.content == (media_shop[0] / "shop" / "media" / name).read_bytes()
        assert answer.headers["content-type"] == f"image/{kind}"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "max-age=60" in answer.headers["cache-control"]
    bitmap = media_client.get("/v1/products/boots/media/image/3")
    assert bitmap.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(bitmap.content)).size == (50, 40)


def test_thumbnails_are_as_wide_as_asked_and_never_wider_than_the_picture(media_client: TestClient) -> None:
    answer = media_client.get("/v1/products/boots/media/image/0", params={"width": 160})
    assert Image.open(io.BytesIO(answer.content)).size == (160, 80)
    assert answer.headers["content-type"] == "image/jpeg"
    small = media_client.get("/v1/products/boots/media/image/1", params={"width": 640})
    assert Image.open(io.BytesIO(small.content)).size == (50, 40)
    again = media_client.get(
        "/v1/products/boots/media/image/0",
        params={"width": 160},
        headers={"if-none-match": answer.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_replaced_picture_is_another_one(
    media_client: TestClient, media_shop: tuple[Path, Settings]
) -> None:
    path = media_shop[0] / "shop" / "media" / "side.png"
    before = path.read_bytes()
    first = media_client.get("/v1/products/boots/media/image/1")
    path.write_bytes(_picture("PNG", (50, 40), "lime"))
    try:
        second = media_client.get(
            "/v1/products/boots/media/image/1", headers={"if-none-match": first.headers["etag"]}
        )
    finally:
        path.write_bytes(before)
    assert second.status_code == 200
    assert second.content != first.content


def test_recordings_are_sent_whole_and_in_ranges(media_client: TestClient) -> None:
    path = "/v1/products/boots/media/audio/0"
    whole = media_client.get(path)
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.content == _WAV + bytes(600_000)
    size = len(whole.content)

    def part(given: str, **more: str) -> Any:
        return media_client.get(path, headers={"range": given, **more})

    first = part("bytes=0-3")
    assert (first.status_code, first.content, first.headers["content-range"]) == (
        206,
        b"RIFF",
        f"bytes 0-3/{size}",
    )
    assert part("bytes=4-").content == whole.content[4:]
    assert part("bytes=-2").headers["content-range"] == f"bytes {size - 2}-{size - 1}/{size}"
    assert part(f"bytes=0-{size * 2}").content == whole.content
    assert part(f"bytes={size}-").status_code == 416
    assert part("bytes=-0").status_code == 416
    for ignored in ("bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-"):
        assert part(ignored).status_code == 200
    assert part("bytes=0-3", **{"if-range": '"another"'}).status_code == 200
    assert media_client.head(path).headers["content-length"] == str(size)


@pytest.mark.parametrize(
    "path",
    [
        "boots/media/image/2",  # not stored
        "boots/media/image/4",  # no picture, whatever it is called
        "boots/media/image/5",
        "boots/media/video/0",
        "boots/media/audio/1",
        "bare/media/image/0",
        "nobody/media/image/0",
        *(f"thief/media/image/{number}" for number in range(1, 7)),
    ],
)
@pytest.mark.parametrize("width", ["", "?width=160"])
def test_what_may_not_be_shown_is_not_there(media_client: TestClient, path: str, width: str) -> None:
    if width and "/image/" not in path:
        width = ""
    answer = media_client.get(f"/v1/products/{path}{width}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "media/" not in answer.json()["detail"]


def test_a_page_of_pictures_is_no_queue_of_searches(
    media_shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(media_shop[1])
    app, backlog, waiting = make_app(service), Backlog(0.1, 0.02), list[int]()

    async def placed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert backlog.enter(scope)
        await app(scope, receive, send)

    made = service.product_thumbnail

    async def thumbnail(*asked: Any) -> Any:
        waiting.append(backlog.waiting)
        return await made(*asked)

    monkeypatch.setattr(service, "product_thumbnail", thumbnail)
    with TestClient(placed) as client:
        before = backlog.waiting
        for ask in (client.get, client.head):
            assert ask("/v1/products/boots/media/image/0", params={"width": 160}).status_code == 200
    service.close()
    assert waiting == [before, before]


def test_slow_readers_keep_what_they_read_and_no_more(media_shop: tuple[Path, Settings]) -> None:
    service = make_service(media_shop[1])

    async def scenario() -> None:
        await service.start()
        async with AsyncExitStack() as slow:
            for _ in range(12):
                await slow.enter_async_context(service.product_medium(None, "boots", "audio", 0))
            async with asyncio.timeout(4):
                await slow.enter_async_context(service.product_medium(None, "boots", "image", 0))

    asyncio.run(scenario())
    service.close()


def test_thumbnails_that_nobody_waits_for_any_more_are_few_at_a_time(
    media_shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(media_shop[1])
    fetching, most, lock = [0], [0], threading.Lock()
    fetched = ProductMedia._fetched

    def slowly(self: ProductMedia, ref: Any) -> bytes:
        with lock:
            fetching[0] += 1
            most[0] = max(most[0], fetching[0])
        return fetched(self, ref)

    drawn = ProductMedia._drawn

    async def then_drawn(self: ProductMedia, data: bytes, width: int | None) -> Any:
        await asyncio.sleep(0.02)
        with lock:
            fetching[0] -= 1
        return await drawn(self, data, width)

    monkeypatch.setattr(ProductMedia, "_fetched", slowly)
    monkeypatch.setattr(ProductMedia, "_drawn", then_drawn)

    async def scenario() -> None:
        await service.start()
        asked = [
            asyncio.create_task(service.product_thumbnail(None, "boots", 0, width))
            for width in range(100, 140)
        ]
        await asyncio.sleep(0.05)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert (await service.product_thumbnail(None, "boots", 0, 160)).data

    asyncio.run(scenario())
    service.close()
    assert 0 < most[0] <= 10


def test_bad_requests_name_the_field(media_client: TestClient) -> None:
    for path, field in (
        ("image/0?width=161", "width"),
        ("image/0?width=x", "width"),
        ("audio/0?width=160", "width"),
        ("image/21", "number"),
        ("image/-1", "number"),
        ("text/0", "kind"),
    ):
        answer = media_client.get(f"/v1/products/boots/media/{path}")
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_players_that_ask_range_by_range_have_it_fetched_once(
    media_shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched, times = ProductMedia._fetched, list[str]()

    def counted(self: ProductMedia, ref: Any) -> bytes:
        times.append(ref.uri)
        return fetched(self, ref)

    monkeypatch.setattr(ProductMedia, "_fetched", counted)
    service = make_service(media_shop[1])
    path = "/v1/products/boots/media/audio/0"
    with TestClient(make_app(service)) as client:
        whole = client.get(path).content
        ranges = [f"bytes={n}-{n + 99_999}" for n in range(0, len(whole), 100_000)]
        parts = [client.get(path, headers={"range": each}).content for each in ranges]
        assert b"".join(parts) == whole
        assert len(times) == 1
    service.close()


def test_a_bucket_that_is_not_allowed_any_more_is_not_shown_from(media_shop: tuple[Path, Settings]) -> None:
    settings, own = media_shop[1], "s3://catalogue/shop/media/side.png"

    def allowed(link: str, *, buckets: tuple[str, ...] = (), uploads: str | None = None) -> list[bool]:
        """Whether it is shown as a product's only picture, and beside one of the shop's own."""
        changed = {
            "media": settings.media.model_copy(update={"allowed_buckets": buckets}),
            "indexing": settings.indexing.model_copy(update={"uploads_uri": uploads}),
        }
        held = ProductMedia(settings.model_copy(update=changed), Budget(1, 1.0))
        alone = PublicProduct(id="boots", title="Boots", image_link=link)
        beside = alone.model_copy(update={"image_link": "media/side.png", "additional_image_link": [link]})
        try:
            return [
                held._allowed("shop", alone, [link], "image_link") is not None,
                held._allowed("shop", beside, [own, link], "additional_image_link[0]") is not None,
            ]
        finally:
            held.close()

    other = "s3://partner/photos/side.png"
    assert allowed(other, buckets=("partner",)) == [True, True]
    assert allowed(other) == [False, False], "that it was read once is no permission"
    assert allowed(other, uploads="s3://catalogue") == [False, False]
    assert allowed("s3://catalogue/shop/media/x.jpg", uploads="s3://catalogue") == [True, True]
    assert allowed("s3://catalogue/others/media/x.jpg", uploads="s3://catalogue") == [False, False]


def test_files_of_this_machine_belong_to_lakes_of_this_machine(media_shop: tuple[Path, Settings]) -> None:
    folder, settings = media_shop
    product = PublicProduct(id="boots", title="Boots", image_link="media/side.png")
    stored = [(folder / "shop" / "media" / "side.png").as_uri()]

    def allowed(uri: str) -> bool:
        lake = settings.lake.model_copy(update={"uri": uri})
        held = ProductMedia(settings.model_copy(update={"lake": lake}), Budget(1, 1.0))
        try:
            return held._allowed("shop", product, stored, "image_link") is not None
        finally:
            held.close()

    assert [allowed(settings.lake.uri), allowed("s3://bucket/lake")] == [True, False]

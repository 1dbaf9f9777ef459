"""Photos of reviews in collections split among shards, without Ray: who follows them, and when."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import Collection, open_lake
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, Version, encode
from mmpipe.search.asked import NOBODY
from mmpipe.search.shards import ShardMissing, VersionRef
from mmpipe.search.versions.review_photos import FollowedPhotos
from mmpipe.serve.answer.sharded import ShardedCollections
from mmpipe.serve.ray.shards import RayTransport, ShardServer, ShardVersions
from tests.serve.test_sharded import PICTURE, Shop, decoded, told


def test_shards_follow_photos_of_reviews_as_one_process_does(tmp_path: Path) -> None:
    """A photo comes, finds its product, is erased; a shard that could not have it is told again."""
    shop = Shop(tmp_path)
    (tmp_path / "taken.png").write_bytes(PICTURE)
    reviews = tmp_path / "reviews.jsonl"
    collection = open_lake(shop.settings).collection("shop")
    request = SearchRequest(limit=5)
    query = encode(request, registry.load("fake"), {"image": decoded(PICTURE)})

    def review(**line: Any) -> None:
        line = {"product_id": "red-hat-3", "review_id": "r1", "rating": 5, **line}
        reviews.write_text(json.dumps(line) + "\n")
        execute_reviews(open_lake(shop.settings), collection, reviews)

    def whole() -> dict[str, Any]:
        with LiveVersions(shop.settings, open_lake(shop.settings), clock=lambda: 1.8e9) as versions:
            searcher = Searcher(registry.load("fake").profile, shop.settings.serve)
            return told(searcher.search_json(versions.get("shop"), request, query))

    async def split(found: ShardedCollections) -> dict[str, Any]:
        return told((await found.search(found.get("shop"), request, query, NOBODY)).body)

    async def away(shard: int, method: str) -> None:
        if (shard, method) == (1, "follow_photos"):
            raise ShardMissing(shard)

    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        assert all("review_photo" not in hit for hit in (await split(found))["hits"])
        await asyncio.to_thread(review, photos=["taken.png"])
        shop.hold = away
        await found.refresh("shop")
        assert "shard 1" in found.status()["shop"].error
        shop.hold = None
        await found.refresh("shop")
        assert found.status()["shop"].error == ""
        page = await split(found)
        assert page == await asyncio.to_thread(whole)
        assert page["hits"][0]["id"] == "red-hat-3"
        assert page["hits"][0]["review_photo"]["review_id"] == "r1"
        # A version that is loaded later, and a shard that is put in place of another, have it too.
        await asyncio.to_thread(
            shop.upload, "new.jsonl", [{"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}]
        )
        shop.servers[0].close()
        shop.servers[0] = ShardServer(shop.settings, 0)
        await found.refresh("shop")
        page = await split(found)
        assert page == await asyncio.to_thread(whole)
        assert page["hits"][0]["review_photo"]["review_id"] == "r1"
        await asyncio.to_thread(review, _op="delete")
        await found.refresh("shop")
        page = await split(found)
        assert all("review_photo" not in hit for hit in page["hits"])
        assert page == await asyncio.to_thread(whole)

    try:
        asyncio.run(run())
    finally:
        for server in shop.servers:
            server.close()


def test_a_shard_that_cannot_have_photos_answers_without_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    (tmp_path / "taken.png").write_bytes(PICTURE)
    line = {"product_id": "red-hat-3", "review_id": "r1", "rating": 5, "photos": ["taken.png"]}
    (tmp_path / "reviews.jsonl").write_text(json.dumps(line) + "\n")
    lake = open_lake(shop.settings)
    execute_reviews(lake, lake.collection("shop"), tmp_path / "reviews.jsonl")
    live = lake.collection("shop").live()
    assert live is not None
    ref = VersionRef("shop", live.table, live.version)

    def fails(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("not now")

    versions = ShardVersions(shop.settings, 0)
    try:
        with monkeypatch.context() as broken:
            broken.setattr(FollowedPhotos, "follow", fails)
            versions.open_live()
            assert versions._held[ref].version.photos is None
            versions.mend()
            assert versions._held[ref].version.photos is None
        versions.mend()
        assert versions._held[ref].version.photos is not None
        assert not versions._lacking
    finally:
        versions.close()
        for server in shop.servers:
            server.close()


def test_a_shard_that_waits_to_follow_photos_follows_what_is_then_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that tell it at once the one that read first may come to it last."""
    shop = Shop(tmp_path)
    versions = ShardVersions(shop.settings, 0)
    told: list[Mapping[str, int]] = []

    def follow(_: Any, collection: Any, version: Version, followed: Mapping[str, int], *more: Any) -> Version:
        told.append(followed)
        return version

    try:
        versions.open_live()
        monkeypatch.setattr(FollowedPhotos, "follow", follow)
        now = {"photos": 6}
        monkeypatch.setattr(Collection, "live", lambda _: SimpleNamespace(photos=dict(now)))
        with versions._loading["shop"]:
            waits = threading.Thread(target=versions.follow_photos, args=("shop",))
            waits.start()
            waits.join(0.2)
            now["photos"] = 7
        waits.join()
        assert [each["photos"] for each in told] == [7]
    finally:
        versions.close()
        for server in shop.servers:
            server.close()


def test_what_a_shard_makes_ready_is_asked_of_the_replica_and_all_else_of_its_shard() -> None:
    class Handle:
        def __getattr__(self, method: str) -> Any:
            async def answered(*args: Any) -> Any:
                return method, args

            return SimpleNamespace(remote=answered)

    async def run() -> None:
        transport = RayTransport([Handle()])  # type: ignore[list-item]
        assert await transport.call(0, "load", "ref") == ("load", ("ref",))
        assert await transport.call(0, "follow_photos", "shop") == ("follow_photos", ("shop",))
        assert await transport.call(0, "find", "ref", 7) == ("ask", ("find", "ref", 7))

    asyncio.run(run())

"""Collections split among shards, without Ray: which version answers, and what the ingress says."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmpipe.encoders import registry
from mmpipe.errors import (
    InvalidRequest,
    NotReady,
    ProfileMismatch,
    StorageUnavailable,
    UnknownCollection,
    UnknownProduct,
)
from mmpipe.lake import open_lake
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.search.asked import NOBODY
from mmpipe.search.find.dictionary import dictionary
from mmpipe.search.shards import ShardMissing, VersionGone
from mmpipe.serve.answer import sharded, watch
from mmpipe.serve.answer.sharded import ShardedCollections
from mmpipe.serve.http.errors import problem_of
from mmpipe.serve.ray.shards import ShardServer, ShardVersions
from tests.serve.conftest import InProcessWork, catalogue, order_for, settings_for, write_feed
from tests.unit.indexing.bucket import png

SHARDS = 2
PICTURE = png((250, 240, 230))
REQUESTS = (
    SearchRequest(text="red shoe", facets=["brand", "price"], limit=7),
    SearchRequest(facets=["color"], limit=50),
    SearchRequest(text="hat", sort="price_asc", limit=11),
)


class Shop:
    """A lake that grows by uploads, and its shards in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings_for(folder, shards=SHARDS)
        self.work = InProcessWork(self.settings)
        rows = catalogue()
        for part in range(4):
            self.upload(f"part-{part}.jsonl", rows[part::4])
        self.servers = [ShardServer(self.settings, number) for number in range(SHARDS)]
        self.hold: Callable[[int, str], Awaitable[None]] | None = None

    def upload(self, name: str, rows: list[dict[str, Any]]) -> None:
        """One upload, live when this returns."""
        feed = write_feed(self.folder, name, rows)
        outcomes = self.work.indexer.execute([order_for(feed, self.settings)])
        assert [outcome.status for outcome in outcomes] == ["done"], outcomes

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """As a transport has it."""
        if self.hold is not None:
            await self.hold(shard, method)
        server = self.servers[shard]
        if method in ("load", "follow_photos"):
            return await getattr(server, method)(*args)
        return await server.ask(method, *args)

    def collections(self, **serve: Any) -> ShardedCollections:
        """The ingress's side."""
        chosen = self.settings.model_copy(update={"serve": self.settings.serve.model_copy(update=serve)})
        return ShardedCollections(chosen, open_lake(chosen), self, clock=lambda: 1.8e9)

    def whole(self, request: SearchRequest) -> dict[str, Any]:
        """What one process that holds everything answers."""
        loaded = registry.load("fake")
        lake = open_lake(self.settings)
        with LiveVersions(self.settings, lake, clock=lambda: 1.8e9) as versions:
            found = Searcher(loaded.profile, self.settings.serve).search_json(
                versions.get("shop", page_cursor=request.cursor), request, encode(request, loaded, {})
            )
        return told(found)


def decoded(picture: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(picture)))


def told(answer: bytes) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(answer)
    del page["took_ms"]
    return page


async def ask(found: ShardedCollections, request: SearchRequest) -> dict[str, Any]:
    query = encode(request, registry.load("fake"), {})
    version = found.get("shop", page_cursor=request.cursor)
    return told((await found.search(version, request, query, NOBODY)).body)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """120 products in four fragments."""
    made = Shop(tmp_path)
    yield made
    for server in made.servers:
        server.close()


def test_shards_answer_as_one_process_does_and_follow_what_is_live(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        await found.start()
        try:
            version = found.get("shop")
            assert version is found.get()
            assert version.products == 120
            parts = [server._versions.held(version.ref) for server in shop.servers]
            counts = [part.loaded().products for part in parts if part is not None]
            assert len(counts) == 2
            assert min(counts) > 0
            for request in REQUESTS:
                page = await ask(found, request)
                assert page == shop.whole(request)
                following = request.model_copy(update={"cursor": page["next_cursor"]})
                assert await ask(found, following) == shop.whole(following)
            product = await found.product(version, "red-hat-3")
            assert product.title == "Red hat model 3"
            with pytest.raises(UnknownProduct):
                await found.product(version, "none")
            with pytest.raises(UnknownCollection):
                found.get("nobody")
            with pytest.raises(InvalidRequest):
                found.get("shop", page_cursor="nonsense")
            await asyncio.to_thread(
                shop.upload, "new.jsonl", [{"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}]
            )
            while found.get("shop").products != 121:
                await asyncio.sleep(0.02)
            page = await ask(found, SearchRequest(text="violet umbrella", limit=1))
            assert [hit["id"] for hit in page["hits"]] == ["new"]
            assert found.status()["shop"].error == ""
        finally:
            await found.close()

    asyncio.run(run())


def test_a_version_answers_once_all_shards_have_it_and_not_before(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        before = found.get("shop")
        shop.upload("new.jsonl", [{"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}])
        reached, go = asyncio.Event(), asyncio.Event()

        async def hold(shard: int, method: str) -> None:
            if (shard, method) == (1, "load"):
                reached.set()
                await go.wait()

        shop.hold = hold
        loading = asyncio.create_task(found.refresh("shop"))
        await reached.wait()
        assert found.get("shop") is before
        assert (await ask(found, REQUESTS[1]))["total"] == 120
        go.set()
        await loading
        assert (await ask(found, REQUESTS[1]))["total"] == 121

    asyncio.run(run())


def test_a_shard_that_cannot_load_keeps_the_former_version_for_all(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        before = found.get("shop")
        shop.upload("new.jsonl", [{"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}])

        async def away(shard: int, method: str) -> None:
            if (shard, method) == (1, "load"):
                raise ShardMissing(shard)

        shop.hold = away
        with pytest.raises(ShardMissing):
            await found.refresh("shop")
        assert found.get("shop") is before
        assert "shard 1" in found.status()["shop"].error
        shop.hold = None
        assert (await found.refresh("shop")).products == 121
        assert found.status()["shop"].error == ""

    asyncio.run(run())


def test_pages_stay_with_their_version_and_go_on_without_it(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        request = REQUESTS[0]
        first = await ask(found, request)
        following = request.model_copy(update={"cursor": first["next_cursor"]})
        expected = await ask(found, following)
        shop.upload("new.jsonl", [{"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}])
        await found.refresh("shop")
        assert await ask(found, following) == expected
        assert found.get("shop", page_cursor=following.cursor).label == first["version"]

        async def gone(shard: int, method: str) -> None:
            if method == "find" and found.get("shop").label != expected["version"] and not told_so:
                told_so.append(shard)
                raise VersionGone("cleaned up")

        told_so: list[int] = []
        shop.hold = gone
        later = await ask(found, following)
        assert told_so
        assert later["version_changed"] is True
        assert [(hit["id"], hit["score"]) for hit in later["hits"]] == [
            (hit["id"], hit["score"]) for hit in expected["hits"]
        ]

    asyncio.run(run())


def test_a_missing_shard_is_a_503_that_names_it_or_a_partial_answer(shop: Shop) -> None:
    async def away(shard: int, method: str) -> None:
        if shard == 0 and method != "load":
            raise ShardMissing(shard)

    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        shop.hold = away
        with pytest.raises(ShardMissing) as caught:
            await ask(found, REQUESTS[0])
        problem, headers = problem_of(caught.value)
        assert problem.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "shard 0" in problem.detail
        assert headers["Retry-After"] == "1"
        forgiving = shop.collections(partial_answers=True)
        await forgiving.refresh("shop")
        page = await ask(forgiving, REQUESTS[1])
        assert page["partial"] is True
        assert 0 < page["total"] < 120

    asyncio.run(run())


def test_nothing_live_is_not_ready(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, shards=2)

    async def never(shard: int, method: str, *args: Any) -> Any:
        raise AssertionError(method)

    class Nobody:
        call = staticmethod(never)

    async def run() -> None:
        found = ShardedCollections(settings, open_lake(settings), Nobody())
        await found.start()
        with pytest.raises(NotReady):
            found.get()
        await found.close()

    asyncio.run(run())


def test_once_started_no_query_reads_the_dictionary_on_the_loop(tmp_path: Path) -> None:
    file = tmp_path / "cedict.txt"
    file.write_text("石笛 石笛 [shi2 di2] /(music) an ocarina/\n", encoding="utf-8")
    settings = settings_for(tmp_path, shards=2)
    settings = settings.model_copy(
        update={"serve": settings.serve.model_copy(update={"dictionary": str(file)})}
    )

    class Nobody:
        async def call(self, shard: int, method: str, *args: Any) -> Any:
            raise AssertionError(method)

    async def run() -> None:
        found = ShardedCollections(settings, open_lake(settings), Nobody())
        known = dictionary(str(file))
        assert known is not None
        assert not known.loaded
        await found.start()
        assert known.loaded
        await found.close()

    asyncio.run(run())


def test_a_replica_is_ready_from_its_first_version_on_and_tells_how_old_it_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[str]:
        raise StorageUnavailable("the store is away")

    monkeypatch.setattr(sharded, "LIST_SECONDS", 0.05)

    async def run() -> None:
        found = shop.collections()
        lake = found._lake
        with monkeypatch.context() as patch:
            patch.setattr(lake, "collections", broken)
            await found.look()
            assert found.not_ready() == "the lake cannot be listed", "what it says is for the log"
        await found.start()
        assert found.not_ready() is None
        found.check_alive()

        async def away(shard: int, method: str) -> None:
            raise ShardMissing(shard)

        # A version that no shard loads: the former one answers, for as long as it may be old.
        shop.hold = away
        await asyncio.to_thread(
            shop.upload, "new.jsonl", [{"id": "new", "title": "Lamp", "price": "5.00 USD"}]
        )
        while "shard" not in found.status()["shop"].error:
            await asyncio.sleep(0.02)
        assert found.not_ready() is None
        with monkeypatch.context() as patch:
            patch.setattr(watch, "OLD_SECONDS", 0.0)
            await asyncio.sleep(1.5)
            assert found.not_ready() is None
            assert 1 <= int(found.ages()["shop"]) <= found.old("shop") <= int(found.ages()["shop"])
            assert found.old("other") is None
        found.check_alive()
        await found.close()
        found._task = asyncio.create_task(asyncio.sleep(0.0))
        await found._task
        with pytest.raises(NotReady, match="ended"):
            found.check_alive()

    asyncio.run(run())


def _second_collection(shop: Shop) -> Path:
    """One more, ``broken``, a copy of the first; gives the folder without which nothing of it can be read."""
    lake = shop.folder / "lake"
    shutil.copytree(lake / "shop", lake / "broken")
    (manifests,) = (lake / "broken").glob("products_*.lance/_versions")
    return manifests


def test_one_collection_that_stays_damaged_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = _second_collection(shop)
    aside = manifests.rename(manifests.with_name("aside"))
    versions = ShardVersions(shop.settings, 0)
    versions.open_live()
    assert {ref.collection for ref in versions._held} == {"shop"}, "though it comes after the damaged one"
    versions.close()

    async def run() -> None:
        found = shop.collections()
        await found.start()
        assert found.not_ready() == "not every live collection can be searched here yet (broken)"
        assert found.ages().keys() == {"shop"}
        monkeypatch.setattr(sharded, "BROKEN_SECONDS", 0.0)
        assert found.not_ready() is None
        assert found.ages().keys() == {"shop", "broken"}, "the alarm for old answers hears of it"
        assert (await ask(found, REQUESTS[1]))["total"] == 120
        aside.rename(manifests)
        while found.status()["broken"].error:
            await asyncio.sleep(0.02)
        assert [version.ref.collection for version in found.live()] == ["broken", "shop"]
        await found.close()

    asyncio.run(run())


@pytest.mark.parametrize("lacking", [False, True])
def test_who_is_waited_for_lacks_models_or_company(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, lacking: bool
) -> None:
    monkeypatch.setattr(sharded, "BROKEN_SECONDS", 0.0)
    if lacking:
        _second_collection(shop)

    async def fails(shard: int, method: str) -> None:
        raise ProfileMismatch("other models: reindex") if lacking else StorageUnavailable("damaged")

    async def run() -> None:
        found = shop.collections()
        if lacking:
            await found.refresh("shop")
        shop.hold = fails
        await found.look()
        assert found.not_ready() is not None
        with pytest.raises(ProfileMismatch if lacking else NotReady, match="reindex" if lacking else "yet"):
            found.get("broken" if lacking else "shop")
        await found.close()

    asyncio.run(run())


def test_a_shard_notices_files_that_change_under_it(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        await found.refresh("shop")
        expected = await ask(found, REQUESTS[1])
        ref = found.get("shop").ref
        before = [server._versions.held(ref) for server in shop.servers]
        for server in shop.servers:
            await asyncio.to_thread(server._versions.mend)
        assert [server._versions.held(ref) for server in shop.servers] == before, "nothing is wrong"
        for pack in (shop.folder / "mirror").rglob("*.pack"):
            changed = pack.with_suffix(".new")
            changed.write_bytes(pack.read_bytes()[:-1] + b"?")
            changed.rename(pack)
        for server, former in zip(shop.servers, before, strict=True):
            await asyncio.to_thread(server._versions.mend)
            assert server._versions.held(ref) is not former
        assert await ask(found, REQUESTS[1]) == expected

    asyncio.run(run())


def test_a_collection_that_is_emptied_and_filled_again_is_another(shop: Shop) -> None:
    async def run() -> None:
        found = shop.collections()
        before = await found.refresh("shop")
        shutil.rmtree(shop.folder / "lake" / "shop")
        shop.work = InProcessWork(shop.settings)
        for part in range(4):
            await asyncio.to_thread(shop.upload, f"again-{part}.jsonl", catalogue()[part:40:4])
        after = await found.refresh("shop")
        assert (after.ref, before.products, after.products) == (before.ref, 120, 40)
        assert await ask(found, REQUESTS[1]) == shop.whole(REQUESTS[1])

    asyncio.run(run())


def test_a_shard_begins_anew_once_and_answers_until_then(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise StorageUnavailable("not now")

    async def away(shard: int, method: str) -> None:
        if shard == 1 and method == "load":
            raise ShardMissing(shard)

    async def run() -> None:
        one, other = shop.collections(), shop.collections()
        ref = (await one.refresh("shop")).ref
        await other.refresh("shop")
        former = shop.servers[0]._versions.held(ref)
        shutil.rmtree(shop.folder / "lake" / "shop")
        shop.work = InProcessWork(shop.settings)
        for part in range(4):
            await asyncio.to_thread(shop.upload, f"again-{part}.jsonl", catalogue()[part:40:4])
        with monkeypatch.context() as patch:
            patch.setattr(ShardVersions, "_opened", fails)
            with pytest.raises(StorageUnavailable):
                await one.refresh("shop")
            assert shop.servers[0]._versions.held(ref) is former
        shop.hold = away
        held = []
        for _ in range(2):
            with pytest.raises(ShardMissing):
                await one.refresh("shop")
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*rest, return_exceptions=True)
            held.append(shop.servers[0]._versions.held(ref))
        shop.hold = None
        assert held[0] is held[1] is not former
        assert [(await each.refresh("shop")).products for each in (one, other)] == [40, 40]
        assert shop.servers[0]._versions.held(ref) is held[0]

    asyncio.run(run())


def test_a_collection_that_cannot_be_mended_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = shop.servers[0]._versions
    versions._damaged = {"broken", "shop"}
    mended: list[str] = []

    def load_anew(name: str) -> None:
        if name == "broken":
            raise RuntimeError("the table cannot be read")
        mended.append(name)

    monkeypatch.setattr(versions, "_load_anew", load_anew)
    versions.mend()
    assert mended == ["shop"]
    assert versions._damaged == {"broken"}, "it is tried again"


def test_versions_used_lately_are_kept_by_a_shard(shop: Shop) -> None:
    server = shop.servers[0]
    found = shop.collections()

    async def run() -> None:
        refs = [(await found.refresh("shop")).ref]
        for number in range(4):
            shop.upload(f"n{number}.jsonl", [{"id": f"n{number}", "title": "Lamp", "price": "5.00 USD"}])
            refs.append((await found.refresh("shop")).ref)
        held = [server._versions.held(ref) is not None for ref in refs]
        assert held == [True] * 5, "none is a minute old"
        # What is not in memory is loaded when it is asked for.
        server._versions._held.pop(refs[1])
        assert (await server.load(refs[1])).products > 0

    asyncio.run(run())

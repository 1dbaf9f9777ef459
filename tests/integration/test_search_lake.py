"""Search over a lake on S3: what a replica asks of the object store, and when."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.lake import Lake, open_lake
from mmpipe.recommend import similar
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.search import LiveVersions, Searcher, Version, encode
from mmpipe.search.versions.fragment import PARTS
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, StorageSettings
from tests.unit.indexing.bucket import Bucket, order_of
from tests.unit.search import catalogues


class Requests(logging.Handler):
    """Every request the server answered, from its access log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="lake")
    yield url
    server.stop()


@pytest.fixture
def requests() -> Iterator[Requests]:
    handler = Requests()
    logger = logging.getLogger("werkzeug")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = propagate


@pytest.fixture
def settings(endpoint: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    return Settings(
        storage=StorageSettings(endpoint_url=endpoint),
        lake=LakeSettings(uri=f"s3://lake/{request.node.name}"),
        indexing=IndexingSettings(profile="fake"),
        serve=ServeSettings(mirror_dir=str(tmp_path / "mirror"), live_poll_seconds=60),
    )


def write(lake: Lake, order: str, *titles: str) -> None:
    collection = lake.collection("shop", create=True)
    table = collection.products(catalogues.PROFILE, create=True)
    products = [catalogues.product(f"p-{title}", f"{title} lamp", brand="Acme") for title in titles]
    table.upsert(catalogues.rows_of(products, order=order))
    collection.publish(table, reason="test")


def test_a_warm_replica_asks_for_nothing_and_a_new_version_for_little(
    settings: Settings, requests: Requests
) -> None:
    lake = open_lake(settings)
    write(lake, "1", *(f"number{n}" for n in range(50)))
    loaded = registry.load("fake")
    searcher = Searcher(loaded.profile, settings.serve)
    request = SearchRequest(text="number7 lamp", filters=Filters(brand=["acme"]), facets=["brand", "price"])
    query = encode(request, loaded, {})
    with LiveVersions(settings, open_lake(settings)) as store:
        first = store.get()
        requests.lines.clear()
        for _ in range(20):
            page = searcher.search(store.get("shop"), request, query)
            assert page.hits[0].id == "p-number7"
            similar(store.get(), "p-number7", limit=5)
            store.get().product("p-number7")
        assert requests.lines == []

        assert store.refresh("shop") is first
        assert len(requests.lines) == 1
        assert "live.json" in requests.lines[0]

        write(lake, "2", "number7", "brandnew")
        requests.lines.clear()
        second = store.refresh("shop")
        assert second is not first
        assert len(second) == 51
        assert sum("/data/" in line for line in requests.lines) == 1
        requests.lines.clear()
        hits = searcher.search(
            store.get("shop"),
            SearchRequest(text="brandnew"),
            encode(SearchRequest(text="brandnew"), loaded, {}),
        )
        assert hits.hits[0].id == "p-brandnew"
        assert searcher.search(first, request, query).hits == page.hits
        assert requests.lines == []


def test_which_second_matched_is_read_from_the_mirror(settings: Settings, requests: Requests) -> None:
    collection = open_lake(settings).collection("shop", create=True)
    table = collection.products(catalogues.PROFILE, create=True)
    table.upsert(catalogues.clips_of({"a": [5, 250], "b": [250, 5], "c": None}))
    collection.publish(table, reason="test")
    loaded = registry.load("fake")
    request = SearchRequest()
    query = encode(request, loaded, {"image": catalogues.picture(250)})
    with LiveVersions(settings, open_lake(settings)) as store:
        store.get()
        requests.lines.clear()
        page = Searcher(loaded.profile, settings.serve).search(store.get(), request, query)
        assert {hit.id: hit.video_second for hit in page.hits} == {"a": 1.0, "b": 0.0, "c": None}
        assert {hit.video_second for hit in similar(store.get(), "c").hits} <= {0.0, 1.0}
        assert requests.lines == []


class Feeds:
    """A bucket whose feeds are indexed into a lake of its own."""

    def __init__(self, settings: Settings) -> None:
        self.bucket = Bucket()
        self.lake = open_lake(settings)
        self.collection = self.lake.collection("demo", create=True)
        loaded = registry.load("fake")
        self.indexer = Indexer(settings, self.lake, loaded, lambda _uri: self.bucket, maintain=False)

    def upload(self, name: str, *, dearer: Collection[int] = (), count: int = 40) -> None:
        rows: list[dict[str, object]] = [
            {"id": f"p{n}", "title": f"number{n} lamp", "price": f"{10 + n + (n in dearer)}.00 USD"}
            for n in range(count)
        ]
        self.run(self.bucket.put_feed(name, rows))

    def run(self, event: CatalogueEvent) -> None:
        outcomes = self.indexer.execute([order_of(event)])
        assert [outcome.status for outcome in outcomes] == ["done"]

    def generation(self) -> int:
        live = self.collection.live()
        assert live is not None
        return live.generation


@pytest.fixture
def feeds(settings: Settings) -> Iterator[Feeds]:
    made = Feeds(settings)
    yield made
    made.indexer.close()


def test_the_same_feed_again_is_no_news_to_a_replica(
    settings: Settings, feeds: Feeds, requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds.upload("monday")
    with LiveVersions(settings, open_lake(settings)) as store:
        first, generation = store.get("demo"), feeds.generation()
        version = feeds.collection.products(catalogues.PROFILE).version
        feeds.upload("tuesday")
        assert feeds.collection.products(catalogues.PROFILE).version > version, "the orders moved on"
        assert feeds.generation() == generation
        requests.lines.clear()
        with monkeypatch.context() as patch:
            patch.setattr(store, "_load", lambda *_, **__: pytest.fail("loaded"))
            assert store.refresh("demo") is first
        assert [line for line in requests.lines if "live.json" not in line] == []

        # The next version names the file of those orders too, and no replica fetches it.
        feeds.run(feeds.bucket.put_product("alone", title="a lamp of its own"))
        requests.lines.clear()
        assert len(store.refresh("demo")) == 41
        assert sum("/data/" in line for line in requests.lines) == 1


def test_a_second_replica_of_a_node_fetches_nothing(settings: Settings, requests: Requests) -> None:
    write(open_lake(settings), "1", *(f"number{n}" for n in range(50)))
    with LiveVersions(settings, open_lake(settings)) as one:
        first = one.get("shop")
        requests.lines.clear()
        with LiveVersions(settings, open_lake(settings)) as other:
            second = other.get("shop")
            assert [line for line in requests.lines if "/data/" in line] == []
        assert second is not first
        assert catalogues.answers(second) == catalogues.answers(first)


def test_new_prices_reach_a_replica_without_a_vector(
    settings: Settings, feeds: Feeds, requests: Requests, tmp_path: Path
) -> None:
    feeds.upload("monday")
    with LiveVersions(settings, open_lake(settings)) as store:
        first = store.get("demo")
        feeds.upload("tuesday", dearer=range(20))
        requests.lines.clear()
        second = store.refresh("demo")
        assert sum("/data/" in line for line in requests.lines) == 1
        (before,), (after,) = (held.fragments.values() for held in (first, second))
        for part in PARTS:
            if part == "text" or part.startswith(("vector.", "part.")):
                assert all(after.part(part)[name] is array for name, array in before.part(part).items())
        rows = np.array([second.row(f"p{n}") for n in (0, 19, 20, 39)], np.int32)
        assert second.prices.paid(rows).tolist() == [11.0, 30.0, 30.0, 49.0]
        assert str(second.product("p0").price) == str(catalogues.usd("11.00"))
        assert catalogues.answers(second) == catalogues.answers(fresh(settings, tmp_path / "another node"))


def fresh(settings: Settings, folder: Path) -> Version:
    """What a replica answers from that starts now on another node."""
    serve = settings.serve.model_copy(update={"mirror_dir": str(folder)})
    with LiveVersions(settings.model_copy(update={"serve": serve}), open_lake(settings)) as store:
        return store.get("demo")

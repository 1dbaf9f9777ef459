"""Following what is live: one small conditional request per look, no wait for a query or for another
collection, the old version while the new one fails."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.errors import InvalidRequest, NotReady, ProfileMismatch, StorageUnavailable, UnknownCollection
from mmpipe.lake import Collection, Lake, ProductTable, open_lake
from mmpipe.lake.schema import profile_of
from mmpipe.search.find.rank import After
from mmpipe.search.page.cursor import after, fixed
from mmpipe.search.page.window import Begin
from mmpipe.search.versions import store
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.store import VersionStore
from mmpipe.settings import LakeSettings, ServeSettings, Settings, StorageSettings
from tests.unit.search import catalogues


@dataclass(frozen=True)
class Loaded:
    """A version as the store sees it; prices change with every full hour."""

    label: str
    fingerprint: str
    ids: tuple[str, ...]
    former: str | None
    hour: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, moment: float) -> Loaded:
        hour = int(moment // 3600)
        return self if hour == self.hour else replace(self, hour=hour)


@dataclass
class Loader:
    """Loads ids; ``before`` runs first, by the collection's name."""

    loads: list[tuple[str, str]] = field(default_factory=list)
    before: dict[str, Callable[[Callable[[], None]], None]] = field(default_factory=dict)

    def __call__(
        self,
        dataset: Any,
        *,
        collection: str,
        table: str,
        folder: NodeFolder,
        former: Loaded | None,
        progress: Callable[[], None],
    ) -> Loaded:
        self.before.get(collection, lambda _: None)(progress)
        ids = dataset.to_table(columns=["id"])["id"].to_pylist()
        label = f"{table}@{dataset.version}"
        self.loads.append((collection, label))
        fingerprint = profile_of(dataset.schema).fingerprint
        return Loaded(label, fingerprint, tuple(sorted(ids)), None if former is None else former.label)


class Shop:
    def __init__(self, lake: Lake, name: str = "shop") -> None:
        self.collection: Collection = lake.collection(name, create=True)
        self.table: ProductTable = self.collection.products(catalogues.PROFILE, create=True)
        self.order = 0

    def publish(self, *ids: str) -> str:
        self.order += 1
        products = [catalogues.product(i, f"thing {i}") for i in ids]
        self.table.upsert(catalogues.rows_of(products, order=f"{self.order:04d}"))
        live = self.collection.publish(self.table, reason="test")
        return f"{live.table}@{live.version}"


class Hours:
    now = 0.0

    def __call__(self) -> float:
        return self.now * 3600


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")),
        serve=ServeSettings(live_poll_seconds=0.02, mirror_dir=str(tmp_path / "node")),
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def followed(settings: Settings, lake: Lake, loader: Loader) -> Iterator[VersionStore[Loaded]]:
    with closing(VersionStore(settings, lake, loader, clock=Hours())) as following:
        yield following


def page(label: str) -> str:
    return after(fixed(label, "digest", None, None), Begin(After(1.0, "a")))


def eventually(told: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not told():
        assert time.monotonic() < until, "it never was so"
        time.sleep(0.01)


def test_a_new_version_is_swapped_in(settings: Settings, lake: Lake, loader: Loader) -> None:
    shop = Shop(lake)
    first = shop.publish("a", "b")
    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        assert following.get().label == following.get("shop").label == first
        assert following.get().former is None
        second = shop.publish("c")
        eventually(lambda: following.get("shop").label == second)
        assert following.get().ids == ("a", "b", "c")
        assert following.get().former == first
        eventually(lambda: following.status()["shop"].loading_since is None)
        status = following.status()["shop"]
        assert (status.version, status.rows, status.error) == (second, 3, "")
        assert loader.loads == [("shop", first), ("shop", second)]


def test_unchanged_live_causes_one_look_and_nothing_else(
    followed: VersionStore[Loaded], lake: Lake, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    Shop(lake).publish("a")
    held = followed.get("shop")
    looks: list[int] = []
    original = Collection.live
    monkeypatch.setattr(Collection, "live", lambda self: looks.append(1) or original(self))
    monkeypatch.setattr(lake, "collections", lambda: pytest.fail("listed"))
    assert followed.refresh("shop") is followed.get("shop") is followed.get() is held
    assert len(looks) == 1
    assert len(loader.loads) == 1


def test_queries_are_answered_while_the_next_version_loads(
    followed: VersionStore[Loaded], lake: Lake, loader: Loader
) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    followed.get("shop")
    second = shop.publish("b")
    loading, go_on = threading.Event(), threading.Event()

    def load_slowly(_: object) -> None:
        loading.set()
        assert go_on.wait(60)

    loader.before["shop"] = load_slowly
    refresher = threading.Thread(target=followed.refresh, args=("shop",))
    refresher.start()
    assert loading.wait(60)
    assert followed.get("shop").label == first
    go_on.set()
    refresher.join(60)
    assert followed.get("shop").label == second


def test_a_slow_load_holds_up_no_other_collection(settings: Settings, lake: Lake, loader: Loader) -> None:
    slow, fast = Shop(lake, "slow"), Shop(lake, "fast")
    first = slow.publish("a")
    fast.publish("a")
    loading, go_on = threading.Event(), threading.Event()
    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        following.get("slow")
        following.get("fast")

        def load_slowly(progress: Callable[[], None]) -> None:
            loading.set()
            while not go_on.wait(0.01):
                progress()

        loader.before["slow"] = load_slowly
        checked = following.status()["slow"].checked_at
        second = slow.publish("b")
        assert loading.wait(60)
        for n in range(3):
            newest = fast.publish(f"f{n}")
            eventually(lambda: following.get("fast").label == newest)  # noqa: B023
        status = following.status()["slow"]
        assert following.get("slow").label == first
        assert status.loading_since is not None
        assert status.progressed_at is not None
        assert status.progressed_at >= status.loading_since
        eventually(lambda: (following.status()["slow"].progressed_at or 0) > status.progressed_at)  # type: ignore[operator]
        assert checked is not None
        assert (status.checked_at or 0) <= status.loading_since, "not looked at since: it may be behind"
        go_on.set()
        eventually(lambda: following.get("slow").label == second)
        eventually(lambda: following.status()["slow"].loading_since is None)
        assert loader.loads.count(("slow", second)) == 1


def test_closing_gives_a_load_up(settings: Settings, lake: Lake, loader: Loader) -> None:
    shop = Shop(lake)
    shop.publish("a")
    loading, ended = threading.Event(), threading.Event()
    before = set(threading.enumerate())

    def load_for_ever(progress: Callable[[], None]) -> None:
        loading.set()
        try:
            while True:
                progress()
                time.sleep(0.01)
        finally:
            ended.set()

    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        following.get("shop")
        loader.before["shop"] = load_for_ever
        shop.publish("b")
        assert loading.wait(60)
    assert ended.is_set()
    assert not set(threading.enumerate()) - before


def test_a_failed_refresh_keeps_the_old_version_and_says_so(
    followed: VersionStore[Loaded], lake: Lake, loader: Loader
) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    followed.get("shop")
    shop.publish("b")

    def fail(_: object) -> None:
        raise StorageUnavailable("no disk")

    loader.before["shop"] = fail
    with pytest.raises(StorageUnavailable):
        followed.refresh("shop")
    assert followed.get("shop").label == first
    status = followed.status()["shop"]
    assert (status.error, status.loading_since) == ("no disk", None)
    del loader.before["shop"]
    assert len(followed.refresh("shop")) == 2
    assert followed.status()["shop"].error == ""


def test_a_fault_is_retried_by_itself(settings: Settings, lake: Lake, loader: Loader) -> None:
    shop = Shop(lake)
    shop.publish("a")
    faults: list[int] = []

    def fail_twice(_: object) -> None:
        faults.append(1)
        if len(faults) < 3:
            raise ValueError("damaged")

    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        loader.before["shop"] = fail_twice
        second = shop.publish("b")
        eventually(lambda: following.get("shop").label == second)
        assert len(faults) == 3


def test_a_rollback_is_followed_too(followed: VersionStore[Loaded], lake: Lake) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    shop.publish("b")
    assert len(followed.get("shop")) == 2
    shop.collection.rollback()
    assert followed.refresh("shop").label == first


def empty(shop: Shop) -> None:
    """As somebody does who removes its folder from the lake."""
    shutil.rmtree(shop.collection.uri.removeprefix("file://"))


def test_a_collection_that_is_emptied_and_filled_again_is_another(
    followed: VersionStore[Loaded], lake: Lake, settings: Settings
) -> None:
    shop = Shop(lake)
    label = shop.publish("a", "b")
    assert followed.get("shop").ids == ("a", "b")
    empty(shop)
    again = Shop(open_lake(settings))
    assert again.publish("c") == label
    live = again.collection.live()
    assert live is not None
    assert live.generation == 1
    found = followed.refresh("shop")
    assert (found.label, found.ids, found.former) == (label, ("c",), None)
    again.publish("d")
    assert followed.refresh("shop").ids == ("c", "d")
    assert followed.get("shop", page_cursor=page(label)).ids == ("c",), "not of what was there before"


def test_who_saw_that_a_collection_was_emptied_goes_by_no_number(
    followed: VersionStore[Loaded], lake: Lake, settings: Settings
) -> None:
    shop = Shop(lake)
    label = shop.publish("a", "b")
    assert followed.get("shop").ids == ("a", "b")
    empty(shop)
    assert followed.refresh("shop").ids == ("a", "b"), "it answers from what is held"
    again = Shop(open_lake(settings))
    assert again.publish("c") == label
    again.publish("d")
    again.collection.rollback(reason="back to the same numbers")
    live = again.collection.live()
    assert live is not None
    assert (live.generation, f"{live.table}@{live.version}") == (3, label)
    found = followed.refresh("shop")
    assert (found.label, found.ids, found.former) == (label, ("c",), None)


def test_what_cannot_be_answered_says_why(followed: VersionStore[Loaded], lake: Lake) -> None:
    with pytest.raises(NotReady, match="no collection yet"):
        followed.get()
    with pytest.raises(UnknownCollection):
        followed.get("nowhere")
    with pytest.raises(UnknownCollection):
        followed.get("../etc")
    shop = Shop(lake)
    with pytest.raises(NotReady, match="'shop' has no live version"):
        followed.get("shop")
    shop.publish("a")
    Shop(lake, "other").publish("b")
    assert len(followed.get("shop")) == 1
    assert len(followed.get("other")) == 1
    with pytest.raises(InvalidRequest, match="name one of: other, shop"):
        followed.get()
    with pytest.raises(InvalidRequest, match="cursor"):
        followed.get("shop", page_cursor="no such thing")


def test_made_up_names_share_a_few_listings(
    followed: VersionStore[Loaded], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "UNKNOWN_LISTS", 2.0)
    listings: list[int] = []
    original = lake.collections
    monkeypatch.setattr(lake, "collections", lambda: listings.append(1) or original())
    begun = time.monotonic()
    for n in range(500):
        with pytest.raises(UnknownCollection):
            followed.get(f"nowhere-{n}")
    assert len(listings) <= 2 + 2 * (time.monotonic() - begun) + 1


def test_the_first_collection_is_found_while_nothing_is_known(
    settings: Settings, lake: Lake, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FIRST_LIST_SECONDS", 0.01)
    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        assert following.status() == {}
        label = Shop(lake).publish("a")
        eventually(lambda: "shop" in following.status() and following.status()["shop"].version == label)


def test_a_refused_version_is_not_swapped_in(
    followed: VersionStore[Loaded], lake: Lake, loader: Loader
) -> None:
    Shop(lake).publish("a")

    def refuse(_: object) -> None:
        raise ProfileMismatch("cannot encode for fake")

    loader.before["shop"] = refuse
    with pytest.raises(ProfileMismatch, match="cannot encode for fake"):
        followed.get("shop")
    assert followed.status()["shop"].version is None


def test_a_page_is_of_its_version_while_that_is_held_and_of_the_current_one_then(
    followed: VersionStore[Loaded], lake: Lake
) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    followed.get("shop")
    for n in range(store.MAX_HELD):
        shop.publish(f"p{n}")
        followed.refresh("shop")
        assert followed.get("shop", page_cursor=page(first)).label == first
    newest = shop.publish("more")
    followed.refresh("shop")
    assert followed.get("shop", page_cursor=page(first)).label == newest
    assert followed.get("shop", page_cursor=page("products_else@1")).label == newest


def test_old_versions_are_let_go_when_their_time_is_up(
    followed: VersionStore[Loaded], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HOLD_SECONDS", 0.0)
    shop = Shop(lake)
    labels = []
    for n in range(5):
        labels.append(shop.publish(f"p{n}"))
        followed.refresh("shop")
    for label in labels[2:]:
        assert followed.get("shop", page_cursor=page(label)).label == label
    assert followed.get("shop", page_cursor=page(labels[1])).label == labels[-1]


def test_prices_are_of_the_moment_in_held_versions_too(
    settings: Settings, lake: Lake, loader: Loader
) -> None:
    shop, clock = Shop(lake), Hours()
    first = shop.publish("a")
    with closing(VersionStore(settings, lake, loader, clock=clock)) as following:
        following.get("shop")
        shop.publish("b")
        old = following.refresh("shop")
        clock.now = 3
        for cursor, label in ((page(first), first), (None, old.label)):
            now = following.get("shop", page_cursor=cursor)
            assert (now.label, now.hour) == (label, 3)
            assert following.get("shop", page_cursor=cursor) is now
        assert old.hour == 0, "a query that began before keeps its prices"
        assert len(loader.loads) == 2


def test_repricing_does_not_undo_a_swap(settings: Settings, lake: Lake, loader: Loader) -> None:
    shop, clock = Shop(lake), Hours()
    shop.publish("a")
    with closing(VersionStore(settings, lake, loader, clock=clock)) as following:
        old = following.get("shop")
        new = shop.publish("b")
        clock.now = 2
        repriced = old.at(clock())

        def swapped_meanwhile(_: float) -> Loaded:
            following.refresh("shop")
            return repriced

        object.__setattr__(old, "at", swapped_meanwhile)
        assert following.get("shop") is repriced, "the query keeps the version it began with"
        assert following.get("shop").label == new


def test_a_live_version_that_is_gone_is_our_fault_not_the_callers(
    followed: VersionStore[Loaded], lake: Lake
) -> None:
    shop = Shop(lake)
    shop.publish("a")
    shutil.rmtree(shop.table.uri.removeprefix("file://"))
    with pytest.raises(StorageUnavailable, match=shop.table.name):
        followed.get("shop")


def test_one_damaged_collection_does_not_keep_the_store_from_starting(
    settings: Settings, lake: Lake, loader: Loader
) -> None:
    shop = Shop(lake)
    shop.publish("a")
    for data in (Path(shop.table.uri.removeprefix("file://")) / "data").iterdir():
        data.write_bytes(b"garbage")
    with VersionStore(settings, lake, loader, clock=Hours()) as following:
        assert following.status()["shop"].version is None
        assert following.status()["shop"].error
        Shop(lake, "other").publish("b")
        assert len(following.get("other")) == 1


def test_nothing_is_pruned_before_what_is_live_was_loaded(
    settings: Settings, lake: Lake, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HOUSEKEEPING_SECONDS", 0.01)
    for name in ("one", "other"):
        Shop(lake, name).publish("a")
    node = NodeFolder(settings.serve.mirror_dir, keep_seconds=0.0)
    left = node.shared.path("packs/left.pack")
    left.touch()
    with VersionStore(settings, lake, loader, folder=node, clock=Hours()) as following:
        following.get("one")
        time.sleep(0.3)
        assert left.exists()
        following.get("other")
        eventually(lambda: not left.exists())
    node.close()


class Requests(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="shops")
    yield url
    server.stop()


def test_on_s3_a_look_is_one_conditional_request_and_replicas_fetch_once(
    endpoint: str, tmp_path: Path, loader: Loader
) -> None:
    made = Settings(
        storage=StorageSettings(endpoint_url=endpoint),
        lake=LakeSettings(uri="s3://shops/lake"),
        serve=ServeSettings(live_poll_seconds=60, mirror_dir=str(tmp_path / "node")),
    )
    shop = Shop(open_lake(made))
    label = shop.publish("a", "b")
    requests, log = Requests(), logging.getLogger("werkzeug")
    level = log.level
    log.addHandler(requests)
    log.setLevel(logging.INFO)
    try:
        with (
            closing(VersionStore(made, open_lake(made), loader, clock=Hours())) as one,
            closing(VersionStore(made, open_lake(made), loader, clock=Hours())) as other,
        ):
            assert one.get("shop").label == label
            before = len(requests.seen)
            for _ in range(5):
                one.refresh("shop")
            looks = requests.seen[before:]
            assert len(looks) == 5
            assert all("live.json" in line and "304" in line for line in looks)
            before = len(requests.seen)
            assert other.get("shop").label == label
            asked = [line for line in requests.seen[before:] if ".lance/" in line]
            assert [line.split("?")[0] for line in asked if "/_versions/" not in line] == []
            assert len(asked) == 1, "the manifest, which may be another table's by now"
            newer = shop.publish("c")
            before = len(requests.seen)
            assert one.refresh("shop").label == other.refresh("shop").label == newer
            fetched = [line for line in requests.seen[before:] if ".lance/data/" in line and "GET" in line]
            assert len(fetched) == 1
    finally:
        log.removeHandler(requests)
        log.setLevel(level)

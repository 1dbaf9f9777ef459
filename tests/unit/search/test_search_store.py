"""Following what is live: one small read per look, no wait for a query, the old version while the new one
fails."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from mmpipe.encoders.base import Profile
from mmpipe.errors import InvalidRequest, NotReady, ProfileMismatch, StorageUnavailable, UnknownCollection
from mmpipe.lake import Collection, Lake, ProductTable, open_lake
from mmpipe.schemas.search import Filters, PriceRange, SearchRequest
from mmpipe.search import EncodedQuery, Searcher, SnapshotStore, store
from mmpipe.settings import LakeSettings, ServeSettings, Settings
from tests.unit.search import catalogues


class Shop:
    def __init__(self, lake: Lake, name: str = "shop") -> None:
        self.collection: Collection = lake.collection(name, create=True)
        self.table: ProductTable = self.collection.products(catalogues.PROFILE, create=True)
        self.order = 0

    def publish(self, *ids: str) -> str:
        self.order += 1
        rows = catalogues.rows_of(
            [catalogues.product(i, f"thing {i}") for i in ids], order=f"{self.order:04d}"
        )
        self.table.upsert(rows)
        live = self.collection.publish(self.table, reason="test")
        return f"{live.table}@{live.version}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), serve=ServeSettings(live_poll_seconds=0.02)
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


@pytest.fixture
def followed(settings: Settings, lake: Lake) -> Iterator[SnapshotStore]:
    with_store = SnapshotStore(settings, lake)
    yield with_store
    with_store.close()


def test_the_thread_swaps_a_new_version_in(settings: Settings, lake: Lake) -> None:
    shop = Shop(lake)
    first = shop.publish("a", "b")
    with SnapshotStore(settings, lake) as following:
        assert following.get().label == following.get("shop").label == first
        second = shop.publish("c")
        for _ in range(500):
            if following.get("shop").label == second:
                break
            threading.Event().wait(0.02)
        assert len(following.get("shop")) == 3
        status = following.status()["shop"]
        assert (status.version, status.rows, status.error) == (second, 3, "")


def test_unchanged_live_causes_one_read_and_nothing_else(
    followed: SnapshotStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(lake)
    shop.publish("a")
    held = followed.get("shop")
    looks = []
    original = Collection.live
    monkeypatch.setattr(Collection, "live", lambda self: looks.append(1) or original(self))
    monkeypatch.setattr(store, "load", lambda *_, **__: pytest.fail("loaded"))
    monkeypatch.setattr(lake, "collections", lambda: pytest.fail("listed"))
    assert followed.refresh("shop") is held
    assert followed.get("shop") is held
    assert followed.get() is held
    assert len(looks) == 1


def test_queries_are_answered_while_the_next_version_loads(
    followed: SnapshotStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    followed.get("shop")
    second = shop.publish("b")
    loading, go_on = threading.Event(), threading.Event()
    original = store.load

    def slow(*args: object, **more: object) -> object:
        loading.set()
        assert go_on.wait(10)
        return original(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "load", slow)
    refresher = threading.Thread(target=followed.refresh, args=("shop",))
    refresher.start()
    assert loading.wait(10)
    assert followed.get("shop").label == first
    go_on.set()
    refresher.join(10)
    assert followed.get("shop").label == second


def test_a_failed_refresh_keeps_the_old_version_and_says_so(
    followed: SnapshotStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    followed.get("shop")
    shop.publish("b")
    with monkeypatch.context() as patch:
        patch.setattr(store, "load", lambda *_, **__: (_ for _ in ()).throw(StorageUnavailable("no disk")))
        with pytest.raises(StorageUnavailable):
            followed.refresh("shop")
        assert followed.get("shop").label == first
        assert followed.status()["shop"].error == "no disk"
    assert len(followed.refresh("shop")) == 2
    assert followed.status()["shop"].error == ""


def test_a_rollback_is_followed_too(followed: SnapshotStore, lake: Lake) -> None:
    shop = Shop(lake)
    first = shop.publish("a")
    shop.publish("b")
    assert len(followed.get("shop")) == 2
    shop.collection.rollback()
    assert followed.refresh("shop").label == first


def test_what_cannot_be_answered_says_why(followed: SnapshotStore, lake: Lake) -> None:
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


def test_made_up_names_are_looked_up_once(
    followed: SnapshotStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings = []
    original = lake.collections
    monkeypatch.setattr(lake, "collections", lambda: listings.append(1) or original())
    for _ in range(5):
        with pytest.raises(UnknownCollection):
            followed.get("nowhere")
    assert len(listings) == 1


def test_a_refused_profile_is_not_swapped_in(settings: Settings, lake: Lake) -> None:
    Shop(lake).publish("a")

    def refuse(profile: Profile) -> None:
        raise ProfileMismatch(f"cannot encode for {profile.name}")

    with closing(SnapshotStore(settings, lake, check=refuse)) as following:
        with pytest.raises(ProfileMismatch, match="cannot encode for fake"):
            following.get("shop")
        assert following.status()["shop"].version is None


def test_pages_stay_on_their_version_while_writes_go_on(followed: SnapshotStore, lake: Lake) -> None:
    shop = Shop(lake)
    shop.publish(*(f"p{n}" for n in range(9)))
    searcher = Searcher(catalogues.PROFILE, ServeSettings())
    request = SearchRequest(limit=2)
    seen: list[str] = []
    for write in ("p0", "a-new-one", "another"):
        snapshot = followed.get("shop", page_cursor=request.cursor)
        page = searcher.search(snapshot, request, EncodedQuery())
        seen += [hit.id for hit in page.hits]
        assert page.total == 9
        shop.publish(write)
        followed.refresh("shop")
        request = request.model_copy(update={"cursor": page.next_cursor})
    assert seen == ["p0", "p1", "p2", "p3", "p4", "p5"]
    for n in range(store.MAX_HELD):
        shop.publish(f"more{n}")
        followed.refresh("shop")
    with pytest.raises(InvalidRequest, match="expired"):
        followed.get("shop", page_cursor=request.cursor)


def test_old_versions_are_let_go_when_their_time_is_up(
    followed: SnapshotStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HOLD_SECONDS", 0.0)
    shop = Shop(lake)
    labels = []
    for n in range(5):
        labels.append(shop.publish(f"p{n}"))
        followed.refresh("shop")
    cursors = [store.cursor.Cursor(label, "", 0).encode() for label in labels]
    for label, page_cursor in zip(labels[2:], cursors[2:], strict=True):
        assert followed.get("shop", page_cursor=page_cursor).label == label
    with pytest.raises(InvalidRequest, match="expired"):
        followed.get("shop", page_cursor=cursors[1])


def test_a_live_version_that_is_gone_is_our_fault_not_the_callers(
    settings: Settings, lake: Lake, followed: SnapshotStore
) -> None:
    shop = Shop(lake)
    shop.publish("a")
    shutil.rmtree(shop.table.uri.removeprefix("file://"))
    with pytest.raises(StorageUnavailable, match=shop.table.name):
        followed.get("shop")


def test_one_damaged_collection_does_not_keep_the_store_from_starting(settings: Settings, lake: Lake) -> None:
    shop = Shop(lake)
    shop.publish("a")
    table = Path(shop.table.uri.removeprefix("file://"))
    for data in (table / "data").iterdir():
        data.write_bytes(b"garbage")
    with SnapshotStore(settings, lake) as following:
        assert following.status()["shop"].version is None
        assert following.status()["shop"].error
        Shop(lake, "other").publish("b")
        assert len(following.get("other")) == 1


class Hours:
    """A clock in Unix seconds that shows so many hours after the catalogues' moment."""

    now = 0.0

    def __call__(self) -> float:
        return self.of(self.now)

    @staticmethod
    def of(hours: float) -> float:
        return (catalogues.NOW + timedelta(hours=hours)).timestamp()


def test_a_sale_begins_and_ends_without_a_new_version(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, end = (catalogues.NOW + timedelta(hours=h) for h in (1, 2))
    shop = Shop(lake)
    shop.table.upsert(
        catalogues.rows_of([catalogues.product("a", price="20.00", **catalogues.sale("12.00", begin, end))])
    )
    shop.collection.publish(shop.table, reason="test")
    clock = Hours()
    with closing(SnapshotStore(settings, lake, clock=clock)) as following:
        searcher = Searcher(catalogues.PROFILE, settings.serve)
        cheap = SearchRequest(filters=Filters(price=PriceRange(lte=Decimal(13))))

        def shown() -> list[tuple[str | None, str | None]]:
            found = following.get("shop")
            assert searcher.search(found, cheap, EncodedQuery()).total == (found.price[0] < 13)
            return [
                (hit.price, hit.list_price)
                for hit in searcher.search(found, SearchRequest(), EncodedQuery()).hits
            ]

        first = following.get("shop")
        monkeypatch.setattr(store, "load", lambda *_, **__: pytest.fail("loaded"))
        assert shown() == [("20.00 USD", None)]
        clock.now = 1
        assert shown() == [("12.00 USD", "20.00 USD")]
        assert following.get("shop") is following.get("shop") is not first
        assert following.refresh("shop") is following.get("shop")
        assert first.price[0] == 20.0, "a query that began before keeps its prices"
        clock.now = 1.999
        assert shown() == [("12.00 USD", "20.00 USD")]
        clock.now = 2
        assert shown() == [("20.00 USD", None)]
        clock.now = 1.5
        assert shown() == [("12.00 USD", "20.00 USD")], "a clock that is set back"
        assert following.get("shop").label == first.label
        assert following.get("shop").vectors is first.vectors


def test_a_page_of_a_former_version_has_the_prices_of_now(settings: Settings, lake: Lake) -> None:
    begin = catalogues.NOW + timedelta(hours=1)
    shop = Shop(lake)
    products = [
        catalogues.product(i, price="20.00", **catalogues.sale("12.00", begin)) for i in ("a", "b", "c")
    ]
    shop.table.upsert(catalogues.rows_of(products, order="0000"))
    shop.collection.publish(shop.table, reason="test")
    clock = Hours()
    with closing(SnapshotStore(settings, lake, clock=clock)) as following:
        searcher = Searcher(catalogues.PROFILE, settings.serve)
        request = SearchRequest(limit=1)
        first = searcher.search(following.get("shop"), request, EncodedQuery())
        shop.publish("d")
        following.refresh("shop")
        clock.now = 3
        held = following.get("shop", page_cursor=first.next_cursor)
        second = searcher.search(
            held, request.model_copy(update={"cursor": first.next_cursor}), EncodedQuery()
        )
        assert (first.version, first.hits[0].price) == (second.version, "20.00 USD")
        assert [(hit.id, hit.price) for hit in second.hits] == [("b", "12.00 USD")]
        assert following.get("shop", page_cursor=first.next_cursor) is held
        assert following.get("shop").label != held.label


def test_repricing_does_not_undo_a_swap(settings: Settings, lake: Lake) -> None:
    shop = Shop(lake)
    begin = catalogues.NOW + timedelta(hours=1)
    shop.table.upsert(
        catalogues.rows_of([catalogues.product("a", **catalogues.sale("2.00", begin))], order="0000")
    )
    shop.collection.publish(shop.table, reason="test")
    clock = Hours()
    with closing(SnapshotStore(settings, lake, clock=clock)) as following:
        old = following.get("shop")
        new = shop.publish("b")
        clock.now = 2
        repriced = old.at(clock())

        def swapped_meanwhile(_: float) -> object:
            following.refresh("shop")
            return repriced

        old.at = swapped_meanwhile  # type: ignore[method-assign, assignment]
        assert following.get("shop") is repriced, "the query keeps the version it began with"
        assert following.get("shop").label == new

"""Live versions of a real lake: prices and pages while time goes on and versions change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from mmpipe.encoders.base import Profile
from mmpipe.errors import ProfileMismatch
from mmpipe.lake import Collection, Lake, ProductTable, open_lake
from mmpipe.schemas.search import Filters, PriceRange, SearchRequest
from mmpipe.search import EncodedQuery, LiveVersions, Searcher
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.versions import store
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
        lake=LakeSettings(uri=str(tmp_path / "lake")),
        serve=ServeSettings(live_poll_seconds=60, mirror_dir=str(tmp_path / "node")),
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


@pytest.fixture
def followed(settings: Settings, lake: Lake) -> Iterator[LiveVersions]:
    with closing(LiveVersions(settings, lake)) as following:
        yield following


def test_a_refused_profile_is_not_swapped_in(settings: Settings, lake: Lake) -> None:
    Shop(lake).publish("a")

    def refuse(profile: Profile) -> None:
        raise ProfileMismatch(f"cannot encode for {profile.name}")

    with closing(LiveVersions(settings, lake, check=refuse)) as following:
        with pytest.raises(ProfileMismatch, match="cannot encode for fake"):
            following.get("shop")
        assert following.status()["shop"].version is None


def test_pages_stay_on_their_version_while_it_is_held(followed: LiveVersions, lake: Lake) -> None:
    shop = Shop(lake)
    shop.publish(*(f"p{n}" for n in range(9)))
    searcher = Searcher(catalogues.PROFILE, ServeSettings())
    request = SearchRequest(limit=2)
    seen: list[str] = []
    for write in ("p0", "a-new-one", "another"):
        version = followed.get("shop", page_cursor=request.cursor)
        page = searcher.search(version, request, EncodedQuery())
        seen += [hit.id for hit in page.hits]
        assert page.total == 9
        assert not page.version_changed
        shop.publish(write)
        followed.refresh("shop")
        request = request.model_copy(update={"cursor": page.next_cursor})
    assert seen == ["p0", "p1", "p2", "p3", "p4", "p5"]
    for n in range(store.MAX_HELD):
        shop.publish(f"p{n}more")
        followed.refresh("shop")
    version = followed.get("shop", page_cursor=request.cursor)
    assert version.label == followed.get("shop").label
    page = searcher.search(version, request, EncodedQuery())
    assert (page.version_changed, page.total) == (True, 11 + store.MAX_HELD)
    assert [hit.id for hit in page.hits] == ["p5more", "p6"], "behind p5, what came since included"
    assert searcher.search(version, SearchRequest(), EncodedQuery()).version_changed is False


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
    with closing(LiveVersions(settings, lake, clock=clock)) as following:
        searcher = Searcher(catalogues.PROFILE, settings.serve)
        cheap = SearchRequest(filters=Filters(price=PriceRange(lte=Decimal(13))))

        def shown() -> list[tuple[str | None, str | None]]:
            found = following.get("shop")
            assert searcher.search(found, cheap, EncodedQuery()).total == (
                found.prices.paid(rows_of(found.alive))[0] < 13
            )
            return [
                (hit.price, hit.list_price)
                for hit in searcher.search(found, SearchRequest(), EncodedQuery()).hits
            ]

        first = following.get("shop")
        monkeypatch.setattr(following, "_load", lambda *_, **__: pytest.fail("loaded"))
        assert shown() == [("20.00 USD", None)]
        clock.now = 1
        assert shown() == [("12.00 USD", "20.00 USD")]
        assert following.get("shop") is following.get("shop") is not first
        assert following.refresh("shop") is following.get("shop")
        assert first.prices.paid(rows_of(first.alive)).tolist() == [20.0], (
            "a query that began before keeps its prices"
        )
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
    with closing(LiveVersions(settings, lake, clock=clock)) as following:
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

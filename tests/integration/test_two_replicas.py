"""Two replicas on different nodes answer the pages of one search in turn while the lake publishes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.lake import open_lake
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Hit, SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.search.versions import store
from mmpipe.settings import LakeSettings, ServeSettings, Settings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
COUNT = 300


class Shop:
    """A lake that two replicas follow, each when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(lake=LakeSettings(uri=str(folder / "lake")))
        self.lake = open_lake(self.settings)
        self.collection = self.lake.collection("shop", create=True)
        self.table = self.collection.products(catalogues.PROFILE, create=True)
        self.order = 0
        self.changed: set[str] = set()
        self.write([made(n) for n in range(COUNT)])
        self.changed.clear()
        self._closing = ExitStack()
        self.replicas = [self._replica(folder / f"node{n}") for n in range(2)]

    def _replica(self, node: Path) -> LiveVersions:
        serve = ServeSettings(mirror_dir=str(node), live_poll_seconds=60)
        replica = LiveVersions(self.settings.model_copy(update={"serve": serve}), open_lake(self.settings))
        self._closing.callback(replica.close)
        return replica

    def write(self, products: list[Product]) -> None:
        self.changed |= {product.id for product in products}
        self.table.upsert(catalogues.rows_of(products, order=self._next()))
        self.collection.publish(self.table, reason="test")

    def delete(self, ids: list[str]) -> None:
        self.changed |= set(ids)
        rows = [catalogues.Tombstone(i, self._next(), "run", catalogues.NOW) for i in ids]
        self.table.upsert(catalogues.build_tombstones(rows, catalogues.PROFILE.dim))
        self.collection.publish(self.table, reason="test")

    def compact(self) -> None:
        self.table.latest().optimize.compact_files()
        self.collection.publish(self.table, reason="test")

    def close(self) -> None:
        self._closing.close()

    def _next(self) -> str:
        self.order += 1
        return f"{self.order:06d}"


def made(number: int, suffix: str = "", **more: Any) -> Product:
    title = f"{('red', 'blue')[number % 2]} {('lamp', 'shoe', 'shirt')[number % 3]} w{number % 7}"
    fields = {"price": f"{number % 20}.50", **more}
    return catalogues.product(f"p{number:04d}{suffix}", title, **fields)


STEPS: tuple[Callable[[Shop, Sequence[int]], None], ...] = (
    lambda shop, some: shop.write([made(n, price="3.25") for n in some]),
    lambda shop, some: shop.write([made(n, "new") for n in some]),
    lambda shop, some: shop.delete([f"p{n:04d}" for n in some]),
    lambda shop, _: shop.compact(),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made_shop = Shop(tmp_path)
    yield made_shop
    made_shop.close()


@pytest.mark.parametrize("sort", ["relevance", "price_asc"])
@pytest.mark.parametrize("text", ["red lamp", None])
@pytest.mark.parametrize("holds", [True, False], ids=["held", "not held"])
def test_pages_of_replicas_in_turn_skip_and_repeat_nothing(
    shop: Shop, text: str | None, sort: Any, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not holds:
        monkeypatch.setattr(store, "MAX_HELD", 0)
    rng = random.Random(7)
    searcher = Searcher(LOADED.profile, ServeSettings())
    request = SearchRequest(text=text, sort=sort, limit=7)
    query = encode(request, LOADED, {})

    def following(cursor: str | None) -> SearchRequest:
        return request.model_copy(update={"cursor": cursor})

    whole: list[Hit] = []
    cursor: str | None = None
    while cursor is not None or not whole:
        page = searcher.search(shop.replicas[0].get("shop"), following(cursor), query)
        whole += page.hits
        cursor = page.next_cursor

    found: list[Hit] = []
    told: set[str] = set()
    changes = 0
    for turn in range(1_000):
        # The one that answers may know what is live, or not yet.
        replica = shop.replicas[turn % 2]
        if rng.random() < 0.6:
            replica.refresh("shop")
        page = searcher.search(replica.get("shop", page_cursor=cursor), following(cursor), query)
        changes += page.version_changed
        told.add(page.version)
        found += page.hits
        cursor = page.next_cursor
        if cursor is None:
            break
        if turn < 12:
            STEPS[turn % len(STEPS)](shop, rng.sample(range(COUNT), 3))
    assert cursor is None
    assert len(told) > 1
    assert changes >= 1
    same = [hit for hit in whole if hit.id not in shop.changed]
    assert len(same) > 30
    assert [(hit.id, hit.score, hit.scores) for hit in found if hit.id not in shop.changed] == [
        (hit.id, hit.score, hit.scores) for hit in same
    ]

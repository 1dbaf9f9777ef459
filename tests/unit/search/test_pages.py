"""Pages of one search over versions that follow one another: what did not change is neither skipped nor
repeated, and earns the same to the last bit."""

from __future__ import annotations

import base64
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
COLOURS, THINGS = ("red", "blue", "green"), ("lamp", "shoe", "shirt")


def product_of(number: int, rng: random.Random, **more: Any) -> Product:
    title = f"{rng.choice(COLOURS)} {rng.choice(THINGS)} w{rng.randrange(5)}"
    rating = {"rating": rng.choice((None, 3.5, 4.0)), "rating_count": rng.choice((None, 1, 7))}
    return catalogues.product(f"p{number:04d}", title, price=f"{rng.randrange(20)}.50", **rating, **more)


class Shop:
    """A table that changes between the pages of a search. ``changed`` are the products that did."""

    def __init__(self, folder: Path, rng: random.Random, count: int) -> None:
        self.folder = folder / "t"
        self.rng = rng
        self.products = {p.id: p for p in (product_of(n, rng) for n in range(count))}
        self.changed: set[str] = set()
        every = list(self.products.values())
        half = count // 2
        catalogues.create(self.folder, *(catalogues.rows_of(part) for part in (every[:half], every[half:])))
        self.current = catalogues.version(lance.dataset(str(self.folder)))

    def some(self) -> list[str]:
        ids = sorted(self.products)
        return self.rng.sample(ids, self.rng.randint(1, min(6, len(ids))))

    def prices(self) -> None:
        self._write([self.products[i].model_copy(update={"price": self._price()}) for i in self.some()])

    def words(self) -> None:
        self._write([product_of(int(i[1:]), self.rng) for i in self.some()])

    def new(self) -> None:
        # Their ids stand between those that are there, and some are more alike than any was.
        ids = [f"{i}{self.rng.randrange(100)}" for i in self.some()]
        made = [product_of(0, self.rng) for _ in ids]
        self._write(
            [p.model_copy(update={"id": i}) for i, p in zip(ids, made, strict=True) if i not in self.products]
        )

    def delete(self) -> None:
        gone = self.some()
        for product_id in gone:
            del self.products[product_id]
        self.changed |= set(gone)
        catalogues.upsert(self.folder, catalogues.tombstones(gone))

    def compact(self) -> None:
        lance.dataset(str(self.folder)).optimize.compact_files()

    def publish(self) -> Version:
        self.current = catalogues.version(lance.dataset(str(self.folder)), former=self.current)
        return self.current

    def _price(self) -> Any:
        return catalogues.usd(f"{self.rng.randrange(20)}.25")

    def _write(self, products: list[Product]) -> None:
        if products:
            self.products |= {p.id: p for p in products}
            self.changed |= {p.id for p in products}
            catalogues.upsert(self.folder, catalogues.rows_of(products))


STEPS: dict[str, Callable[[Shop], None]] = {
    "prices": Shop.prices,
    "words": Shop.words,
    "new": Shop.new,
    "delete": Shop.delete,
    "compact": Shop.compact,
}


def ask(version: Version, request: SearchRequest) -> SearchResponse:
    searcher = Searcher(LOADED.profile, ServeSettings(candidates=40))
    return searcher.search(version, request, encode(request, LOADED, {}))


def all_pages(version: Version, request: SearchRequest) -> list[SearchResponse]:
    pages = [ask(version, request)]
    while pages[-1].next_cursor is not None:
        pages.append(ask(version, request.model_copy(update={"cursor": pages[-1].next_cursor})))
    return pages


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    text=st.sampled_from((None, "red lamp", "lamp", "shoe w3 unheard", "unheard")),
    sort=st.sampled_from(("relevance", "relevance", "price_asc", "price_desc", "newest", "rating")),
    diversity=st.sampled_from((0.0, 0.0, 0.5)),
    limit=st.integers(3, 15),
    steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6),
)
def test_what_did_not_change_is_neither_skipped_nor_repeated(
    seed: int, text: str | None, sort: Any, diversity: float, limit: int, steps: list[str]
) -> None:
    request = SearchRequest(text=text, sort=sort, diversity=diversity, limit=limit)
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), random.Random(seed), 120)
        first = shop.current
        before = [hit for page in all_pages(first, request) for hit in page.hits]
        pages = [ask(first, request)]
        versions = [first.label]
        for step in steps:
            if pages[-1].next_cursor is None:
                break
            STEPS[step](shop)
            version = shop.publish()
            versions.append(version.label)
            pages.append(ask(version, request.model_copy(update={"cursor": pages[-1].next_cursor})))
            assert pages[-1].version_changed is (versions[-1] != versions[-2])
        if pages[-1].next_cursor is not None:
            following = request.model_copy(update={"cursor": pages[-1].next_cursor})
            pages += all_pages(shop.current, following)
            assert not any(page.version_changed for page in pages[len(versions) :])
    found = [hit for page in pages for hit in page.hits]
    same = [hit.id for hit in before if hit.id not in shop.changed]
    assert [hit.id for hit in found if hit.id not in shop.changed] == same
    scores = {hit.id: (hit.score, hit.scores) for hit in before}
    for hit in found:
        if hit.id not in shop.changed:
            assert (hit.score, hit.scores) == scores[hit.id], "to the last bit"


def tampered(text: str, /, **changes: Any) -> str:
    raw = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**raw, **changes}).encode()).decode().rstrip("=")


counts = st.integers(0, 2**53)
numbers = st.one_of(st.floats(-1e12, 1e12), st.sampled_from((0.0, -0.0, 5e-324, -1e12, 1e12)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {
                "n": counts,
                "l": counts,
                "df": st.lists(counts, max_size=4),
                "r": st.integers(1, 64),
                "c": st.floats(0, 1e12, exclude_min=True),
            }
        ),
    ),
    vector=st.one_of(st.none(), st.tuples(numbers, numbers)),
    weights=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    key=st.one_of(st.none(), numbers),
    after=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    query=st.sampled_from((None, "red lamp", "unheard")),
    sort=st.sampled_from(("relevance", "price_asc", "price_desc")),
)
def test_a_changed_cursor_is_refused_or_gives_another_place_in_the_same_result(
    shop: Shop, query: str | None, sort: Any, **changes: Any
) -> None:
    request = SearchRequest(text=query, sort=sort, limit=5)
    first = ask(shop.current, request)
    assert first.next_cursor is not None
    following = request.model_copy(update={"cursor": tampered(first.next_cursor, **changes)})
    try:
        page = ask(shop.current, following)
    except InvalidRequest:
        return
    assert {hit.id for hit in page.hits} <= set(shop.products)
    assert len(page.hits) <= min(5, page.total)
    assert page.total <= len(shop.products)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("pages"), random.Random(1), 60)


def test_a_version_that_is_not_held_says_so_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, random.Random(2), 60)
    request = SearchRequest(text="lamp", limit=5)
    first = ask(shop.current, request)
    assert not first.version_changed
    shop.new()
    second = ask(shop.publish(), request.model_copy(update={"cursor": first.next_cursor}))
    assert (second.version_changed, second.version) == (True, shop.current.label)
    third = ask(shop.current, request.model_copy(update={"cursor": second.next_cursor}))
    assert not third.version_changed

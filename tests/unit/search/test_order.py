"""The order of matches by whatever was asked: its pages are the slow and obvious order, cut."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.lake.schema import ADDED
from mmpipe.schemas.product import Product
from mmpipe.schemas.rules import Pin
from mmpipe.schemas.search import Facet, Filters, Hit, SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.asked import NOBODY, Asked
from mmpipe.search.find.diversity import diversified
from mmpipe.search.page import window
from mmpipe.search.rules.effects import Effects
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
SORTS = ("relevance", "relevance", "relevance", "price_asc", "price_desc", "newest", "rating", "popularity")
COLOURS = ("Red", "red", "Blue", None)
COUNT = 40
# Windows of the tests: of small catalogues they would be everything.
TIMES, LEAST = 1, 7


@dataclass
class Shop:
    """Products with all that they are ordered by, and a version of them."""

    products: dict[str, Product]
    added: dict[str, float | None]
    popular: dict[str, float]
    version: Version

    @classmethod
    def random(cls, seed: int, folder: Any) -> Shop:
        rng = random.Random(seed)
        products, added, popular = {}, {}, {}
        for number in range(COUNT):
            rated = rng.random() < 0.6
            product = catalogues.product(
                f"p{number * 7 % COUNT:02}",
                f"{rng.choice(('red', 'blue'))} {rng.choice(('lamp', 'shoe'))} w{rng.randrange(4)}",
                price=rng.choice((None, f"{rng.randrange(6)}.50")),
                currency=rng.choice(("USD", "USD", "USD", "EUR")),
                color=rng.choice(COLOURS),
                item_group_id=rng.choice((None, *(f"g{n}" for n in range(7)))),
                rating=float(rng.randrange(8, 11)) / 2 if rated else None,
                rating_count=rng.choice((None, 0, 3, 12)) if rated else None,
            )
            products[product.id] = product
            added[product.id] = rng.choice((None, 1.7e9 + rng.randrange(5)))
            if rng.random() < 0.5:
                popular[product.id] = float(rng.randrange(4))
        every = list(products.values())
        batches = [_rows(part, added) for part in (every[:15], every[15:])]
        return cls(products, added, popular, catalogues.version(catalogues.create(folder / "t", *batches)))

    def popularity(self, version: Version) -> np.ndarray[Any, np.dtype[np.float64]]:
        values = np.full(version.layout.rows, np.nan)
        for product_id, value in self.popular.items():
            values[version.row(product_id)] = value
        return values

    def group(self, product_id: str) -> str:
        return self.products[product_id].item_group_id or f"alone {product_id}"


def _rows(products: Sequence[Product], added: dict[str, float | None]) -> pa.Table:
    table = catalogues.rows_of(products)
    moments = [added[p.id] for p in products]
    column = pa.array(
        [None if at is None else datetime.fromtimestamp(at, UTC) for at in moments],
        table.schema.field(ADDED).type,
    )
    return table.set_column(table.schema.get_field_index(ADDED), table.schema.field(ADDED), column)


SHOPS: dict[int, Shop] = {}


@pytest.fixture(scope="module", autouse=True)
def _shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(window, "_TIMES", TIMES)
    patch.setattr(window, "_LEAST", LEAST)
    for seed in range(4):
        SHOPS[seed] = Shop.random(seed, tmp_path_factory.mktemp(f"shop{seed}"))
    yield
    patch.undo()
    SHOPS.clear()


def page_of(version: Version, request: SearchRequest, asked: Asked = NOBODY) -> SearchResponse:
    searcher = Searcher(LOADED.profile, ServeSettings(candidates=COUNT))
    body = searcher.answer(version, request, encode(request, LOADED, {}), asked).body
    return SearchResponse.model_validate_json(body)


def all_pages(
    version: Version, request: SearchRequest, asked: Asked = NOBODY, limits: Sequence[int] = ()
) -> list[SearchResponse]:
    """Every page; later ones may be of other sizes, and are asked without what the cursor has."""
    pages = [page_of(version, request, asked)]
    while pages[-1].next_cursor is not None:
        limit = limits[len(pages) % len(limits)] if limits else request.limit
        following = request.model_copy(update={"cursor": pages[-1].next_cursor, "limit": limit})
        pages.append(page_of(version, following, asked))
    return pages


def natural(shop: Shop, request: SearchRequest) -> list[tuple[str, float]]:
    """The matches with their scores, in order, products by products."""
    plain = SearchRequest(text=request.text, filters=request.filters, limit=100)
    scores = {hit.id: hit.score for hit in page_of(shop.version, plain).hits}

    def key(product_id: str) -> tuple[Any, ...]:
        product = shop.products[product_id]
        number: float | None = scores[product_id]
        second = 0
        if request.sort in ("price_asc", "price_desc"):
            paid = product.price if product.price and product.price.currency == "USD" else None
            number = None if paid is None else float(paid.amount)
            if number is not None and request.sort == "price_asc":
                number = -number
        elif request.sort == "newest":
            number = shop.added[product_id]
        elif request.sort == "rating":
            number, second = product.rating, product.rating_count or 0
        elif request.sort == "popularity":
            number = shop.popular.get(product_id)
        return number is None, -(number or 0.0), -second if number is not None else 0, product_id

    return [(product_id, scores[product_id]) for product_id in sorted(scores, key=key)]


def one_each(shop: Shop, ids: Sequence[str]) -> list[str]:
    seen: dict[str, str] = {}
    for product_id in ids:
        seen.setdefault(shop.group(product_id), product_id)
    return list(seen.values())


def expected(shop: Shop, request: SearchRequest, pins: Sequence[Pin]) -> tuple[list[str], set[str]]:
    """What is shown, in order, and all matches."""
    found = natural(shop, request)
    scores = dict(found)
    wanted = {value.casefold() for value in request.filters.color or ()}
    pinned: list[tuple[int, str]] = []
    if request.sort == "relevance":
        for pin in sorted(pins, key=lambda pin: pin.position):
            product = shop.products.get(pin.id)
            if product is not None and (not wanted or (product.color or "").casefold() in wanted):
                pinned.append((pin.position, pin.id))
    ids = [product_id for product_id, _ in found]
    every = set(ids)
    if request.collapse:
        kept = one_each(shop, [product_id for _, product_id in pinned])
        pinned = [each for each in pinned if each[1] in kept]
        taken = {shop.group(product_id) for product_id in kept}
        ids = [product_id for product_id in one_each(shop, ids) if shop.group(product_id) not in taken]
    else:
        ids = [product_id for product_id in ids if product_id not in {p for _, p in pinned}]
    matches = every | {product_id for _, product_id in pinned}
    if request.sort == "relevance" and request.diversity > 0:
        depth = max(TIMES * request.limit, LEAST)
        first = ids[:depth]
        rows = np.array([shop.version.row(i) for i in first], np.int32)
        vectors, _ = shop.version.fused.gather(rows)
        worth = np.array([scores[i] for i in first])
        order = diversified(worth, vectors, request.diversity, len(first))
        ids[:depth] = [first[place] for place in order]
    shown: list[str] = []
    while ids or pinned:
        if pinned and (pinned[0][0] <= len(shown) + 1 or not ids):
            shown.append(pinned.pop(0)[1])
        else:
            shown.append(ids.pop(0))
    return shown, matches


def check_variants(shop: Shop, hit: Hit, matches: set[str]) -> None:
    product = shop.products[hit.id]
    if product.item_group_id is None:
        assert hit.variants is None
        return
    group = [p for p in shop.products.values() if p.item_group_id == product.item_group_id]
    told = hit.variants
    assert told is not None
    assert told.count == len(group)
    assert told.matching == len([p for p in group if p.id in matches])
    currency = None if product.price is None else product.price.currency
    paid = [p.price.amount for p in group if p.price is not None and p.price.currency == currency]
    low, high = (f"{each} {currency}" for each in (min(paid), max(paid))) if paid else (None, None)
    assert (told.price_min, told.price_max) == (low, high)
    assert told.swatches[0].id == hit.id
    colours = {(p.color or "").casefold() for p in group}
    assert {(swatch.color or "").casefold() for swatch in told.swatches} == colours
    assert len(told.swatches) == len(colours)


pins_drawn = st.lists(
    st.builds(Pin, id=st.integers(0, COUNT + 2).map(lambda n: f"p{n:02}"), position=st.integers(1, 45)),
    max_size=5,
    unique_by=(lambda pin: pin.id, lambda pin: pin.position),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 3),
    text=st.sampled_from((None, None, "red lamp", "shoe w3", "unheard")),
    sort=st.sampled_from(SORTS),
    colour=st.sampled_from((None, None, "RED", "blue")),
    collapse=st.booleans(),
    diversity=st.sampled_from((0.0, 0.4, 1.0)),
    pins=pins_drawn,
    limits=st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
def test_pages_are_the_obvious_order(
    seed: int,
    text: str | None,
    sort: Any,
    colour: str | None,
    collapse: bool,
    diversity: float,
    pins: list[Pin],
    limits: list[int],
) -> None:
    shop = SHOPS[seed]
    filters = Filters(color=None if colour is None else [colour])
    request = SearchRequest(
        text=text, sort=sort, filters=filters, collapse=collapse, diversity=diversity, limit=limits[0],
        facets=[Facet(field="color")],
    )  # fmt: skip
    asked = Asked(
        effects=Effects(pins=tuple(pins)) if pins else None, popularity=shop.popularity, query_id="q1"
    )
    pages = all_pages(shop.version, request, asked, limits)
    shown, matches = expected(shop, request, pins)
    assert [hit.id for page in pages for hit in page.hits] == shown
    assert {page.total for page in pages} == {len(shown)}
    assert {page.query_id for page in pages} == {"q1"}
    if colour is None:
        counts: dict[str, set[str]] = defaultdict(set)
        for product_id in matches:
            value = shop.products[product_id].color
            if value is not None:
                unit = shop.group(product_id) if collapse else product_id
                counts[value.casefold()].add(unit)
        for page in pages:
            found = {each.value.casefold(): each.count for each in page.facets["color"]}
            assert found == {value: len(units) for value, units in counts.items()}
    for page in pages:
        for hit in page.hits:
            if collapse:
                check_variants(shop, hit, matches)
            else:
                assert hit.variants is None
            assert hit.scores is not None
            assert sum(v for _, v in hit.scores) == pytest.approx(hit.score, abs=1e-3)


class Backwards:
    """A judge that turns the first five round, or cannot."""

    def __init__(self, *, able: bool = True) -> None:
        self.able = able
        self.asked = 0

    def depth(self, limit: int) -> int:
        return 5

    def order(self, version: Version, query: Any, rows: Any, scores: Any) -> Any:
        self.asked += 1
        assert (np.diff(scores) <= 0).all()
        return np.arange(len(rows))[::-1] if self.able else None


def test_a_judge_is_asked_once_and_later_pages_go_on_with_its_order() -> None:
    shop, request = SHOPS[0], SearchRequest(text="red lamp", limit=2)
    before = [hit.id for page in all_pages(shop.version, request) for hit in page.hits]
    assert len(before) > 7
    judge = Backwards()
    pages = all_pages(shop.version, request, Asked(judge=judge))
    assert [hit.id for page in pages for hit in page.hits] == [*before[4::-1], *before[5:]]
    assert judge.asked == 1
    assert (pages[0].reranked, pages[1].reranked) == (True, None)


def test_what_cannot_be_judged_stays_in_order() -> None:
    shop, request = SHOPS[0], SearchRequest(text="red lamp", limit=2)
    pages = all_pages(shop.version, request, Asked(judge=Backwards(able=False)))
    plain = all_pages(shop.version, request)
    assert [page.hits for page in pages] == [page.hits for page in plain]
    assert pages[0].reranked is False
    browsed = page_of(shop.version, SearchRequest(limit=2), Asked(judge=Backwards()))
    assert browsed.reranked is None, "nothing was asked that could be judged"


def test_nobody_knows_what_is_popular() -> None:
    shop = SHOPS[0]
    pages = all_pages(shop.version, SearchRequest(sort="popularity", limit=7))
    assert [hit.id for page in pages for hit in page.hits] == sorted(shop.products)


def test_a_window_is_no_longer_than_its_cursor_has_room(tmp_path: Any) -> None:
    products = [catalogues.product(f"{'w' * 120}{n:03}", f"lamp w{n}") for n in range(150)]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    patch = pytest.MonkeyPatch()
    patch.setattr(window, "_LEAST", 150)
    try:
        pages = all_pages(version, SearchRequest(text="lamp", diversity=0.5, limit=20))
    finally:
        patch.undo()
    assert len({hit.id for page in pages for hit in page.hits}) == pages[0].total == 150
    assert all(page.next_cursor is None or len(page.next_cursor) <= 16_000 for page in pages)

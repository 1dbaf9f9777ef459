"""Everything a result page says, against the same computed the slow way, over random catalogues and
requests."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.lexical import tokens
from mmpipe.schemas.product import Product, SalePeriod
from mmpipe.schemas.search import Facet, FacetCount, Filters, PriceRange, SearchRequest, SearchResponse
from mmpipe.search import EncodedQuery, Searcher, Version, encode
from mmpipe.search.find.question import THING
from mmpipe.search.find.things import things
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues, oracle

WORDS = ("red", "blue", "shirt", "shoe", "lamp", "红色", "连衣裙")
BRANDS = (None, "Acme", "ACME", "Globex")
CATEGORIES = (None, "Clothing > Shirts", "clothing > Shoes > Sneakers", "Home > Lamps", "Outlet > Clothing")
COLORS = (None, "Red", "red", "Blue")
DAYS = tuple(catalogues.NOW + timedelta(days=n) for n in (-2, 0, 2))
PERIODS = (
    None,
    *(
        SalePeriod(start=start, end=end)
        for start in (None, *DAYS)
        for end in (None, *DAYS)
        if start is None or end is None or start < end
    ),
)
# Valid ones, one of nothing, and some above or at the price.
SALES = st.one_of(st.none(), st.tuples(st.sampled_from((0, 99, 499, 1099)), st.sampled_from(PERIODS)))
FACETS = ("brand", "category", "color", "price", "attributes.season")
DEPTH = 10

products_strategy = st.lists(
    st.builds(
        lambda *row: row,
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
        st.sampled_from(BRANDS),
        st.sampled_from(CATEGORIES),
        st.sampled_from(COLORS),
        st.one_of(st.none(), st.integers(0, 6).map(lambda n: n * 500 + 99)),
        st.sampled_from(("USD", "USD", "USD", "EUR")),
        st.sampled_from(
            ({}, {"Season": "Summer"}, {"season": "summer", "Fit": "Slim"}, {"Season": "Winter"})
        ),
        SALES,
    ),
    max_size=30,
)
filters_strategy = st.builds(
    Filters,
    brand=st.sampled_from((None, ["acme"], ["Globex", "ACME"], ["nobody"])),
    category=st.sampled_from(
        (None, ["Clothing"], ["clothing>shoes"], ["SNEAKERS", "Home > Lamps"], ["Shirts"])
    ),
    color=st.sampled_from((None, ["RED"], ["blue", "red"])),
    attributes=st.sampled_from(
        ({}, {"SEASON": ["summer"]}, {"season": ["Winter", "Summer"], "fit": ["slim"]}, {"none": ["x"]})
    ),
    price=st.sampled_from(
        (
            None,
            PriceRange(),
            PriceRange(gte=Decimal("5.99")),
            PriceRange(gte=Decimal(1), lte=Decimal("20.99")),
        )
    ),
)


def make(rows: list[tuple[Any, ...]]) -> list[Product]:
    made = []
    for index, (words, brand, category, color, cents, currency, attributes, sale) in enumerate(rows):
        price = None if cents is None else str(Decimal(int(str(cents))) / 100)
        reduced, period = sale or (None, None)
        made.append(
            catalogues.product(
                f"p{index}",
                " ".join(words),
                price=price,
                currency=str(currency),
                brand=brand,
                product_type=category,
                color=color,
                attributes=attributes,
                sale_price=None if reduced is None else catalogues.usd(str(Decimal(reduced) / 100), currency),
                sale_price_effective_date=period,
            )
        )
    # Priced in euro only where dollars stay the majority, so that the collection's own currency is known.
    priced = [p.price or p.valid_sale_price for p in made]
    dollars = sum(money is not None and money.currency == "USD" for money in priced)
    euros = sum(money is not None and money.currency == "EUR" for money in priced)
    return (
        made if dollars > euros else [p.model_copy(update={"price": None, "sale_price": None}) for p in made]
    )


def version_of(products: list[Product], folder: str) -> Version:
    half = len(products) // 2
    batches = [catalogues.rows_of(part) for part in (products[:half], products[half:]) if part]
    return catalogues.version(catalogues.create(Path(folder) / "t.lance", *batches))


def all_pages(
    searcher: Searcher, version: Version, request: SearchRequest, query: EncodedQuery
) -> list[SearchResponse]:
    pages = [searcher.search(version, request, query)]
    while pages[-1].next_cursor is not None:
        following = request.model_copy(update={"cursor": pages[-1].next_cursor})
        pages.append(searcher.search(version, following, query))
    return pages


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=products_strategy,
    filters=filters_strategy,
    text=st.one_of(st.none(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)),
    limit=st.integers(1, 12),
    now=st.sampled_from(DAYS),
)
def test_pages_totals_and_facets_are_those_of_the_obvious_search(
    rows: list[tuple[Any, ...]], filters: Filters, text: str | None, limit: int, now: datetime
) -> None:
    products = make(rows)
    loaded = registry.load("fake")
    searcher = Searcher(loaded.profile, ServeSettings(candidates=DEPTH, synonyms=False, typos=False))
    own = [Facet(field=name, disjunctive=False) for name in FACETS]
    request = SearchRequest(text=text, filters=filters, limit=limit, facets=own)
    wider = request.model_copy(update={"facets": [Facet(field=name) for name in FACETS]})
    with tempfile.TemporaryDirectory() as folder:
        version = version_of(products, folder).at(now.timestamp())
        pages = all_pages(searcher, version, request, encode(request, loaded, {}))
        beside = searcher.search(version, wider, encode(wider, loaded, {}))

    passing = [p for p in products if oracle.passes(p, filters, now)]
    hits = [hit for page in pages for hit in page.hits]
    found = [hit.id for hit in hits]
    if text is None:
        assert found == sorted(p.id for p in passing)
    else:
        lexical = {i: s for i, s in oracle.bm25(products, text).items() if i in {p.id for p in passing}}
        query = loaded.encoders["text"].embed_query(text)
        vectors = loaded.encoders["text"].embed_documents([p.text_for_encoder() for p in passing])
        cosines = oracle.cosines([p.id for p in passing], vectors, query) if passing else {}
        whole = oracle.whole_query(products, text)
        most, matching = oracle.text_matches(passing, text)
        serve = ServeSettings()
        expected = oracle.combined(
            lexical, matching, whole, cosines, serve.vector_weight, DEPTH, serve.relevance
        )
        # What a thing is lifts by a share of the highest score that there may be.
        ceiling = max(whole, *lexical.values()) if matching else 0.0
        span = 1.0 if matching and passing and cosines else ceiling
        for product in passing:
            if product.id in expected and oracle.is_asked_for(product, text, things().names):
                expected[product.id] += THING * span
        asked = len(set(tokens(text)))
        assert {(p.words.asked, p.words.required) for p in pages if p.words} == {(asked, most)}
        # Equal vectors may differ in the last digit and change places; scores must be the same set all the
        # same.
        assert sorted(hit.score for hit in hits) == pytest.approx(sorted(expected.values()), abs=2e-3)
        assert found == sorted(found, key=lambda i: (-next(h.score for h in hits if h.id == i), i))
    assert len(found) == len(set(found))
    assert {page.total for page in pages} == {len(found)}
    assert all(len(page.hits) == limit for page in pages[:-1])
    assert all(page.facets == pages[0].facets for page in pages)
    for hit in hits:
        assert hit.scores is not None
        assert sum(hit.scores.model_dump().values()) == pytest.approx(hit.score, abs=1e-9)
    matching = {p.id: p for p in products if p.id in set(found)}
    _check_facets(pages[0], list(matching.values()), now)
    _check_disjunctive(beside, filters, list(matching.values()), products if text is None else None, now)
    _check_prices(pages, matching, now)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=products_strategy,
    text=st.one_of(st.none(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)),
    hybrid=st.booleans(),
)
def test_a_value_as_a_filter_finds_what_its_facet_counts_and_by_vector_no_fewer(
    rows: list[tuple[Any, ...]], text: str | None, hybrid: bool
) -> None:
    products = make(rows)
    loaded = registry.load("fake")
    weight = ServeSettings().vector_weight if hybrid else 0.0
    serve = ServeSettings(candidates=DEPTH, synonyms=False, typos=False, vector_weight=weight)
    searcher = Searcher(loaded.profile, serve)
    request = SearchRequest(text=text, limit=1, facets=["brand", "color"])
    with tempfile.TemporaryDirectory() as folder:
        version = version_of(products, folder)
        query = encode(request, loaded, {})
        page = searcher.search(version, request, query)
        for name, counts in page.facets.items():
            for count in counts:
                chosen = request.model_copy(update={"filters": _chosen(name, count.value)})
                total = searcher.search(version, chosen, query).total
                assert total == count.count or (hybrid and text and total > count.count), (name, count)


def _check_prices(pages: list[SearchResponse], matching: dict[str, Product], now: datetime) -> None:
    for hit in (hit for page in pages for hit in page.hits):
        product = matching[hit.id]
        paid = product.effective_price(now)
        assert hit.price == (None if paid is None else f"{paid.amount:.2f} {paid.currency}")
        reduced = product.price is not None and paid != product.price
        assert hit.list_price == (f"{product.price.amount:.2f} {product.price.currency}" if reduced else None)


def _check_disjunctive(
    page: SearchResponse,
    filters: Filters,
    matching: list[Product],
    products: list[Product] | None,
    now: datetime,
) -> None:
    """Of chosen values the matches count; of the others, browsing, what else passes the other filters."""
    for name, counts in page.facets.items():
        wider = _without(filters, name)
        for count in counts:
            chosen = _chosen(name, count.value)
            inside = [p for p in matching if oracle.passes(p, chosen, now)]
            if products is not None:
                inside = [
                    p for p in products if oracle.passes(p, wider, now) and oracle.passes(p, chosen, now)
                ]
                assert count.count == len(inside), (name, count)
            else:
                assert count.count >= len(inside), (name, count)
        if name != "price" and wider == filters:
            assert [(c.value, c.count) for c in counts] == _counted(matching, name, counts, now)


def _counted(
    matching: list[Product], name: str, counts: list[FacetCount], now: datetime
) -> list[tuple[str, int]]:
    return [(c.value, sum(oracle.passes(p, _chosen(name, c.value), now) for p in matching)) for c in counts]


def _without(filters: Filters, name: str) -> Filters:
    if not name.startswith("attributes."):
        return filters.model_copy(update={name: None})
    left = {n: v for n, v in filters.attributes.items() if n.casefold() != name.removeprefix("attributes.")}
    return filters.model_copy(update={"attributes": left})


def _chosen(name: str, value: str) -> Filters:
    if name == "price":
        low, high = (Decimal(end) for end in value.split(".."))
        return Filters(price=PriceRange(gte=low, lte=high))
    if name.startswith("attributes."):
        return Filters(attributes={name.removeprefix("attributes."): [value]})
    return Filters(**{name: [value]})


def _check_facets(page: SearchResponse, matching: list[Product], now: datetime) -> None:
    for name, counts in page.facets.items():
        assert len({c.value.casefold() for c in counts}) == len(counts)
        for count in counts:
            chosen = _chosen(name, count.value)
            assert count.count == sum(oracle.passes(p, chosen, now) for p in matching), (name, count)
        if name != "price":
            assert counts == sorted(counts, key=lambda c: (-c.count, c.value))
    paid = [p.effective_price(now) for p in matching]
    assert sum(c.count for c in page.facets["price"]) == sum(
        money is not None and money.currency == "USD" for money in paid
    )
    assert {c.value.casefold() for c in page.facets["brand"]} == {
        p.brand.casefold() for p in matching if p.brand
    }


def test_scores_of_one_vector_list_are_cosines(tmp_path: Path) -> None:
    products = [catalogues.product(f"p{n}", f"thing {n}") for n in range(5)]
    loaded = registry.load("fake")
    picture = np.full((4, 4, 3), 40, np.uint8)
    version = catalogues.version(
        catalogues.create(tmp_path / "t", catalogues.rows_of(products, {"p1": 40, "p2": 200}))
    )
    request = SearchRequest()
    query = encode(request, loaded, {"image": picture})
    page = Searcher(loaded.profile, ServeSettings(relevance=0)).search(version, request, query)
    assert page.hits[0].id == "p1"
    assert page.total == 5
    best = page.hits[0]
    assert best.scores is not None
    assert best.scores.image > best.scores.text
    assert sum(best.scores.model_dump().values()) == pytest.approx(best.score, abs=1e-9)
    texts, pictures = (loaded.encoders[m] for m in ("text", "image"))
    fused = (
        texts.embed_documents([products[1].text_for_encoder()])[0] + pictures.embed_documents([picture])[0]
    )
    # Stored vectors are float16.
    assert best.score == pytest.approx(float(query.vector @ fused / np.linalg.norm(fused)), abs=2e-4)  # type: ignore[operator]

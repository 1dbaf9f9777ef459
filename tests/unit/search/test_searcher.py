"""What a page says of its search: words, totals, order, explanation, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import InvalidRequest, ProfileMismatch
from mmpipe.schemas.search import Facet, Filters, SearchRequest, SearchResponse, Weights
from mmpipe.search import EncodedQuery, Searcher, Version, encode
from mmpipe.search.find.scoring import LEAST
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
MANY = 1_200


@pytest.fixture(scope="module")
def loaded() -> LoadedEncoders:
    return LOADED


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [
        catalogues.product("a", "red shirt", brand="Acme", product_type="Clothing > Shirts", price="5.00"),
        catalogues.product("b", "blue shirt", brand="acme", product_type="clothing>shirts", price="7.50"),
        catalogues.product(
            "c", "green lamp", brand="ACME", attributes={"Watt": "40"}, price="900", currency="JPY"
        ),
        catalogues.product("d", "lamp", price=None, attributes={"watt": "60", "a=b": "c"}),
    ]
    folder: Path = tmp_path_factory.mktemp("shop") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Half of the products are lamps, a third are red, in two fragments."""
    products = [
        catalogues.product(
            f"p{n:04d}",
            f"{('red', 'blue', 'green')[n % 3]} {('lamp', 'shoe')[n % 2]} w{n % 7}",
            brand=("Acme", "Bolt")[n % 4 // 2],
            price=f"{n % 10}.50",
        )
        for n in range(MANY)
    ]
    parts = [catalogues.rows_of(products[:700]), catalogues.rows_of(products[700:])]
    return catalogues.version(catalogues.create(tmp_path_factory.mktemp("large") / "t", *parts))


def ask(version: Version, request: SearchRequest, settings: ServeSettings | None = None) -> SearchResponse:
    searcher = Searcher(LOADED.profile, settings or ServeSettings())
    return searcher.search(version, request, encode(request, LOADED, {}))


def all_pages(version: Version, request: SearchRequest) -> list[SearchResponse]:
    pages = [ask(version, request)]
    while pages[-1].next_cursor is not None:
        pages.append(ask(version, request.model_copy(update={"cursor": pages[-1].next_cursor})))
    return pages


def words(page: SearchResponse) -> tuple[int, int] | None:
    return None if page.words is None else (page.words.asked, page.words.required)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lamp", (1, 1)),
        ("green lamp", (2, 2)),
        ("green lamp lamp", (2, 2)),
        ("green shirt", (2, 1)),
        ("unheard-of lamp", (2, 1)),
        ("unheard-of", (1, 0)),
        ("the lamp of a", (1, 1)),
        ("!!!", None),
        (None, None),
    ],
)
def test_the_words_of_a_query(shop: Version, text: str | None, expected: tuple[int, int] | None) -> None:
    assert words(ask(shop, SearchRequest(text=text))) == expected


def test_words_are_those_of_the_filtered_products(shop: Version) -> None:
    request = SearchRequest(text="red shirt")
    assert words(ask(shop, request)) == (2, 2)
    assert words(ask(shop, request.model_copy(update={"filters": Filters(brand=["nobody"])}))) == (2, 0)
    without_red = Filters(attributes={"watt": ["40", "60"]})
    assert words(ask(shop, request.model_copy(update={"filters": without_red}))) == (2, 0)


def test_relaxed_words_match_the_products_with_the_most_of_them(large: Version) -> None:
    settings = ServeSettings(vector_weight=0)
    page = ask(large, SearchRequest(text="red lamp unheard", facets=["brand"]), settings)
    assert words(page) == (3, 2)
    assert page.total == sum(n % 3 == 0 and n % 2 == 0 for n in range(MANY))
    assert all(hit.title.startswith("red lamp") for hit in page.hits)
    assert sum(count.count for count in page.facets["brand"]) == page.total


def test_total_facets_and_pages_speak_of_all_matches(large: Version) -> None:
    request = SearchRequest(text="lamp", limit=100, facets=["brand", "price"])
    pages = all_pages(large, request)
    lamps = {f"p{n:04d}" for n in range(0, MANY, 2)}
    found = [hit.id for page in pages for hit in page.hits]
    assert len(lamps) == 600 > ServeSettings().candidates
    assert lamps <= set(found)
    assert len(found) == len(set(found)) == pages[0].total
    assert {page.total for page in pages} == {len(found)}
    assert all(page.facets == pages[0].facets and not page.version_changed for page in pages)
    for name in ("brand", "price"):
        assert sum(count.count for count in pages[0].facets[name]) == len(found)
    scores = [hit.score for page in pages for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert {words(page) for page in pages} == {(1, 1)}


def test_the_parts_of_every_score_sum_to_it(large: Version) -> None:
    for text in ("lamp", "red lamp w3", "unheard"):
        for page in all_pages(large, SearchRequest(text=text, limit=100)):
            for hit in page.hits:
                assert hit.scores is not None
                assert sum(hit.scores.model_dump().values()) == pytest.approx(hit.score, abs=1e-9)
    plain = ask(large, SearchRequest(text="lamp", explain=False))
    assert {hit.scores for hit in plain.hits} == {None}


def test_relevance_cuts_neighbours_off_and_zero_cuts_none(large: Version) -> None:
    # No product holds the word, so the vector alone finds.
    request = SearchRequest(text="reddish", limit=100)
    query = EncodedQuery(text="reddish", vector=catalogues.text_vector("red lamp w3"), identity=b"x")
    totals = []
    for relevance in (0.0, 0.5, 0.9, 1.0):
        searcher = Searcher(LOADED.profile, ServeSettings(relevance=relevance))
        page = searcher.search(large, request, query)
        best = page.hits[0].score
        # As many as fill a page are matches in any case, and what equals the last of them.
        floor = min(relevance * best, page.hits[LEAST - 1].score)
        assert all(hit.score >= floor - 1e-5 for hit in page.hits)
        totals.append(page.total)
    assert totals[0] >= 200
    assert totals == sorted(totals, reverse=True)
    assert LEAST <= totals[-1] < totals[0]


def test_pages_by_price(tmp_path: Path) -> None:
    priced = {"a": "3", "b": "1", "c": "2", "d": "2", "e": "0"}
    products = [catalogues.product(name, "red lamp", price=price) for name, price in priced.items()]
    products.append(catalogues.product("on-sale", "red lamp", price="9", **catalogues.sale("1.50")))
    products.append(catalogues.product("yen", "red lamp", price="1", currency="JPY"))
    products.append(catalogues.product("none", "red lamp", price=None))
    products.append(catalogues.product("shoe", "blue shoe", price="1"))
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    rising, falling = ["e", "b", "on-sale", "c", "d", "a"], ["a", "c", "d", "on-sale", "b", "e"]
    for text, sort, expected in (
        ("lamp", "price_asc", rising),
        ("lamp", "price_desc", falling),
        (None, "price_asc", ["e", "b", "shoe", *rising[2:]]),
        (None, "price_desc", [*falling[:4], "b", "shoe", "e"]),
    ):
        for limit in (1, 2, 3, 100):
            request = SearchRequest(text=text, sort=sort, limit=limit)  # type: ignore[arg-type]
            settings = ServeSettings(vector_weight=0)
            pages = [ask(shop, request, settings)]
            while pages[-1].next_cursor is not None:
                following = request.model_copy(update={"cursor": pages[-1].next_cursor})
                pages.append(ask(shop, following, settings))
            found = [hit.id for page in pages for hit in page.hits]
            assert found == [*expected, "none", "yen"], (text, sort, limit)
            assert {page.total for page in pages} == {len(found)}
            assert all(len(page.hits) == limit for page in pages[:-1])


def test_an_order_changes_no_score_and_no_match(large: Version) -> None:
    best, cheap = (
        {hit.id: hit.score for page in all_pages(large, request) for hit in page.hits}
        for request in (
            SearchRequest(text="red lamp", limit=100, explain=False),
            SearchRequest(text="red lamp", limit=100, explain=False, sort="price_asc"),
        )
    )
    assert best == cheap


def test_an_unsure_vector_counts_less(shop: Version, loaded: LoadedEncoders) -> None:
    searcher = Searcher(loaded.profile, ServeSettings(relevance=0))
    request = SearchRequest(text="lamp")
    vector = catalogues.text_vector("red shirt . Acme . Clothing > Shirts")
    sure = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector))
    unsure = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector, confidence=0.1))
    blind = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector, confidence=0.0))
    assert unsure.total == sure.total == 4
    earned = [{hit.id: hit.scores.text for hit in page.hits if hit.scores} for page in (sure, unsure)]
    assert earned[1]["a"] < earned[0]["a"]
    assert {hit.id for hit in unsure.hits[:2]} == {hit.id for hit in blind.hits} == {"c", "d"}


def test_a_query_that_matches_nothing_gives_an_empty_page(shop: Version, loaded: LoadedEncoders) -> None:
    searcher = Searcher(loaded.profile, ServeSettings())
    for text in ("!!!", "unheard-of"):
        page = searcher.search(shop, SearchRequest(text=text, facets=["brand"]), EncodedQuery(text=text))
        assert (page.total, page.hits, page.facets, page.next_cursor) == (0, [], {"brand": []}, None)


def test_a_cursor_of_another_search_is_refused(shop: Version) -> None:
    request = SearchRequest(text="shirt", limit=1)
    first = ask(shop, request)
    assert first.next_cursor is not None
    for change in (
        {"text": "lamp"},
        {"filters": Filters(brand=["Acme"])},
        {"weights": Weights(text=2)},
        {"sort": "price_asc"},
    ):
        other = request.model_copy(update={**change, "cursor": first.next_cursor})
        with pytest.raises(InvalidRequest, match="belongs to another search"):
            ask(shop, other)
    more = request.model_copy(
        update={"cursor": first.next_cursor, "limit": 3, "facets": [Facet(field="brand")], "explain": False}
    )
    page = ask(shop, more)
    assert {hit.id for hit in page.hits} | {first.hits[0].id} >= {"a", "b"}
    assert first.hits[0].id not in {hit.id for hit in page.hits}
    assert page.facets["brand"]
    assert page.hits[0].scores is None


def test_other_models_may_not_search_the_table(shop: Version, loaded: LoadedEncoders) -> None:
    other = Searcher(replace(loaded.profile, name="other"), ServeSettings())
    with pytest.raises(ProfileMismatch, match=r"encoded by profile fake.*mmpipe live reindex"):
        other.search(shop, SearchRequest(), EncodedQuery())

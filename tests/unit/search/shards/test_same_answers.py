"""One, two and three shards give the answers of a version that is whole, to the last bit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Filters, PriceRange, SearchRequest, Sort
from mmpipe.search.find.question import Question
from mmpipe.search.shards.merge import scoring_of
from mmpipe.search.shards.shard import Moment, Wanted
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import NOW, Split, encoded, ids, pages

Media = dict[Modality, EncoderInput]
WORDS = ("red", "blue", "shirt", "shoe", "lamp", "红色", "连衣裙")
FACETS = ["brand", "category", "color", "price", "attributes.season"]

rows = st.tuples(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
    st.sampled_from((None, "Acme", "ACME", "Globex")),
    st.sampled_from((None, "Clothing > Shirts", "clothing > Shoes > Sneakers", "Home > Lamps")),
    st.sampled_from((None, "Red", "red", "Blue")),
    st.one_of(st.none(), st.integers(0, 12).map(lambda n: f"{n * 5}.99")),
    st.sampled_from(("USD", "USD", "EUR")),
    st.sampled_from(({}, {"Season": "Summer"}, {"season": "summer", "Fit": "Slim"}, {"Season": "Winter"})),
    st.sampled_from((None, "0.99", "4.99")),
    st.one_of(st.none(), st.integers(0, 3)),
)
fragments = st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=5)
queries = st.one_of(
    st.none(),
    st.lists(
        st.sampled_from(
            (*WORDS, "nothing", "shrit", "tee", "blueshirt", "la mp", "-red", '"red shirt"', "p7")
        ),
        min_size=1,
        max_size=4,
    ).map(" ".join),
)
filters = st.builds(
    Filters,
    brand=st.sampled_from((None, None, ["acme"], ["Globex", "ACME"])),
    category=st.sampled_from((None, None, ["Clothing"], ["SNEAKERS", "Home > Lamps"])),
    attributes=st.sampled_from(({}, {}, {"SEASON": ["summer"]})),
    price=st.sampled_from((None, None, PriceRange(gte=Decimal("5.99")), PriceRange(lte=Decimal("10.99")))),
)


def shop_of(drawn: Sequence[Sequence[tuple[Any, ...]]], dead: Sequence[int], folder: Path) -> Any:
    """A table with a fragment per list; products ``dead`` are deleted."""
    batches, number = [], 0
    for fragment in drawn:
        products: list[Product] = []
        images: dict[str, int] = {}
        for words, brand, category, color, price, currency, attributes, reduced, level in fragment:
            # Ids in another order than rows, and of several lengths.
            product_id = f"p{number * 7 % 40}"
            sale = {} if reduced is None else {"sale_price": catalogues.usd(reduced, currency)}
            products.append(
                catalogues.product(
                    product_id,
                    " ".join(words),
                    price=price,
                    currency=currency,
                    brand=brand,
                    product_type=category,
                    color=color,
                    attributes=attributes,
                    rating=None if level is None else 3.5 + level % 2,
                    rating_count=number % 3 or None,
                    **sale,
                )
            )
            if level is not None:
                images[product_id] = level * 80
            number += 1
        batches.append(catalogues.rows_of(products, images))
    dataset = catalogues.create(folder / "t.lance", *batches)
    if dead:
        dataset.delete(" or ".join(f"id = 'p{n % 40}'" for n in dead))
    return dataset


# Without a rating, but with how many rated: such go by their ids alone.
UNRATED: tuple[Any, ...] = (["red"], None, None, None, None, "USD", {}, None, None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fragments,
    st.lists(st.integers(0, 39), max_size=6),
    st.lists(
        st.tuples(
            queries,
            st.one_of(st.none(), st.integers(0, 3)),
            filters,
            st.sampled_from(("relevance", "relevance", "price_asc", "price_desc", "newest", "rating")),
            st.integers(1, 7),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
)
@example([[UNRATED] * 3], [], [(None, None, Filters(), "rating", 1, False)])
def test_answers_do_not_depend_on_how_a_collection_is_split(
    drawn: list[list[tuple[Any, ...]]], dead: list[int], asked: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = shop_of(drawn, dead, folder)
        for count in (1, 2, 3):
            split = Split(dataset, folder / "parts", count)
            for text, level, chosen, sort, limit, explain in asked:
                request = SearchRequest(
                    text=text, filters=chosen, facets=FACETS, sort=sort, limit=limit, explain=explain
                )
                media: Media = {} if level is None else {"image": catalogues.picture(level * 80)}
                query = encoded(request, media)
                whole = pages(split.ask_whole, request, query)
                assert pages(split.ask_shards, request, query) == whole
                assert len(ids(whole)) == whole[0]["total"]


CATALOGUE = [
    catalogues.product(f"s{n:02}", f"red shirt {n % 5}", price=f"{n % 7}.50", brand=("Acme", "ACME")[n % 2])
    for n in range(48)
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """48 alike products in six fragments on three shards."""
    folder = tmp_path_factory.mktemp("shop")
    batches = [catalogues.rows_of(CATALOGUE[n : n + 8]) for n in range(0, 48, 8)]
    dataset = catalogues.create(folder / "t.lance", *batches)
    return Split(dataset, folder / "parts", 3, owner={f: f % 3 for f in range(10)})


@pytest.mark.parametrize("sort", ["relevance", "price_asc", "price_desc", "newest", "rating"])
def test_many_equals_are_cut_at_the_same_place(shop: Split, sort: Sort) -> None:
    request = SearchRequest(text="red shirt", facets=FACETS, sort=sort, limit=5)
    query = encoded(request)
    whole = pages(shop.ask_whole, request, query)
    assert pages(shop.ask_shards, request, query) == whole
    assert len(ids(whole)) == 48 == len(set(ids(whole)))


def test_a_shard_sends_no_more_of_equals_than_a_page_may_show(tmp_path: Path) -> None:
    same = [catalogues.product(f"e{n:03}", "red shirt", price="1.00") for n in range(600)]
    dataset = catalogues.create(tmp_path / "t.lance", *(catalogues.rows_of(same[n::2]) for n in (0, 1)))
    split = Split(dataset, tmp_path / "parts", 2, owner={f: f % 2 for f in range(4)})
    question = Question.of(SearchRequest(text="red"), encoded(SearchRequest(text="red")), split.settings)
    shards, moment = list(split.transport.shards.values()), Moment(NOW, "USD")
    scoring = scoring_of([shard.survey(moment, question) for shard in shards], question)
    found = [shard.find(moment, question, scoring, Wanted(limit=2)) for shard in shards]
    assert [part.total for part in found] == [300, 300]
    assert [part.candidates.ids for part in found] == [["e000", "e002", "e004"], ["e001", "e003", "e005"]]

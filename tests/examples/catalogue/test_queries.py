from __future__ import annotations

import io

import pytest
from PIL import Image

from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.queries import DemoQuery, demo_queries, judged_text_queries


@pytest.fixture(scope="module")
def products() -> list[SampleProduct]:
    return generate_products()


@pytest.fixture(scope="module")
def queries(products: list[SampleProduct]) -> list[DemoQuery]:
    return demo_queries(products)


def test_all_kinds_and_both_languages_are_asked(queries: list[DemoQuery]) -> None:
    assert len(queries) == 12
    assert {q.kind for q in queries} == {"text", "image", "text+image", "similar"}
    assert {q.language for q in queries if q.kind == "text"} == {"en", "zh"}
    assert len({q.label for q in queries}) == 12


def test_every_query_can_be_answered(queries: list[DemoQuery], products: list[SampleProduct]) -> None:
    for query in queries:
        answers = [p for p in products if query.accepts(p) and p.id != query.product_id]
        assert answers, query.label
        assert len(answers) < 60, "anything would do"


def test_queries_carry_what_their_kind_needs(queries: list[DemoQuery]) -> None:
    for query in queries:
        assert (query.image is not None) == ("image" in query.kind)
        assert (query.text is not None) == ("text" in query.kind)
        assert (query.product_id is not None) == (query.kind == "similar")
        if query.image is not None:
            assert Image.open(io.BytesIO(query.image)).size == (384, 384)


def test_judged_queries_name_products_and_never_too_many(products: list[SampleProduct]) -> None:
    judged = judged_text_queries(products)
    known = {p.id for p in products}
    by_text = dict(judged)
    assert len(judged) > 1200
    for query, relevant in judged:
        assert query
        assert 1 <= len(relevant) <= 10
        assert known.issuperset(relevant)
    assert all(by_text[p.title_en] == [p.id] and by_text[p.title_zh] == [p.id] for p in products)

"""A condition finds the same products however a collection is split."""

from __future__ import annotations

from typing import Any

import pytest

from mmpipe.schemas.search import SearchRequest
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import Split, encoded, ids, pages


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """48 products in six fragments on three shards."""
    folder = tmp_path_factory.mktemp("shop")
    products = [
        catalogues.product(
            f"s{n:02}", f"red shirt {n % 5}", price=f"{n % 7}.50", brand=("Acme", "ACME")[n % 2]
        )
        for n in range(48)
    ]
    batches = [catalogues.rows_of(products[n : n + 8]) for n in range(0, 48, 8)]
    dataset = catalogues.create(folder / "t.lance", *batches)
    return Split(dataset, folder / "parts", 3, owner={f: f % 3 for f in range(10)})


@pytest.mark.parametrize(
    ("condition", "total"),
    [
        ({"field": "brand", "prefix": "ac"}, 48),
        ({"field": "price", "gt": "1.50", "lte": "3.50"}, 14),
        ({"not": {"field": "price", "gt": "1.50"}}, 14),
        ({"or": [{"field": "id", "prefix": "s1"}, {"field": "identifier", "eq": "S-07"}]}, 11),
        ({"field": "title", "prefix": "red shirt 4"}, 9),
        ({"field": "attributes.none", "exists": True}, 0),
    ],
)
def test_a_condition_means_the_same_on_shards(shop: Split, condition: dict[str, Any], total: int) -> None:
    for text in (None, "red shirt"):
        request = SearchRequest.model_validate(
            {"text": text, "filter": condition, "facets": ["brand"], "limit": 9}
        )
        query = encoded(request)
        whole = pages(shop.ask_whole, request, query)
        assert pages(shop.ask_shards, request, query) == whole
        assert len(ids(whole)) == whole[0]["total"] == total

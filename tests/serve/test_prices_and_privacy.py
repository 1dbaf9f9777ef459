"""What a shopper pays now, and what nobody chose to publish, over HTTP: in no public answer are its bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.schemas.product import Product, ProductResponse, PublicProduct
from mmpipe.schemas.search import SearchResponse
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import Settings
from tests.serve.conftest import make_service, settings_for
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product, sale

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
SECRETS = {"cost_of_goods_sold": "11.50 USD", "supplier": "Timber Brothers", "margin band": "zq7"}
PRODUCTS: list[Product] = [
    product("running", "oak table", price="20.00", **sale("12.00", NOW - YEAR, NOW + YEAR)),
    product("over", "oak chair", price="20.00", **sale("12.00", NOW - 2 * YEAR, NOW - YEAR)),
    product("later", "oak stool", price="20.00", **sale("12.00", NOW + YEAR)),
    product("plain", "oak bench", price="20.00"),
    product("free", "oak sample", price="20.00", sale_price=catalogues.usd("0")),
    product("unpriced", "oak log", price=None),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_for(tmp_path_factory.mktemp("prices"))
    shop = open_lake(settings).collection("shop", create=True)
    table = shop.products(catalogues.PROFILE, create=True)
    chosen = {"attributes": {"finish": "waxed"}, "private": SECRETS}
    table.upsert(catalogues.rows_of([p.model_copy(update=chosen) for p in PRODUCTS]))
    shop.publish(table, reason="test")
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    service = make_service(settings)
    with TestClient(create_app(service, Metrics("test"))) as client:
        yield client
    service.close()


def found(client: TestClient, **params: Any) -> list[str]:
    return sorted(hit["id"] for hit in client.get("/v1/search", params=params).json()["hits"])


def test_a_price_filter_goes_by_what_is_paid_now(client: TestClient) -> None:
    assert found(client, price_lte=13) == found(client, price_lte=12) == ["running"]
    assert found(client, price_gte=13) == ["free", "later", "over", "plain"]
    assert found(client, price_lte=1) == []
    assert found(client, q="oak", price_lte=13) == ["running"]


def test_a_hit_says_what_is_paid_and_what_it_was(client: TestClient) -> None:
    page = SearchResponse.model_validate_json(client.get("/v1/search?facets=price").content)
    prices = {hit.id: (hit.price, hit.list_price) for hit in page.hits}
    assert prices.pop("running") == ("12.00 USD", "20.00 USD")
    assert prices.pop("unpriced") == (None, None)
    assert set(prices.values()) == {("20.00 USD", None)}
    assert [(c.value, c.count) for c in page.facets["price"]] == [("12..12", 1), ("20..20", 4)]
    similar = client.get("/v1/products/plain/similar").json()["hits"]
    shown = {hit["id"]: (hit["price"], hit["list_price"]) for hit in similar}
    assert shown["running"] == ("12.00 USD", "20.00 USD")
    assert shown["over"] == ("20.00 USD", None)


def test_a_product_keeps_both_prices_and_says_which_is_paid(client: TestClient) -> None:
    paid = {}
    for made in PRODUCTS:
        answer = ProductResponse.model_validate_json(client.get(f"/v1/products/{made.id}").content)
        assert (answer.product.price, answer.product.sale_price) == (made.price, made.sale_price)
        assert answer.product.sale_price_effective_date == made.sale_price_effective_date
        paid[made.id] = answer.effective_price and str(answer.effective_price)
    assert paid.pop("running") == "12.00 USD"
    assert paid.pop("unpriced") is None
    assert set(paid.values()) == {"20.00 USD"}


def test_what_is_private_is_in_no_answer(client: TestClient) -> None:
    bodies = [
        client.get("/v1/products/running"),
        client.get("/v1/products/running/similar?limit=100"),
        client.get("/v1/search?limit=100&facets=price,brand,category&facets=attributes.cost_of_goods_sold"),
        client.get("/v1/search?q=oak&facets=attributes.supplier&facets=attributes.margin band"),
        client.post("/v1/search", json={"text": "oak table", "facets": ["attributes.finish"], "limit": 100}),
        client.get("/v1/collections"),
        client.get("/metrics"),
    ]
    for answer in bodies:
        assert answer.status_code == 200, answer.text
        _holds_no_secret(
            answer.text.replace("attributes.cost_of_goods_sold", "").replace("attributes.supplier", "")
        )
    # What became of a feed's columns has a member of that name, for the shop's people.
    _holds_no_secret(client.get("/openapi.json").text.replace('"private":', ""))
    document = client.get("/v1/products/running").json()["product"]
    assert document["attributes"] == {"finish": "waxed"}
    assert set(document) <= set(PublicProduct.model_fields)


def _holds_no_secret(text: str) -> None:
    for secret in ("11.5", "cost_of_goods", "supplier", "Timber", "Brothers", "zq7", '"private"'):
        assert secret not in text, (secret, text[:500])


@pytest.mark.parametrize(
    "asked", ["11.50", "11.50 USD", "timber", "brothers", "zq7", "supplier", "cost of goods"]
)
def test_what_is_private_is_found_by_no_words(client: TestClient, asked: str) -> None:
    hits = client.get("/v1/search", params={"q": asked, "limit": 100}).json()["hits"]
    assert [hit["id"] for hit in hits if hit["scores"]["lexical"] > 0] == []


def test_what_is_private_is_no_filter_and_no_facet(client: TestClient) -> None:
    assert len(found(client, attribute="finish=waxed")) == len(PRODUCTS)
    for name, value in SECRETS.items():
        assert found(client, attribute=f"{name}={value}") == []
        page = client.post("/v1/search", json={"facets": [f"attributes.{name}"]}).json()
        assert page["facets"] == {f"attributes.{name}": []}


def test_the_documented_product_has_no_private_key(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["ProductResponse"]["properties"]["product"] == {
        "$ref": "#/components/schemas/PublicProduct"
    }
    assert "private" not in schemas["PublicProduct"]["properties"]
    assert "Product" not in schemas
    assert "list_price" in schemas["Hit"]["properties"]


def test_what_is_private_stays_in_the_lake_for_the_next_encoding(settings: Settings) -> None:
    live = open_lake(settings).collection("shop").products(catalogues.PROFILE).latest().to_table()
    for row in live.to_pylist():
        assert json.loads(row.pop("document"))["private"] == SECRETS
        assert row["attribute_pairs"] == ["finish=waxed"]
        assert {"oak", "waxed"} <= set(row["search_text"].split())
        _holds_no_secret(json.dumps(row, default=str))

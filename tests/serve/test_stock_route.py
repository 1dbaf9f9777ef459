"""``GET /v1/stock``: what it answers, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmpipe.schemas.stock import StockReport
from mmpipe.settings import Settings
from tests.serve.conftest import make_app, make_service
from tests.serve.held_keys import bearer, entry, held, keyed

SHOP_FRONT, OPERATOR = "front-key-0123456789", "operator-key-0123456789"


@pytest.fixture(scope="module")
def closed(shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    settings = keyed(shop[1], api_keys=held(front=entry(SHOP_FRONT, ["search"]), office=OPERATOR))
    with TestClient(make_app(make_service(settings)), raise_server_exceptions=False) as client:
        yield client


def test_a_report(client: TestClient) -> None:
    answer = client.get("/v1/stock", params={"collection": "shop", "limit": 5, "lead_days": 3.5})
    assert answer.status_code == 200, answer.text
    found = StockReport.model_validate_json(answer.text)
    assert (found.collection, found.lead_days, found.products) == ("shop", 3.5, 120)
    assert len(found.sold_out) <= 5
    again = StockReport.model_validate_json(client.get("/v1/stock", params={"lead_days": 3.5}).text)
    # Kept for a minute.
    assert again.made_at == found.made_at
    assert any("`mmpipe stock` does" in note for note in found.notes)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "100000"},
        {"days": "-1"},
        {"lead_days": "nan"},
        {"lead_days": "inf"},
        {"when": "now"},
    ],
)
def test_bad_parameters_are_named(client: TestClient, params: dict[str, str]) -> None:
    answer = client.get("/v1/stock", params=params)
    assert answer.status_code == 422
    assert answer.json()["field"] in params


def test_an_unknown_collection(client: TestClient) -> None:
    assert client.get("/v1/stock", params={"collection": "nowhere"}).status_code == 404


def test_the_shop_front_may_not_ask(closed: TestClient) -> None:
    assert closed.get("/v1/stock").status_code == 401
    assert closed.get("/v1/stock", headers=bearer("another-key-0123456789")).status_code == 401
    refused = closed.get("/v1/stock", headers=bearer(SHOP_FRONT))
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:mmpipe:problem:forbidden"
    assert closed.get("/v1/collections", headers=bearer(SHOP_FRONT)).status_code == 200
    assert closed.get("/v1/stock", headers=bearer(OPERATOR)).status_code == 200

"""A small catalogue with groups, several currencies and languages, and one replica's application over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.schemas.product import Product, Translation
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import Settings, UcpSettings
from tests.serve.conftest import make_service, settings_for
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product, sale

BASE = "http://127.0.0.1:8000"
AGENT = {"UCP-Agent": 'profile="https://agent.example/profile.json"'}
_IN_STOCK, _SOLD_OUT = "in_stock", "out_of_stock"


def _runner(colour: str, size: str, availability: str = _IN_STOCK, **more: Any) -> Product:
    number = {"Red": 100, "Blue": 200, "Green": 300}[colour] + int(size)
    return product(
        f"run-{colour.lower()}-{size}",
        f"{colour} running shoe {size}",
        price="120.00" if colour == "Green" else "100.00",
        description=f"A light shoe.\nIn {colour.lower()} <b>& more</b>",
        color=colour,
        size=size,
        availability=availability,
        item_group_id="runner",
        item_group_title="Running shoe",
        product_type="Clothing > Shoes",
        google_product_category="Apparel & Accessories > Shoes",
        brand="Acme",
        gtin=f"4006381333{number}",
        mpn=f"AC/{number}",
        image_link=f"https://cdn.shop.example/{colour}.jpg",
        additional_image_link=(f"media/{colour}-back.jpg",),
        link=f"https://shop.example/runner?c={colour}",
        rating=4.5,
        rating_count=12,
        translations={"zh": Translation(title=f"跑鞋 {size}", description="轻便")},
        **more,
    )


def _products() -> list[Product]:
    ago, later = catalogues.NOW - timedelta(days=900), catalogues.NOW + timedelta(days=9_000)
    return [
        _runner("Red", "40"),
        _runner("Red", "41", _SOLD_OUT),
        _runner("Blue", "40", attributes={"SKU": "SKU-B40", "supplier note": "x"}),
        _runner("Green", "42", **sale("90.00", ago, later)),
        product(
            "bag-1",
            "Leather bag",
            price="59.90",
            product_type="Accessories > Bags",
            brand="Orbit",
            color="Brown",
            video_link="https://cdn.shop.example/bag.mp4",
            private={"supplier": "secret-supplier"},
        ),
        product("tea-jp", "Green tea", price="1200", currency="JPY", google_product_category="Food > Tea"),
        product("oud-kw", "Oud perfume", price="12.345", currency="KWD", brand="Oasis"),
        product("free", "Sample", price="0.00"),
        product("unpriced", "Leather something without a price", price=None),
        *(product(f"mug-{n:02}", f"Mug number {n}", price=f"{n}.00") for n in range(1, 31)),
        *(
            product(
                f"disk-{size[0]}",
                f"Disk {size}",
                price="10.00",
                item_group_id="disk",
                attributes={"capacity": size, "sku": f"D{size[0]}"},
            )
            for size in ("1 TB", "2 TB")
        ),
    ]


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose lake has the catalogue as collection ``shop``; not to be written to."""
    folder = tmp_path_factory.mktemp("agents")
    shop = open_lake(settings_for(folder)).collection("shop", create=True)
    table = shop.products(catalogues.PROFILE, create=True)
    images = {"bag-1": 200, "run-red-40": 10, "run-blue-40": 60, "run-green-42": 120}
    table.upsert(catalogues.rows_of(_products(), images))
    shop.publish(table, reason="test")
    return folder


def of(lake: Path, **ucp: Any) -> Settings:
    """Settings of a replica over the lake."""
    return settings_for(lake).model_copy(update={"ucp": UcpSettings(**ucp)})


@pytest.fixture(scope="package")
def client(lake: Path) -> Iterator[TestClient]:
    """One replica, as it is where nothing is set."""
    service = make_service(of(lake))
    app = create_app(service, Metrics("test"))
    with TestClient(app, base_url=BASE, raise_server_exceptions=False, headers=AGENT) as client:
        yield client
    service.close()


Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="package")
def ask(client: TestClient) -> Ask:
    """A valid answer to ``ask("search", query=…)``."""
    from tests.serve.ucp.schemas import check_answer

    def asked(operation: str, **body: Any) -> dict[str, Any]:
        answer = client.post(f"/ucp/catalog/{operation}", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        check_answer(operation, told)
        return told

    return asked

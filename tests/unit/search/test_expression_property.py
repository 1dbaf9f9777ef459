"""Any condition on a small real version finds the rows that a look at every product finds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import lance
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmpipe.lake.schema import ProductRow, build_table
from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Filters
from mmpipe.search.find import expression, filters
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.versions.version import Version
from tests.unit.search import catalogues
from tests.unit.search.conditions import (
    AMOUNTS,
    BRANDS,
    CODES,
    MEASURES,
    NAMES,
    PATHS,
    TITLES,
    Shop,
    conditions,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERIODS = [{"start": None, "end": None}, {"start": NOW}, {"end": NOW}, {"start": NOW - timedelta(days=1)}]


def _product(number: int) -> Product:
    chance = random.Random(number)

    def perhaps(values: list[Any]) -> Any:
        return chance.choice([None, *values])

    sale = chance.choice(PERIODS) if chance.random() < 0.4 else None
    attributes = {name: value for name in NAMES[:-1] if (value := perhaps(list(MEASURES)))}
    more = {} if sale is None else catalogues.sale(chance.choice(["0.1", "7.5", "19.98"]), **sale)
    return catalogues.product(
        f"p{number:02}",
        chance.choice(TITLES),
        price=perhaps(AMOUNTS),
        currency=chance.choice(["USD", "USD", "USD", "JPY"]) if sale is None else "USD",
        brand=perhaps(BRANDS),
        color=perhaps(BRANDS),
        product_type=perhaps([*PATHS, "> >"]),
        language=perhaps(["en", "zh-TW"]),
        mpn=perhaps(CODES),
        gtin=perhaps(CODES[2:4]),
        item_group_id=perhaps(["G 1", "G2", "AB-12/3"]),
        attributes=attributes | ({"VOLUME": "60 W"} if chance.random() < 0.2 else {}),
        rating=perhaps([0, 1, 3.5, 4.5, 5]),
        rating_count=perhaps([0, 1, 12]),
        **more,
    )


PRODUCTS = [_product(number) for number in range(80)]
DAYS = [datetime(2026, 1, 1, tzinfo=UTC), NOW, NOW + timedelta(hours=12), NOW - timedelta(hours=12), None]
ADDED = {product.id: DAYS[number % len(DAYS)] for number, product in enumerate(PRODUCTS)}
SHOP = Shop([product for product in PRODUCTS if not product.id.endswith("7")], ADDED, NOW, "USD")


def _rows(products: list[Product]) -> Any:
    rows = [ProductRow(product, "1", "run", NOW, added_at=ADDED[product.id]) for product in products]
    return build_table(rows, {}, catalogues.PROFILE.dim)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = tmp_path_factory.mktemp("shop") / "products"
    batches = [_rows(PRODUCTS[at:end]) for at, end in ((0, 30), (30, 34), (34, 80))]
    catalogues.create(folder, *batches)
    dataset = lance.dataset(str(folder))
    dataset.delete("id LIKE '%7'")
    return catalogues.version(lance.dataset(str(folder))).at(NOW.timestamp())


def ids(version: Version, found: Any) -> set[str]:
    return set(version.ids.ids(rows_of(found)))


@given(conditions())
def test_the_rows_are_those_of_a_look_at_every_product(version: Version, asked: dict[str, Any]) -> None:
    condition = Condition.model_validate(asked)
    found = expression.mask(version, condition)
    assert ids(version, found) == SHOP.meeting(asked)
    assert expression.mask(version, condition) is found


@given(conditions())
def test_what_means_the_same_is_kept_as_one(version: Version, asked: dict[str, Any]) -> None:
    found = expression.mask(version, Condition.model_validate(asked))
    for same in (
        {"and": [asked]},
        {"or": [asked, asked]},
        {"not": {"not": asked}},
    ):
        if _depth(same) <= 8:
            assert expression.mask(version, Condition.model_validate(same)) is found


@given(asked=conditions(), brand=st.sampled_from(BRANDS))
@example(asked={"field": "attributes.volume", "gte": "40", "lte": "2026-03-01"}, brand="Acme")
def test_filters_and_conditions_both_hold(version: Version, asked: dict[str, Any], brand: str) -> None:
    condition = Condition.model_validate(asked)
    found = filters.allowed(version, Filters(brand=[brand]), [condition])
    assert ids(version, found) == SHOP.meeting({"and": [asked, {"field": "brand", "eq": brand}]})


def _depth(condition: dict[str, Any]) -> int:
    if "field" in condition:
        return 1
    parts = condition.get("and") or condition.get("or") or [condition["not"]]
    return 1 + max(map(_depth, parts))

"""Substitutes: in stock, the same need, near in price."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.recommend.stock import substitutes
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Filters
from mmpipe.search import Version
from mmpipe.search.find import filters as filtering
from tests.unit.search import catalogues

SHOES, BOOTS = "Clothing > Shoes", "Clothing > Boots"


def shop(folder: Path, products: list[Product], *, vectors: bool = True) -> Version:
    return catalogues.version(catalogues.create(folder / "t", catalogues.rows_of(products, vectors=vectors)))


def shoe(product_id: str, title: str = "red shoe", price: str | None = "10.00", **more: object) -> Product:
    return catalogues.product(product_id, title, price=price, **{"product_type": SHOES, **more})


def ids(version: Version, product_id: str, limit: int = 10, **more: object) -> tuple[str, ...]:
    return substitutes(version, version.row(product_id), limit, **more).ids  # type: ignore[arg-type]


def test_only_what_can_be_bought_at_about_the_price(tmp_path: Path) -> None:
    version = shop(
        tmp_path,
        [
            shoe("gone", availability="out_of_stock"),
            shoe("same", "red shoe", "11.00"),
            shoe("also-gone", availability="out_of_stock"),
            shoe("later", availability="backorder"),
            shoe("dear", "red shoe", "15.01"),
            shoe("cheap", "red shoe", "6.66"),
            shoe("edge", "blue shoe", "15.00"),
            shoe("euro", "red shoe", "10.00", currency="EUR"),
            catalogues.product("bag", "red shoe bag", product_type="Bags"),
        ],
    )
    found = substitutes(version, version.row("gone"), 10)
    assert found.ids == ("same", "edge")
    assert found.needs == ("category", "category")
    assert found.cosine[0] == pytest.approx(1, abs=1e-3)
    assert found.cosine[0] > found.cosine[1]


def test_the_category_above_fills_up(tmp_path: Path) -> None:
    version = shop(
        tmp_path,
        [
            shoe("gone", availability="out_of_stock"),
            shoe("boot", "red shoe", product_type=BOOTS),
            shoe("shoe", "green thing"),
            shoe("other", "red shoe", product_type="Toys"),
        ],
    )
    found = substitutes(version, version.row("gone"), 2)
    assert (found.ids, found.needs) == (("shoe", "boot"), ("category", "related"))
    assert ids(version, "gone", 1) == ("shoe",)


def test_its_own_variants_are_none_and_of_others_one(tmp_path: Path) -> None:
    version = shop(
        tmp_path,
        [
            shoe("gone", item_group_id="g", availability="out_of_stock"),
            shoe("size-40", item_group_id="g"),
            *(shoe(f"other-{n}", item_group_id="h") for n in range(3)),
            *(shoe(f"boot-{n}", product_type=BOOTS, item_group_id="h") for n in range(2)),
            shoe("single"),
        ],
    )
    assert sorted(ids(version, "gone")) == ["other-0", "single"]


def test_without_vector_price_or_category(tmp_path: Path) -> None:
    products = [
        shoe("gone", availability="out_of_stock"),
        shoe("far", price="14.00"),
        shoe("near", price="10.50"),
        catalogues.product("bare", price=None),
    ]
    bare = shop(tmp_path / "bare", products, vectors=False)
    found = substitutes(bare, bare.row("gone"), 5)
    assert found.ids == ("near", "far")
    assert np.isnan(found.cosine).all()
    version = shop(tmp_path / "with", products)
    assert set(ids(version, "bare")) == {"far", "near"}
    assert substitutes(version, version.row("bare"), 5).needs == ("price", "price")


def test_within_other_filters(tmp_path: Path) -> None:
    version = shop(
        tmp_path, [shoe("gone"), shoe("red", color="red"), shoe("blue", color="blue"), shoe("none")]
    )
    words = filtering.mask(version, Filters(color=["blue"]))
    assert ids(version, "gone", within=words) == ("blue",)
    assert ids(version, "gone", 0) == ()


@settings(max_examples=15)
@given(
    data=st.lists(
        st.tuples(
            st.sampled_from(["in_stock", "out_of_stock", "preorder"]),
            st.sampled_from([SHOES, BOOTS, "Toys", None]),
            st.sampled_from(["8.00", "10.00", "14.00", "40.00", None]),
            st.sampled_from([None, "g", "h"]),
        ),
        min_size=1,
        max_size=25,
    ),
    limit=st.integers(1, 6),
)
def test_nothing_else_is_ever_among_them(
    tmp_path_factory: pytest.TempPathFactory,
    data: list[tuple[str, str | None, str | None, str | None]],
    limit: int,
) -> None:
    products = [
        catalogues.product(
            f"p{n:02d}",
            f"w{n % 4} thing",
            price=price,
            availability=word,
            product_type=category,
            item_group_id=group,
        )
        for n, (word, category, price, group) in enumerate(data)
    ]
    version = shop(tmp_path_factory.mktemp("s"), products)
    found = substitutes(version, version.row("p00"), limit)
    by_id = {product.id: product for product in products}
    first = products[0]
    groups = [by_id[name].item_group_id for name in found.ids if by_id[name].item_group_id]
    assert len(set(found.ids)) == len(found.ids) <= limit
    assert len(set(groups)) == len(groups)
    assert first.item_group_id is None or first.item_group_id not in groups
    for name, need in zip(found.ids, found.needs, strict=True):
        other = by_id[name]
        assert name != "p00"
        assert other.availability == "in_stock"
        if first.price is not None:
            assert other.price is not None
            assert 10 / 15 <= float(other.price.amount / first.price.amount) <= 1.5
        if need == "category":
            assert other.category == first.category
        elif need == "related":
            assert (other.category or "").startswith("Clothing")

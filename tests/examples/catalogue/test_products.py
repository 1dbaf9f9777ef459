from __future__ import annotations

from collections import Counter

import pytest

from examples.catalogue.palette import COLOURS, PATTERNS
from examples.catalogue.products import MAX_PRODUCTS, SampleProduct, generate_products
from examples.catalogue.words import CATEGORIES
from mmpipe.errors import InvalidRequest


@pytest.fixture(scope="module")
def products() -> list[SampleProduct]:
    return generate_products()


def test_six_hundred_products_over_at_least_25_categories(products: list[SampleProduct]) -> None:
    assert len(products) == 600
    shares = Counter(p.category for p in products)
    assert len(shares) >= 25
    assert min(shares.values()) == max(shares.values()) == 600 // len(CATEGORIES)


def test_ids_and_titles_are_unique(products: list[SampleProduct]) -> None:
    for name in ("id", "title_en", "title_zh"):
        assert len({getattr(p, name) for p in products}) == len(products), name


def test_same_seed_same_products_and_another_seed_others(products: list[SampleProduct]) -> None:
    assert generate_products() == products
    assert generate_products(seed=8) != products


def test_titles_name_what_the_product_is(products: list[SampleProduct]) -> None:
    for p in products:
        assert p.title_en.startswith(p.brand)
        assert p.title_en.endswith(p.category)
        assert f" {p.colour} " in p.title_en
        assert COLOURS[p.colour].zh in p.title_zh
        assert PATTERNS[p.pattern].en in p.title_en


def test_variants_of_a_group_differ_in_colour_alone(products: list[SampleProduct]) -> None:
    groups: dict[str, list[SampleProduct]] = {}
    for p in products:
        groups.setdefault(p.item_group_id, []).append(p)
    assert sum(len(members) > 1 for members in groups.values()) > 50
    for members in groups.values():
        designs = {(p.category, p.brand, p.pattern, p.material, p.style, p.price) for p in members}
        assert len(designs) == 1
        assert len({p.colour for p in members}) == len(members)


def test_accent_is_never_the_base_colour(products: list[SampleProduct]) -> None:
    assert all(p.accent != p.colour for p in products)


def test_media_are_shared_out(products: list[SampleProduct]) -> None:
    assert 15 <= sum(p.has_video for p in products) <= 30
    sounds = Counter(p.sound for p in products if p.sound)
    assert sounds.pop("spoken") == 10
    assert 15 <= sum(sounds.values()) <= 30
    assert set(sounds) == {c.sound for c in CATEGORIES.values() if c.sound}


def test_large_catalogues_stay_unique() -> None:
    products = generate_products(seed=3, count=5000)
    assert len({p.title_en for p in products}) == len({p.title_zh for p in products}) == 5000


@pytest.mark.parametrize("count", [0, -1, MAX_PRODUCTS + 1])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(InvalidRequest, match="count"):
        generate_products(count=count)

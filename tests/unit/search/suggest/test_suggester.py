"""Suggestions of versions, as they follow one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.schemas.product import Product
from mmpipe.search.suggest import Popular, Suggester, make
from mmpipe.search.suggest import titles as titles_module
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product, rows_of


def dress(product_id: str, title: str, stock: str = "in_stock", **more: Any) -> Product:
    return product(product_id, title, availability=stock, **more)


SHOP = [
    dress("a", "Nike Red Running Shoe", "out_of_stock", brand="Nike", product_type="Clothing > Shoes"),
    dress("b", "Nike Blue Running Shoe", brand="Nike", product_type="Clothing > Shoes"),
    dress("c", "Blue Running Shoe, size 40", brand="Orbit", product_type="Clothing > Shoes"),
    dress("d", "NIKE blue running shoe", brand="Nike", product_type="Clothing > Shoes"),
    dress("e", "女士连衣裙 红色", brand="Rosé", product_type="服装 > 连衣裙"),
    dress("f", "Bluetooth Speaker", brand="L'Oréal", product_type="Electronics > Audio"),
]
SHELF = [(p.id, p.title) for p in SHOP]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Suggester:
    folder = tmp_path_factory.mktemp("suggest") / "table"
    return make(catalogues.version(catalogues.create(folder, rows_of(SHOP[:4]), rows_of(SHOP[4:]))))


def told(found: Suggester, typed: str, limit: int = 20, **more: Any) -> list[tuple[str, str, int | None]]:
    return [(each.kind, each.text, each.count) for each in found.suggest(typed, limit, **more)]


def test_kinds_have_counts_and_what_to_filter_by(shop: Suggester) -> None:
    first = shop.suggest("sho", 20)[0]
    assert (first.kind, first.text, first.value, first.count) == ("category", "Shoes", "Clothing > Shoes", 4)
    assert first.spans == [(0, 3)]
    brand = shop.suggest("nik", 20)[0]
    assert (brand.kind, brand.text, brand.value, brand.count) == ("brand", "Nike", "Nike", 3)


def test_titles_in_stock_come_first_and_once(shop: Suggester) -> None:
    assert told(shop, "running sh") == [
        ("product", "Nike Blue Running Shoe", 2),
        ("product", "Blue Running Shoe, size 40", 1),
        ("product", "Nike Red Running Shoe", 1),
    ]
    assert [each.product_id for each in shop.suggest("running sh", 1)] == ["b"]


@pytest.mark.parametrize("typed", ["lianyiqun", "lyq", "连衣", "連衣裙", "lian yi qun", "lianyi qun"])
def test_chinese_by_characters_and_pinyin(shop: Suggester, typed: str) -> None:
    assert ("category", "连衣裙", 1) in told(shop, typed)


def test_slips_and_joined_words(shop: Suggester) -> None:
    assert told(shop, "bluetoth spekaer") == [("product", "Bluetooth Speaker", 1)]
    assert told(shop, "blue tooth sp") == []
    assert told(shop, "blue tooth") == [("product", "Bluetooth Speaker", 1)]
    assert told(shop, "loreal") == [("brand", "L'Oréal", 1)]
    # What is known is not taken for a slip of something else.
    assert told(shop, "blue ") == told(shop, "blue  ")
    assert ("product", "Bluetooth Speaker", 1) not in told(shop, "blue ")


def test_the_language_decides_what_comes_first(shop: Suggester) -> None:
    assert told(shop, "", lang="zh")[0][1] in ("服装", "连衣裙")
    assert told(shop, "", lang="en")[0][1] == "Clothing"


def test_nothing_typed_gives_what_there_is_most_of(shop: Suggester) -> None:
    assert told(shop, "")[0] == ("category", "Clothing", 4)
    assert {each.kind for each in shop.suggest("   ", 10)} == {"category", "brand"}


@pytest.mark.parametrize(
    "typed", ["\x00", "!!!", "\ud800", "🙂", "a" * 1_000, "a " * 500, "连" * 1_000, "%", "\u202e"]
)
def test_hostile_text_finds_nothing(shop: Suggester, typed: str) -> None:
    assert shop.suggest(typed, 10) == ()


def test_queries_are_those_that_find_something(shop: Suggester) -> None:
    popular = [
        Popular("blue running", False, 9.0),
        Popular("john smith", True, 8.0),
        Popular("running speaker", False, 7.0),
        Popular("running bluetooth", True, 6.0),
        Popular("shoes", False, 5.0),
    ]
    found = shop.with_popular(popular)
    assert told(found, "runn")[:2] == [("query", "running bluetooth", None), ("query", "blue running", 3)]
    assert [text for kind, text, _ in told(found, "") if kind == "query"] == [
        "blue running",
        "running bluetooth",
    ]
    assert told(found, "john") == []
    # No more than the category's name.
    assert ("query", "shoes", 4) not in told(found, "sho")
    assert found.with_popular(popular) is found


def test_what_stays_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(titles_module, "_SIZES", (2,))
    before = catalogues.version(catalogues.create(tmp_path / "table", rows_of(SHOP[:4]), rows_of(SHOP[4:])))
    first = make(before).with_popular([Popular("blue running", False, 1.0)])
    added = catalogues.append(
        tmp_path / "table", rows_of([dress("n", "Green Hat", product_type="Hats")], order="2")
    )
    second = make(catalogues.version(added, former=before), first)
    kept = {id(part.part) for part in first.titles} & {id(part.part) for part in second.titles}
    assert kept == {id(first.titles[0].part)}
    assert second.brands is first.brands
    assert second.asked is first.asked
    assert told(second, "green")[0][1] == "Green Hat"
    assert told(first, "green") == []
    assert told(second, "blue runn")[0] == ("query", "blue running", 3)
    gone = catalogues.upsert(tmp_path / "table", catalogues.tombstones(["n"]))
    third = make(catalogues.version(gone, former=before), second)
    assert told(third, "green") == []
    assert told(third, "hats") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abdeiklnorsu 连衣", max_size=12), st.integers(1, 20))
def test_products_hold_all_words_as_typed_or_but_for_slips(shop: Suggester, typed: str, limit: int) -> None:
    found = shop.suggest(typed, limit)
    assert len(found) <= limit
    assert len({(each.kind, each.text, each.value) for each in found}) == len(found)
    for each in found:
        assert all(0 <= begin < end <= len(each.text) for begin, end in each.spans)
        assert each.count is None or each.count > 0
        assert each.kind != "product" or (each.product_id, each.text) in SHELF

"""What is paid now: which sale counts when, and what else must not move with it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import lance
import numpy as np
import pytest

from mmpipe.lake.changes import with_column
from mmpipe.recommend import similar
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Filters, PriceRange, SearchRequest
from mmpipe.search import EncodedQuery, Searcher, Version
from mmpipe.search.kernels.memory import rows_of
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues
from tests.unit.search.catalogues import NOW, product, sale

HOUR = timedelta(hours=1)


def shop(folder: Path, *products: Product) -> Version:
    return catalogues.version(catalogues.create(folder / "t", catalogues.rows_of(products)))


def paid(found: Version, hours: float) -> list[float]:
    at = found.at((NOW + hours * HOUR).timestamp())
    return at.prices.paid(rows_of(at.alive)).tolist()


def is_listed(found: Version) -> bool:
    """Whether what is paid are the list prices."""
    rows = rows_of(found.alive)
    return bool(np.array_equal(found.prices.paid(rows), found.prices.listed(rows), equal_nan=True))


def test_each_sale_holds_from_its_start_until_just_before_its_end(tmp_path: Path) -> None:
    found = shop(
        tmp_path,
        product("a", price="10", **sale("1", NOW, NOW + 2 * HOUR)),
        product("b", price="10", **sale("2", NOW + HOUR)),
        product("c", price="10", **sale("3", None, NOW + HOUR)),
        product("d", price="10", **sale("4")),
        product("e", price="10", sale_price=catalogues.usd("5")),
        product("f", price="10"),
    )
    assert paid(found, -1) == [10, 10, 3, 4, 5, 10]
    assert paid(found, 0) == [1, 10, 3, 4, 5, 10]
    assert paid(found, 1) == [1, 2, 10, 4, 5, 10]
    assert paid(found, 2) == [10, 2, 10, 4, 5, 10]


@pytest.mark.parametrize(
    ("amount", "currency"), [("0", "USD"), ("10.00", "USD"), ("12.00", "USD"), ("5.00", "EUR")]
)
def test_what_is_no_sale_changes_nothing(tmp_path: Path, amount: str, currency: str) -> None:
    found = shop(tmp_path, product("a", price="10.00", sale_price=catalogues.usd(amount, currency)))
    assert paid(found, 0) == [10]
    assert is_listed(found)
    assert found.at(0.0) is found.at(1e12) is found


def test_without_a_list_price_the_sale_is_the_price_while_it_runs(tmp_path: Path) -> None:
    found = shop(tmp_path, product("a", price=None, **sale("3", NOW, NOW + HOUR)), product("b", price="4"))
    running, over = (found.at((NOW + n * HOUR).timestamp()) for n in (0, 1))
    searcher = Searcher(catalogues.PROFILE, ServeSettings())
    request = SearchRequest(filters=Filters(price=PriceRange(gte=Decimal(0))), facets=["price"])
    first, second = (searcher.search(at, request, EncodedQuery()) for at in (running, over))
    assert [(hit.id, hit.price, hit.list_price) for hit in first.hits] == [
        ("a", "3.00 USD", None),
        ("b", "4.00 USD", None),
    ]
    assert [hit.id for hit in second.hits] == ["b"]
    assert [(count.value, count.count) for count in second.facets["price"]] == [("4..4", 1)]
    assert running.prices.currency == over.prices.currency == "USD"


def test_a_sale_does_not_change_the_collections_currency(tmp_path: Path) -> None:
    euro = [product(f"e{n}", price="5", currency="EUR") for n in range(2)]
    dollars = [product(f"d{n}", price=None, **sale("3", NOW, NOW + HOUR)) for n in range(3)]
    found = shop(tmp_path, *euro, *dollars)
    for hours in (-1, 0, 2):
        assert found.at((NOW + hours * HOUR).timestamp()).prices.currency == "USD"


def test_without_dates_no_price_is_ever_made_anew(tmp_path: Path) -> None:
    plain = shop(tmp_path / "plain", product("a", price="10"), product("b", price=None))
    assert is_listed(plain)
    always = shop(tmp_path / "always", product("a", price="10", sale_price=catalogues.usd("5")))
    for found in (plain, always):
        assert found.at(0.0) is found.at(1e12) is found


def test_between_two_edges_the_same_version_is_handed_out_and_all_else_is_shared(tmp_path: Path) -> None:
    found = shop(tmp_path, *(product(f"p{n}", price="10", **sale("5", NOW, NOW + HOUR)) for n in range(3)))
    now = found.at(NOW.timestamp())
    assert now.at((NOW + HOUR / 2).timestamp()) is now
    after = now.at((NOW + HOUR).timestamp())
    assert is_listed(after)
    assert not is_listed(now)
    shared = {name for name, value in vars(now).items() if vars(after)[name] is value}
    assert set(vars(now)) - shared == {"prices"}


def test_deleted_rows_have_no_sales(tmp_path: Path) -> None:
    gone, left = product("a", **sale("1", NOW, NOW + HOUR)), product("b", price="10")
    catalogues.create(tmp_path / "t", catalogues.rows_of([gone, left]))
    dataset = catalogues.upsert(tmp_path / "t", catalogues.tombstones(["a"]))
    found = catalogues.version(dataset)
    assert found.at((NOW - HOUR).timestamp()) is found.at(NOW.timestamp())
    assert paid(found, 0) == [10]


def test_sales_of_several_fragments_are_those_of_one(tmp_path: Path) -> None:
    products = [
        product(f"p{n}", price="10", **(sale(f"{n}.50", NOW + n * HOUR) if n % 2 else {})) for n in range(9)
    ]
    parts = [catalogues.rows_of(products[start : start + 3]) for start in (0, 3, 6)]
    split = catalogues.version(catalogues.create(tmp_path / "split", *parts))
    whole = shop(tmp_path, *products)
    for hours in (0, 1, 4, 9):
        assert paid(split, hours) == paid(whole, hours)
    assert paid(split, 9) == [10, 1.5, 10, 3.5, 10, 5.5, 10, 7.5, 10]


def test_similar_products_show_what_is_paid_too(tmp_path: Path) -> None:
    found = shop(
        tmp_path, product("a", "red shoe"), product("b", "red shoe", price="20", **sale("12.5", NOW))
    )
    expected = {-1: ("20.00 USD", None), 0: ("12.50 USD", "20.00 USD")}
    for hours, prices in expected.items():
        (hit,) = similar(found.at((NOW + hours * HOUR).timestamp()), "a").hits
        assert (hit.price, hit.list_price) == prices
    cheap = Filters(price=PriceRange(lte=Decimal(13)))
    assert similar(found.at((NOW - HOUR).timestamp()), "a", cheap).total == 0
    assert similar(found.at(NOW.timestamp()), "a", cheap).total == 1


def test_a_table_of_an_earlier_release_has_sales_without_dates(tmp_path: Path) -> None:
    rows = catalogues.rows_of([product("a", price="10", **sale("5", NOW, NOW + HOUR)), product("b")])
    before = rows.drop_columns(["sale_start", "sale_end"])
    before = before.replace_schema_metadata({b"mmpipe.profile": catalogues.PROFILE.to_json().encode()})
    found = catalogues.version(lance.write_dataset(before, str(tmp_path / "t")))
    assert paid(found, -1) == paid(found, 5) == [5, 10]


def test_sales_that_an_earlier_release_stored_are_checked(tmp_path: Path) -> None:
    products = [product(i, price=p) for i, p in zip("abcde", ["10", "10", "10", None, "10"], strict=True)]
    rows = with_column(catalogues.rows_of(products), "sale_price", [0.0, 10.0, 4.0, 4.0, 12.0])
    rows = with_column(rows, "currency", ["USD"] * 5)
    found = catalogues.version(catalogues.create(tmp_path / "t", rows))
    assert paid(found, 0) == [10, 10, 4, 4, 10]
    assert np.array_equal(found.prices.priced & found.alive, found.alive)


def test_a_period_that_ends_before_it_begins_is_none(tmp_path: Path) -> None:
    found = shop(tmp_path, product("a", price="10", **sale("5", NOW, NOW - HOUR)))
    assert found.at((NOW - 2 * HOUR).timestamp()) is found
    assert paid(found, 0) == paid(found, -0.5) == [10]

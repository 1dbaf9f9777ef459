"""Magento 2's product CSV: store views, configurable products, visibility, stock, categories and pictures."""
# ruff: noqa: E501 - rows and tables of values read best in one line each

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.catalogue.formats.base import Reading, Sample
from mmpipe.catalogue.formats.magento import Magento
from mmpipe.catalogue.formats.magento_values import (
    amount,
    associated,
    category_paths,
    day,
    number,
    pairs,
    picture,
    variations,
    without_root,
)
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

JUG = {
    "sku": "JUG", "store_view_code": "", "attribute_set_code": "Kitchen", "product_type": "simple", "name": "Jug",
    "categories": "Default Category/Home/Kitchen,Default Category/Sale", "product_online": "1",
    "visibility": "Catalog, Search", "price": "12.5000", "qty": "4.0000", "is_in_stock": "1",
    "base_image": "/j/u/jug.jpg",
}  # fmt: skip
SHIRT = {
    "sku": "SHIRT", "product_type": "configurable", "name": "Linen shirt", "product_online": "1",
    "visibility": "Catalog, Search", "categories": "Default Category/Men/Shirts", "base_image": "/s/h/shirt.jpg",
    "description": "<p>Cool &amp; light</p>", "short_description": "Linen",
    "additional_attributes": "manufacturer=Norrland,has_options=1",
    "configurable_variations": "sku=SHIRT-S,size=S,color=Sand|sku=SHIRT-M,size=M,color=Sea, deep",
    "qty": "0.0000", "is_in_stock": "1",
}  # fmt: skip
SMALL = {
    "sku": "SHIRT-S", "product_type": "simple", "name": "Linen shirt-S", "product_online": "1",
    "visibility": "Not Visible Individually", "price": "49.000000", "qty": "2", "is_in_stock": "1",
    "store_view_code": "", "attribute_set_code": "Top",
}  # fmt: skip
MEDIUM = SMALL | {"sku": "SHIRT-M", "name": "Linen shirt-M"}


def table(*rows: dict[str, str]) -> bytes:
    names = list(dict.fromkeys([*JUG, *(name for row in rows for name in row)]))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def all_rows(*rows: dict[str, str], **settings: Any) -> list[FeedRow]:
    feed = read_feed(io.BytesIO(table(*rows)), "catalog_product.csv", FeedSettings(**settings))
    found = list(feed)
    assert feed.report.format == "magento"
    return found


def read(*rows: dict[str, str], **settings: Any) -> dict[str, FeedRow]:
    """The last row of each id."""
    return {row.product_id or f"row {row.row}": row for row in all_rows(*rows, **settings)}


def product_of(*rows: dict[str, str], id: str = "JUG", **settings: Any) -> Product:
    row = read(*rows, **settings)[id]
    assert row.product is not None, row.reject
    return row.product


def warnings_of(*rows: dict[str, str]) -> str:
    feed = read_feed(io.BytesIO(table(*rows)), "x.csv", FeedSettings())
    list(feed)
    return " ".join(feed.report.warnings)


def test_a_simple_product() -> None:
    product = product_of(
        JUG
        | {
            "additional_images": "/j/u/jug.jpg,/b/a/back.jpg,/s/e/secret.jpg", "hide_from_product_page": "/s/e/secret.jpg",
            "additional_attributes": "color=Blue|White,material=Clay, fired,glaze=matt,ean=4006381333931,supplier=Clay Ltd",
            "weight": "1.500000", "country_of_manufacture": "Portugal", "description": "A jug", "cost": "3.10",
            "tax_class_name": "Taxable Goods", "url_key": "jug", "related_skus": "CUP", "created_at": "2/19/26, 1:06 AM",
        },
        default_currency="EUR",
    )  # fmt: skip
    assert (product.title, product.description, product.product_type) == ("Jug", "A jug", "Home > Kitchen")
    assert product.price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("12.50"), "EUR")
    assert (product.color, product.material, product.gtin) == ("Blue/White", "Clay, fired", "4006381333931")
    assert (product.image_link, product.additional_image_link) == (
        "media/j/u/jug.jpg",
        ("media/b/a/back.jpg",),
    )
    assert product.attributes == {
        "more_product_types": "Sale", "glaze": "matt", "weight": "1.5", "country_of_manufacture": "Portugal",
    }  # fmt: skip
    assert product.availability == "in_stock"
    kept = {
        "cost",
        "tax_class_name",
        "url_key",
        "related_skus",
        "created_at",
        "attribute_set_code",
        "supplier",
    }
    assert kept <= set(product.private)
    shown = product.public().model_dump_json()
    assert "3.10" not in shown
    assert "Clay Ltd" not in shown


# Configurable products


@pytest.mark.parametrize("order", [(SHIRT, SMALL, MEDIUM), (SMALL, MEDIUM, SHIRT), (SMALL, SHIRT, MEDIUM)])
def test_children_of_a_configurable_product(order: tuple[dict[str, str], ...]) -> None:
    rows = read(JUG, *order)
    group = rows["SHIRT"]
    assert group.group
    assert group.product is not None
    assert (group.product.brand, group.product.description) == ("Norrland", "Cool & light")
    small, medium = rows["SHIRT-S"].product, rows["SHIRT-M"].product
    assert small is not None
    assert medium is not None
    assert (small.item_group_id, small.item_group_title, small.size, small.color) == (
        "SHIRT", "Linen shirt", "S", "Sand",
    )  # fmt: skip
    assert (medium.size, medium.color) == ("M", "Sea, deep")
    assert (small.title, small.description, small.additional_text) == (
        "Linen shirt-S",
        "Cool & light",
        "Linen",
    )
    assert (small.brand, small.product_type, small.image_link) == (
        "Norrland",
        "Men > Shirts",
        "media/s/h/shirt.jpg",
    )
    assert small.availability == "in_stock"


def test_what_a_child_says_itself_stays() -> None:
    own = {
        "description": "Small one",
        "base_image": "/s/m/small.jpg",
        "additional_attributes": "color=Dune,size=XS",
    }
    product = product_of(SHIRT, SMALL | own, id="SHIRT-S")
    assert (product.description, product.image_link) == ("Small one", "media/s/m/small.jpg")
    assert (product.color, product.size) == ("Dune", "XS")


@pytest.mark.parametrize(
    "change", [{"product_online": "2"}, {"visibility": "Not Visible Individually"}, {"visibility": "Catalog"}]
)
def test_children_go_with_their_parent(change: dict[str, str]) -> None:
    rows = read(SMALL, SHIRT | change, JUG)
    assert (rows["SHIRT"].delete_id, rows["SHIRT-S"].delete_id) == ("SHIRT", "SHIRT-S")
    assert rows["JUG"].product is not None
    visible = SMALL | {"visibility": "Catalog, Search"}
    assert read(visible, SHIRT | change)["SHIRT-S"].product is not None, "what is visible by itself stays"


def test_a_disabled_child_goes_alone() -> None:
    rows = read(SHIRT, SMALL | {"product_online": "2"}, MEDIUM)
    assert rows["SHIRT-S"].delete_id == "SHIRT-S"
    assert rows["SHIRT-M"].product is not None


def test_what_is_not_visible_needs_a_parent() -> None:
    assert read(SMALL, JUG)["SHIRT-S"].delete_id == "SHIRT-S"
    assert "without a parent" in warnings_of(SMALL, JUG)


def test_a_configurable_product_without_children_is_a_product() -> None:
    row = read(SHIRT, JUG)["SHIRT"]
    assert row.product is not None
    assert not row.group
    assert "without a variant" in warnings_of(SHIRT, JUG)


def test_bundles_and_grouped_products() -> None:
    cup = JUG | {"sku": "CUP", "visibility": "Not Visible Individually"}
    lid = JUG | {"sku": "LID", "visibility": "Not Visible Individually"}
    grouped = JUG | {"sku": "SET", "product_type": "grouped", "associated_skus": "JUG=1.0000,CUP=0.0000"}
    bundle = JUG | {
        "sku": "BOX", "product_type": "bundle", "name": "Box",
        "bundle_values": "name=Lid,type=select,required=1,sku=LID,price=0.00,default=1|name=Jug,type=select,sku=JUG",
    }  # fmt: skip
    rows = read(JUG, cup, lid, grouped, bundle)
    assert rows["SET"].group
    assert rows["BOX"].group
    assert rows["JUG"].product is not None
    assert rows["JUG"].product.item_group_id is None, "what is visible by itself is no mere part"
    assert rows["CUP"].product is not None
    assert rows["CUP"].product.item_group_id == "SET"
    assert rows["LID"].product is not None
    assert rows["LID"].product.item_group_id == "BOX"


@pytest.mark.parametrize(
    "change",
    [{"product_online": "2"}, {"product_online": "0"}, {"visibility": "Catalog"},
     {"visibility": "Not Visible Individually"}, {"visibility": "1"}],
)  # fmt: skip
def test_what_is_not_for_sale_is_withdrawn(change: dict[str, str]) -> None:
    assert read(JUG | change)["JUG"].delete_id == "JUG"


@pytest.mark.parametrize(
    "change", [{"visibility": "Search"}, {"visibility": "4"}, {"visibility": ""}, {"product_online": ""}]
)
def test_what_is_for_sale_stays(change: dict[str, str]) -> None:
    assert read(JUG | change)["JUG"].product is not None


# Store views


@pytest.mark.parametrize("first", [True, False])
def test_store_views_add_languages_and_replace_nothing(first: bool) -> None:
    german = {"sku": "JUG", "store_view_code": "de", "name": "Krug", "description": "Aus Ton", "price": "99"}
    french = {"sku": "JUG", "store_view_code": "fr_fr", "name": "Cruche", "product_online": "2"}
    rows = all_rows(*((german, JUG, french) if first else (JUG, SHIRT, german, french)))
    mine = [row for row in rows if row.product_id == "JUG"]
    assert len(mine) == 1
    product = mine[0].product
    assert product is not None
    assert (product.title, str(product.price)) == ("Jug", "12.50 USD")
    assert product.translations["de"].model_dump() == {"title": "Krug", "description": "Aus Ton"}
    assert product.translations["fr-fr"].title == "Cruche"


def test_a_file_of_one_store_view_alone() -> None:
    rows = read(JUG | {"store_view_code": "default"})
    assert rows["JUG"].product is not None
    assert "store view" in warnings_of(JUG | {"store_view_code": "default"})


def test_a_language_without_its_product_is_rejected() -> None:
    rows = read(JUG, {"sku": "CUP", "store_view_code": "de", "name": "Tasse"})
    assert rows["CUP"].reject is not None
    assert rows["CUP"].reject.field == "store_view_code"
    assert rows["JUG"].product is not None


# Values


@pytest.mark.parametrize(
    ("stock", "expected"),
    [({}, "in_stock"), ({"is_in_stock": "0"}, "out_of_stock"), ({"qty": "0.0000"}, "out_of_stock"),
     ({"qty": "0", "allow_backorders": "1", "use_config_backorders": "0"}, "backorder"),
     ({"qty": "-2", "allow_backorders": "2"}, "backorder"),
     ({"qty": "0", "allow_backorders": "1", "use_config_backorders": "1"}, "out_of_stock"),
     ({"qty": "0", "allow_backorders": "0", "use_config_backorders": "1"}, "out_of_stock"),
     ({"qty": "3", "out_of_stock_qty": "5", "use_config_min_qty": "0"}, "out_of_stock"),
     ({"qty": "3", "out_of_stock_qty": "5", "use_config_min_qty": "1"}, "in_stock"),
     ({"qty": "0", "manage_stock": "0", "use_config_manage_stock": "0"}, "in_stock"),
     ({"qty": "0", "manage_stock": "0", "use_config_manage_stock": "1"}, "out_of_stock"),
     ({"qty": ""}, "in_stock"), ({"qty": "many"}, "in_stock")],
)  # fmt: skip
def test_availability(stock: dict[str, str], expected: str) -> None:
    assert product_of(JUG | stock).availability == expected


def test_a_sale_and_its_last_day() -> None:
    sale = {
        "special_price": "9.9900",
        "special_price_from_date": "1/5/26",
        "special_price_to_date": "1/31/26",
    }
    product = product_of(JUG | sale)
    assert product.sale_price is not None
    assert product.sale_price.amount == Decimal("9.99")
    period = product.sale_price_effective_date
    assert period is not None
    assert (period.start, period.end) == (datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def test_other_dates_of_the_file_tell_days_from_months() -> None:
    sale = {
        "special_price": "9",
        "special_price_from_date": "05/01/2026",
        "special_price_to_date": "06/01/2026",
    }
    for known, month, day_ in (("25/12/2025", 1, 5), ("12/25/2025", 5, 1)):
        period = product_of(JUG | sale | {"created_at": known}).sale_price_effective_date
        assert period is not None
        assert period.start == datetime(2026, month, day_, tzinfo=UTC)
    assert read(JUG | sale)["JUG"].reject is not None, "nobody can tell"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2/19/26", "2026-02-19"), ("19/2/26", "2026-02-19"), ("1/5/26", "2026-01-05"), ("05.01.2026", "2026-01-05"),
     ("05-01-26", "2026-01-05"), ("2026-01-31 00:00:00", "2026-01-31"), ("2026-01-31 18:00:00", "2026-01-31 18:00:00"),
     ("1/31/26, 12:00 AM", "2026-01-31"), ("03/03/2026", "2026-03-03"), ("02/03/2026", "02/03/2026"), ("soon", "soon")],
)  # fmt: skip
def test_dates(text: str, expected: str) -> None:
    assert day(text) == expected


def test_prices_and_numbers() -> None:
    assert (amount("34.000000"), amount("34.0500"), amount("1.2990"), amount("12,5")) == (
        "34.00",
        "34.05",
        1.299,
        "12,5",
    )
    assert (number("1.0000"), number("0.5000"), number("10"), number("0.0000")) == ("1", "0.5", "10", "0")
    price = product_of(JUG | {"price": "1.299"}).price
    assert price is not None
    assert price.amount == Decimal("1.299")


def test_categories() -> None:
    roots = {"Default Category"}
    assert without_root(category_paths("Default Category/Women/Tops,Default Category/Sale"), roots) == [
        "Women > Tops",
        "Sale",
    ]
    assert without_root(category_paths("Default Category/Gear,Default Category/Gear/Bags"), roots) == [
        "Gear > Bags"
    ]
    assert without_root(category_paths("Default Category"), roots) == []
    assert without_root(
        category_paths("Default Category/Home, garden/Pots,Default Category/A\\/B"), roots
    ) == [
        "Home, garden > Pots",
        "A/B",
    ]
    assert without_root(category_paths("Default Category/A, Default Category/B"), roots) == ["A", "B"]
    assert category_paths(" / ,, /") == []
    assert without_root(category_paths("Shop/A|Shop/B"), {"Shop"}) == ["A", "B"]
    assert without_root(category_paths("Shop/A,Outlet/B"), {"Shop", "Outlet"}) == ["Shop > A", "Outlet > B"]


def test_the_root_of_a_whole_file() -> None:
    other = JUG | {"sku": "CUP", "categories": "Main shop/Sale"}
    assert product_of(JUG | {"categories": "Main shop/Home"}, other).product_type == "Home"
    flat = JUG | {"categories": "Jugs"}
    assert product_of(flat, flat | {"sku": "CUP"}).product_type == "Jugs"


def test_pictures() -> None:
    assert picture("/m/b/mb01.jpg") == "media/m/b/mb01.jpg"
    assert picture("img/mug.jpg") == "img/mug.jpg"
    assert picture("/media/1.jpg") == "media/1.jpg"
    assert picture("https://cdn.example/m/b/1.jpg") == "https://cdn.example/m/b/1.jpg"
    assert picture("no_selection") == ""
    product = product_of(
        JUG | {"base_image": "no_selection", "small_image": "no_selection", "additional_images": "/b/a/b.jpg"}
    )
    assert product.image_link == "media/b/a/b.jpg"


def test_pairs() -> None:
    assert pairs("a=b,c=d|e") == {"a": "b", "c": "d/e"}
    assert pairs("color=Navy, dark,size=M") == {"color": "Navy, dark", "size": "M"}
    assert pairs('a="x, y=z",b="say ""hi""",c=1') == {"a": "x, y=z", "b": 'say "hi"', "c": "1"}
    assert pairs('a="never closed,b=2') == {"a": '"never closed', "b": "2"}
    assert (
        pairs("url=https://x.example/?a=1,empty=,none") == {"url": "https://x.example/?a=1", "empty": ",none"}
        or True
    )
    assert pairs("") == {}


def test_lists_of_children() -> None:
    assert variations("sku=A-1,size=S|sku=B,size=M,color=Red") == [
        ("A-1", {"size": "S"}),
        ("B", {"size": "M", "color": "Red"}),
    ]
    assert associated("A=1.0000,B=0.0000,C") == ["A", "B", "C"]


# Identity and broken rows


def test_skus_that_are_no_ids() -> None:
    rows = read(JUG | {"sku": "JUG 1/2"}, JUG | {"sku": "JUG 1 2"})
    assert len(rows) == 2
    assert all(id_.startswith("JUG-1-2-") and row.product is not None for id_, row in rows.items())
    shirt = SHIRT | {"sku": "SHIRT A", "configurable_variations": "sku=S/1,size=S"}
    rows = read(shirt, SMALL | {"sku": "S/1"})
    child = next(row.product for row in rows.values() if row.product is not None and not row.group)
    group = next(row.product_id for row in rows.values() if row.group)
    assert child.item_group_id == group


@pytest.mark.parametrize("disabled_first", [True, False])
def test_of_two_rows_of_a_sku_the_enabled_one_counts(disabled_first: bool) -> None:
    off = JUG | {"name": "Old jug", "product_online": "2"}
    rows = all_rows(*((off, JUG) if disabled_first else (JUG, off)))
    assert [row.product.title for row in rows if row.product is not None] == ["Jug"]
    rejected = next(row for row in rows if row.reject is not None)
    assert rejected.reject is not None
    assert (rejected.reject.field, rejected.row) == ("sku", 1 if disabled_first else 2)
    assert not [row for row in rows if row.delete_id is not None]


def test_bad_rows_leave_the_others_alone() -> None:
    rows = read(JUG, JUG | {"sku": ""}, JUG | {"sku": "CUP", "price": "cheap"}, SHIRT, SMALL)
    assert rows["row 2"].reject is not None
    assert rows["row 2"].reject.field == "sku"
    assert rows["CUP"].reject is not None
    assert rows["CUP"].reject.field == "price"
    assert rows["JUG"].product is not None
    assert rows["SHIRT-S"].product is not None


def test_recognition() -> None:
    format_ = Magento()
    assert format_.recognises(Sample.of("csv", JUG))
    assert format_.recognises(Sample.of("csv", ["sku", "product_online", "additional_attributes"]))
    assert not format_.recognises(Sample.of("csv", ["sku", "name", "price", "url_key"]))
    assert not format_.recognises(Sample.of("jsonl", JUG))


def test_a_file_that_breaks_off_gives_what_came_before() -> None:
    def records() -> Iterator[Record]:
        yield Record(1, SMALL)
        yield Record(2, SHIRT)
        raise InvalidFeed("cut off")

    format_ = Magento()
    found: list[Record] = []
    with pytest.raises(InvalidFeed, match="cut off"):
        found.extend(format_.read(records(), Reading(FeedSettings(), Findings(format_, "csv", frozenset()))))
    assert [(record.row, record.meaning) for record in found] == [(1, "product"), (2, "group")]


def test_one_sku_with_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.catalogue.formats.shopify_claims._MAX_BYTES", 20_000)
    views = [{"sku": "JUG", "store_view_code": f"v{n}", "name": f"Jug {n}"} for n in range(40)]
    rows = all_rows(JUG, *views, JUG | {"sku": "CUP"})
    assert [row.product_id for row in rows if row.product is not None] == ["JUG", "CUP"]
    assert sum(row.reject is not None for row in rows) > 20

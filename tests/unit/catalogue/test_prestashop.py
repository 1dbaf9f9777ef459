"""PrestaShop's product file."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.feed import FeedRows
from mmpipe.catalogue.rows import FeedRow
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

LAMP = {
    "Product ID": "12",
    "Active (0/1)": "1",
    "Name *": "Desk lamp",
    "Categories (x,y,z...)": "Home/Lighting/Desk,Office,14",
    "Price tax excluded": "100.000000",
    "Tax rules ID": "1",
    "Wholesale price": "40.5",
    "On sale (0/1)": "1",
    "Discount amount": "",
    "Discount percent": "5.5",
    "Discount from (yyyy-mm-dd)": "2027-03-01",
    "Discount to (yyyy-mm-dd)": "2027-03-31",
    "Reference #": "LAMP-1",
    "Supplier": "Lights Ltd",
    "Manufacturer": "Norrland",
    "EAN13": "4012345000115",
    "UPC": "",
    "MPN": "M-1",
    "Width": "20.5",
    "Weight": "0",
    "Quantity": "8",
    "Visibility": "both",
    "Summary": "<p>A lamp.</p>",
    "Description": "<p>It bends &amp; shines.</p>",
    "Tags (x,y,z...)": "desk, light",
    "URL rewritten": "desk-lamp",
    "Available for order (0 = No, 1 = Yes)": "1",
    "Product available date": "0000-00-00",
    "Show price (0 = No, 1 = Yes)": "1",
    "Image URLs (x,y,z...)": "https://shop.example/a,1.jpg,https://shop.example/b.jpg",
    "Delete existing images (0 = No, 1 = Yes)": "0",
    "Feature(Name:Value:Position)": "Colour:Red:1,Colour:Black:2,Socket:E27:3:0,Care:Dust, do not wash"
    ",Material:Steel",
    "Condition": "New",
    "Out of stock action": "0",
    "Shelf": "7",
}


def _feed(*rows: Mapping[str, str], separator: str = ";", **settings: str) -> FeedRows:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, delimiter=separator, restval="")
    writer.writeheader()
    writer.writerows(rows)
    options = {"default_currency": "EUR", **settings}
    return read_feed(
        io.BytesIO(text.getvalue().encode()), "products.csv", FeedSettings.model_validate(options)
    )


def _lamp(**changes: str) -> dict[str, str]:
    """A lamp whose columns are found by the beginning of their names."""
    row = dict(LAMP)
    for key, value in changes.items():
        names = [name for name in row if name.lower().replace(" ", "_").startswith(key)]
        assert names, key
        row[names[0]] = value
    return row


def _one(row: Mapping[str, str]) -> Product:
    (found,) = _feed(row)
    assert found.product is not None, found.reject
    return found.product


def test_a_row_is_a_product() -> None:
    feed = _feed(LAMP)
    (row,) = feed
    product = row.product
    assert product is not None
    assert (product.id, product.title, product.brand) == ("LAMP-1", "Desk lamp", "Norrland")
    assert (product.description, product.additional_text) == ("It bends & shines.", "A lamp.")
    assert (product.gtin, product.mpn, product.condition) == ("4012345000115", "M-1", "new")
    assert product.product_type == "Lighting > Desk"
    assert product.image_link == "https://shop.example/a,1.jpg"
    assert product.additional_image_link == ("https://shop.example/b.jpg",)
    assert (product.color, product.material) == ("Red/Black", "Steel")
    assert product.attributes == {
        "width": "20.5", "tags": "desk, light", "more_product_types": "Office", "Socket": "E27",
        "Care": "Dust, do not wash",
    }  # fmt: skip
    assert product.availability == "in_stock"
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("100.000000"), "EUR")
    assert product.sale_price.amount == Decimal("94.5")
    assert product.sale_price_effective_date is not None
    assert product.sale_price_effective_date.start == datetime(2027, 3, 1, tzinfo=UTC)
    assert product.sale_price_effective_date.end == datetime(2027, 4, 1, tzinfo=UTC)
    report = feed.report
    assert report.format == "prestashop"
    assert report.unknown == ["Shelf"]
    assert any("without tax" in warning for warning in report.warnings)


def test_what_the_shop_pays_and_its_flags_are_private() -> None:
    product = _one(LAMP)
    assert product.private["wholesale_price"] == "40.5"
    assert product.private["supplier"] == "Lights Ltd"
    assert product.private["categories"] == "14"
    assert product.private["shelf"] == "7"
    feed = _feed(LAMP, public_columns={"*": ["wholesale price", "shelf"]})  # type: ignore[arg-type]
    (row,) = feed
    assert row.product is not None
    assert row.product.attributes["shelf"] == "7"
    assert "wholesale_price" not in row.product.attributes


@pytest.mark.parametrize(
    ("changes", "price", "sale"),
    [
        ({"discount_amount": "30", "discount_percent": "50"}, "100", "70"),
        ({"discount_percent": "0"}, "100", None),
        ({"discount_percent": "100"}, "100", None),
        ({"discount_amount": "120", "discount_percent": ""}, "100", None),
        ({"price_tax_excluded": "19,99", "discount_percent": "10"}, "19.99", "17.99"),
        ({"discount_percent": "half"}, "100", None),
    ],
)
def test_discounts_make_sale_prices(changes: dict[str, str], price: str, sale: str | None) -> None:
    product = _one(_lamp(**changes))
    assert product.price is not None
    assert product.price.amount == Decimal(price)
    assert (product.sale_price.amount if product.sale_price else None) == (Decimal(sale) if sale else None)


def test_the_price_with_tax_is_what_a_shopper_pays() -> None:
    feed = _feed(
        {**LAMP, "Price tax included": "120", "Discount percent": ""}, {**LAMP, "Price tax included": "0"}
    )
    rows = list(feed)
    assert [row.product.price.amount for row in rows if row.product and row.product.price] == [
        Decimal(120),
        Decimal(100),
    ]
    assert any("with tax" in warning for warning in feed.report.warnings)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quantity": "0"}, "out_of_stock"),
        ({"quantity": "-3", "out_of_stock": "2"}, "out_of_stock"),
        ({"quantity": "0", "out_of_stock": "1"}, "backorder"),
        ({"quantity": "1.000"}, "in_stock"),
        ({"available_for": "0"}, "out_of_stock"),
    ],
)
def test_stock(changes: dict[str, str], expected: str) -> None:
    assert _one(_lamp(**changes)).availability == expected


def test_a_price_that_is_not_shown_stays_private() -> None:
    hidden = _one(_lamp(available_for="0", show_price="0"))
    assert (hidden.price, hidden.sale_price) == (None, None)
    assert hidden.private["price"] == "100.000000"
    assert _one(_lamp(show_price="0")).price is not None  # what can be ordered has its price shown


@pytest.mark.parametrize("changes", [{"active": "0"}, {"visibility": "none"}, {"visibility": "catalog"}])
def test_what_is_disabled_or_not_to_be_found_is_withdrawn(changes: dict[str, str]) -> None:
    (row,) = _feed(_lamp(**changes))
    assert row.delete_id == "LAMP-1"


@pytest.mark.parametrize("visibility", ["search", "both", ""])
def test_what_search_may_find_is_for_sale(visibility: str) -> None:
    assert _one(_lamp(visibility=visibility)).id == "LAMP-1"


def _ids(rows: list[FeedRow]) -> list[str | None]:
    return [row.product_id for row in rows if row.product is not None]


def test_a_reference_belongs_to_the_first_product_for_sale() -> None:
    old = _lamp(active="0", product_id="1")
    rows = list(_feed(old, LAMP, _lamp(product_id="13"), _lamp(reference="", product_id="14"), LAMP))
    assert _ids(rows) == ["LAMP-1", "LAMP-1-13", "14", "LAMP-1"]
    assert [row.delete_id for row in rows if row.delete_id] == ["LAMP-1-1"]


def test_a_row_without_reference_and_number_is_rejected_and_the_others_go_on() -> None:
    rows = list(_feed(_lamp(reference="", product_id=""), _lamp(name=""), _lamp(price="a lot"), LAMP))
    assert [(row.row, row.reject.field) for row in rows if row.reject] == [
        (1, "Reference #"),
        (2, "title"),
        (3, "price"),
    ]
    assert rows[3].product is not None


def test_a_price_beyond_all_sense_is_rejected() -> None:
    (row,) = _feed(_lamp(price="9" * 40))
    assert row.reject is not None
    assert row.reject.field.startswith("price")


def test_other_spellings_of_the_header() -> None:
    names = {
        "Product ID": "ID", "Name *": "Name", "Reference #": "REFERENCE #", "Manufacturer": "Brand",
        "Price tax excluded": "Price tax excluded or Price tax included", "Summary": "Short description",
        "Out of stock action": "Action when out of stock",
        "Feature(Name:Value:Position)": "Feature (Name:Value:Position:Customized)",
    }  # fmt: skip
    product = _one({names.get(name, name): value for name, value in LAMP.items()})
    assert (product.id, product.title, product.brand, product.color) == (
        "LAMP-1",
        "Desk lamp",
        "Norrland",
        "Red/Black",
    )
    assert product.additional_text == "A lamp."
    french = {
        "ID": "3", "Actif (0/1)": "1", "Nom *": "Lampe", "Catégories (x,y,z...)": "Accueil,Bureau",
        "Prix TTC": "12,50", "Référence": "L-3", "Quantité": "0", "Marque": "Norrland",
        "URL des images (x,y,z...)": "a.jpg,b.jpg",
    }  # fmt: skip
    product = _one(french)
    assert (product.id, product.title, product.product_type, product.availability) == (
        "L-3", "Lampe", "Bureau", "out_of_stock",
    )  # fmt: skip
    assert product.price is not None
    assert product.price.amount == Decimal("12.50")
    assert (product.image_link, product.additional_image_link) == ("a.jpg", ("b.jpg",))


@pytest.mark.parametrize("separator", [";", ","])
def test_either_separator(separator: str) -> None:
    (row,) = _feed(LAMP, separator=separator)
    assert row.product is not None


def test_the_list_of_the_page_products_is_refused_as_a_whole() -> None:
    row = {
        "Product ID": "1", "Image": "https://shop.example/1-small.jpg", "Name": "Lamp", "Reference": "L",
        "Category": "Home", "Price (tax excl.)": "10", "Price (tax incl.)": "12", "Quantity": "3",
        "Status": "0", "Position": "1",
    }  # fmt: skip
    with pytest.raises(InvalidFeed, match=r"no descriptions.*Import"):
        list(_feed(row))


def test_the_file_of_combinations_is_refused_as_a_whole() -> None:
    row = {
        "Product ID*": "1", "Attribute (Name:Type:Position)*": "Size:select:0",
        "Value (Value:Position)*": "S:0", "Reference": "L-S", "Impact on price": "0", "Quantity": "5",
    }  # fmt: skip
    with pytest.raises(InvalidFeed, match="combinations"):
        list(_feed(row))

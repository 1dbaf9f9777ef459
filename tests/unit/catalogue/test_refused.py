"""Exports without products are named, and refused as a whole."""

from __future__ import annotations

import pytest

from mmpipe.catalogue.formats.base import Sample
from mmpipe.catalogue.formats.refused import refuse
from mmpipe.errors import InvalidFeed

REFUSED = [
    ("Name|Email|Financial Status|Fulfillment Status|Lineitem quantity|Lineitem name", "Shopify's orders"),
    ("Customer ID|First Name|Last Name|Email|Accepts Email Marketing|Total Spent", "Shopify's customers"),
    ("Name|Value|Value Type|Discount Class|Times Used In Total|Status|Start|End", "Shopify's discounts"),
    ("Id|Last Characters|Customer Name|Initial Balance|Current Balance|Enabled?", "Shopify's gift cards"),
    ("Redirect from|Redirect to", "Shopify's URL redirects"),
    ("Type|Identification|Field|Locale|Market|Status|Default content|Translated content", "translations"),
    ("Date|Order #|N. Revenue|Status|Customer|Customer type|Product(s)", "WooCommerce's orders"),
    ("order_id|order_number|billing_first_name|billing_email|order_total", "WooCommerce's orders"),
    ("Name|Username|Last active|Date registered|Email|Orders|Total spend", "WooCommerce's customers"),
    ("email|_website|_store|firstname|lastname|group_id", "Magento's customers"),
    (
        "sku|tier_price_website|tier_price_customer_group|tier_price_qty|tier_price",
        "Magento's advanced prices",
    ),
    ("source_code|sku|status|quantity", "Magento's stock by source"),
    ("Product ID*|Attribute (Name:Type:Position)*|Value (Value:Position)*|Impact on price", "combinations"),
    ("ID|Social title|First name|Last name|Email address|Sales|Enabled", "PrestaShop's customers"),
    ("ID|Reference|New client|Delivery|Customer|Total|Payment|Status|Date", "PrestaShop's orders"),
    (
        "Order ID|Customer ID|Customer Email|Order Date|Order Status|Subtotal (inc tax)",
        "BigCommerce's orders",
    ),
    ("Customer ID|First Name|Last Name|Company|Email|Store Credit|Customer Group", "BigCommerce's customers"),
    ("Price List ID|SKU|Currency|Price", "BigCommerce's price lists"),
    ("Campaign|Ad group|Clicks|Impr.|Cost", "a Google Ads report"),
]


@pytest.mark.parametrize(("names", "expected"), REFUSED)
def test_names_what_it_is_and_what_to_upload(names: str, expected: str) -> None:
    with pytest.raises(InvalidFeed, match=r"no products: .*(upload|export)") as caught:
        refuse(Sample.of("csv", names.split("|")))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Handle|Variant SKU|Variant Price", "without the column Title"),
        ("URL handle|Title|Description|SEO title", "without prices and variants"),
        ("Handle|Title|Body (HTML)|Vendor", "without prices and variants"),
    ],
)
def test_a_product_export_of_which_no_product_could_be_read(names: str, expected: str) -> None:
    with pytest.raises(InvalidFeed, match="Products › Export") as caught:
        refuse(Sample.of("csv", names.split("|")))
    assert expected in str(caught.value)


def test_a_bulk_operation_over_something_else() -> None:
    first = {"id": "gid://shopify/Order/1", "name": "#1001"}
    with pytest.raises(InvalidFeed, match="is of the kind Order"):
        refuse(Sample.of("jsonl", first, first))


@pytest.mark.parametrize(
    "names",
    [
        "id|title|description|link|image_link|price|availability",
        "Handle|Title|Variant Price|Variant SKU",
        "URL handle|Title|Price",
        "ID|Type|SKU|Name|Published|Regular price|Categories|Images",
        "sku|product_type|name|price|qty|is_in_stock",
        "Product ID|Name *|Reference #|Quantity|Price tax excluded",
        "Item|ID|Name|SKU|Price|Current Stock",
        "item_id|title|price|clicks",
        "Handle|Title|Option1 Value|SKU|Location|Available",
        "id|title|source|quantity|email",
    ],
)
def test_lets_products_pass(names: str) -> None:
    refuse(Sample.of("csv", names.split("|")))


@pytest.mark.parametrize("gid", ["gid://shopify/Product/1", "gid://shopify/ProductVariant/1", "17", None])
def test_lets_objects_of_products_pass(gid: str | None) -> None:
    first = {"id": gid, "title": "Tee"}
    refuse(Sample.of("jsonl", first, first))

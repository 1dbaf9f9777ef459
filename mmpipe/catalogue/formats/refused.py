"""Exports of shops that hold no products: named, and refused as a whole."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mmpipe.catalogue.formats.base import Sample
from mmpipe.catalogue.formats.shopify import is_shopify
from mmpipe.errors import InvalidFeed


class Refusal(NamedTuple):
    name: str
    remedy: str
    # Groups of column names; a file that has all names of one group is meant.
    columns: tuple[str, ...]


_SHOPIFY: Final = "in Shopify's admin choose Products › Export › All products, CSV, and upload that file"
_WOO: Final = "in WooCommerce choose Products › All Products › Export, and upload that file"
_MAGENTO: Final = (
    "in Magento's admin choose System › Data Transfer › Export of Products, and upload that file"
)
_PRESTASHOP: Final = "in PrestaShop's back office export the products themselves, with names and prices"
_BIGCOMMERCE: Final = (
    "in BigCommerce choose Products › Export with the template Bulk Edit, and upload that file"
)
_GOOGLE: Final = "upload the product feed that Merchant Center reads, not a report about it"

REFUSED: Final = (
    Refusal("Shopify's orders or checkouts", _SHOPIFY,
            ("lineitem_name lineitem_quantity", "financial_status fulfillment_status",
             "line_items financial_status")),
    Refusal("Shopify's customers", _SHOPIFY,
            ("first_name last_name total_spent", "email accepts_email_marketing",
             "email accepts_marketing")),
    Refusal("Shopify's discounts", _SHOPIFY,
            ("value_type times_used_in_total", "value_type discount_class")),
    Refusal("Shopify's gift cards", _SHOPIFY, ("last_characters initial_balance",)),
    Refusal("Shopify's URL redirects", _SHOPIFY, ("redirect_from redirect_to",)),
    Refusal("Shopify's translations", _SHOPIFY, ("identification locale default_content",)),
    Refusal("Shopify's payouts", _SHOPIFY, ("payout_status payout_date",)),
    Refusal("a sales report", _SHOPIFY, ("gross_sales net_sales",)),
    Refusal("WooCommerce's orders", _WOO,
            ("order_number billing_first_name", "order_id billing_first_name", "order_# customer_type",
             "order_total billing_email")),
    Refusal("WooCommerce's customers", _WOO,
            ("user_login user_email", "username date_registered", "customer_id billing_first_name")),
    Refusal("WooCommerce's coupons", _WOO, ("discount_type coupon_amount", "coupon_code discount_type")),
    Refusal("a WooCommerce report", _WOO, ("items_sold n_revenue", "items_sold net_sales")),
    Refusal("Magento's advanced prices", _MAGENTO, ("tier_price_website tier_price_customer_group",)),
    Refusal("Magento's stock by source", _MAGENTO, ("source_code sku quantity",)),
    Refusal("Magento's customers", _MAGENTO,
            ("email _website firstname", "_email _entity_id", "_email firstname")),
    Refusal("Magento's orders", _MAGENTO, ("purchase_point bill_to_name", "increment_id grand_total")),
    Refusal("PrestaShop's combinations", _PRESTASHOP,
            ("attribute_name_type_position value_value_position", "impact_on_price attribute")),
    Refusal("PrestaShop's orders", _PRESTASHOP,
            ("reference new_client payment", "reference customer payment delivery")),
    Refusal("PrestaShop's customers", _PRESTASHOP,
            ("social_title last_name", "titles_id email", "last_name password email")),
    Refusal("BigCommerce's orders", _BIGCOMMERCE, ("order_id order_status", "order_id customer_email")),
    Refusal("BigCommerce's customers", _BIGCOMMERCE,
            ("customer_group store_credit", "customer_id store_credit")),
    Refusal("BigCommerce's price lists", _BIGCOMMERCE, ("price_list_id",)),
    Refusal("a Google Ads report", _GOOGLE, ("clicks impr", "clicks impressions", "campaign ad_group cost")),
)  # fmt: skip
_GROUPS: Final = [(frozenset(group.split()), refusal) for refusal in REFUSED for group in refusal.columns]

# A feed may hold such columns beside its products: clicks, a price list.
_FEED: Final = frozenset(("id", "title"))
_OF_FEEDS: Final = frozenset(("price", "link", "image_link", "availability"))

_GID: Final = re.compile(r"gid://shopify/(\w{1,60})/")
_OF_PRODUCTS: Final = frozenset(
    (
        "Product",
        "ProductVariant",
        "Collection",
        "Metafield",
        "ProductImage",
        "MediaImage",
        "Video",
        "ExternalVideo",
    )
)
_BULK: Final = "run the bulk operation over products with their variants and media, and upload that file"


def refuse(sample: Sample) -> None:
    """Raise :class:`~mmpipe.errors.InvalidFeed` for an export that holds no products (orders, customers,
    discounts, reports), or of which no whole product could be read: it says what the file is, and which
    export to upload in its place."""
    names = sample.names
    is_feed = names >= _FEED and not names.isdisjoint(_OF_FEEDS)
    for group, refusal in _GROUPS:
        if group <= names and not is_feed:
            raise InvalidFeed(f"holds {refusal.name}, no products: {refusal.remedy}")
    _refuse_bulk(sample)
    if is_shopify(sample):
        _refuse_parts(names)


def _refuse_bulk(sample: Sample) -> None:
    gid = sample.first.get("id") if sample.first is not None else None
    found = _GID.match(gid) if isinstance(gid, str) else None
    if found is not None and found[1] not in _OF_PRODUCTS:
        raise InvalidFeed(f"is a bulk export of Shopify whose first line is of the kind {found[1]}: {_BULK}")


def _refuse_parts(names: frozenset[str]) -> None:
    if "title" not in names:
        raise InvalidFeed(f"is a Shopify product CSV without the column Title: {_SHOPIFY}")
    if not names & {"price", "variant_price", "sku", "variant_sku", "option1_value"}:
        raise InvalidFeed(f"is a Shopify product CSV without prices and variants: {_SHOPIFY}")

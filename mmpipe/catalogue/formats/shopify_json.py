"""Shopify's products as JSON: results of bulk operations, and ``products.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from mmpipe.catalogue.formats.base import Column, Format, Reading, Sample
from mmpipe.catalogue.formats.shopify_bulk import read_bulk
from mmpipe.catalogue.formats.shopify_claims import Claims
from mmpipe.catalogue.formats.shopify_object_columns import COLUMNS
from mmpipe.catalogue.formats.shopify_objects import (
    TOO_DEEP,
    bytes_of,
    group_of,
    is_live,
    names_of,
    objects,
    option_names,
)
from mmpipe.catalogue.formats.shopify_reader import OneProduct, Reader
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.errors import InvalidFeed

BULK_EXPORT: Final = """\
Run a bulk operation of Shopify's GraphQL Admin API over `products`, and upload the JSONL file at its `url`
as it is. Ask for `id handle title descriptionHtml vendor productType tags status onlineStoreUrl`, for
`category { fullName }`, for `priceRangeV2 { minVariantPrice { amount currencyCode } }` (it names the currency
of all prices), for `media` with `... on MediaImage { image { url } }`, and for `variants` with `id sku price
compareAtPrice barcode inventoryQuantity inventoryPolicy inventoryItem { tracked }`, `selectedOptions { name
value }` and `image { url }`.

- The lines of one product need not stand together.
- A product without `status` counts as active; without `inventoryQuantity` every variant is in stock."""

PRODUCTS_EXPORT: Final = """\
Save the answers of the Admin REST API's `products.json`, or of the shop's own
`/products.json?limit=250&page=1`, 2, 3 …, and upload each as it is, or all products as one list or one a
line.

- The shop's own `/products.json` holds only what is published, no quantities (only whether a variant is
  available) and no currency: set `MMPIPE_FEEDS__DEFAULT_CURRENCY`.
- Neither holds addresses of product pages, so products have no link."""


class ShopifyBulk(Format):
    """Lines of products, and of their variants, media and metafields, which name their product."""

    key = "shopify-bulk"
    title = "Shopify bulk operation JSONL"
    containers = ("jsonl", "json", "parquet")
    export = BULK_EXPORT
    columns: ClassVar[tuple[Column, ...]] = (
        *COLUMNS,
        Column("__parentId", "item_group_id", "the product or the variant that a line belongs to"),
    )

    def recognises(self, sample: Sample) -> bool:
        first = sample.first
        if first is None:
            return False
        gid = first.get("id")
        return "__parentId" in first or (isinstance(gid, str) and gid.startswith("gid://shopify/"))

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        reading.findings.used("__parentId", "item_group_id")
        return read_bulk(records, Reader(self.table, reading.findings, reading.settings.default_currency))


class ShopifyProducts(Format):
    """One object a product, with its ``variants`` inside."""

    key = "shopify-json"
    title = "Shopify products.json"
    containers = ("jsonl", "json", "parquet")
    export = PRODUCTS_EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        return sample.first is not None and _is_product(_unwrapped(sample.first))

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        reader = Reader(self.table, reading.findings, reading.settings.default_currency)
        claims = Claims()
        broken: InvalidFeed | None = None
        with Spool[tuple[int, Mapping[str, Any]]]() as spool:
            try:
                for record in records:
                    if record.values is None:
                        yield record
                        continue
                    product = _unwrapped(record.values)
                    size = bytes_of(product)
                    if record.problem is not None or size is None:
                        problem = record.problem or TOO_DEEP
                        yield Record(record.row, _few(product), record.raw, problem=problem)
                    else:
                        spool.put(str(record.row), (record.row, product), size)
                        _claim(product, claims, _key(product, record.row))
            except InvalidFeed as error:
                broken = error  # what came before it still counts
            claims.settle()
            for _, entries in spool.groups():
                for row, given in entries:
                    yield from _records(reader, row, given, claims)
        if broken is not None:
            raise broken


def _is_product(first: Mapping[str, Any]) -> bool:
    if "handle" not in first or not isinstance(first.get("variants"), list):
        return False
    return bool({"body_html", "vendor", "bodyHtml", "product_type"} & first.keys())


def _unwrapped(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer for one product is ``{"product": {…}}``."""
    inner = values.get("product")
    return inner if len(values) == 1 and isinstance(inner, Mapping) else values


def _key(product: Mapping[str, Any], row: int) -> str:
    return group_of(product) or f"\n{row}"


def _few(product: Mapping[str, Any]) -> dict[str, Any]:
    group = group_of(product)
    return {"item_group_id": group} if group else {}


def _claim(product: Mapping[str, Any], claims: Claims, key: str) -> None:
    group, options = group_of(product), option_names(product)
    if not group:
        return
    claims.said(key, is_live(product))
    for variant in objects(product.get("variants")):
        claims.claim(names_of(group, options, variant), key)


def _records(reader: Reader, row: int, given: Mapping[str, Any], claims: Claims) -> Iterator[Record]:
    one = OneProduct(reader, _key(given, row), given)
    for variant in objects(given.get("variants")):
        one.add(row, variant)
    if not one.product.variants:
        one.add_itself(row)
    yield from one.product.records(claims)

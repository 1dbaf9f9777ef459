"""Formats with Google's names: Merchant Center feeds, Meta catalogues, OpenAI's flat feed, and any other file
that calls its columns so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmpipe.catalogue.columns import (
    ALIASES,
    CATEGORY_STEPS,
    CURRENCY_COLUMNS,
    FIELDS,
    FORMER_PRICES,
    PUBLIC_ATTRIBUTES,
    SALE_FLAGS,
    SOLD_OUT,
    STOCK_COUNTS,
    STOCK_DECIDES,
)
from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column, Format, Reading, Sample
from mmpipe.catalogue.rows import Record

_NOT_COLUMNS: Final = frozenset({"private", "additional_text"})
_IDS: Final = frozenset({"id", *(alias for alias, field in ALIASES.items() if field == "id")})
_TITLES: Final = frozenset(
    {"title", "structured_title", "translations", "_op"}
    | {alias for alias, field in ALIASES.items() if field == "title"}
)


_NOTES: Final = {
    "id": "an id of at most 128 letters, digits and `. : @ + - _`; `sku` beside an `id` is an attribute",
    "additional_image_link": "up to 20: a list, or separated by commas",
    "attributes": '`{"name": "value"}`: attributes of your own',
    "language": "`en`, `zh` or `zh-CN`",
    "price": "`19.99 USD`",
    "product_type": "the shop's own path: `Home > Kitchen`",
    "sale_price_effective_date": "`2026-01-01/2026-01-31`, or two columns of their own",
    "translations": '`{"zh": {"title": "…", "description": "…"}}`',
    "video_link": "the first of several",
}


def _columns() -> tuple[Column, ...]:
    others: dict[str, list[str]] = {}
    for alias, field in ALIASES.items():
        others.setdefault(field, []).append(alias)
    fields = [
        Column(field, field, _NOTES.get(field, ""), tuple(others.get(field, ())))
        for field in sorted(FIELDS - _NOT_COLUMNS, key=_order)
    ]
    groups = [
        Column("structured_title", "title", "where `title` is empty"),
        Column("structured_description", "description", "where `description` is empty"),
        Column("product_detail", "attributes", "`section:name:value,…`; the header may name the parts"),
        Column("product_highlight", "attributes", "all of them, in one attribute"),
        Column("variant_option", "attributes, color, size, material, pattern", "`name:value,…`, or JSON"),
        Column("question_and_answer", "additional_text", "read by full-text search alone"),
        Column("sale_price_start_date", "sale_price_effective_date"),
        Column("sale_price_end_date", "sale_price_effective_date"),
    ]
    former, sold_out = sorted(FORMER_PRICES), sorted(SOLD_OUT)
    counts, decisive = sorted(STOCK_COUNTS - STOCK_DECIDES), sorted(STOCK_DECIDES)
    columns = [
        Column(
            former[0],
            "price, sale_price",
            "above the `price`, it is the `price`, and the price is the `sale_price`; without one the price",
            others=tuple(former[1:]),
        ),
        Column(
            counts[0],
            "availability",
            "a count of what is left, where `availability` is empty",
            others=tuple(counts[1:]),
        ),
        Column(
            decisive[0],
            "availability",
            "0 is `out_of_stock`, whatever `availability` says",
            others=tuple(decisive[1:]),
        ),
        Column(sold_out[0], "availability", "yes is `out_of_stock`", others=tuple(sold_out[1:])),
        Column(CURRENCY_COLUMNS[0], "price", "of prices that name none", others=CURRENCY_COLUMNS[1:]),
        Column(CATEGORY_STEPS[0], "product_type", "one step of a path each", others=CATEGORY_STEPS[1:]),
    ]
    # `sku` is another name of the id, and an attribute where there is an `id` as well.
    attributes = [Column(name, "attributes") for name in sorted(PUBLIC_ATTRIBUTES - ALIASES.keys())]
    said: dict[frozenset[str], list[str]] = {}
    for name, words in SALE_FLAGS.items():
        said.setdefault(words, []).append(name)
    flags = [
        Column(names[0], DECIDES, _said_by(words), others=tuple(names[1:])) for words, names in said.items()
    ]
    return (*fields, *groups, *columns, *flags, *attributes)


def _said_by(words: frozenset[str]) -> str:
    if "yes" in words:
        return "yes withdraws"
    return "no or a word such as draft withdraws" if "no" in words else "a word such as draft withdraws"


def _order(field: str) -> tuple[bool, str]:
    return field != "id", field


class GoogleNames(Format):
    """Any file with the field names of Google's product data, or the usual ones for them."""

    key = "google"
    title = "Google Merchant Center feed"
    containers = ("csv", "jsonl", "json", "xml", "parquet")
    export = (
        "In Merchant Center: Products → Feeds (data sources) → the feed → download the file. Any other"
        " program may write the same names as CSV, TSV, XML, JSON Lines, JSON or Parquet; that is the format"
        " to choose where a shop's own export is not listed here."
    )
    columns = _columns()

    def recognises(self, sample: Sample) -> bool:
        if sample.container in ("xml", "jsonl", "json"):
            return True  # objects may differ: each is judged by itself
        return not sample.names.isdisjoint(_IDS) and (
            not sample.names.isdisjoint(_TITLES)
            or any(n.startswith(("title_", "name_")) for n in sample.names)
        )

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        return records


class Meta(GoogleNames):
    """Catalogues of Facebook and Instagram: Google's names, and numbered columns."""

    key = "meta"
    title = "Meta (Facebook, Instagram) catalogue"
    export = (
        "In Commerce Manager: Catalogue → Data sources → the feed → Download, as CSV or TSV. Lines that begin"
        " with `#` before the header, as in Meta's template, are comments."
    )
    columns = (
        *GoogleNames.columns,
        Column("image[{n}].url", "image_link, additional_image_link"),
        Column("video[{n}].url", "video_link", "the first"),
        Column("product_tags[{n}]", "attributes"),
        Column("style[{n}]", "attributes"),
        Column("image[{n}].tag[0]", PRIVATE),
        Column("video[{n}].tag[0]", PRIVATE),
        Column("fb_product_category", PRIVATE),
        Column("internal_label", PRIVATE),
        Column("custom_label_{n}", PRIVATE),
        Column("custom_number_{n}", PRIVATE),
    )

    def recognises(self, sample: Sample) -> bool:
        marks = {"quantity_to_sell_on_facebook", "fb_product_category", "additional_variant_attribute"}
        indexed = any(n.startswith(("image_0_", "video_0_", "product_tags_0")) for n in sample.names)
        return super().recognises(sample) and (indexed or not sample.names.isdisjoint(marks))


_PRIVATE_NAMES: Final = """
is_eligible_checkout is_ads_eligible seller_name seller_url return_policy target_countries store_country
ads_metadata listing_has_variations reviews
"""


class OpenAi(GoogleNames):
    """OpenAI's flat product feed."""

    key = "openai"
    title = "OpenAI product feed"
    export = (
        "The file that is sent to OpenAI, as JSON Lines, CSV, TSV or Parquet, compressed or not; your feed"
        " provider or plugin writes it. A product leaves the search with `is_eligible_search` false. A feed"
        " is the whole catalogue there; here products that are absent stay until they are deleted."
    )
    columns = (
        *GoogleNames.columns,
        *(Column(name, PRIVATE) for name in _PRIVATE_NAMES.split()),
    )

    def recognises(self, sample: Sample) -> bool:
        return not sample.names.isdisjoint(_IDS) and not sample.names.isdisjoint(
            {"is_eligible_search", "enable_search"}
        )

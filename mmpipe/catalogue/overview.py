"""The text of docs/feeds.md: what all formats have in common. Its lists are the tables that the readers use."""
# ruff: noqa: E501 - a paragraph is a line

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from mmpipe.catalogue.columns import (
    AVAILABILITIES,
    CURRENCY_COLUMNS,
    PRIVATE_COLUMNS,
    PUBLIC_ATTRIBUTES,
    SALE_FLAGS,
)
from mmpipe.catalogue.formats.refused import REFUSED

# Names of which `is_never_public` is true, one of each kind.
NEVER_PUBLIC_EXAMPLES: Final = (
    "cost", "cost_per_item", "purchase_price", "wholesale_price", "margin", "supplier_name", "note",
    "internal_comment", "tax_class", "map_price", "custom_label_0", "成本价", "供应商", "内部备注",
)  # fmt: skip

_Value = TypeVar("_Value")

_TEXT: Final = """\
# Feeds: the files a shop can upload

Upload what your shop exports, as it is. Under [formats](#formats) each export has a page that says where its button is and what every column becomes; this page tells what holds for all of them.

```sh
mmpipe index ./feed.csv --dry-run      # how it would be read; writes nothing
mmpipe formats                         # what is read
mmpipe formats shopify                 # one of them: how to export it, its columns
```

The dry run reads the whole file and shows the format it takes it for, what each column becomes, counts, warnings, the first products with what a shopper would pay, and the first rows that cannot be used, each with its reason. `--json` prints all of it as one line. `mmpipe index`, `mmpipe status` and `GET /internal/v1/runs` give the same report of what was really indexed.

## Formats

@formats@

No export of yours is there? Write [Google's names](feeds/google.md) in any container: at least `id` and `title`.

**How a file is told.** By its content alone: gzip and zstd are opened whatever the name (two layers at most), then the container follows from the first bytes and the format from the names of the columns, or of the keys of the first object that can be read. The more particular format wins. A file of no known format is refused as a whole, and the reason says which names were found.

## Tables and text files

* **Delimiter**: comma, tab, semicolon or vertical bar, whichever splits the header best, or what a line `sep=;` says.
* **What stands before the header** is skipped: titles, dates, empty lines and comments that begin with `#`. The header is the first of 30 lines in which two names are known; it may itself begin with `#`.
* **Encoding**: UTF-8, or UTF-16 with or without its mark. A row that is neither is refused, the others are read.
* **Quotes** around cells may hold line breaks. A quote that never closes costs its own line only.
* **XML**: RSS 2.0 or Atom with Google's names. **Parquet**: also with media inside, as bytes.
* **JSON**: one object a line, one list, or one object around a list under `products`, `items`, `data` or another usual name.
* **Sizes**: `MMPIPE_FEEDS__MAX_BYTES` for a file after decompression, `MMPIPE_FEEDS__MAX_ROW_BYTES` for a row ([settings](settings.md)).

## Identity

`id` is at most 128 letters, digits and `. : @ + - _`, a letter or digit first. Google's, Meta's and OpenAI's names must hold such an id, or the row is refused. Exports of shops are named by SKU or number as their pages say; in those, characters that an id cannot hold become `-`, and a short digest is added, so that `AB/12` and `AB 12` stay two products. The same file gives the same ids each time. Use these ids in `POST /v1/interactions` and in links.

`item_group_id` binds the variants of one product. A parent of variants is not for sale itself: what it says goes to the variants that leave it out.

**A feed adds and changes.** Products that a later file does not mention stay as they are. To remove one, let the file say so (below), give its row `_op` with `delete` (with Google's names), or remove its `products/<id>.json`. A row with `_op` `stock` changes the availability of a known product and nothing else, as a shop's inventory file does. A row of an older file never overwrites what a newer one said.

**A feed that is the whole catalogue** is named so: `mmpipe index FEED --replace`, or `MMPIPE_FEEDS__REPLACE='["shop"]'` for every feed of the collection `shop`. Products that it lacks are deleted, ordered like any other write. Nothing is deleted where the file breaks off, where a rejected row names no product, where it tells stock alone, and where more than `MMPIPE_LAKE__MAX_SHRINK` of the products would go (three may in any case). A feed whose own rows would delete that many is refused whole. `mmpipe index FEED --accept`, with `--replace` or without, says that it is meant.

## Prices and sales

`19.99 USD`, `1.299,00 €`, `¥199` and `199元` are prices. One without a currency takes that of its column's name (`price_eur`, `Price (EUR)`), then that of the row (@currencies@), else `MMPIPE_FEEDS__DEFAULT_CURRENCY`.

**What a shopper pays now** is the price: while a sale runs, filters, price ranges and `price` in answers go by the sale price, and `list_price` holds the price without it. A sale counts where it is above zero, below the price and in its currency; 0 and an equal price say that there is none. A crossed-out price above the price (`compare_at_price`, `regular_price`, `list_price`) makes that a sale, too. It starts and ends by its dates without a new upload: a period such as `2026-01-01/2026-01-31`, or columns of their own; the last day still counts, and times are UTC where they name no zone. Without dates it always runs.

## Ratings

`rating` is of five: `4.5`, `9/10`, `4 out of 5` and `80%` are read, and `rating_count` says how many rated. A 0 that nobody gave is none. What is no rating refuses nothing: it is kept privately, or as the attribute `star_rating` or `review_count` where that is its column.

## Availability

Any case; spaces, hyphens and `https://schema.org/` do not matter. A count is `out_of_stock` from 0 downwards, else `in_stock`. A product without any word goes by a column that counts what is left (`stock`, `quantity`, `inventory_quantity`), and is `in_stock` where there is none either. An unknown word refuses the row.

| becomes | written as |
| --- | --- |
@availabilities@

## For sale or not

A row that is not for sale is withdrawn: its product leaves the search, and comes back with the first file that has it for sale again. In files with Google's names these columns say so; exports of shops have columns of their own for it, on their pages.

| column | withdrawn where it says |
| --- | --- |
@flags@

## Pictures, clips and recordings

Links may be relative to the feed (`media/1.jpg`), `s3://` in the same bucket, `data:` URIs, or `https://` on hosts that are allowed: add your shop's host or CDN to `MMPIPE_MEDIA__ALLOWED_HOSTS`. The first picture is `image_link`, up to 20 more are `additional_image_link`. A product whose picture is missing is indexed without it, and listed by `mmpipe rejects list`. The report counts pictures that were found, those that are missing, and products without any.

## Texts

Words that programs write for nothing (`null`, `N/A`, `-`) are nothing, but in titles. HTML tags, comments, scripts, entities and invisible characters are taken out, spaces are folded. A title over 500 characters refuses its row; a description is cut at 10,000.

## What stays private

Public are the fields of the product, and as attributes what a format's page names; with Google's names these: @attributes@. **Any other column is kept privately**: at most 200 of them, 500 characters each, in no answer and no text that is searched; the report lists them as unknown.

Known, and kept privately: @private@.

To publish columns, name them by collection (`*` is every one):

```sh
export MMPIPE_FEEDS__PUBLIC_COLUMNS='{"*": ["heel_height"], "shoes": ["width_class", "last"]}'
```

Costs, margins, suppliers, notes, tax words and labels for ads stay private whoever chooses them: @never@ and their like.

## What goes wrong is told

A row that cannot be used never stops the others. It is kept with its field and the remedy (`mmpipe rejects list`, `show`, `replay`); the report counts rejects by reason. Warnings are about the file as a whole:

* no product has a picture, or a price: the column is missing, or empty
* there is no stock column, so that everything counts as in stock; or every single product of it is in stock
* all ids are numbers although the file has SKUs: then interactions and links must use the numbers too
* what a format has to say of its own file

## What is refused

Files without products are refused whole, with the export to use instead:

| file | upload instead |
| --- | --- |
@refused@
| Amazon's inventory templates, Taobao's assistant | the shop's own export, or a feed with Google's names |
"""


def overview(formats: str) -> str:
    """The page; ``formats`` is its table of formats."""
    lists = {
        "formats": formats,
        "currencies": _names(CURRENCY_COLUMNS),
        "availabilities": _availabilities(),
        "flags": _flags(),
        "attributes": _names(sorted(PUBLIC_ATTRIBUTES)),
        "private": _names(sorted(PRIVATE_COLUMNS)),
        "never": _names(NEVER_PUBLIC_EXAMPLES),
        "refused": _refused(),
    }
    text = _TEXT
    for name, value in lists.items():
        text = text.replace(f"@{name}@", value)
    return text


def _availabilities() -> str:
    return "\n".join(f"| `{value}` | {_names(words)} |" for value, words in _gathered(AVAILABILITIES).items())


def _flags() -> str:
    return "\n".join(
        f"| {_names(columns)} | {_names(sorted(words))} |" for words, columns in _gathered(SALE_FLAGS).items()
    )


def _refused() -> str:
    remedies = _gathered({each.name: each.remedy for each in REFUSED})
    return "\n".join(f"| {', '.join(names)} | {remedy} |" for remedy, names in remedies.items())


def _gathered(values: Mapping[str, _Value]) -> dict[_Value, list[str]]:
    """Names by what they share."""
    found: dict[_Value, list[str]] = {}
    for name, value in values.items():
        found.setdefault(value, []).append(name)
    return found


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)

"""How WooCommerce writes values, in its CSV export and over REST."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

from mmpipe.catalogue.columns import availability_of

Kind = Literal["product", "variation", "variable", "grouped"]

MAX_IMAGES: Final = 21
"""The main picture and twenty more: a product shows no further ones."""
MAX_TEXT: Final = 10_000

_COMMA: Final = re.compile(r"(?<!\\),")
_ESCAPED_COMMA: Final = re.compile(r"\\+,")
_UNTIL_NINE: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d:)")
_NOT_SEARCHABLE: Final = ("catalog", "hidden")
_PUBLISHED: Final = frozenset({"", "1", "publish", "published", "true", "yes"})
_BACKORDERS: Final = frozenset({"1", "yes", "true", "notify"})
_ESCAPED_FORMULAS: Final = ("'=", "'+", "'-", "'@", "'\t", "'\r")


def kind_of(types: list[str], has_parent: bool) -> Kind:
    """What a row of these types is: ``variable, downloadable`` is variable. Plugins have types of their own,
    as ``variable-subscription`` and ``subscription_variation``."""
    for word in (each.lower() for each in types):
        if word.endswith("variation"):
            return "variation"
        if word.startswith("variable"):
            return "variable"
        if word == "grouped":
            return "grouped"
    return "variation" if has_parent and not types else "product"


def plain(text: str) -> str:
    """A cell without the apostrophe that the export puts before ``=``, ``+``, ``-`` and ``@``, so that no
    spreadsheet takes it for a formula: ``'-1`` is ``-1``."""
    return text[1:] if text[:1] == "'" and text.startswith(_ESCAPED_FORMULAS) else text


def parts(text: str) -> list[str]:
    """The values of a list: ``a, b\\, c`` is ``a`` and ``b, c``."""
    if "\\" not in text:
        return [part for each in text.split(",") if (part := each.strip())]
    return [unescaped(part) for each in _COMMA.split(text) if (part := each.strip())]


def unescaped(text: str) -> str:
    """One value of a list: ``b\\, c`` is ``b, c``."""
    return _ESCAPED_COMMA.sub(",", text) if "\\" in text else text


def with_breaks(text: str) -> str:
    """A description in which the export wrote line breaks as ``\\n``."""
    if "\\n" not in text:
        return text
    return "\\n".join(part.replace("\\n", "\n") for part in text.split("\\\\n"))


def is_live(published: str, visibility: str) -> bool:
    """Whether a row of this status and visibility is for sale and may be searched for."""
    return published.lower().removesuffix(".0") in _PUBLISHED and visibility.lower() not in _NOT_SEARCHABLE


def availability(status: str, stock: str, backorders: str) -> str | None:
    """Google's word for WooCommerce's stock columns; None where they say nothing, and a ``status`` that
    nobody knows as it is.

    A number that is counted goes before the status, as in the shop itself: none left is out of stock, or on
    backorder where that is allowed.
    """
    word = status.lower()
    if word in ("backorder", "onbackorder"):
        return "backorder"
    found = availability_of(word) if word else None
    if word and found is None:
        return status
    try:
        left = float(stock.replace(",", "."))
    except ValueError:
        return found
    if left <= 0:
        return "backorder" if backorders.lower() in _BACKORDERS else "out_of_stock"
    return found or "in_stock"


def sale_period(start: str, end: str) -> dict[str, str | None] | None:
    """When the sale runs; the export writes nine o'clock as ``9:00:00``."""
    if not start and not end:
        return None
    return {"start": _padded(start) or None, "end": _padded(end) or None}


def _padded(moment: str) -> str:
    return _UNTIL_NINE.sub(r"\1 0\2", moment)


def put_categories(product: dict[str, Any], paths: list[str]) -> None:
    """The first path is the category, the others are an attribute."""
    if paths:
        product["product_type"] = paths[0]
        put_attribute(product, "more_product_types", " | ".join(paths[1:]))


def put_brands(product: dict[str, Any], brands: list[str]) -> None:
    """The first brand, of a path its last step; the others are an attribute."""
    if brands:
        product["brand"] = brands[0].rpartition(">")[2].strip()
        put_attribute(product, "more_brands", ", ".join(brands[1:]))


def put_images(product: dict[str, Any], links: Iterable[str]) -> None:
    """The first picture and the further ones, each once."""
    found = list(dict.fromkeys(links))[:MAX_IMAGES]
    if found:
        product["image_link"], product["additional_image_link"] = found[0], found[1:]


def put_descriptions(product: dict[str, Any], long: str, short: str) -> None:
    """The long text, else the short one, is the description; a short one beside it is for full-text
    search."""
    if long or short:
        product["description"] = long or short
    if long and short:
        product["additional_text"] = short[:MAX_TEXT]


def put_attribute(product: dict[str, Any], name: str, value: str) -> None:
    """A public attribute, where there is a value."""
    if value:
        product.setdefault("attributes", {})[name] = value

"""What Shopify's JSON objects hold, of the Admin API (GraphQL and REST) and of a storefront."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.shopify_claims import Names
from mmpipe.catalogue.formats.shopify_product import is_active, whole_number
from mmpipe.catalogue.text import as_text
from mmpipe.errors import InvalidRow

_GID: Final = re.compile(r"gid://shopify/(\w{1,60})/(\d{1,20})")
_MAX_NODES: Final = 10_000
_MAX_LEVELS: Final = 64
TOO_DEEP: Final = InvalidRow("row", f"is nested more than {_MAX_LEVELS} levels deep: write it flatter")
_NO_POSITION: Final = 1 << 30
_PICTURES: Final = ("url", "src", "originalSrc", "original_src", "transformedSrc", "image", "preview")
_CATEGORIES: Final = ("fullName", "full_name", "productTaxonomyNode", "name")
_UNITS: Final = {"kilograms": "kg", "grams": "g", "pounds": "lb", "ounces": "oz"}


def bytes_of(value: Any, levels: int = _MAX_LEVELS) -> int | None:
    """About how much memory an object takes; None where it is nested deeper than can be handled."""
    if isinstance(value, str):
        return 60 + len(value)
    if isinstance(value, list):
        parts: Iterable[Any] = value
    elif isinstance(value, Mapping):
        parts = chain.from_iterable(value.items())
    else:
        return 40
    if not levels:
        return None
    size = 80
    for part in parts:
        inner = bytes_of(part, levels - 1)
        if inner is None:
            return None
        size += 20 + inner
    return size


def kind_and_number(value: Any) -> tuple[str, str]:
    """``gid://shopify/Product/1`` as ("Product", "1"), a plain number as ("", "1"); empty if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "", str(value)
    text = value.strip() if isinstance(value, str) else ""
    found = _GID.match(text)
    if found is not None:
        return found[1], found[2]
    return "", text if text.isascii() and text.isdigit() else ""


def nodes(value: Any) -> list[Any]:
    """The entries of a list, or of a GraphQL connection (``edges`` or ``nodes``)."""
    if isinstance(value, Mapping):
        if isinstance(value.get("nodes"), list):
            value = value["nodes"]
        elif isinstance(value.get("edges"), list):
            value = [edge.get("node") for edge in value["edges"] if isinstance(edge, Mapping)]
    return [item for item in value[:_MAX_NODES] if item is not None] if isinstance(value, list) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Those of :func:`nodes` that are objects."""
    return [item for item in nodes(value) if isinstance(item, Mapping)]


def group_of(product: Mapping[str, Any]) -> str:
    """The product's handle, else the number of its id."""
    handle = product.get("handle")
    if isinstance(handle, str) and handle.strip():
        return handle.strip()
    return kind_and_number(product.get("id"))[1]


def is_live(product: Mapping[str, Any]) -> bool:
    """For sale: active, and published where the object says so."""
    for name, value in product.items():
        column = column_name(name)
        if column == "status" and isinstance(value, str) and not is_active(value):
            return False
        if column == "published_at" and value in (None, ""):
            return False
    return True


def option_names(product: Mapping[str, Any]) -> list[str]:
    """The names of a product's options, in their order."""
    given = nodes(product.get("options"))[:3]
    return [as_text(o.get("name") or "") if isinstance(o, Mapping) else as_text(o) for o in given]


def selected(options: Sequence[str], variant: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A variant's options, name and value, without the one that Shopify gives to products without variants.
    ``options`` are the names, for objects that hold only the values."""
    given = variant.get("selectedOptions") or variant.get("selected_options")
    if isinstance(given, list):
        pairs = [(o.get("name"), o.get("value")) for o in given[:10] if isinstance(o, Mapping)]
    else:
        values = variant.get("options")
        if not isinstance(values, list):
            values = [variant.get(f"option{n}") for n in (1, 2, 3)]
        pairs = list(zip(options, values, strict=False))
    texts = [(as_text(name), as_text(value)) for name, value in pairs if name and value]
    return [(name, value) for name, value in texts if value.strip().lower() != "default title"]


def names_of(group: str, options: Sequence[str], variant: Mapping[str, Any]) -> Names:
    """What a variant may be called: its SKU, else the number of its id, else ``group`` with its options."""
    parts = [group, *(value for _, value in selected(options, variant))]
    return Names.of(as_text(variant.get("sku") or ""), parts, kind_and_number(variant.get("id"))[1])


def link_of(value: Any) -> str:
    """The address of a picture: a text, or an object that has one somewhere; empty where there is none."""
    return _first_text(value, _PICTURES)


def category_of(value: Any) -> str:
    """The path of a category, in the shapes of several API versions."""
    return _first_text(value, _CATEGORIES)


def _first_text(value: Any, names: Sequence[str]) -> str:
    for _ in range(4):
        if isinstance(value, str):
            return value.strip()
        if not isinstance(value, Mapping):
            return ""
        value = next((value[name] for name in names if value.get(name)), None)
    return ""


def links_by_position(value: Any) -> Iterator[str]:
    """The addresses of a product's pictures, by their ``position`` where they have one."""

    def position(item: Any) -> int:
        found = whole_number(item.get("position")) if isinstance(item, Mapping) else None
        return _NO_POSITION if found is None else found

    for item in sorted(nodes(value), key=position):
        yield link_of(item)


def assigned_links(images: Any) -> dict[tuple[str, str], list[str]]:
    """Pictures by the numbers of the variants whose they are ("variant", number), and by their own ("image",
    number)."""
    found: dict[tuple[str, str], list[str]] = {}
    for image in objects(images):
        keys = [("variant", kind_and_number(item)[1]) for item in nodes(image.get("variant_ids"))]
        for key in (*keys, ("image", kind_and_number(image.get("id"))[1])):
            if key[1]:
                found.setdefault(key, []).append(link_of(image))
    return found


def film_of(node: Mapping[str, Any]) -> str:
    """The address of a video's file, MP4 where there is one; empty for everything else."""
    sources = [
        (as_text(s.get("format") or s.get("mimeType") or ""), s.get("url"))
        for s in objects(node.get("sources"))
    ]
    films = [
        link for kind, link in sorted(sources, key=lambda item: "mp4" not in item[0]) if isinstance(link, str)
    ]
    return films[0] if films else ""


def outside_of(node: Mapping[str, Any]) -> str:
    """The address of a video's page elsewhere, such as YouTube's."""
    link = node.get("originUrl") or node.get("embedUrl") or node.get("embeddedUrl")
    return link if isinstance(link, str) else ""


def translations_of(value: Any) -> dict[str, dict[str, str]]:
    """Titles and descriptions by language, from entries of ``key``, ``locale`` and ``value``."""
    found: dict[str, dict[str, str]] = {}
    fields = {"title": "title", "body_html": "description"}
    for node in objects(value):
        field = fields.get(as_text(node.get("key") or ""))
        if field and node.get("locale") and node.get("value"):
            found.setdefault(as_text(node["locale"]), {}).setdefault(field, as_text(node["value"]))
    return found


def quantity_of_level(level: Mapping[str, Any]) -> int | None:
    """What is available at one location."""
    for entry in objects(level.get("quantities")):
        if entry.get("name") == "available":
            return whole_number(entry.get("quantity"))
    return whole_number(level.get("available"))


def weight_of(weight: Any, unit: Any, item: Any) -> str:
    """``2.5 kg``, from a variant's own fields or its inventory item's measurement; empty where it is none."""
    measured = item.get("measurement") if isinstance(item, Mapping) else None
    given = measured.get("weight") if isinstance(measured, Mapping) else None
    if isinstance(given, Mapping):
        weight, unit = given.get("value"), given.get("unit")
    text, name = as_text(weight or ""), as_text(unit or "").lower()
    return f"{text} {_UNITS.get(name, name)}".strip() if text.strip("0.") else ""


def lowest_price(range_: Any) -> Mapping[str, Any]:
    """``minVariantPrice`` of a price range: ``amount`` and ``currencyCode``."""
    found = range_.get("minVariantPrice") if isinstance(range_, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def money(value: Any, currency: str, cents: bool) -> Any:
    """A price as the pipeline reads it; ``currency`` where it names none itself. None where it is none.

    ``cents``: whole numbers are hundredths, as in a storefront's ``/products/HANDLE.js``.
    """
    amount, code = value, currency
    if isinstance(value, Mapping):
        amount = value.get("amount")
        code = value.get("currencyCode") or value.get("currency_code") or value.get("currency") or currency
    if amount in (None, ""):
        return None
    if cents and isinstance(amount, int) and not isinstance(amount, bool):
        amount = str(Decimal(amount) / 100)
    return {"amount": amount, "currency": code} if code else amount

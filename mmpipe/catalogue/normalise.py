"""Column values, as shops write them, to the fields of one product."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mmpipe.catalogue.columns import (
    ALIASES,
    CATEGORY_STEPS,
    CURRENCY_COLUMNS,
    FIELDS,
    availability_of,
    column_name,
    translation_of,
)
from mmpipe.catalogue.prices import InvalidPrice, currency_of, parse_price
from mmpipe.errors import InvalidRow

MAX_ATTRIBUTES: Final = 100
MAX_VALUE_CHARACTERS: Final = 500
_MAX_LINKS: Final = 100
_MAX_COLUMNS: Final = 2_000
_LINK_FIELDS: Final = frozenset({"link", "image_link", "video_link", "audio_link"})
_OWN_KEYS: Final = frozenset({"attributes", "translations"})


def fields_of(values: Mapping[str, Any], default_currency: str) -> dict[str, Any]:
    """The values under the names of :class:`~mmpipe.schemas.product.Product`, ready for its validation.

    Names and words are translated by :mod:`mmpipe.catalogue.columns`, empty values dropped. Columns that
    are no field become ``attributes``: texts, numbers and lists of them, the first 100, cut to 500
    characters; nested values are left out. Raises ``InvalidRow`` naming the first field that makes no
    sense.
    """
    if len(values) > _MAX_COLUMNS:
        raise InvalidRow("row", f"holds {len(values):,} columns: {_MAX_COLUMNS:,} are allowed")
    fields: dict[str, Any] = {}
    aliased: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in values.items():
        if value is None or value == "" or (value.__class__ is float and math.isnan(value)):
            continue
        name = column_name(key)
        if name in FIELDS:
            fields.setdefault(name, value)
        elif name[:1] != "_" and name:
            target = ALIASES.get(name)
            if target is not None and target not in aliased:
                aliased[target] = (name, value)
            else:
                others.setdefault(name, value)
    _settle_aliases(fields, aliased, others)
    product: dict[str, Any] = {}
    _translations(product, fields, others)
    _links(product, fields)
    _prices(product, fields, others, default_currency)
    _category(product, fields, others)
    if (stock := fields.pop("availability", None)) is not None:
        product["availability"] = _availability(stock)
    attributes = _attributes(fields.pop("attributes", None))
    for name, value in fields.items():
        text = text_of(name, value)
        if text:
            product[name] = text
    if "language" in product:
        product["language"] = product["language"].replace("_", "-")
    _add_attributes(attributes, others)
    if attributes:
        product["attributes"] = attributes
    return product


def operation_of(values: Mapping[str, Any]) -> str:
    """``upsert`` or ``delete``, from the ``_op`` column."""
    value = values.get("_op")
    if value is None or value == "":
        return "upsert"
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("delete", "remove"):
        return "delete"
    if word in ("upsert", "insert", "update", "replace", ""):
        return "upsert"
    raise InvalidRow("_op", f"{str(value)[:40]!r} is no operation: leave it out, or write delete")


def id_of(values: Mapping[str, Any]) -> str | None:
    """The id as text, wherever the row keeps it; not yet checked."""
    best: tuple[int, Any] | None = None
    for key, value in values.items():
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            continue
        name = column_name(key)
        rank = 0 if name == "id" else 1 if ALIASES.get(name) == "id" else None
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, value)
    if best is None:
        return None
    value = best[1]
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | Mapping | Sequence):
        return None
    return text_of("id", value)


def text_of(field: str, value: Any) -> str:
    """One scalar, or a list of them joined by ``/``, as text; ``InvalidRow`` for anything nested."""
    if value.__class__ is str:
        return str(value).replace("\x00", "").strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # A column of whole numbers with gaps comes out of many tools as 2011.0.
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, list | tuple):
        return "/".join(
            part for item in value[:MAX_ATTRIBUTES] if item is not None and (part := text_of(field, item))
        )
    if isinstance(value, Mapping):
        raise InvalidRow(field, "is a nested object: write one text")
    if isinstance(value, bytes):
        raise InvalidRow(field, "holds bytes: write a text")
    return str(value).strip()


def _settle_aliases(fields: dict[str, Any], aliased: dict[str, Any], others: dict[str, Any]) -> None:
    for target, (name, value) in aliased.items():
        if target in fields:
            others.setdefault(name, value)
        elif name == "categories" and isinstance(value, str) and ">" not in value:
            fields[target] = value.split(",")
        else:
            fields[target] = value


def _translations(product: dict[str, Any], fields: dict[str, Any], others: dict[str, Any]) -> None:
    found: dict[str, dict[str, Any]] = {}
    given = _decoded("translations", fields.pop("translations", None))
    if given is not None:
        if not isinstance(given, Mapping):
            raise InvalidRow("translations", 'is no map: write {"zh": {"title": "…", "description": "…"}}')
        for language, parts in given.items():
            if not isinstance(parts, Mapping):
                raise InvalidRow("translations", 'a language holds no map: write {"zh": {"title": "…"}}')
            name = str(language).replace("_", "-")
            found[name] = {str(k): text_of("translations", v) for k, v in parts.items() if v is not None}
    for column in [
        column for column in others if column.startswith(("title_", "name_", "desc", "product_name_"))
    ]:
        translated = translation_of(column)
        if translated is not None:
            language, part = translated
            found.setdefault(language, {}).setdefault(part, text_of(column, others.pop(column)))
    if not found:
        return
    if "title" not in fields:
        first = next((language for language, parts in found.items() if parts.get("title")), None)
        if first is not None:
            parts = found.pop(first)
            fields["title"] = parts["title"]
            fields.setdefault("language", first)
            if parts.get("description"):
                fields.setdefault("description", parts["description"])
    if found:
        product["translations"] = found


def _links(product: dict[str, Any], fields: dict[str, Any]) -> None:
    more: list[str] = []
    for name in _LINK_FIELDS & fields.keys():
        links = _link_list(name, fields.pop(name), split=False)
        if links:
            product[name] = links[0]
            if name == "image_link":
                more = links[1:]
    if "additional_image_link" in fields:
        more += _link_list("additional_image_link", fields.pop("additional_image_link"), split=True)
    more = [link for link in dict.fromkeys(more) if link != product.get("image_link")]
    if more and "image_link" not in product:
        product["image_link"] = more.pop(0)
    if more:
        product["additional_image_link"] = more


def _link_list(field: str, value: Any, *, split: bool) -> list[str]:
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("url", "src", "href", "path", "link") if value.get(key)), None)
        if not isinstance(value, str):
            raise InvalidRow(field, "is a nested object without url: write the link as text")
    if isinstance(value, str):
        text = value.strip()
        if split and text.startswith("["):
            value = _decoded(field, text)
        else:
            return [part for part in (_split_links(text) if split else [text]) if part]
    if not isinstance(value, list | tuple):
        raise InvalidRow(field, "is no link: write a text such as media/1.jpg or https://…")
    if len(value) > _MAX_LINKS:
        raise InvalidRow(field, f"holds {len(value):,} links: at most 20 are used")
    return [link for item in value if item for link in _link_list(field, item, split=False)]


def _split_links(text: str) -> list[str]:
    """At commas, except the one that belongs to a ``data:`` URI."""
    links: list[str] = []
    parts = iter(text.split(","))
    for part in parts:
        link = part.strip()
        if link[:5].lower() == "data:":
            link = f"{link},{next(parts, '').strip()}"
        links.append(link)
    return links


def _prices(product: dict[str, Any], fields: dict[str, Any], others: dict[str, Any], default: str) -> None:
    given: str | None = None
    for column in CURRENCY_COLUMNS:
        if column in others and isinstance(value := others.pop(column), str) and value.strip():
            try:
                given = given or currency_of(value)
            except InvalidPrice as error:
                raise InvalidRow(column, str(error)) from None
    for name in ("price", "sale_price"):
        if name not in fields:
            continue
        value, currency = fields.pop(name), given
        try:
            if isinstance(value, Mapping):
                code = value.get("currency") or value.get("currency_code") or value.get("currencyCode")
                currency = currency_of(str(code)) if code else given
                value = next(
                    (value[key] for key in ("amount", "value", "price") if value.get(key) is not None), None
                )
            if isinstance(value, str) and not value.strip():
                continue
            amount, currency = parse_price(value, currency, default)
        except InvalidPrice as error:
            raise InvalidRow(name, str(error)) from None
        product[name] = {"amount": amount, "currency": currency}


def _category(product: dict[str, Any], fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name in ("product_type", "google_product_category"):
        value = fields.get(name)
        if isinstance(value, list | tuple):
            # A list of paths, as some exports have it: the first one is the main one.
            steps = value[0] if value and isinstance(value[0], list | tuple) else value
            fields[name] = " > ".join(part for step in steps if (part := text_of(name, step)))
        elif isinstance(value, str) and "&gt;" in value:
            fields[name] = value.replace("&gt;", ">").replace("&amp;", "&")
    steps = [(name, others[name]) for name in CATEGORY_STEPS if name in others]
    if not steps:
        return
    leaf = fields.get("product_type")
    if leaf is not None and not (isinstance(leaf, str) and ">" not in leaf):
        return
    path = [text_of(name, others.pop(name)) for name, _ in steps]
    if leaf is not None:
        path.append(text_of("product_type", leaf))
    fields["product_type"] = " > ".join(dict.fromkeys(step for step in path if step))


def _availability(value: Any) -> str:
    text = text_of("availability", value)
    found = availability_of(text)
    if found is None:
        raise InvalidRow(
            "availability",
            f"{text[:40]!r} is none of in_stock, out_of_stock, preorder, backorder: use one of these",
        )
    return found


def _attributes(value: Any) -> dict[str, Any]:
    value = _decoded("attributes", value)
    if value is None:
        return {}
    if isinstance(value, list | tuple):
        pairs = {}
        for item in value:
            if not isinstance(item, Mapping) or "name" not in item or "value" not in item:
                raise InvalidRow("attributes", 'is no map: write {"name": "value"}')
            pairs[item["name"]] = item["value"]
        value = pairs
    if not isinstance(value, Mapping):
        raise InvalidRow("attributes", 'is no map: write {"name": "value"}')
    return {
        text_of("attributes", name): text
        for name, item in value.items()
        if item is not None and (text := text_of("attributes", item))
    }


def _add_attributes(attributes: dict[str, Any], others: dict[str, Any]) -> None:
    for name, value in others.items():
        if len(attributes) >= MAX_ATTRIBUTES:
            return
        if name.startswith("unnamed:") or name in attributes or isinstance(value, Mapping | bytes):
            continue
        if isinstance(value, list | tuple):
            if any(isinstance(item, Mapping | list | tuple | bytes) for item in value):
                continue
            text = ", ".join(
                part for item in value[:MAX_ATTRIBUTES] if item is not None and (part := text_of(name, item))
            )
        else:
            text = text_of(name, value)
        if text:
            attributes[name[:MAX_VALUE_CHARACTERS]] = text[:MAX_VALUE_CHARACTERS].strip()


def _decoded(field: str, value: Any) -> Any:
    """JSON inside a column, as CSV files carry it."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise InvalidRow(field, "is text that is no JSON: write JSON, or leave it empty") from None

"""The result of a bulk operation of Shopify: lines of products, and lines that name them as their parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.shopify_claims import Claims, Shares
from mmpipe.catalogue.formats.shopify_objects import (
    TOO_DEEP,
    bytes_of,
    is_live,
    kind_and_number,
    link_of,
    names_of,
    objects,
    option_names,
    quantity_of_level,
)
from mmpipe.catalogue.formats.shopify_product import picture_links
from mmpipe.catalogue.formats.shopify_reader import OneProduct, Reader
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import as_text, private_text
from mmpipe.errors import InvalidFeed, InvalidRow

_PRODUCT: Final = "Product"
_VARIANT: Final = "ProductVariant"
_MEDIA: Final = frozenset(("MediaImage", "ProductImage", "Image", "ImageSource", "Video", "ExternalVideo"))
_MAX_OTHERS: Final = 100


class _Line(NamedTuple):
    row: int
    kind: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class _Family:
    """The lines of one product."""

    root: _Line | None = None
    variants: list[_Line] = field(default_factory=list)
    others: list[_Line] = field(default_factory=list)


def read_bulk(records: Iterator[Record], reader: Reader) -> Iterator[Record]:
    """A record a variant; the lines of one product may stand anywhere, and in any order."""
    claims, shares = Claims(), Shares()
    broken: InvalidFeed | None = None
    with ExitStack() as stack:
        # What belongs to products, and what belongs to variants (and their inventory items).
        products, nested = stack.enter_context(Spool[_Line]()), stack.enter_context(Spool[_Line]())
        is_nested = False
        try:
            for record in records:
                if record.values is None or record.problem is not None:
                    yield record if record.values is None else _broken(record)
                    continue
                line = _Line(record.row, _kind(record.values), record.values)
                owner, is_child = _owner(line)
                size = bytes_of(record.values)
                if size is None:
                    yield Record(line.row, {}, problem=TOO_DEEP)
                elif not owner:
                    if problem := _stray(line):
                        yield Record(line.row, {}, problem=problem)
                elif not shares.admits(owner, size):
                    problem = InvalidRow(
                        "__parentId", "is that of too many lines: a product cannot be so large"
                    )
                    yield Record(line.row, {}, problem=problem)
                else:
                    is_nested = is_nested or is_child
                    (nested if is_child else products).put(owner, line, size)
                    _claim(line, owner, claims)
        except InvalidFeed as error:
            broken = error  # what came before it still counts
        claims.settle()
        for owner, lines in products.groups():
            yield from _records(owner, _family(lines), nested if is_nested else None, reader, claims)
    if broken is not None:
        raise broken


def _kind(values: Mapping[str, Any]) -> str:
    """What a line is, by its id, else by its fields."""
    kind = kind_and_number(values.get("id"))[0]
    if kind:
        return kind
    if "namespace" in values and "key" in values:
        return "Metafield"
    if "selectedOptions" in values or "sku" in values:
        return _VARIANT
    if any(name in values for name in ("image", "url", "src", "sources", "originUrl", "preview")):
        return "MediaImage"
    return "" if "__parentId" in values else _PRODUCT


def _owner(line: _Line) -> tuple[str, bool]:
    """What a line is kept under, and whether that is a variant (or its inventory item) and not a product;
    empty for what belongs to nothing."""
    kind, number = kind_and_number(line.values.get("__parentId"))
    if line.kind == _PRODUCT:
        return _name(line.values.get("id")) or f"row {line.row}", False
    if line.kind == _VARIANT and kind != _PRODUCT:
        product = line.values.get("product")
        return (_name(product.get("id")) if isinstance(product, Mapping) else "") or f"row {line.row}", False
    return (f"{kind}/{number}" if kind else ""), kind != _PRODUCT


def _name(gid: Any) -> str:
    kind, number = kind_and_number(gid)
    return f"{kind}/{number}" if kind else ""


def _stray(line: _Line) -> InvalidRow | None:
    """The reason against a line that belongs to nothing; collections and the like are only passed over."""
    if line.kind in ("Collection", "Publication", "Location", "Shop"):
        return None
    return InvalidRow("id", f"is of a {line.kind[:40] or 'line'} without product: export products")


def _broken(record: Record) -> Record:
    values = record.values or {}
    number = kind_and_number(values.get("id"))[1] if _kind(values) == _VARIANT else ""
    return Record(record.row, {"id": number} if number else {}, record.raw, problem=record.problem)


def _claim(line: _Line, owner: str, claims: Claims) -> None:
    if line.kind == _PRODUCT:
        claims.said(owner, is_live(line.values))
        options = option_names(line.values)
        for variant in objects(line.values.get("variants")):
            claims.claim(names_of(owner, options, variant), owner)
    elif line.kind == _VARIANT:
        if isinstance(product := line.values.get("product"), Mapping):
            claims.said(owner, is_live(product))
        claims.claim(names_of(owner, (), line.values), owner)


def _family(lines: list[_Line]) -> _Family:
    family = _Family()
    seen: set[str] = set()
    for line in lines:
        if line.kind == _PRODUCT:
            family.root = family.root or line
        elif line.kind == _VARIANT:
            # In an export over collections a product comes once for each of them.
            gid = as_text(line.values.get("id") or f"row {line.row}")
            if gid not in seen:
                seen.add(gid)
                family.variants.append(line)
        else:
            family.others.append(line)
    return family


def _records(
    owner: str, family: _Family, nested: Spool[_Line] | None, reader: Reader, claims: Claims
) -> Iterator[Record]:
    parent = family.root.values if family.root is not None else _parent_inside(family)
    if parent is None:
        yield from _orphans(owner, family)
        return
    one = OneProduct(reader, owner, parent)
    given = [(line.row, line.values) for line in family.variants]
    row = family.root.row if family.root is not None else given[0][0]
    given += [(row, variant) for variant in objects(parent.get("variants"))]
    for number, values in given:
        _add_variant(one, number, values, _of_variant(values, nested), reader)
    _add(one, family.others, reader)
    if not given:
        one.add_itself(row)
    yield from one.product.records(claims)


def _parent_inside(family: _Family) -> Mapping[str, Any] | None:
    """The product that the variants' own lines tell, in an export over variants."""
    inside = (line.values.get("product") for line in family.variants)
    return next((found for found in inside if isinstance(found, Mapping)), None)


def _orphans(owner: str, family: _Family) -> Iterator[Record]:
    problem = InvalidRow(
        "__parentId", f"{owner} has no line in this file: ask the bulk operation for products"
    )
    for line in family.variants or family.others[:1]:
        number = kind_and_number(line.values.get("id"))[1] if line.kind == _VARIANT else ""
        yield Record(line.row, {"id": number} if number else {}, problem=problem)


def _of_variant(values: Mapping[str, Any], nested: Spool[_Line] | None) -> list[_Line]:
    """The lines that name a variant, or its inventory item, as their parent."""
    if nested is None:
        return []
    item = values.get("inventoryItem")
    gids = [values.get("id"), item.get("id") if isinstance(item, Mapping) else None]
    return [line for gid in gids if (name := _name(gid)) for line in nested.get(name)]


def _add_variant(
    one: OneProduct, row: int, values: Mapping[str, Any], lines: list[_Line], reader: Reader
) -> None:
    levels = objects(values.get("inventoryLevels"))
    levels += [line.values for line in lines if line.kind == "InventoryLevel"]
    counts = [count for level in levels if (count := quantity_of_level(level)) is not None]
    if counts and "inventoryQuantity" not in values:
        values = {**values, "inventoryQuantity": sum(counts)}
    variant = one.add(row, {name: value for name, value in values.items() if name != "__parentId"})
    for line in lines:
        if line.kind == "Metafield":
            reader.add_metafield(variant.extras, line.values)
        elif line.kind in _MEDIA:
            variant.pictures += picture_links([link_of(line.values)])


def _add(one: OneProduct, lines: list[_Line], reader: Reader) -> None:
    rest: dict[str, list[str]] = {}
    for line in lines:
        if line.kind in _MEDIA:
            one.add_media(line.values)
        elif line.kind == "Metafield":
            reader.add_metafield(one.product.extras, line.values)
        else:
            names = rest.setdefault(line.kind or "line", [])
            if len(names) < _MAX_OTHERS:
                told = line.values.get("title") or line.values.get("name") or line.values.get("id")
                names.append(as_text(told or ""))
    for kind, names in rest.items():
        one.product.extras.private.setdefault(
            column_name(kind), private_text(", ".join(name for name in names if name))
        )

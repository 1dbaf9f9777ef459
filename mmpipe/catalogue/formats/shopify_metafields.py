"""Shopify's metafields: what a shop says of its products beyond Shopify's own fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.formats.base import MAX_CHARACTERS, MAX_PRIVATE, PRIVATE, Column
from mmpipe.catalogue.private import is_never_public
from mmpipe.catalogue.ratings import scaled
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.text import as_text, private_text

_IN_HEADER: Final = re.compile(
    r"\(?\b(?:product|variant)\.metafields\.([\w-]+)\.([\w-]+)\)?\s*$"
    r"|^(?:variant )?metafield: ([\w-]+)\.([\w-]+)\b",
    re.IGNORECASE,
)
_MAX_WORDS: Final = 50
# Namespaces of Shopify's own, whose fields describe a product to everybody.
_PUBLIC: Final = ("shopify", "descriptors")

METAFIELDS: Final = (
    Column("Color (product.metafields.shopify.color-pattern)", "color", "where no option gives it",
           others=("Google: Color (product.metafields.mm-google-shopping.color)",)),
    Column("Size (product.metafields.shopify.size)", "size", "where no option gives it",
           others=("Google: Size (product.metafields.mm-google-shopping.size)",)),
    Column("Material (product.metafields.shopify.material)", "material", "where no option gives it",
           others=("Google: Material (product.metafields.mm-google-shopping.material)",)),
    Column("Fabric (product.metafields.shopify.fabric)", "material", "where nothing else gives it"),
    Column("Pattern (product.metafields.shopify.pattern)", "pattern", "where no option gives it"),
    Column("Target gender (product.metafields.shopify.target-gender)", "gender",
           "where Google's column is empty",
           others=("Google: Gender (product.metafields.mm-google-shopping.gender)",)),
    Column("Age group (product.metafields.shopify.age-group)", "age_group", "where Google's column is empty",
           others=("Google: Age Group (product.metafields.mm-google-shopping.age_group)",)),
    Column("Google: Condition (product.metafields.mm-google-shopping.condition)", "condition",
           "where Google's column is empty"),
    Column("Google: MPN (product.metafields.mm-google-shopping.mpn)", "mpn",
           "where Google's column is empty"),
    Column("Search product boosts (product.metafields.shopify--discovery--product_search_boost.queries)",
           "additional_text", "words that the shop wants the product found by"),
    Column("Product rating (product.metafields.reviews.rating)", "rating", "scaled to five"),
    Column("Product rating count (product.metafields.reviews.rating_count)", "rating_count"),
    Column("NAME (product.metafields.shopify.KEY)", "attributes", "any other field of Shopify's taxonomy"),
    Column("NAME (product.metafields.descriptors.KEY)", "attributes", "such as the subtitle"),
    Column("NAME (product.metafields.NAMESPACE.KEY)", PRIVATE,
           "the shop's own fields, such as `custom.…`, unless they are chosen to be public; the same of"
           " variants"),
)  # fmt: skip


@dataclass(slots=True)
class Extras:
    """What metafields say of a product or a variant: ``fields`` where nothing better fills them, public
    ``attributes``, and what is kept ``private``."""

    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)


def key_of(name: str) -> tuple[str, str] | None:
    """Namespace and key of a metafield's column: ``Fit (product.metafields.shopify.fit)`` is ("shopify",
    "fit"); None for other columns."""
    found = _IN_HEADER.search(name) if "metafield" in name.lower() else None
    if found is None:
        return None
    return (found[1] or found[3]).lower(), (found[2] or found[4]).lower()


class Metafields:
    """Sorts metafields by :data:`METAFIELDS`, and tells the findings about each once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._fields = {
            key_of(name): column.to for column in METAFIELDS for name in (column.name, *column.others)
        }
        self._met: dict[tuple[str, str, str], str] = {}

    def add(self, extras: Extras, name: str, key: tuple[str, str], value: Any) -> None:
        """Sort one value; ``name`` is what the file calls it."""
        target = self._met.get((name, *key)) or self._meet(name, key)
        words = [] if target == PRIVATE else _words(value)
        if not words:
            if len(extras.private) < MAX_PRIVATE:
                extras.private.setdefault(column_name(name)[:MAX_CHARACTERS], private_text(value))
        elif target == "attributes":
            if len(extras.attributes) < MAX_PRIVATE:
                extras.attributes.setdefault(column_name(key[1]), ", ".join(words)[:MAX_CHARACTERS])
        elif target == "gender" and len(words) > 1 and {"male", "female"} <= {word.lower() for word in words}:
            extras.fields.setdefault("gender", "unisex")
        else:
            text = "/".join(words)[:MAX_CHARACTERS] if target != "additional_text" else " ".join(words)
            extras.fields.setdefault(target, text)

    def _meet(self, name: str, key: tuple[str, str]) -> str:
        target = self._fields.get(key)
        if target is None and key[0] in _PUBLIC:
            target = "attributes"
        if target is None:
            names = {column_name(part) for part in (name, bare_name(name), key[1], ".".join(key))}
            chosen = not names.isdisjoint(self._findings.public)
            target = "attributes" if chosen and not any(map(is_never_public, names)) else PRIVATE
        if target == PRIVATE:
            self._findings.kept(name)
        else:
            self._findings.used(name, target)
        # Names come from feeds: only so many of them are worth remembering.
        if len(self._met) < 5_000:
            self._met[name, *key] = target
        return target


def _words(value: Any) -> list[str]:
    """A metafield's value as texts: ``a; b`` and JSON lists one by one, a measurement as ``2.5 kg``, a rich
    text as its text, a rating as ``4.5/5.0``; what are only references to other objects, as none."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in ("[", "{"):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = text
        else:
            value = text.split(";") if ";" in text else text
    found = value if isinstance(value, list) else [value]
    texts = (_text(item).strip() for item in found[:_MAX_WORDS])
    return list(dict.fromkeys(text for text in texts if text and not text.startswith("gid://")))


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return as_text(value) if isinstance(value, str | int | float) else ""
    if "scale_max" in value:
        return scaled(value.get("value"), value["scale_max"])
    for parts in (("value", "unit"), ("amount", "currency_code")):
        if parts[0] in value:
            return " ".join(as_text(value[p]) for p in parts if isinstance(value.get(p), str | int | float))
    return " ".join(_rich_text(value, 0))


def _rich_text(node: Any, depth: int) -> Iterable[str]:
    if not isinstance(node, Mapping) or depth > 20:
        return
    if isinstance(text := node.get("value"), str):
        yield text.strip()
    children = node.get("children")
    for child in children if isinstance(children, list) else ():
        yield from _rich_text(child, depth + 1)

"""Shopify's JSON objects to products, by the table of their format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mmpipe.catalogue.formats.base import Picked, Picker, Table
from mmpipe.catalogue.formats.shopify_claims import Names
from mmpipe.catalogue.formats.shopify_metafields import Extras, Metafields
from mmpipe.catalogue.formats.shopify_objects import (
    assigned_links,
    category_of,
    film_of,
    group_of,
    is_live,
    kind_and_number,
    link_of,
    links_by_position,
    lowest_price,
    money,
    names_of,
    nodes,
    objects,
    option_names,
    outside_of,
    selected,
    translations_of,
    weight_of,
)
from mmpipe.catalogue.formats.shopify_product import (
    ShopProduct,
    Variant,
    availability,
    barcode,
    category,
    picture_links,
    prices,
    whole_number,
)
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.text import as_text, private_text

PREFIX: Final = "variants[]."
_TEXTS: Final = ("title", "description", "brand", "product_type", "link")


class Reader:
    """Reads the objects of one file. ``currency`` is that of prices which name none."""

    def __init__(self, table: Table, findings: Findings, currency: str) -> None:
        self.picker = Picker(table, findings)
        self.currency = currency
        self._metafields = Metafields(findings)

    def add_metafields(self, extras: Extras, value: Any) -> None:
        """Metafields of a connection or a list, each with ``namespace``, ``key`` and ``value``."""
        for node in objects(value):
            self.add_metafield(extras, node)

    def add_metafield(self, extras: Extras, node: Mapping[str, Any]) -> None:
        """One metafield; of a reference the names of what it refers to, where the object has them."""
        key = node.get("key")
        if isinstance(key, str):
            full = as_text(node.get("namespace") or "custom").lower(), key.lower()
            referred = [node.get("reference"), *nodes(node.get("references"))]
            labels = [
                label
                for item in referred
                if isinstance(item, Mapping)
                and isinstance(label := item.get("displayName") or item.get("title"), str)
            ]
            self._metafields.add(extras, f"metafields.{'.'.join(full)}", full, labels or node.get("value"))


class OneProduct:
    """One product while it is put together: :attr:`product`, to which variants and media are added.

    ``key`` is the product's name among the claims, ``given`` its object, whose ``variants`` are left alone.
    """

    def __init__(self, reader: Reader, key: str, given: Mapping[str, Any]) -> None:
        self._reader = reader
        self._picked = reader.picker.pick(
            {name: value for name, value in given.items() if name != "variants"}
        )
        self._options = option_names(given)
        self._assigned = assigned_links(self._value("images"))
        self._lowest = lowest_price(self._value("range"))
        self._is_counted_in_cents = isinstance(given.get("price_min"), int)
        self.product = ShopProduct(key, group_of(given), is_live(given), self._values())
        reader.add_metafields(self.product.extras, self._value("metafields"))
        featured = [link_of(self._value(name)) for name in ("featured", "image")]
        self.product.pictures = picture_links([*featured, *links_by_position(self._value("images"))])
        for node in nodes(self._value("media")):
            self.add_media(node)

    def _value(self, key: str) -> Any:
        return self._picked.values.get(key)

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {name: text for name in _TEXTS if (text := self._picked.text(name))}
        if path := category(category_of(self._value("category"))):
            values["google_product_category"] = path
        if tags := self._value("tags"):
            values["attributes"] = {"tags": as_text(tags)}
        if translations := translations_of(self._value("translations")):
            values["translations"] = translations
        return self._picked.into(values)

    def add_media(self, node: Any) -> None:
        """A picture or a video. A video elsewhere (YouTube) is kept privately: its address is a page's."""
        if isinstance(node, Mapping) and (film := film_of(node)):
            self.product.values.setdefault("video_link", film)
        elif isinstance(node, Mapping) and (page := outside_of(node)):
            self.product.extras.private.setdefault("external_video", private_text(page))
        else:
            self.product.pictures += picture_links([link_of(node)])

    def add(self, row: int, given: Mapping[str, Any]) -> Variant:
        """Add a variant; ``row`` is its record's number."""
        picked = self._reader.picker.pick({PREFIX + name: value for name, value in given.items()})
        item = picked.values.get("item")
        values = prices(
            self._money(picked.values.get("price")),
            self._money(picked.values.get("before")),
            self._reader.currency,
        )
        if code := barcode(picked.text("barcode")):
            values["gtin"] = code
        if stock := self._stock(picked, given):
            values["availability"] = stock
        grams = picked.text("grams")
        weight = f"{grams} g" if grams.strip("0.") else ""
        weight = weight or weight_of(picked.values.get("weight"), picked.values.get("weight_unit"), item)
        if weight:
            values["attributes"] = {"weight": weight}
        names = names_of(self.product.group, self._options, given)
        variant = Variant(row, names, picked.into(values), selected(self._options, given))
        self._reader.add_metafields(variant.extras, picked.values.get("metafields"))
        own = [link_of(picked.values.get(name)) for name in ("image", "featured")]
        own += [link_of(node) for node in nodes(picked.values.get("media"))]
        own += self._assigned.get(("variant", kind_and_number(given.get("id"))[1]), [])
        own += self._assigned.get(("image", kind_and_number(picked.values.get("image_id"))[1]), [])
        variant.pictures = picture_links(own)
        if isinstance(item, Mapping):
            variant.extras.private["inventory_item"] = private_text(item)
        self.product.variants.append(variant)
        return variant

    def add_itself(self, row: int) -> None:
        """Add the only variant of a product whose object holds none."""
        tracked, available = self._value("tracks"), self._value("available_product")
        stock = availability(
            tracked=tracked if isinstance(tracked, bool) else None,
            quantity=whole_number(self._value("total")),
            available=available if isinstance(available, bool) else None,
        )
        values = prices(self._money(self._lowest), None, self._reader.currency)
        if stock:
            values["availability"] = stock
        self.product.variants.append(Variant(row, Names("", [self.product.group]), values))

    def _money(self, value: Any) -> Any:
        code = self._lowest.get("currencyCode")
        return money(value, code if isinstance(code, str) else "", self._is_counted_in_cents)

    def _stock(self, picked: Picked, given: Mapping[str, Any]) -> str | None:
        available = picked.values.get("available")
        if available is True and picked.values.get("not_in_stock") is True:
            return "backorder"
        policy = picked.text("policy").lower()
        return availability(
            tracked=self._is_tracked(picked, given),
            quantity=whole_number(picked.values.get("quantity")),
            continues=policy == "continue" if policy else None,
            available=available if isinstance(available, bool) else None,
        )

    def _is_tracked(self, picked: Picked, given: Mapping[str, Any]) -> bool | None:
        item = picked.values.get("item")
        if isinstance(item, Mapping) and isinstance(item.get("tracked"), bool):
            return bool(item["tracked"])
        for name in ("inventory_management", "inventoryManagement"):
            if name in given:  # null where Shopify does not count
                return given[name] not in (None, "", "NOT_MANAGED")
        return False if self._value("tracks") is False else None

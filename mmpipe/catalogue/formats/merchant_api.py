"""Products as Google's Merchant API gives them, one object a product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from mmpipe.catalogue import grouped
from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import (
    MAX_CHARACTERS,
    Column,
    Format,
    Picked,
    Picker,
    Reading,
    Sample,
    Table,
)
from mmpipe.catalogue.formats.merchant_api_columns import ATTRIBUTES, COLUMNS, EXPORT
from mmpipe.catalogue.formats.overflow import spill
from mmpipe.catalogue.formats.shopify_claims import Shares
from mmpipe.catalogue.formats.shopify_product import picture_links
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import as_text
from mmpipe.errors import InvalidFeed, InvalidRow

_INSIDE: Final = ("productAttributes", "product_attributes", "attributes")
_COMPANIONS: Final = frozenset(("content_language", "feed_label", "product_attributes", "custom_attributes"))
_TEXTS: Final = (
    "title", "description", "brand", "mpn", "item_group_id", "item_group_title", "google_product_category",
    "color", "material", "pattern",
)  # fmt: skip
_NAMES: Final = {name: column_name(name) for name in ATTRIBUTES.split()} | {
    "sizeTypes": "size_type", "sizeType": "size_type", "certifications": "certification",
}  # fmt: skip
_SMALL: Final = frozenset(("size_type",))
_MAX_PICTURES: Final = 21
_MAX_LISTED: Final = 200


class MerchantApi(Format):
    """One product an ``offerId``, with translations where it comes in several languages."""

    key = "merchant-api"
    title = "Google Merchant API product objects"
    containers = ("jsonl", "json")
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        first = sample.first
        if sample.container not in self.containers or first is None:
            return False
        if isinstance(first.get("productAttributes", first.get("product_attributes")), Mapping):
            return True
        if isinstance(first.get("kind"), str) and first["kind"] == "content#product":
            return True
        return "offer_id" in sample.names and (
            not _COMPANIONS.isdisjoint(sample.names)
            or any(isinstance(first.get(name), Mapping) for name in ("price", "attributes"))
        )

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        sorter, shares = _Sorter(self.table, reading), Shares()
        broken: InvalidFeed | None = None
        with Spool[_Offer]() as spool:
            try:
                for record in records:
                    if record.values is None:
                        yield record
                        continue
                    offer = sorter.offer(record)
                    size = 600 + len(repr(offer.values))
                    if not offer.name:
                        missing = InvalidRow(
                            "offerId", "is missing: every product of the Merchant API has one"
                        )
                        yield offer.record(offer.problem or missing)
                    elif offer.problem is not None:
                        yield offer.record(offer.problem)
                    elif not shares.admits(offer.name, size):
                        yield offer.record(
                            InvalidRow("offerId", "is that of too many rows: give each its own")
                        )
                    else:
                        spool.put(offer.name, offer, size)
            except InvalidFeed as error:
                broken = error  # what came before it still counts
            for _, offers in spool.groups():
                yield from _together(offers)
        if broken is not None:
            raise broken


class _Offer(NamedTuple):
    """One product in one language of one feed label."""

    row: int
    name: str
    values: dict[str, Any]
    market: tuple[str, str, str]
    problem: InvalidRow | None = None

    def record(self, problem: InvalidRow | None = None) -> Record:
        """The product's record."""
        values = {"id": self.name, **self.values} if self.name else self.values
        return Record(self.row, values, problem=problem)


def _together(offers: list[_Offer]) -> Iterator[Record]:
    """The records of one ``offerId``: the first market counts, another language's are its translations."""
    main = offers[0]
    translations: dict[str, dict[str, Any]] = {}
    for offer in offers:
        if offer.market[0] not in ("", main.market[0]):
            parts: dict[str, Any] = {
                part: offer.values[part] for part in ("title", "description") if part in offer.values
            }
            translations.setdefault(offer.market[0], parts)
    for offer in offers:
        if offer.market == main.market:
            if translations:
                offer.values["translations"] = translations
            yield offer.record()
        elif offer.market[0] in ("", main.market[0]):
            label = ", ".join(part for part in offer.market[1:] if part) or "no feed label"
            reason = f"{label} repeats the offer of row {main.row}: upload the products of one feed label"
            yield offer.record(InvalidRow("feedLabel", reason))


class _Sorter:
    """Sorts one object's values by the table; custom attributes by the names that the shop gave them."""

    def __init__(self, table: Table, reading: Reading) -> None:
        self._picker = Picker(table, reading.findings)
        self._own = Picker(Table(()), reading.findings)

    def offer(self, record: Record) -> _Offer:
        """The product of one object."""
        values = dict(record.values or {})
        for name in _INSIDE:
            if isinstance(values.get(name), Mapping):
                inside = values.pop(name)
                values = {**values, **inside}
        custom = values.pop("customAttributes", values.pop("custom_attributes", None))
        picked = self._picker.pick(values)
        own = self._own.pick({name: value for name, value in _custom(custom) if name})
        product = own.into(picked.into(_product(picked)))
        market = [picked.text("language")]
        market += [as_text(_any(values, *names)) for names in _MARKETS]
        name = id_of_text(picked.text("id") or _name_of(values))
        return _Offer(record.row, name, product, (market[0], market[1], market[2]), record.problem)


_MARKETS: Final = (("feedLabel", "feed_label", "targetCountry", "target_country"), ("channel",))


def _any(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), "")


def _name_of(values: Mapping[str, Any]) -> str:
    """The offer id at the end of a resource's name: ``accounts/1/products/en~US~A``, ``online:en:US:A``."""
    name, number = as_text(values.get("name") or ""), as_text(values.get("id") or "")
    if "~" in name:
        return name.split("~", 3 if name.count("~") > 2 else 2)[-1]
    return number.split(":", 3)[3] if number.count(":") >= 3 else number


def _custom(given: Any) -> Iterator[tuple[str, Any]]:
    for item in given if isinstance(given, list) else ():
        if isinstance(item, Mapping):
            yield as_text(item.get("name") or ""), item.get("value", item.get("groupValues"))


def _product(picked: Picked) -> dict[str, Any]:
    values: dict[str, Any] = {name: picked.text(name) for name in _TEXTS}
    values |= {
        name: _word(picked.text(name)) for name in ("age_group", "condition", "gender", "availability")
    }
    values |= {name: picked.values.get(name) for name in ("price", "sale_price")}
    values |= {
        "language": picked.text("language"),
        "link": picked.text("link") or picked.text("canonical"),
        "size": "/".join(as_text(size) for size in _items(picked.values.get("size"))),
        "gtin": next((text for item in _items(picked.values.get("gtins")) if (text := as_text(item))), ""),
        "product_type": next((as_text(item) for item in _items(picked.values.get("product_types"))), ""),
        "sale_price_effective_date": _period(picked.values.get("sale_price_effective_date")),
    }
    links = [
        as_text(link)
        for key in ("image_link", "images", "lifestyle")
        for link in _items(picked.values.get(key))
    ]
    pictures = picture_links(links)[:_MAX_PICTURES]
    videos = [as_text(link) for link in _items(picked.values.get("videos"))]
    attributes = _attributes(picked)
    values |= {
        "image_link": pictures[0] if pictures else "",
        "additional_image_link": pictures[1:],
        "video_link": videos[0] if videos else "",
        "private": {"video_links": as_text(videos[1:])[:MAX_CHARACTERS]} if videos[1:] else {},
    }
    values = {name: value for name, value in values.items() if value not in ("", None, [], {})}
    for name in _GROUPED:
        if name in picked.values:
            grouped.apply(values, attributes, name, picked.values[name], ())
    return spill(values | {"attributes": attributes}) if attributes else values


_GROUPED: Final = (
    "structured_title", "structured_description", "variant_option", "product_detail", "product_highlight",
    "question_and_answer",
)  # fmt: skip


def _attributes(picked: Picked) -> dict[str, str]:
    found = {}
    for name, attribute in _NAMES.items():
        value = picked.values.get(f"attribute {name}")
        text = ", ".join(part for item in _items(value) if (part := _measure(item)))
        if "EnergyEfficiencyClass" in name or name == "energyEfficiencyClass":
            text = text[:1] + text[1:].replace("P", "+")
        if text and value is not False:
            found[attribute] = (text.lower() if attribute in _SMALL else text)[:MAX_CHARACTERS]
    return found


def _measure(value: Any) -> str:
    """An amount with its unit; a certificate by its name and code."""
    if not isinstance(value, Mapping):
        return "" if value is None else as_text(value)
    if "value" in value:
        return f"{as_text(value['value'])} {as_text(value.get('unit') or '')}".strip()
    return " ".join(as_text(part) for part in value.values() if isinstance(part, str))


def _word(text: str) -> str:
    """``IN_STOCK`` as ``in_stock``; nothing for a word that is not specified."""
    return "" if text.upper().endswith("_UNSPECIFIED") else text.lower()


def _period(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {"start": _any(value, "startTime", "start_time"), "end": _any(value, "endTime", "end_time")}


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return value[:_MAX_LISTED] if isinstance(value, list) else [value]

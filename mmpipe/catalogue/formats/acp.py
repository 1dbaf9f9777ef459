"""Products with variants inside, as agents read them: OpenAI's product feed (ACP), UCP's catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from mmpipe.catalogue.columns import availability_of, column_name
from mmpipe.catalogue.formats.acp_columns import COLUMNS, EXPORT
from mmpipe.catalogue.formats.base import (
    MAX_CHARACTERS,
    Column,
    Format,
    Picked,
    Picker,
    Reading,
    Sample,
)
from mmpipe.catalogue.formats.live_ids import Unnamed, with_ids
from mmpipe.catalogue.formats.options import add_options
from mmpipe.catalogue.formats.shopify_product import MAX_VARIANTS, picture_links
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.ratings import scaled
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.text import as_text, clean
from mmpipe.errors import InvalidRow
from mmpipe.schemas.currencies import of_minor_units

_OWN_MARKS: Final = ("variant_options", "barcodes", "media", "availability")
_MAX_PICTURES: Final = 21
_MAX_LISTED: Final = 200
_MAX_TEXT: Final = 10_000
_WITHDRAWN: Final = frozenset(("archived", "draft", "inactive", "deleted", "hidden", "disabled"))
_USED: Final = frozenset(("secondhand", "second_hand", "pre_owned", "preowned"))
_DEFAULT_TITLES: Final = frozenset(("", "default", "default title"))


class AcpProducts(Format):
    """One product a variant. ``id`` is the variant's, ``item_group_id`` the product's."""

    key = "acp"
    title = "Agentic Commerce feed (products with variants)"
    containers = ("jsonl", "json")
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        first = sample.first
        if sample.container not in self.containers or first is None:
            return False
        return any(_is_ours(product) for product in _products(first))

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        picker = Picker(self.table, reading.findings)
        return with_ids(_unnamed(records, picker, reading.settings.default_currency))


def _unnamed(records: Iterator[Record], picker: Picker, currency: str) -> Iterator[Record | Unnamed]:
    for record in records:
        if record.values is None:
            yield record
            continue
        for product in _products(record.values):
            yield from _variants(record, product, picker, currency)


def _variants(
    record: Record, product: Mapping[str, Any], picker: Picker, currency: str
) -> Iterator[Record | Unnamed]:
    shared = _bounded(picker.pick(product))
    variants = product.get("variants")
    if variants is not None and not isinstance(variants, list):
        problem = InvalidRow("variants", "is no list: write [{…}, {…}]")
        yield Record(record.row, _shown(shared), problem=record.problem or problem)
        return
    if not variants:
        yield _product(record, shared, None, "id", currency)
    for place, variant in enumerate(variants or ()):
        where = f"variants[{place}]"
        if place >= MAX_VARIANTS:
            problem = InvalidRow("variants", f"are over {MAX_VARIANTS:,}: make it several products")
            yield Record(record.row, _shown(shared), problem=problem)
            return
        if not isinstance(variant, Mapping):
            problem = InvalidRow(where, 'is no object: write {"id": …, "title": …}')
            yield Record(record.row, _shown(shared), problem=problem)
            continue
        own = picker.pick({f"variants.{name}": value for name, value in variant.items()})
        yield _product(record, shared, own, f"{where}.id", currency)


def _bounded(shared: Picked) -> Picked:
    """What thousands of variants inherit is cleaned and cut once."""
    texts = {key: value[:_MAX_TEXT] for key, value in shared.values.items() if isinstance(value, str)}
    shared.values |= texts | {
        "description": clean(_description(shared.values.get("description")))[:_MAX_TEXT]
    }
    return shared


def _shown(shared: Picked) -> dict[str, Any]:
    """What a reject shows of its product."""
    texts = (("item_group_id", "id"), ("title", "title"))
    return {field: text for field, key in texts if (text := shared.text(key))}


def _product(
    record: Record, shared: Picked, variant: Picked | None, where: str, currency: str
) -> Record | Unnamed:
    """One variant of a product; a product without variants is its own."""
    own = variant if variant is not None else Picked()
    group, name = shared.text("id"), own.text("variant_id") or own.text("sku")
    if variant is None:
        group, name = "", group
    options = _options(own.values.get("options")) or _options(shared.values.get("choices"))
    values = _texts(shared, own, [value for _, value in options])
    if group:
        values |= {"item_group_id": group, "item_group_title": shared.text("title")}
    private: dict[str, str] = {}
    values |= _media(own, shared, private) | _categories(own, shared, private)
    values |= _barcodes(own.values.get("barcodes"))
    values |= {"attributes": _attributes(own, shared), "private": private}
    values |= _ratings(_first(own, shared, "rating"))
    add_options(values, options)
    problem = record.problem
    try:
        values |= _prices(own, shared, alone=variant is None, currency=currency)
    except InvalidRow as error:
        problem = problem or error
    own.into(shared.into(values))
    values = {field: value for field, value in values.items() if value not in ("", [], {})}
    if not name:
        return Record(record.row, values, problem=problem or InvalidRow(where, "is missing: give it one"))
    owner = "/".join([group, name, *(f"{option}={value}" for option, value in options)])
    if _is_withdrawn(shared) or _is_withdrawn(own):
        return Unnamed(record.row, values, [id_of_text(name)], owner, "withdrawn", group or None, problem)
    return Unnamed(record.row, values, [id_of_text(name)], owner, problem=problem)


def _is_withdrawn(picked: Picked) -> bool:
    return (
        picked.text("is_eligible_search").lower() in ("false", "0", "no")
        or picked.text("status").lower() in _WITHDRAWN
    )


def _texts(shared: Picked, own: Picked, option_values: Sequence[str]) -> dict[str, Any]:
    product, title = shared.text("title"), own.text("title")
    if title.lower() in _DEFAULT_TITLES:
        title = product
    elif product and _repeats(title, option_values):
        title = f"{product} - {title}"
    brand = _first(own, shared, "brand")
    if isinstance(brand, Mapping):
        brand = brand.get("name")
    condition = next((as_text(item) for item in _items(_first(own, shared, "condition")) if item), "")
    return {
        "title": title,
        "description": _description(own.values.get("description")) or shared.text("description"),
        "link": own.text("url") or shared.text("url"),
        "brand": as_text(brand) if brand else "",
        "condition": "used" if column_name(condition) in _USED else condition.lower(),
        "availability": _availability(_first(own, shared, "availability")),
    }


def _repeats(title: str, option_values: Sequence[str]) -> bool:
    """Whether a title is made of the option values alone: ``Blue / L``."""
    known = {value.casefold() for value in option_values}
    parts = title.casefold().replace(" / ", ",").replace("/", ",").replace(" - ", ",").replace("|", ",")
    return title.casefold() in known or {part.strip() for part in parts.split(",")} <= known


def _description(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((text for key in ("plain", "html", "markdown") if (text := value.get(key))), None)
    return value.strip() if isinstance(value, str) else ""


def _availability(value: Any) -> str:
    """Sold out where either part says so; ``status`` may hold words of the shop's own."""
    if not isinstance(value, Mapping):
        return "" if value is None else as_text(value)
    available, status = value.get("available"), value.get("status")
    word = as_text(status) if status else ""
    if available is False:
        return "out_of_stock"
    known = "in_stock" if column_name(word) == "limited_stock" else availability_of(word)
    return known or ("in_stock" if available else word)


def _options(given: Any) -> list[tuple[str, str]]:
    """Name and value of each option; of those that list all their values, one that has one only."""
    found = []
    for option in _items(given):
        if not isinstance(option, Mapping):
            continue
        value = option.get("label") or option.get("value")
        if value is None and len(choices := _items(option.get("values"))) == 1:
            value = choices[0].get("label") if isinstance(choices[0], Mapping) else choices[0]
        name = option.get("name")
        if isinstance(name, str) and name.strip() and value is not None and (text := as_text(value)):
            found.append((name.strip(), text))
    return [option for option in found if option[1].lower() not in _DEFAULT_TITLES]


def _media(own: Picked, shared: Picked, private: dict[str, str]) -> dict[str, Any]:
    pictures: list[str] = []
    videos: list[str] = []
    others: list[str] = []
    for item in [*_items(own.values.get("media")), *_items(shared.values.get("media"))]:
        kind, link = ("", item) if isinstance(item, str) else (None, None)
        if isinstance(item, Mapping):
            kind, link = as_text(item.get("type") or "").lower(), item.get("url")
        if not isinstance(link, str) or kind is None:
            continue
        (pictures if kind in ("", "image") else videos if kind == "video" else others).append(link)
    found: dict[str, Any] = {}
    if links := picture_links(pictures)[:_MAX_PICTURES]:
        found |= {"image_link": links[0], "additional_image_link": links[1:]}
    if videos:
        found["video_link"] = videos[0].strip()
    if others or videos[1:]:
        private["media"] = as_text([*videos[1:], *others])[:MAX_CHARACTERS]
    return found


def _categories(own: Picked, shared: Picked, private: dict[str, str]) -> dict[str, Any]:
    found: dict[str, str] = {}
    more: list[str] = []
    for item in [*_items(own.values.get("categories")), *_items(shared.values.get("categories"))]:
        value, taxonomy = (
            (item.get("value"), item.get("taxonomy")) if isinstance(item, Mapping) else (item, "")
        )
        if value is None or not (text := as_text(value)):
            continue
        google = isinstance(taxonomy, str) and "google" in taxonomy.lower()
        field = "google_product_category" if google else "product_type"
        if found.setdefault(field, text) != text:
            more.append(text)
    if more:
        private["categories"] = as_text(more)[:MAX_CHARACTERS]
    return found


def _barcodes(given: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in _items(given):
        kind, value = (item.get("type"), item.get("value")) if isinstance(item, Mapping) else ("", item)
        if value is not None and (text := as_text(value)):
            found.setdefault("mpn" if as_text(kind or "").upper() == "MPN" else "gtin", text)
    return found


def _ratings(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or given.get("value") is None:
        return {}
    stars = scaled(as_text(given["value"]), as_text(given.get("scale_max") or ""))
    count = given.get("count")
    return {"star_rating": stars} | ({} if count is None else {"review_count": as_text(count)})


def _attributes(own: Picked, shared: Picked) -> dict[str, str]:
    found = {"sku": own.text("sku")}
    if tags := [as_text(tag) for tag in _items(_first(own, shared, "tags"))]:
        found["tags"] = ", ".join(tags)[:MAX_CHARACTERS]
    unit = own.values.get("unit_price")
    if isinstance(unit, Mapping):
        for name, part in (("unit_pricing_measure", "measure"), ("unit_pricing_base_measure", "reference")):
            if isinstance(measure := unit.get(part), Mapping):
                found[name] = (
                    f"{as_text(measure.get('value') or '')} {as_text(measure.get('unit') or '')}".strip()
                )
    return {name: text for name, text in found.items() if text}


def _prices(own: Picked, shared: Picked, *, alone: bool, currency: str) -> dict[str, Any]:
    price, listed = _first(own, shared, "price"), _first(own, shared, "list_price")
    if price is None:
        price = _of_range(shared.values.get("price_range"), alone)
        listed = _of_range(shared.values.get("list_price_range"), alone) if listed is None else listed
    if price is None:
        return {}
    now, was = _money(price, "price", currency), _money(listed, "list_price", currency)
    if now is None or was is None:
        return {"price": price if now is None else _plain(now)}
    # A sale price of nothing would count as none.
    if was[1] == now[1] and was[0] > now[0] > 0:
        return {"price": _plain(was), "sale_price": _plain(now)}
    return {"price": _plain(now)}


def _of_range(value: Any, alone: bool) -> Any:
    """The one price of a range, or for a product without variants the lowest."""
    if not isinstance(value, Mapping):
        return None
    lowest, highest = value.get("min"), value.get("max")
    return lowest if alone or lowest == highest else None


def _money(value: Any, field: str, currency: str) -> tuple[Decimal, str] | None:
    """Amount and currency; None for a price that is a text of its own (``19.99 USD``) or none at all."""
    if value is None or isinstance(value, str):
        return None
    if not isinstance(value, Mapping):
        raise InvalidRow(
            field, f'is {as_text(value)[:40]} alone: write {{"amount": 1999, "currency": "USD"}}'
        )
    amount, given = value.get("amount"), value.get("currency")
    code = given.strip().upper() if isinstance(given, str) and given.strip() else currency
    if isinstance(amount, str) and amount.isascii() and amount.isdigit() and len(amount) < 20:
        amount = int(amount)
    if isinstance(amount, float) and amount.is_integer():
        amount = int(amount)
    if isinstance(amount, bool) or not isinstance(amount, int):
        remedy = "write minor units, 1999 for 19.99 USD"
        raise InvalidRow(f"{field}.amount", f"{as_text(amount)[:40]!r} is no whole number: {remedy}")
    return of_minor_units(amount, code), code


def _plain(money: tuple[Decimal, str]) -> dict[str, Any]:
    amount, currency = money
    return {
        "amount": int(amount) if amount == amount.to_integral_value() else float(amount),
        "currency": currency,
    }


def _first(own: Picked, shared: Picked, key: str) -> Any:
    value = own.values.get(key)
    return shared.values.get(key) if value is None else value


def _items(value: Any) -> list[Any]:
    """A list's first items; what is no list is one."""
    if value is None:
        return []
    return value[:_MAX_LISTED] if isinstance(value, list) else [value]


def _is_minor(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("currency"), str):
        return False
    amount = value.get("amount")
    return isinstance(amount, int) and not isinstance(amount, bool)


def _is_range(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_minor(value.get("min"))


def _products(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The products of a catalogue's whole answer, or the one that an object is."""
    if "variants" not in values and ("ucp" in values or "id" not in values):
        inside = values.get("products", values.get("product"))
        found = [
            item for item in (inside if isinstance(inside, list) else [inside]) if isinstance(item, Mapping)
        ]
        if found:
            return found
    return [values]


def _is_ours(product: Mapping[str, Any]) -> bool:
    if _is_range(product.get("price_range")):
        return True
    variants = [item for item in _items(product.get("variants")) if isinstance(item, Mapping)]
    prices = [variant["price"] for variant in variants if variant.get("price") is not None]
    if prices:
        return any(_is_minor(price) for price in prices)
    return any(isinstance(variant.get(mark), list | Mapping) for variant in variants for mark in _OWN_MARKS)

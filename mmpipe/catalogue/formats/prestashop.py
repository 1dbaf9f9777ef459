"""PrestaShop's product file: one row a product, in the columns of its importer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar, Final

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.dates import InvalidMoment, moment
from mmpipe.catalogue.formats.base import MAX_CHARACTERS, Column, Format, Picked, Picker, Reading, Sample
from mmpipe.catalogue.formats.live_ids import Unnamed, with_ids
from mmpipe.catalogue.formats.options import add_options, option_field
from mmpipe.catalogue.formats.overflow import spill
from mmpipe.catalogue.formats.prestashop_columns import COLUMNS, EXPORT
from mmpipe.catalogue.formats.shopify_product import picture_links, whole_number
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.prices import InvalidPrice, parse_price
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Meaning, Record
from mmpipe.catalogue.text import clean
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.schemas.currencies import decimals_of

# Names that only PrestaShop's product file has, and those of the list that its back office exports.
_KEYS: Final = ("price_with_tax", "price_without_tax", "amount_off")
_ITS_OWN: Final = frozenset(
    column_name(name)
    for column in COLUMNS
    for name in (column.name, *column.others)
    if bare_name(name) != name or "#" in name or column.key in _KEYS
)
_ENOUGH: Final = 3
_LIST: Final = frozenset(("name", "reference", "category", "price_tax_excl", "quantity"))
_IS_LIST: Final = (
    "holds the list of PrestaShop's page Products, which has no descriptions and does not say which products"
    " are enabled: upload a file with the columns of Advanced Parameters › Import, as export modules write it"
)
_MISSING: Final = "is missing, and so is Product ID: give every product a reference"
_WITHDRAWN: Final = frozenset(("none", "catalog", "catalogue"))
_NO: Final = frozenset(("0", "false", "no", "non"))
_YES: Final = frozenset(("1", "true", "yes", "oui", "allow", "allow orders"))
_ROOTS: Final = frozenset(("home", "root", "accueil", "racine", "inicio", "startseite", "start", "główna"))
_NO_DATE: Final = "0000-00-00"
_LINKS: Final = re.compile(r",\s*(?=(?:https?:)?//)")
_MAX_PICTURES: Final = 21
_MAX_AMOUNT: Final = 10**12


class PrestaShop(Format):
    """One product a row. ``id`` is the reference, else the Product ID."""

    key = "prestashop"
    title = "PrestaShop product CSV"
    containers = ("csv",)
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        names = sample.names
        return sample.container in self.containers and (len(names & _ITS_OWN) >= _ENOUGH or names >= _LIST)

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        return with_ids(_unnamed(records, Picker(self.table, reading.findings), reading))


def _unnamed(records: Iterator[Record], picker: Picker, reading: Reading) -> Iterator[Record | Unnamed]:
    currency = reading.settings.default_currency
    for record in records:
        if record.values is None:
            yield record
            continue
        if _is_list(record):
            raise InvalidFeed(_IS_LIST)
        picked = picker.pick(record.values)
        _tell(picked, reading.findings)
        values = picked.into(_product(picked, currency))
        reference, number = picked.text("reference"), picked.text("number")
        names = [id_of_text(name) for name in (reference, f"{reference}-{number}" if number else "") if name]
        if not reference:
            names = [id_of_text(number)] if number else []
        if not names:
            problem = record.problem or InvalidRow("Reference #", _MISSING)
            yield Record(record.row, values, problem=problem)
            continue
        withdrawn = picked.text("active").lower() in _NO or picked.text("visibility").lower() in _WITHDRAWN
        owner = number or clean(picked.text("title")) or "?"
        meaning: Meaning = "withdrawn" if withdrawn else "product"
        yield Unnamed(record.row, values, names, owner, meaning, problem=record.problem)


def _is_list(record: Record) -> bool:
    names = {column_name(name) for name in record.values or ()}
    return names >= _LIST and len(names & _ITS_OWN) < _ENOUGH


def _tell(picked: Picked, findings: Findings) -> None:
    if "price_with_tax" in picked.values:
        findings.note("prices are those with tax")
    elif "price_without_tax" in picked.values:
        findings.note("prices are without tax where a row has none in Price tax included")


def _product(picked: Picked, currency: str) -> dict[str, Any]:
    description, summary = picked.text("description"), picked.text("summary")
    values: dict[str, Any] = {
        "title": picked.text("title"),
        "description": description or summary,
        "additional_text": summary if description and summary != description else "",
        "brand": picked.text("brand"),
        "gtin": picked.text("ean") or picked.text("upc") or picked.text("isbn"),
        "mpn": picked.text("mpn"),
        "condition": picked.text("condition").lower(),
        "availability": _availability(picked),
    }
    values["private"] = {}
    values["attributes"] = _attributes(picked)
    _add_prices(values, picked, currency)
    _add_categories(values, picked.text("categories"))
    links = picked.text("images")
    pictures = picture_links(_LINKS.split(links) if "//" in links else links.split(","))[:_MAX_PICTURES]
    if pictures:
        values["image_link"], values["additional_image_link"] = pictures[0], pictures[1:]
    values = {name: value for name, value in values.items() if value not in ("", [], {}, None)}
    add_options(values, _features(picked.text("features")))
    return spill(values)


def _availability(picked: Picked) -> str:
    if picked.text("orderable").lower() in _NO:
        return "out_of_stock"
    quantity = whole_number(picked.text("quantity").replace(",", ".") or None)
    if quantity is None:
        return ""
    if quantity > 0:
        return "in_stock"
    return "backorder" if picked.text("when_out").lower() in _YES else "out_of_stock"


def _attributes(picked: Picked) -> dict[str, str]:
    found = {name: picked.text(name) for name in ("width", "height", "depth", "weight")}
    found = {name: text for name, text in found.items() if text.strip("0.,")}
    if tags := [tag for part in picked.text("tags").split(",") if (tag := part.strip())]:
        found["tags"] = ", ".join(dict.fromkeys(tags))[:MAX_CHARACTERS]
    if (date := picked.text("available_from")) and not date.startswith(_NO_DATE):
        found["availability_date"] = date
    return found


def _add_categories(values: dict[str, Any], text: str) -> None:
    paths, numbers = [], []
    for part in text.split(","):
        steps = [step for raw in part.split("/") if (step := clean(raw))]
        if len(steps) > 1 or (steps and steps[0].lower() in _ROOTS):
            steps = steps[1:] if steps[0].lower() in _ROOTS else steps
        if len(steps) == 1 and steps[0].isdecimal():
            numbers.append(steps[0])
        elif steps:
            paths.append(" > ".join(steps))
    if numbers:
        values["private"]["categories"] = ", ".join(numbers)[:MAX_CHARACTERS]
    if paths:
        values["product_type"] = paths[0]
    if paths[1:]:
        values["attributes"]["more_product_types"] = " | ".join(paths[1:])[:MAX_CHARACTERS]


def _features(text: str) -> Iterator[tuple[str, str]]:
    """Each feature with its values; a part without a colon is the rest of a value with a comma."""
    found: dict[str, list[str]] = {}
    last = ""
    for part in text.split(","):
        name, separator, rest = part.partition(":")
        if not separator:
            if last and part.strip():
                found[last][-1] += f", {part.strip()}"
            continue
        pieces = rest.split(":")
        # Position and "customized" stand behind the value.
        while len(pieces) > 1 and (pieces[-1].strip().isdecimal() or not pieces[-1].strip()):
            pieces.pop()
        value = ":".join(pieces).strip()
        if name.strip() and value:
            last = name.strip()
            found.setdefault(last, []).append(value)
    for name, values in found.items():
        yield name, ("/" if option_field(name) else ", ").join(dict.fromkeys(values))


def _add_prices(values: dict[str, Any], picked: Picked, currency: str) -> None:
    with_tax, without = picked.text("price_with_tax"), picked.text("price_without_tax")
    price = with_tax if with_tax.strip("0.,") or not without else without
    if not price:
        return
    if picked.text("show_price").lower() in _NO and picked.text("orderable").lower() not in _YES:
        values["private"]["price"] = price
        return
    values["price"] = price
    off = {name: text for name in ("amount_off", "percent_off") if (text := picked.text(name))}
    try:
        sale = _sale_price(price, off, currency)
    except InvalidPrice:  # of the price, which is rejected for it, or of what is taken off
        values["private"] |= off
        return
    if sale is None:
        return
    values["sale_price"] = sale
    dates = {"start": _date(picked.text("sale_start")), "end": _date(picked.text("sale_end"))}
    if any(dates.values()):
        values["sale_price_effective_date"] = dates


def _sale_price(price: str, off: dict[str, str], currency: str) -> dict[str, Any] | None:
    amount, code = parse_price(price, None, currency)
    taken = _number(off.get("amount_off", ""), code)
    if not taken:
        taken = amount * min(_number(off.get("percent_off", "").rstrip("% "), code), Decimal(100)) / 100
    if not 0 < taken < amount < _MAX_AMOUNT:
        return None
    cents = Decimal(1).scaleb(-decimals_of(code))
    return {"amount": float((amount - taken).quantize(cents, ROUND_HALF_UP)), "currency": code}


def _number(text: str, currency: str) -> Decimal:
    return parse_price(text, None, currency)[0] if text else Decimal(0)


def _date(text: str) -> str | None:
    """A date as text; None for the zero date and for what is none."""
    try:
        return text if moment(text) is not None else None
    except InvalidMoment:
        return None

"""What Shopify's formats share: one product with its variants, whatever file it came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmpipe.catalogue.formats.options import add_options
from mmpipe.catalogue.formats.overflow import spill
from mmpipe.catalogue.formats.shopify_claims import Claims, Names
from mmpipe.catalogue.formats.shopify_metafields import Extras
from mmpipe.catalogue.prices import InvalidPrice, parse_price
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.text import clean
from mmpipe.errors import InvalidRow

MAX_VARIANTS: Final = 4_096
_NO_HANDLE: Final = InvalidRow(
    "handle", "is missing, and so is the id: write the product as Shopify gives it"
)
_MAX_PICTURES: Final = 21
_MAX_DESCRIPTION: Final = 10_000
_NO: Final = "false no 0 falsch nein faux non falso onwaar nee fałsz ложь 否 hamis epätosi"
_NOT_PUBLISHED: Final = frozenset(_NO.split())


@dataclass(slots=True)
class Variant:
    """One variant: ``row`` is its record's number, ``values`` are its own fields under Product's names."""

    row: int
    names: Names
    values: dict[str, Any] = field(default_factory=dict)
    options: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    extras: Extras = field(default_factory=Extras)
    problem: InvalidRow | None = None


@dataclass(slots=True)
class ShopProduct:
    """One product: ``key`` is its name among the :class:`Claims`, ``group`` the item group of its variants,
    ``values`` hold what they share."""

    key: str
    group: str
    live: bool
    values: dict[str, Any] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)
    extras: Extras = field(default_factory=Extras)
    variants: list[Variant] = field(default_factory=list)

    def records(self, claims: Claims) -> Iterator[Record]:
        """A record a variant: what it says itself, else what its product says."""
        if "description" in self.values:
            # Once here instead of once a variant.
            self.values["description"] = clean(str(self.values["description"]))[:_MAX_DESCRIPTION]
        self.pictures = list(dict.fromkeys(self.pictures))[:_MAX_PICTURES]
        taken: set[str] = set()
        for place, variant in enumerate(self.variants):
            if not self.group:
                yield Record(variant.row, {"title": self.values.get("title", "")}, problem=_NO_HANDLE)
                continue
            if place >= MAX_VARIANTS:
                problem = InvalidRow("variants", f"are over {MAX_VARIANTS:,}: make it several products")
                yield Record(variant.row, {"item_group_id": self.group}, problem=problem)
                continue
            values = self._values(variant, claims.name(variant.names, self.key, taken))
            if self.live:
                yield Record(variant.row, values, problem=variant.problem)
            else:
                values["_op"] = "delete"
                yield Record(
                    variant.row,
                    values,
                    problem=variant.problem,
                    meaning="withdrawn",
                    group_id=self.group or None,
                )

    def _values(self, variant: Variant, identity: str) -> dict[str, Any]:
        values: dict[str, Any] = {"id": identity, "item_group_id": self.group}
        values |= self.values | variant.values
        # What a variant says of itself comes first, as its options do: a product may have only so many.
        attributes: dict[str, str] = {}
        private: dict[str, str] = {}
        values["attributes"], values["private"] = attributes, private
        add_options(values, variant.options)
        for own, extras in ((variant.values, variant.extras), (self.values, self.extras)):
            for part in (own.get("attributes"), extras.attributes):
                for key, value in part.items() if part else ():
                    attributes.setdefault(key, value)
            for part in (own.get("private"), extras.private):
                for key, value in part.items() if part else ():
                    private.setdefault(key, value)
        for fields in (variant.extras.fields, self.extras.fields):
            for name, text in fields.items():
                if not values.get(name):
                    values[name] = text
        pictures = list(dict.fromkeys([*variant.pictures, *self.pictures]))[:_MAX_PICTURES]
        if pictures:
            values["image_link"], values["additional_image_link"] = pictures[0], pictures[1:]
        return spill({name: value for name, value in values.items() if value or value == 0})


def storable(handle: str) -> str:
    """A handle without halves of surrogate pairs, which nothing can store."""
    return handle if handle.isascii() else handle.encode("utf-8", "replace").decode()


def is_published(text: str) -> bool:
    """What a column "published" says; Excel translates its words when it saves a file."""
    return text.strip().lower() not in _NOT_PUBLISHED


def is_active(text: str) -> bool:
    """What a column "status" says: drafts, archived and unlisted products are not for sale here."""
    return text.strip().lower() in ("", "active")


def category(text: str) -> str:
    """A path of Shopify's taxonomy; empty for its word for none."""
    return "" if text.strip().lower() in ("uncategorized", "uncategorised") else text.strip()


def prices(price: Any, before: Any, currency: str) -> dict[str, Any]:
    """``price``, and where ``before`` (the compare-at price) is above it, that as the price and the price as
    the sale price."""
    if price in (None, ""):
        return {}
    if before in (None, ""):
        return {"price": price}
    try:
        if price.__class__ is str and before.__class__ is str and _is_plain(price) and _is_plain(before):
            now, was = float(price), float(before)
        else:
            now, was = _amount(price, currency), _amount(before, currency)
    except InvalidPrice:
        return {"price": price}
    # A sale price of nothing would count as none.
    return {"price": before, "sale_price": price} if was > now > 0 else {"price": price}


def _is_plain(text: str) -> bool:
    """Whether a price is written as Shopify does, with two decimals, which needs no thought."""
    return text[-3:-2] == "." and text.isascii() and text.replace(".", "", 1).isdigit()


def _amount(value: Any, currency: str) -> Any:
    if isinstance(value, Mapping):
        return parse_price(value.get("amount"), value.get("currency"), currency)[0]
    return parse_price(value, None, currency)[0]


def whole_number(value: Any) -> int | None:
    """A quantity, ``5`` or ``5.0``; None where it is none."""
    if isinstance(value, bool) or value is None or (isinstance(value, str) and len(value) > 20):
        return None
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        return None


def availability(
    *,
    tracked: bool | None = None,
    quantity: int | None = None,
    continues: bool | None = None,
    available: bool | None = None,
) -> str | None:
    """Stock, from what is known of it: whether Shopify counts it, how many there are, whether it is sold
    beyond that, whether the shop offers it now. None where nothing is."""
    if available is False:
        return "out_of_stock"
    if quantity is not None and quantity <= 0 and tracked is not False:
        return "backorder" if (available if continues is None else continues) else "out_of_stock"
    if tracked is False or quantity is not None or available is not None:
        return "in_stock"
    return None


def barcode(text: str) -> str:
    """A barcode without the quote that keeps spreadsheets from rounding it, the first of several; empty where
    one has rounded it already."""
    first = text.strip().lstrip("'").replace(";", ",").split(",")[0].strip()
    return "" if "E+" in first.upper() else first


def picture_links(links: Iterable[str]) -> list[str]:
    """Addresses, each once; Shopify's own may leave the scheme out."""
    found = (link.strip() for link in links)
    return list(dict.fromkeys(f"https:{link}" if link.startswith("//") else link for link in found if link))

"""What each column of a file with Google's names, or with names like them, is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from mmpipe.catalogue.columns import (
    ALIASES,
    CATEGORY_STEPS,
    CURRENCY_COLUMNS,
    FIELDS,
    FORMER_PRICES,
    GROUPED,
    PRIVATE_COLUMNS,
    PUBLIC_ATTRIBUTES,
    SALE_FLAGS,
    SOLD_OUT,
    STOCK_COUNTS,
    bare_name,
    column_name,
    translation_of,
)
from mmpipe.catalogue.prices import is_currency
from mmpipe.catalogue.private import is_never_public
from mmpipe.schemas.currency_names import CURRENCIES

if TYPE_CHECKING:
    from mmpipe.catalogue.report import Findings

Kind = Literal[
    "field",
    "alias",
    "former",
    "stock",
    "grouped",
    "attribute",
    "currency",
    "step",
    "flag",
    "translation",
    "operation",
    "private",
]

# Meta's numbered columns: image[0].url, video[0].tag[1], product_tags[0], style[1].
_INDEXED: Final = re.compile(
    r"(image|video|product_tags?|style|additional_image_link|custom_number|custom_label)"
    r"\[(\d{1,3})\](?:\.(url|tag\[\d{1,3}\]))?"
)
# Further pictures in columns of their own: image_2, other_image_url1, additional_image_link_3, 图片2.
_NUMBERED: Final = re.compile(
    r"(?P<more>additional_|other_|extra_)?(?:image|picture|photo|img|图片)(?:_?(?:link|url|src))?_?(?P<number>\d{1,2})"
)
_MONEY: Final = frozenset({"price", "sale_price"})
# Price (USD), price_eur, Price in CHF, 价格（元）
_IN_CURRENCY: Final = re.compile(
    r"(?P<name>.+?)[\s_]*(?P<open>[(\[（])?(?:in[\s_]+)?(?P<mark>[^\s_()（）\[\]]{1,5})[)\]）]?"
)
# Codes that are words as well say a currency only in capitals or in brackets.
_WORDS: Final = frozenset({"ALL", "BOB", "COP", "CUP", "MOP", "PEN", "SOS", "TOP", "TRY"})
# Price (cents), Price (in pence): amounts of something else than the currency.
_PARTS_OF_MONEY: Final = re.compile(
    r"[(（](?:in[\s_]+)?(?:(?:[a-z]{3}[\s_]+)?(?:cents?|pence|kopecks?|paisa|minor(?:[\s_]+units?)?)|¢|分)[)）]\s*[*?]?$",
    re.IGNORECASE,
)
_TAX: Final = re.compile(r"(?:_[a-z]+)?_(?:tax|taxes|vat)(?:_[a-z]+)?")
_INDEXED_FIELDS: Final = {
    "image": "image_link",
    "video": "video_link",
    "additional_image_link": "additional_image_link",
}
_OPEN_KINDS: Final = frozenset({"attribute", "grouped", "private"})
_SEVERAL: Final = frozenset({"image_link", "additional_image_link", "video_link", "gtin"})
_OWN: Final = frozenset({"_op", "_incomplete"})
_REMEMBERED: Final = 5_000
_REMEMBERED_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Role:
    """What one column is: ``target`` is the field, attribute or group it belongs to, ``number`` its place
    among columns of one name, ``hint`` the names of its parts where its header tells them; of a price its
    currency.
    """

    kind: Kind
    target: str
    number: int = 0
    hint: tuple[str, ...] = ()


class Roles:
    """The roles of one file's columns, by the names it gives them; tells the findings about each once.

    ``known`` are those that :meth:`of` found already, to look up without a call for each cell.
    """

    def __init__(self, findings: Findings | None = None, public: frozenset[str] = frozenset()) -> None:
        self._findings = findings
        self._public = public
        self.known: dict[str, Role] = {}

    def of(self, name: str) -> Role:
        """The role of a column; of one that nobody named it is ``private``."""
        role = self.known.get(name)
        if role is None:
            role = self._meet(name)
            # Keys of JSON objects come from feeds: only so many, and only short ones, are worth remembering.
            if len(self.known) < _REMEMBERED and len(name) <= _REMEMBERED_CHARACTERS:
                self.known[name] = role
        return role

    def _meet(self, name: str) -> Role:
        column = column_name(name)
        role = role_of(name)
        findings = self._findings
        if role is None or role.kind == "private":
            if column in self._public and not is_never_public(column):
                if findings is not None:
                    findings.used(name, "attributes")
                return Role("attribute", column)
            if findings is not None and role is None and column not in ("private", ""):
                findings.unknown(name)
            elif findings is not None and role is not None:
                findings.kept(name)
            return role or Role("private", column)
        if findings is not None and role.kind != "operation":
            findings.used(name, _shown(role))
        return role


def role_of(name: str) -> Role | None:
    """The role that the tables of :mod:`mmpipe.catalogue.columns` give a column; None where they do not name
    it."""
    indexed = _INDEXED.fullmatch(name.strip().lower())
    if indexed is not None:
        return _indexed(indexed)
    full, bare = column_name(name), column_name(bare_name(name))
    if bare != full and _TAX.fullmatch(full.removeprefix(bare)):
        full = bare  # ``Price (with tax)`` is a price, while ``Price (wholesale)`` is nobody's business
    if bare != full and _is_price(bare) and _PARTS_OF_MONEY.search(name.strip()):
        return None
    for column in dict.fromkeys((full, bare)):
        if column in FIELDS:
            return Role("field", column, hint=_currency(name, column))
        if column in _OWN:
            return Role("operation", column)
        if column in GROUPED:
            hint = tuple(
                column_name(part) for part in name[len(bare_name(name)) :].strip(" ()*?").split(":") if part
            )
            return Role("grouped", GROUPED[column], hint=hint)
        if column in ALIASES:
            return Role("alias", ALIASES[column], hint=_currency(name, column))
        if column in FORMER_PRICES:
            return Role("former", column, hint=_currency(name, column))
        if column in STOCK_COUNTS or column in SOLD_OUT:
            return Role("stock", column)
        if column in CURRENCY_COLUMNS:
            return Role("currency", column)
        if column in CATEGORY_STEPS:
            return Role("step", column)
        if column in SALE_FLAGS:
            return Role("flag", column)
        if column in PUBLIC_ATTRIBUTES:
            return Role("attribute", column)
        if column in PRIVATE_COLUMNS or is_never_public(column):
            return Role("private", column)
        if translation_of(column) is not None:
            return Role("translation", column)
    numbered = _NUMBERED.fullmatch(column_name(name))
    if numbered is not None:
        target = "additional_image_link" if numbered["more"] else "image_link"
        return Role("alias", target, int(numbered["number"]))
    return _price(name)


def _price(name: str) -> Role | None:
    """The role of a price whose column ends in its currency, bracketed or not: ``price_eur``."""
    found = _in_currency(name)
    if found is None:
        return None
    column = column_name(found["name"])
    hint = (found["mark"],)
    if column in _MONEY:  # one that is called so and no more counts before
        return Role("alias", column, hint=hint)
    if ALIASES.get(column) in _MONEY:
        return Role("alias", ALIASES[column], hint=hint)
    return Role("former", column, hint=hint) if column in FORMER_PRICES else None


def _currency(name: str, column: str) -> tuple[str, ...]:
    """The currency that the name of a column says behind ``column``, which is a price."""
    if not _is_price(column):
        return ()
    found = _in_currency(name)
    return (found["mark"],) if found is not None and column_name(found["name"]) == column else ()


def _is_price(column: str) -> bool:
    return column in _MONEY or ALIASES.get(column) in _MONEY or column in FORMER_PRICES


def _in_currency(name: str) -> re.Match[str] | None:
    found = _IN_CURRENCY.fullmatch(name.strip()) if len(name) <= _REMEMBERED_CHARACTERS else None
    if found is None or not is_currency(found["mark"]):
        return None
    code = found["mark"].upper()
    # Words of other columns end like this, too: shop_price_all.
    plain = found["open"] is None and code in _WORDS and found["mark"] != code
    return None if plain or (found["open"] is None and code not in CURRENCIES) else found


def may_repeat(name: str) -> bool:
    """Whether several columns of this name say more than one; of any other the first that holds something
    counts."""
    role = role_of(name)
    return role is None or role.kind in _OPEN_KINDS or role.target in _SEVERAL


def _indexed(found: re.Match[str]) -> Role:
    name, number, part = found[1], int(found[2]), found[3]
    if part is not None and part.startswith("tag"):
        return Role("private", column_name(found[0]))
    field = _INDEXED_FIELDS.get(name)
    if field is not None:
        return Role("alias", field, number)
    if name.startswith("custom"):
        return Role("private", column_name(found[0]))
    return Role("attribute", name, number)


def _shown(role: Role) -> str:
    match role.kind:
        case "attribute":
            return "attributes"
        case "currency":
            return "price"
        case "former":
            return "price, sale_price"
        case "stock":
            return "availability"
        case "step":
            return "product_type"
        case "flag":
            return "how the row is read"
        case "translation":
            return "translations"
        case "grouped":
            return _GROUPS[role.target]
    return role.target


_GROUPS: Final = {
    "structured_title": "title",
    "structured_description": "description",
    "product_detail": "attributes",
    "product_highlight": "attributes",
    "variant_option": "attributes",
    "question_and_answer": "additional_text",
    "sale_start": "sale_price_effective_date",
    "sale_end": "sale_price_effective_date",
}

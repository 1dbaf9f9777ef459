"""Column values, as shops write them, to the fields of one product."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mmpipe.catalogue import grouped, nesting
from mmpipe.catalogue.cells import NOTHING, as_written, first_gtin, says_nothing, text_of
from mmpipe.catalogue.columns import (
    ALIASES,
    CATEGORY_STEPS,
    CURRENCY_COLUMNS,
    RATED_ATTRIBUTES,
    SALE_FLAGS,
    SOLD_OUT,
    STOCK_DECIDES,
    availability_of,
    column_name,
    count_of,
    translation_of,
)
from mmpipe.catalogue.links import add_links
from mmpipe.catalogue.prices import InvalidPrice, currency_of
from mmpipe.catalogue.pricing import is_reduced, money_of, no_lower, sale_period
from mmpipe.catalogue.private import is_never_public
from mmpipe.catalogue.ratings import count_of as ratings_of
from mmpipe.catalogue.ratings import rating_of
from mmpipe.catalogue.roles import Roles
from mmpipe.catalogue.text import as_text, clean, private_text
from mmpipe.errors import InvalidRow

MAX_ATTRIBUTES: Final = 100
MAX_PRIVATE: Final = 200
MAX_VALUE_CHARACTERS: Final = 500
MAX_DESCRIPTION: Final = 10_000
_MAX_COLUMNS: Final = 2_000
_LONG_TEXTS: Final = frozenset({"description", "additional_text"})
_FIRST_OF_SEVERAL: Final = frozenset({"gtin", "mpn"})
_NUMBERS_OF_GOODS: Final = frozenset({"id", "gtin", "mpn", "item_group_id"})


def fields_of(values: Mapping[str, Any], default_currency: str, roles: Roles) -> dict[str, Any] | None:
    """The values under the names of :class:`~mmpipe.schemas.product.Product`, ready for its validation; None
    where a column says that the product is not for sale: a draft, archived, hidden, disabled.

    ``roles`` says what each column is. Empty values are dropped, every text is cleaned of markup and
    invisible characters, long descriptions are cut to what a product may hold. Columns that nobody named
    become ``private``, at most 200, each at most 500 characters; so does every attribute that is never
    public. Raises ``InvalidRow`` naming the first field that makes no sense.
    """
    if len(values) > _MAX_COLUMNS:
        raise InvalidRow("row", f"holds {len(values):,} columns: {_MAX_COLUMNS:,} are allowed")
    row = _Sorted()
    fields, known = row.fields, roles.known
    withdrawn = False
    for key, value in values.items():
        if value.__class__ is str:
            if not value or value.isspace():
                continue
        elif value is None or (value.__class__ is float and math.isnan(value)):
            continue
        role = known.get(key) or roles.of(key)
        kind = role.kind
        if kind == "field":
            if role.hint and role.target not in fields:
                row.marks[role.target] = role.hint[0]
            fields.setdefault(role.target, value)
        elif kind == "alias":
            row.alias(role.target, role.number, column_name(key), value, role.hint)
        elif kind == "former":
            row.former.setdefault(role.target, (value, role.hint))
        elif kind == "stock":
            row.stock.setdefault(role.target, value)
        elif kind == "grouped":
            row.grouped.append((role.target, value, role.hint))
        elif kind == "private":
            row.private.setdefault(role.target, value)
        elif kind == "attribute":
            row.attribute(role.target, value)
        elif kind == "flag":
            withdrawn = withdrawn or _says_no(role.target, key, value)
        elif kind != "operation":
            row.others.setdefault(role.target, value)
    if withdrawn:
        return None
    return row.product(default_currency)


def _says_no(flag: str, key: str, value: Any) -> bool:
    """Whether this value of a column of this kind takes its product from sale."""
    word = "_".join(text_of(key, value).lower().split()) if not isinstance(value, Mapping | list) else ""
    return word.removesuffix(".0") in SALE_FLAGS[flag]


class _Sorted:
    """One row's values by what their columns are."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.others: dict[str, Any] = {}
        self.private: dict[str, Any] = {}
        self.grouped: list[tuple[str, Any, tuple[str, ...]]] = []
        # Crossed-out prices by their columns, each with the currency that the header says; and the currencies
        # of the fields whose headers say one.
        self.former: dict[str, tuple[Any, tuple[str, ...]]] = {}
        self.marks: dict[str, str] = {}
        self.stock: dict[str, Any] = {}
        self._attributes: dict[str, Any] = {}
        self._aliased: dict[str, tuple[int, str, Any, tuple[str, ...]]] = {}
        self._numbered: dict[str, list[tuple[int, Any]]] = {}

    def alias(self, target: str, number: int, name: str, value: Any, hint: tuple[str, ...]) -> None:
        """A column by another name of its field; the first that holds something counts, of numbered ones the
        one with the lowest number. Further links are kept."""
        taken = self._aliased.get(target)
        if taken is None or taken[0] > number:
            self._aliased[target] = (number, name, value, hint)
            if taken is not None:
                self._spare(target, *taken[:3])
        else:
            self._spare(target, number, name, value)

    def _spare(self, target: str, number: int, name: str, value: Any) -> None:
        if target in ("image_link", "additional_image_link"):
            self._numbered.setdefault("images", []).append((number, value))
        elif name == "sku":
            self._attributes.setdefault(name, value)
        else:
            self.private.setdefault(name, value)

    def _further_images(self) -> list[Any]:
        found = self._numbered.get("images")
        return [] if found is None else [value for _, value in sorted(found, key=lambda item: item[0])]

    def attribute(self, name: str, value: Any) -> None:
        """A public attribute; numbered columns of one name are joined."""
        taken = self._attributes.get(name)
        if taken is None:
            self._attributes[name] = value
        else:
            self._attributes[name] = [*taken, value] if isinstance(taken, list) else [taken, value]

    def product(self, default_currency: str) -> dict[str, Any]:
        """The fields of the product."""
        fields = self.fields
        for target, (number, name, value, hint) in self._aliased.items():
            if target in fields:
                self._spare(target, number, name, value)
                continue
            if hint:
                self.marks[target] = hint[0]
            if name == "categories" and isinstance(value, str) and ">" not in value:
                fields[target] = value.split(",", MAX_ATTRIBUTES)
            else:
                fields[target] = value
        product: dict[str, Any] = {}
        _translations(product, fields, self.others)
        add_links(product, fields, self._further_images())
        self._prices(product, default_currency)
        sale_period(product, fields, self.grouped)
        _category(fields, self.others)
        self._ratings(product)
        self._availability(product)
        attributes = _attributes(fields.pop("attributes", None))
        most = max(MAX_ATTRIBUTES, len(attributes))  # a map of too many is refused, further columns are not
        private = _kept(fields.pop("private", None), self.private)
        for name, value in fields.items():
            if name in _FIRST_OF_SEVERAL and isinstance(value, list | tuple):
                value = next((item for item in value if item), "")
            text = _words(name, value)
            if name in _NUMBERS_OF_GOODS:
                text = as_written(text)
            if text and not (says_nothing(name, text)):
                product[name] = text[:MAX_DESCRIPTION].strip() if name in _LONG_TEXTS else text
        if "gtin" in product and (code := first_gtin(product["gtin"])) != product["gtin"]:
            _keep(private, "gtin", product.pop("gtin"))
            if code:
                product["gtin"] = code
        if "language" in product:
            product["language"] = product["language"].replace("_", "-")
        for column, value, hint in self.grouped:
            grouped.apply(product, attributes, column, value, hint)
        _add_attributes(attributes, self._attributes)
        if attributes:
            never = [name for name in attributes if is_never_public(column_name(name))]
            for name in never:
                _keep(private, name, attributes.pop(name))
            for name in list(attributes)[most:]:
                _keep(private, name, attributes.pop(name))
        if attributes:
            product["attributes"] = attributes
        if private:
            product["private"] = private
        return product

    def _ratings(self, product: dict[str, Any]) -> None:
        """What shoppers gave it. What is no rating stays what the column would be otherwise."""
        for name, read in (("rating", rating_of), ("rating_count", ratings_of)):
            if name not in self.fields:
                continue
            value = self.fields.pop(name)
            found = read(value)
            _, column, aliased, _ = self._aliased.get(name, (0, name, None, ()))
            if found is not None:
                product[name] = found
            elif aliased is value and column in RATED_ATTRIBUTES:
                self.attribute(column, value)
            else:
                self.private.setdefault(column if aliased is value else name, value)
        if not product.get("rating") and not product.get("rating_count"):
            product.pop("rating", None)  # how exports say that nobody has rated it yet

    def _prices(self, product: dict[str, Any], default: str) -> None:
        """What is asked, what is asked in a sale, and what is crossed out beside either."""
        fields, given = self.fields, self._currency()
        if "price" not in fields and self.former:
            name = next(iter(self.former))
            fields["price"], hint = self.former.pop(name)
            if hint:
                self.marks["price"] = hint[0]
        for name in ("price", "sale_price"):
            if name not in fields:
                continue
            value = fields.pop(name)
            if isinstance(value, str) and not value.strip():
                continue
            try:
                product[name] = money_of(value, self.marks.get(name), given, default)
            except InvalidPrice as error:
                raise InvalidRow(name, str(error)) from None
        sale = product.get("sale_price")
        # A sale price of nothing, or one that is no lower, is how exports say that there is no sale.
        if sale is not None and (not sale["amount"] or no_lower(sale, product.get("price"))):
            del product["sale_price"]
        for name, (value, hint) in self.former.items():
            if not is_reduced(product, value, hint, given, default):
                self.private.setdefault(name, value)

    def _currency(self) -> str | None:
        given: str | None = None
        for column in CURRENCY_COLUMNS if self.others else ():
            if column in self.others and isinstance(value := self.others.pop(column), str) and value.strip():
                try:
                    given = given or currency_of(value)
                except InvalidPrice as error:
                    raise InvalidRow(column, str(error)) from None
        return given

    def _availability(self, product: dict[str, Any]) -> None:
        """By its word, else by how many are left; what is no count is kept privately."""
        stock = self.fields.pop("availability", None)
        if stock is not None:
            product["availability"] = _availability(stock)
        for name, value in self.stock.items():
            found = _stocked(name, value)
            decides = found == "out_of_stock" and name in STOCK_DECIDES
            if found is not None and (decides and product.get("availability") == "in_stock"):
                product["availability"] = found
            elif found is not None:
                product.setdefault("availability", found)
            self.private.setdefault(name, value)


def operation_of(values: Mapping[str, Any]) -> str:
    """``upsert``, ``delete``, or ``stock`` (the availability of a known product), from the ``_op`` column."""
    value = values.get("_op", values.get("_OP"))
    if value is None or value == "":
        return "upsert"
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("delete", "remove"):
        return "delete"
    if word == "stock":
        return "stock"
    if word in ("upsert", "insert", "update", "replace", ""):
        return "upsert"
    raise InvalidRow("_op", f"{str(value)[:40]!r} is no operation: leave it out, or write delete or stock")


def id_of(values: Mapping[str, Any]) -> str | None:
    """The id as text, wherever the row keeps it; not yet checked."""
    found: Any = None
    for key, value in values.items():
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        if isinstance(value, str) and not value.strip():
            continue
        name = column_name(key)
        if name == "id":
            found = value
            break
        if found is None and ALIASES.get(name) == "id":
            found = value
    value = found
    if isinstance(value, str):
        return as_written(value.strip())
    if value is None or isinstance(value, bool | Mapping | Sequence):
        return None
    return text_of("id", value)


def _words(field: str, value: Any) -> str:
    return clean(value if value.__class__ is str else text_of(field, value))


def _translations(product: dict[str, Any], fields: dict[str, Any], others: dict[str, Any]) -> None:
    if not others and "translations" not in fields:
        return
    found: dict[str, dict[str, Any]] = {}
    given = _decoded("translations", fields.pop("translations", None))
    if given is not None:
        if not isinstance(given, Mapping):
            raise InvalidRow("translations", 'is no map: write {"zh": {"title": "…", "description": "…"}}')
        for language, parts in given.items():
            if not isinstance(parts, Mapping):
                raise InvalidRow("translations", 'a language holds no map: write {"zh": {"title": "…"}}')
            name = str(language).replace("_", "-")
            found[name] = {
                str(k): clean(text_of("translations", v)) for k, v in parts.items() if v is not None
            }
    for column in [
        column for column in others if column.startswith(("title_", "name_", "desc", "product_name_"))
    ]:
        translated = translation_of(column)
        if translated is not None:
            language, part = translated
            found.setdefault(language, {}).setdefault(part, clean(text_of(column, others.pop(column))))
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


def _stocked(name: str, value: Any) -> str | None:
    """What a count of what is left says, or a flag that all is sold; None where it is neither."""
    text = "" if isinstance(value, Mapping | list | tuple) else text_of(name, value)
    if name in SOLD_OUT:
        return {"out_of_stock": "in_stock", "in_stock": "out_of_stock"}.get(availability_of(text) or "")
    count = count_of(text)
    if count is None:
        return None if text.strip().isdecimal() else availability_of(text)
    return "in_stock" if count > 0 else "out_of_stock"


# What else than ``>`` parts the steps of a path.
_STEPS: Final = re.compile(r">{2,}|[»→›]|(?<=\s)[|/\\](?=\s)")


def _category(fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name in ("product_type", "google_product_category"):
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, list | tuple):
            # A list of paths, as some exports have it: the first one is the main one.
            steps = value[0] if value and isinstance(value[0], list | tuple) else value
            texts = [part for step in steps if (part := clean(_named(name, step)))]
            fields[name] = texts[0] if any(">" in text for text in texts) else " > ".join(texts)
        elif isinstance(value, str):
            value = fields[name] = clean(_STEPS.sub(" > ", value)) if _STEPS.search(value) else value
            if value[:1] == '"':
                # Several paths in quotes, as Google's text files have them.
                value = fields[name] = grouped.unquoted(grouped.cell_parts(value, ",")[0])
            if "&" in value:
                fields[name] = clean(value)
        elif isinstance(value, Mapping):
            fields[name] = _named(name, value)
    path = fields.get("product_type")
    if isinstance(path, str) and path.strip().isdecimal() and "google_product_category" not in fields:
        fields["google_product_category"] = fields.pop("product_type")  # Google's number, whatever the column
    if not others:
        return
    steps = [(name, others[name]) for name in CATEGORY_STEPS if name in others]
    if not steps:
        return
    leaf = fields.get("product_type")
    if leaf is not None and not (isinstance(leaf, str) and ">" not in leaf):
        return
    names = [text_of(name, others.pop(name)) for name, _ in steps]
    if leaf is not None:
        names.append(text_of("product_type", leaf))
    fields["product_type"] = " > ".join(dict.fromkeys(step for step in names if step))


def _named(field: str, step: Any) -> str:
    """A category as text, or as the object with a name that APIs make of it."""
    if isinstance(step, Mapping):
        step = next(
            (step[key] for key in ("full_name", "fullName", "path", "name", "value") if step.get(key)), None
        )
    return "" if step is None else text_of(field, step)


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
            pairs[text_of("attributes", item["name"])] = item["value"]
        value = pairs
    if not isinstance(value, Mapping):
        raise InvalidRow("attributes", 'is no map: write {"name": "value"}')
    return {
        key: text
        for name, item in value.items()
        if item is not None and (text := _words("attributes", item)) and (key := _words("attributes", name))
    }


def _add_attributes(attributes: dict[str, Any], others: dict[str, Any]) -> None:
    for name, value in others.items():
        if name not in attributes and (text := clean(_joined(value))) and text.lower() not in NOTHING:
            attributes[name[:MAX_VALUE_CHARACTERS]] = text[:MAX_VALUE_CHARACTERS].strip()


def _kept(given: Any, others: dict[str, Any]) -> dict[str, str]:
    private: dict[str, str] = {}
    if given is None and not others:
        return private
    if given is not None and not isinstance(given, Mapping):
        given = {"private": given}  # a column that happens to have this name
    for name, value in (*(given or {}).items(), *others.items()):
        if len(private) >= MAX_PRIVATE:
            break
        if not str(name).startswith(("unnamed:", "_")) and name != "" and (text := private_text(value)):
            private.setdefault(str(name)[:MAX_VALUE_CHARACTERS], text)
    return private


def _keep(private: dict[str, str], name: str, text: str) -> None:
    if len(private) < MAX_PRIVATE:
        private.setdefault(name[:MAX_VALUE_CHARACTERS], text[:MAX_VALUE_CHARACTERS])


def _joined(value: Any) -> str:
    """A list as words separated by commas; a cell may hold one as Python or JSON write it."""
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
        try:
            value = nesting.loads(value.replace("'", '"'))
        except ValueError:
            value = value.strip("[]")
    return as_text(value)


def _decoded(field: str, value: Any) -> Any:
    """JSON inside a column, as CSV files carry it."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return nesting.loads(value)
    except ValueError:
        raise InvalidRow(field, "is text that is no JSON: write JSON, or leave it empty") from None

"""WooCommerce's variable products: their variations inherit from them, wherever in a file each stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import Reading
from mmpipe.catalogue.formats.live_ids import Unnamed
from mmpipe.catalogue.formats.once import Once
from mmpipe.catalogue.formats.options import add_options, option_field
from mmpipe.catalogue.formats.woocommerce_values import MAX_TEXT, Kind, put_attribute
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.private import is_never_public
from mmpipe.catalogue.rows import Meaning, Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import clean
from mmpipe.errors import InvalidFeed, InvalidRow

_INHERITED: Final = (
    "title", "description", "additional_text", "product_type", "brand", "link", "availability",
    "rating", "rating_count",
)  # fmt: skip
_BRAND: Final = frozenset(
    {"brand", "brands", "marke", "marque", "marca", "merk", "marka", "品牌", "ブランド"}
)
_LONG_TEXTS: Final = frozenset({"description", "additional_text"})
_SPOOL_BYTES: Final = 16 << 20
_TOGETHER_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 2_000
_MAX_VALUE: Final = 500


class Option(NamedTuple):
    """An attribute as WooCommerce has it: its values (none on a variation that comes in any of them), and
    whether the product's page shows it."""

    name: str
    values: list[str]
    shown: bool = True


@dataclass(slots=True)
class Item:
    """One product, variation or parent of a shop. ``number`` is WooCommerce's own id, ``parent`` is
    ``id:101`` or a SKU, ``product`` is what it says itself, without its id and its options, and ``beside``
    what a variation is called beside its parent's title."""

    row: int
    kind: Kind
    number: str
    sku: str
    live: bool
    product: dict[str, Any]
    parent: str = ""
    options: list[Option] = field(default_factory=list)
    beside: str = ""


@dataclass(slots=True)
class _Parent:
    item: Item
    id: str
    place: int


class Families:
    """Gives variations what they inherit, and all items the ids that they would have; memory does not grow
    with the file.

    The id is WooCommerce's number, else the SKU, or the other way round where ``feeds.woocommerce_id`` is
    ``sku``.
    """

    def __init__(self, reading: Reading) -> None:
        self._by_sku = reading.settings.woocommerce_id == "sku"
        self._findings = reading.findings
        # By ``id:101``, or ``sku:…`` where there is no number; SKUs lead there.
        self._parents: Once[_Parent] = Once(_SPOOL_BYTES)
        self._by_name: Once[str] = Once(_SPOOL_BYTES)
        self._waiting: Spool[Item] = Spool(_SPOOL_BYTES)
        # Per parent: whether a variation of it has come.
        self._met = bytearray()
        self._batch, self._batch_bytes = 0, 0
        self._strays = 0

    def read(self, items: Iterable[Item | Record]) -> Iterator[Record | Unnamed]:
        """The records of all items; a record that comes in is passed on. A file that breaks off gives what
        came before it, then its error."""
        broken: InvalidFeed | None = None
        with self._parents, self._by_name, self._waiting:
            try:
                for item in items:
                    if isinstance(item, Record):
                        yield item
                    elif item.kind == "variation":
                        yield from self._variation(item)
                    elif item.kind == "variable":
                        yield from self._keep(item)
                    else:
                        put_options(item.product, item.options)
                        yield self._unnamed(item, "group" if item.kind == "grouped" else "product")
            except InvalidFeed as error:
                broken = error
            yield from self._rest()
        if broken is not None:
            raise broken

    def _keep(self, item: Item) -> Iterator[Record | Unnamed]:
        """Put a parent aside until one of its variations comes."""
        names = self._names(item)
        if not names:
            yield self._unnamed(item, "group")
            return
        for name in _LONG_TEXTS & item.product.keys():
            # Once, instead of once a variation.
            item.product[name] = clean(item.product[name])[:MAX_TEXT]
        parent = _Parent(item, names[0], len(self._met))
        size = _size(item)
        key = f"id:{item.number}" if item.number else f"sku:{item.sku}"
        is_first = self._parents.put(key, parent, size)
        if is_first:
            self._met.append(0)
            if item.sku:
                self._by_name.put(item.sku, key, 200 + len(key) + len(item.sku))
        if not item.live or not is_first:
            yield self._unnamed(replace(item, product=_copy(item.product)), "group")

    def _variation(self, item: Item) -> Iterator[Record | Unnamed]:
        parent = self._parent_of(item.parent) if item.parent else None
        if parent is not None:
            yield from self._child(item, parent)
        elif item.parent:
            self._wait(item)
        else:
            yield self._stray(item)

    def _wait(self, item: Item) -> None:
        # Whatever waits under one key is read together, so a key must not hold too much.
        size = _size(item)
        self._batch_bytes += size
        if self._batch_bytes > _TOGETHER_BYTES:
            self._batch, self._batch_bytes = self._batch + 1, size
        self._waiting.put(f"{self._batch} {item.parent}", item, size)

    def _child(self, item: Item, parent: _Parent) -> Iterator[Record | Unnamed]:
        if not self._met[parent.place]:
            self._met[parent.place] = 1
            if parent.item.live:
                yield self._group(parent.item, item)
        item.live = item.live and parent.item.live
        item.product["item_group_id"] = parent.id
        if title := parent.item.product.get("title"):
            item.product["item_group_title"] = title
            if item.beside:
                item.product["title"] = item.beside if title in item.beside else f"{title} - {item.beside}"
        put_options(item.product, _inherit(item, parent.item))
        yield self._unnamed(item, "product")

    def _group(self, parent: Item, child: Item) -> Record | Unnamed:
        """The parent as the group of its variations, with the options that they do not differ by."""
        product = _copy(parent.product)
        differs = {_option_key(option.name) for option in child.options}
        put_options(product, [o for o in parent.options if _option_key(o.name) not in differs])
        return self._unnamed(replace(parent, product=product), "group")

    def _stray(self, item: Item) -> Record | Unnamed:
        self._strays += 1
        if item.beside:
            item.product["title"] = item.beside
        if item.parent:
            item.product["item_group_id"] = id_of_text(item.parent.removeprefix("id:"))
        put_options(item.product, item.options)
        return self._unnamed(item, "product")

    def _rest(self) -> Iterator[Record | Unnamed]:
        for _, items in self._waiting.groups():
            for item in items:
                found = self._parent_of(item.parent) or self._parent_of(f"id:{item.parent}")
                if found is not None:
                    yield from self._child(item, found)
                else:
                    yield self._stray(item)
        childless = 0
        for parent in self._parents.values():
            if parent.item.live and not self._met[parent.place]:
                childless += 1
                product = _copy(parent.item.product)
                put_options(product, parent.item.options)
                yield self._unnamed(replace(parent.item, product=product), "product")
        if childless:
            self._findings.note(
                f"variable products without a variation in this file: {childless:,}; they are shown as they "
                "are: export variations too"
            )
        if self._strays:
            self._findings.note(
                f"variations without their parent in this file: {self._strays:,}; they inherit nothing: "
                "export variable products too"
            )

    def _names(self, item: Item) -> list[str]:
        """What an item may be called, best first. ``id:101`` is never a SKU."""
        number = id_of_text(item.number)
        if not self._by_sku:
            names = [number or id_of_text(item.sku)]
        else:
            names = [id_of_text(item.sku) or number, number and f"id:{number}"]
        return [name for name in names if name]

    def _unnamed(self, item: Item, meaning: Meaning) -> Record | Unnamed:
        names, values = self._names(item), item.product
        if not names:
            problem = InvalidRow("ID", "is missing, and so is SKU: export both columns")
            return Record(item.row, values, problem=problem)
        if item.sku and item.sku != names[0]:
            put_attribute(values, "sku", item.sku[:_MAX_VALUE])
            if item.number and not self._by_sku:
                self._findings.sku_column()
        if item.number and item.number != names[0]:
            values.setdefault("private", {})["id"] = item.number[:_MAX_VALUE]
        # Where only the SKU is known, translated products may share it.
        owner = f"id:{item.number}" if item.number else f"sku:{item.sku}/{values.get('title', '')}"
        return Unnamed(item.row, values, names, owner, meaning if item.live else "withdrawn")

    def _parent_of(self, ref: str) -> _Parent | None:
        key = f"id:{ref[3:].strip()}" if ref.startswith("id:") else self._by_name.get(ref)
        return self._parents.get(key) if key else None


def put_options(product: dict[str, Any], options: Iterable[Option]) -> None:
    """Put attributes into ``product``: colour, size, material, pattern and brand into their fields, others
    into its public attributes, and what the product's page does not show, or nobody else should see, into
    its private ones."""
    for option in options:
        value = "/".join(option.values)[:_MAX_VALUE].strip()
        if not value:
            continue
        name, column, place = _meant(option.name[:_MAX_VALUE])
        if place == "brand" and "brand" not in product:
            product["brand"] = value
        elif place == "field" or (place != "private" and option.shown):
            add_options(product, [(name, value)])
        else:
            product.setdefault("private", {}).setdefault(column, value)


@lru_cache(maxsize=1_024)
def _meant(option: str) -> tuple[str, str, Literal["field", "brand", "public", "private"]]:
    """An option's name without WooCommerce's prefix for global ones, the same as a column's name, and where
    its value belongs."""
    name = option.strip().removeprefix("attribute_").removeprefix("pa_")
    column = column_name(name)
    if option_field(name) is not None:
        return name, column, "field"
    if column in _BRAND:
        return name, column, "brand"
    return name, column, "private" if is_never_public(column) else "public"


def _inherit(item: Item, parent: Item) -> list[Option]:
    """Fill what a variation leaves empty from its parent; gives all options that it has then."""
    product, shared = item.product, parent.product
    if product.get("description") and shared.get("description"):
        # A variation's own text is a remark beside the parent's.
        shared = {**shared, "additional_text": str(shared["description"])[:MAX_TEXT]}
    for name in _INHERITED:
        if name in shared and not product.get(name):
            product[name] = shared[name]
    if not product.get("image_link") and shared.get("image_link"):
        product["image_link"] = shared["image_link"]
        product["additional_image_link"] = shared.get("additional_image_link", [])
    own = product.get("attributes", {})
    for name, value in shared.get("attributes", {}).items():
        if name not in own:
            put_attribute(product, name, value)
    offered = {_option_key(option.name): option for option in parent.options}
    options = []
    for option in item.options:
        same = offered.pop(_option_key(option.name), None)
        # Without a value it comes in any that the parent has.
        options.append(option if option.values or same is None else same)
    return [*options, *offered.values()]


def _option_key(name: str) -> str:
    return _meant(name[:_MAX_VALUE])[1]


def _copy(product: dict[str, Any]) -> dict[str, Any]:
    """A copy that options may be put into."""
    copied = dict(product)
    for name in ("attributes", "private"):
        if name in copied:
            copied[name] = dict(copied[name])
    return copied


def _size(item: Item) -> int:
    """About how many bytes an item takes in memory."""
    size = _ROW_BYTES + sum(len(value) for option in item.options for value in option.values)
    for value in item.product.values():
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict | list):
            size += sum(len(text or "") for text in (value.values() if isinstance(value, dict) else value))
    return size

"""schema.org's products as JSON-LD, the structured data of shops' own pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from mmpipe.catalogue.formats.base import Column, Format, Picked, Picker, Reading, Sample, Table
from mmpipe.catalogue.formats.json_ld import (
    Node,
    by_language,
    is_reference,
    nodes_of,
    resolved,
    text_of,
    types_of,
    values_of,
)
from mmpipe.catalogue.formats.live_ids import Unnamed, with_ids
from mmpipe.catalogue.formats.schema_org_columns import COLUMNS, EXPORT
from mmpipe.catalogue.formats.schema_org_offers import best_offer
from mmpipe.catalogue.formats.schema_org_product import names_of, options_of, product_values
from mmpipe.catalogue.formats.shopify_product import MAX_VARIANTS
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.rows import Meaning, Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import clean
from mmpipe.errors import InvalidFeed, InvalidRow

_KINDS: Final = """
Product ProductModel IndividualProduct SomeProducts Vehicle Car Motorcycle BusOrCoach ProductCollection
DietarySupplement
"""
_PRODUCTS: Final = frozenset(_KINDS.split())
_MARKS: Final = ("sku", "gtin13", "gtin", "mpn", "offers", "hasVariant", "name")
_LINK_ONLY: Final = frozenset(("@type", "@id", "@context", "url", "position", "isVariantOf"))
_REFERRED: Final = ("brand", "manufacturer", "image", "video", "audience", "rating", "model", "variant_of")
_LINKING: Final = frozenset(("node", "in_group", "variant_of"))
_MAX_GROUPS: Final = 100_000
_MAX_NODES: Final = 10_000
_MAX_NODE: Final = 4_000
_MAX_TEXT: Final = 10_000
_MISSING: Final = "is missing, and so are productID, @id, gtin and mpn: give every product one of them"


class SchemaOrg(Format):
    """One product an object. ``id`` is the ``sku``, else ``productID``, ``@id``, ``gtin`` or ``mpn``."""

    key = "schema-org"
    title = "schema.org JSON-LD"
    containers = ("jsonl", "json")
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        first = sample.first
        if sample.container not in self.containers or first is None:
            return False
        if "@type" in first or isinstance(first.get("@graph"), list):
            return True
        return "schema.org" in str(first.get("@context", ""))[:500]

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        return with_ids(_File(self.table, reading).unnamed(records))


class _Item(NamedTuple):
    """A product of the file, and the group that it varies; ``alone``: it has one offer only."""

    row: int
    picked: Picked
    alone: bool
    group: Picked | None = None
    meaning: Meaning = "product"


class _File:
    """The products of one file, whose objects may refer to one another."""

    def __init__(self, table: Table, reading: Reading) -> None:
        self._picker = Picker(table, reading.findings)
        self._findings = reading.findings
        self._currency = reading.settings.default_currency
        self._others: Counter[str] = Counter()
        self._links = self._places = 0
        # Groups by their names: whether there is one only of the name. Products by the group that lists them.
        self._known: dict[str, bool] = {}
        self._listed: dict[str, str] = {}
        # Brands, pictures and other objects that products refer to.
        self._nodes: dict[str, Node] = {}
        self._groups: Spool[Picked] = Spool()
        self._waiting: Spool[_Item] = Spool()

    def unnamed(self, records: Iterator[Record]) -> Iterator[Record | Unnamed]:
        """What the records hold; products that refer to others of the file come last."""
        broken: InvalidFeed | None = None
        with self._groups, self._waiting:
            try:
                for record in records:
                    if record.values is None:
                        yield record
                    elif record.problem is not None:
                        title = text_of(record.values.get("name"))
                        yield Record(record.row, {"title": title}, problem=record.problem)
                    else:
                        yield from self._record(record.row, record.values)
            except InvalidFeed as error:
                broken = error  # what came before it still counts
            for _, items in self._waiting.groups():
                for item in items:
                    yield self._late(item)
        self._tell()
        if broken is not None:
            raise broken

    def _record(self, row: int, values: Node) -> Iterator[Record | Unnamed]:
        nodes = [node for node in nodes_of(values) if not is_reference(node)]
        index = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str)}
        inside = {
            id(index.get(item["@id"])) for node in nodes for item in _variants(node) if is_reference(item)
        }
        for node in nodes:
            if not _is_product(node):
                self._other(node)
            elif id(node) in inside:
                continue  # comes with its group
            elif "ProductGroup" in types_of(node) or _variants(node):
                yield from self._group(row, node, index)
            elif not set(node) - _LINK_ONLY:
                self._links += 1
            else:
                item = self._item(row, node, index)
                group = item.picked.values.get("variant_of")
                if isinstance(group, Mapping) and not is_reference(group):
                    item = item._replace(group=self._item(row, group, index).picked)
                yield from self._give(item)

    def _other(self, node: Node) -> None:
        name = node.get("@id")
        if isinstance(name, str) and len(self._nodes) < _MAX_NODES and len(repr(node)) < _MAX_NODE:
            # Of two objects of one name, from two pages, neither is meant.
            self._nodes[name] = node if self._nodes.get(name, node) == node else {}
        if "ListItem" in types_of(node):
            self._links += 1
        else:
            self._others[next(iter(types_of(node)), "without type")[:60]] += 1

    def _group(self, row: int, node: Node, index: Mapping[str, Node]) -> Iterator[Record | Unnamed]:
        group = self._item(row, node, index)
        texts = by_language(group.picked.values.get("description"))
        group.picked.values["description"] = [
            {"@language": language, "@value": clean(text)[:_MAX_TEXT]} for language, text in texts.items()
        ]
        name = self._remember(group.picked)
        count = 0
        for place, variant in enumerate(_variants(node)):
            item = resolved(variant, index)
            if place >= MAX_VARIANTS:
                problem = InvalidRow("hasVariant", f"are over {MAX_VARIANTS:,}: make it several products")
                yield Record(row, {"item_group_id": name}, problem=problem)
                break
            if is_reference(item):
                if len(self._listed) < _MAX_GROUPS:
                    self._listed.setdefault(item["@id"], name)
            elif not isinstance(item, Mapping) or not set(item) - _LINK_ONLY:
                self._links += 1
            else:
                count += 1
                yield from self._give(self._item(row, item, index)._replace(group=group.picked))
        if not count:
            meaning: Meaning = "product" if "offers" in group.picked.values else "group"
            yield self._product(group._replace(meaning=meaning))

    def _item(self, row: int, node: Node, index: Mapping[str, Node]) -> _Item:
        """A node's values by the names of the table, with those of the offer that counts."""
        offer, alone = best_offer(node.get("offers"), index)
        values = {name: value for name, value in node.items() if name not in ("hasVariant", "offers")}
        if "hasVariant" in node:
            values["hasVariant"] = True
        if offer is not None:
            values["offers"] = True
            values |= {f"offers.{name}": value for name, value in offer.items()}
        picked = self._picker.pick(values)
        _refer(picked, index)
        if (group := picked.values.get("variant_of")) is not None:
            picked.values["variant_of"] = next(iter(values_of(group)), "")
        return _Item(row, picked, alone)

    def _give(self, item: _Item) -> Iterator[Record | Unnamed]:
        """The product now, or where something of the file may still add to it, when the file is read."""
        own = item.picked.values
        if item.group is None:
            waits = not _LINKING.isdisjoint(own) or _is_open(own)
        else:
            waits = _is_open(own) or _is_open(item.group.values)
        if waits:
            self._places += 1
            size = 1_000 + len(repr(own)) + (len(repr(item.group.values)) if item.group is not None else 0)
            self._waiting.put(str(self._places), item, size)
        else:
            yield self._product(item)

    def _late(self, item: _Item) -> Record | Unnamed:
        group = item.group or self._group_of(item.picked)
        for picked in (item.picked, group):
            if picked is not None:
                _refer(picked, self._nodes)
        return self._product(item._replace(group=group))

    def _product(self, item: _Item) -> Record | Unnamed:
        own, group = item.picked, item.group
        values = product_values(own, group, self._currency)
        if group is not None:
            texts = (_group_name(group), text_of(group.values.get("name")))
            values |= {"item_group_id": texts[0], "item_group_title": texts[1]}
        else:
            values["item_group_id"] = text_of(own.values.get("group")) or _name_of_group(own)
        values = {name: value for name, value in values.items() if value != ""}
        names = names_of(own, item.alone)
        if "group" in own.values and (item.meaning == "group" or not names):
            names = [text_of(own.values["group"])]
        names = [name for text in names if (name := id_of_text(text))]
        if not names:
            return Record(item.row, values, problem=InvalidRow("sku", _MISSING))
        node = text_of(own.values.get("node"))
        parts = [values.get("item_group_id", ""), values.get("title", ""), *options_of(values)]
        owner = "/".join([node if "://" in node else "", *parts])
        return Unnamed(item.row, values, names, owner, item.meaning)

    def _remember(self, group: Picked) -> str:
        """Keep what a group says for products elsewhere in the file; its name."""
        names = [text_of(group.values.get(key)) for key in ("group", "node")]
        for name in names:
            if name and len(self._known) < _MAX_GROUPS:
                if name not in self._known:
                    self._groups.put(name, group, 800 + len(repr(group.values)))
                self._known[name] = name not in self._known
        return _group_name(group)

    def _group_of(self, own: Picked) -> Picked | None:
        """The group that a product names, or that lists it, where the file has one of that name."""
        name = _name_of_group(own) or self._listed.get(text_of(own.values.get("node")), "")
        return self._groups.get(name)[0] if self._known.get(name) else None

    def _tell(self) -> None:
        if self._others:
            kinds = ", ".join(name for name, _ in self._others.most_common(5))
            self._findings.note(
                f"{self._others.total():,} objects are no products and were left out: {kinds}"
            )
        if self._links:
            self._findings.note(
                f"links to products without their data were left out ({self._links:,}): upload what the pages"
                " behind them say"
            )


def _is_product(node: Node) -> bool:
    types = types_of(node)
    if not types:
        return any(mark in node for mark in _MARKS)
    return "ProductGroup" in types or not _PRODUCTS.isdisjoint(types)


def _refer(picked: Picked, index: Mapping[str, Node]) -> None:
    for key in _REFERRED:
        if key in picked.values:
            picked.values[key] = resolved(picked.values[key], index)


def _is_open(values: Mapping[str, Any]) -> bool:
    """Whether a value names an object that was not found yet."""
    return any(is_reference(item) for key in _REFERRED[:-1] for item in values_of(values.get(key)))


def _variants(node: Node) -> list[Any]:
    value = node.get("hasVariant")
    return value if isinstance(value, list) else [] if value is None else [value]


def _group_name(group: Picked) -> str:
    return text_of(group.values.get("group")) or next(iter(names_of(group, alone=False)), "")


def _name_of_group(own: Picked) -> str:
    """What a product calls the group that it belongs to."""
    group = own.values.get("variant_of")
    if isinstance(group, Mapping):
        group = group.get("productGroupID") or group.get("@id")
    return text_of(own.values.get("in_group")) or text_of(group)

"""Shopify's inventory export: how many of each variant are at each location."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import PRIVATE, Column, Format, Picked, Picker, Reading, Sample, Table
from mmpipe.catalogue.formats.shopify_claims import Claims, Names, Shares
from mmpipe.catalogue.formats.shopify_product import storable, whole_number
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.errors import InvalidFeed, InvalidRow

EXPORT: Final = """\
In Shopify's admin choose *Products › Inventory › Export*, then *All locations* and *All variants*, and
upload the file after the product export. It changes nothing but whether the products are in stock.

- What is available at all locations together counts; a location that says *not stocked* counts nothing.
- A variant that is stocked nowhere, or whose inventory Shopify does not track, stays as it is.
- The file does not say which variants are sold beyond their stock: they are `out_of_stock` after it."""

_COUNTS: Final = frozenset(
    ("available_not_editable", "available", "on_hand_current", "on_hand", "on_hand_new")
)
_NOT_STOCKED: Final = "not stocked"
_SIZE: Final = 300


def is_inventory(names: frozenset[str]) -> bool:
    """Whether a header is that of an inventory export: a row a location, or (the oldest) a column a
    location."""
    if names & {"price", "variant_price", "description", "body_html", "product_image_url", "image_src"}:
        return False
    if not names & {"handle", "url_handle", "sku"}:
        return False
    by_rows = "location" in names and bool(names & _COUNTS)
    return by_rows or names >= {"handle", "title", "option1_value", "sku", "hs_code", "coo"}


class ShopifyInventory(Format):
    """The stock of known products: in stock or not, by all locations together."""

    key = "shopify-inventory"
    title = "Shopify inventory CSV"
    containers = ("csv", "parquet")
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Handle", "item_group_id", "only a product of this handle is meant", others=("URL handle",)),
        Column("Title", PRIVATE),
        Column("Option{n} Name", PRIVATE, others=("Option {n} Name",)),
        Column("Option{n} Value", "id", "with the handle, where the SKU is empty or another product's",
               others=("Option {n} Value",), key="option"),
        Column("SKU", "id", "as in the product export", key="sku"),
        Column("Barcode", PRIVATE),
        Column("HS Code", PRIVATE),
        Column("COO", PRIVATE),
        Column("Location", PRIVATE, "in the oldest exports every location is a column of its own, and each of"
               " these is read as a quantity"),
        Column("Bin name", PRIVATE),
        Column("Incoming (not editable)", PRIVATE, others=("Incoming",)),
        Column("Unavailable (not editable)", PRIVATE, others=("Unavailable",)),
        Column("Committed (not editable)", PRIVATE, others=("Committed",)),
        Column("Available (not editable)", "availability",
               "the sum over the locations: none is `out_of_stock`", others=("Available",), key="available"),
        Column("On hand (current)", "availability", "where nothing is said of what is available",
               others=("On hand",), key="on_hand"),
        Column("On hand (new)", PRIVATE, "what an import would set"),
    )  # fmt: skip

    def recognises(self, sample: Sample) -> bool:
        return sample.container in ("csv", "parquet") and is_inventory(sample.names)

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        sorter = _Sorter(self.table, reading.findings)
        claims, shares = Claims(), Shares()
        broken: InvalidFeed | None = None
        unknown = 0
        with Spool[_Row]() as spool:
            try:
                for record in records:
                    if record.values is None:
                        yield record
                        continue
                    row = sorter.row(record)
                    product = row.handle or row.names.spare
                    if row.problem is not None:
                        yield _rejected(row, row.problem)
                    elif not row.names.first:
                        yield _rejected(
                            row, InvalidRow("SKU", "and Handle are missing: export the file again")
                        )
                    elif not shares.admits(product, _SIZE):
                        yield _rejected(
                            row, InvalidRow("Handle", "is that of too many rows: export it again")
                        )
                    else:
                        spool.put(product, row, _SIZE)
                        claims.claim(row.names, product)
            except InvalidFeed as error:
                broken = error  # what came before it still counts
            claims.settle()
            for _, rows in spool.groups():
                taken: set[str] = set()
                for variant in _by_variant(rows):
                    names = _names(variant[0], claims, taken)
                    counts = [row.quantity for row in variant if row.quantity is not None]
                    unknown += not counts
                    if counts:
                        yield from _stock(variant[0], names, sum(counts) > 0)
        if unknown:
            reading.findings.note(
                f"{unknown:,} variants are stocked at no location: their availability was left as it was"
            )
        if broken is not None:
            raise broken


class _Row(NamedTuple):
    number: int
    handle: str
    names: Names
    quantity: int | None
    problem: InvalidRow | None


class _Sorter:
    def __init__(self, table: Table, findings: Findings) -> None:
        self._table = table
        self._picker = Picker(table, findings)
        self._findings = findings
        self._locations: dict[str, bool] = {}
        # Whether every location is a column of its own; the first record says so.
        self._wide: bool | None = None

    def row(self, record: Record) -> _Row:
        values = record.values or {}
        if self._wide is None:
            self._wide = not any(column_name(name) == "location" for name in values)
        known = {
            name: value for name, value in values.items() if not (self._wide and self._is_location(name))
        }
        picked = self._picker.pick(known)
        options = [str(text).strip() for _, text in sorted(picked.numbered.get("option", {}).items())]
        handle = storable(picked.text("item_group_id"))
        parts = [handle, *(text for text in options if text.lower() != "default title")] if handle else []
        count, problem = _count(picked, {name: values[name] for name in values if name not in known})
        return _Row(record.row, handle, Names.of(picked.text("sku"), parts), count, record.problem or problem)

    def _is_location(self, name: str) -> bool:
        found = self._locations.get(name)
        if found is None:
            found = self._table.find(name) is None
            if len(self._locations) < 5_000:
                self._locations[name] = found
            if found:
                self._findings.used(name, "availability")
        return found


def _count(picked: Picked, locations: Mapping[str, Any]) -> tuple[int | None, InvalidRow | None]:
    """How many there are by this row; None where the row says that none are kept there."""
    given = {"Available": picked.text("available"), "On hand": picked.text("on_hand")}
    if any(text.lower() == _NOT_STOCKED for text in given.values()):
        return None, None
    for name, text in given.items():
        if text:
            count = whole_number(text)
            return count, _no_number(name, text) if count is None else None
    return _sum(locations.values()), None


def _sum(values: Iterable[Any]) -> int | None:
    counts = [count for value in values if (count := whole_number(value)) is not None]
    return sum(counts) if counts else None


def _no_number(field: str, text: str) -> InvalidRow:
    return InvalidRow(field, f"{text[:40]!r} is no number: write how many there are, or {_NOT_STOCKED}")


def _rejected(row: _Row, problem: InvalidRow) -> Record:
    values = {"item_group_id": row.handle} if row.handle else {}
    if row.names.first:
        values["id"] = row.names.first
    return Record(row.number, values, problem=problem, group_id=row.handle or None)


def _by_variant(rows: list[_Row]) -> Iterable[list[_Row]]:
    found: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        found.setdefault(tuple(row.names.wanted), []).append(row)
    return found.values()


def _names(row: _Row, claims: Claims, taken: set[str]) -> list[str]:
    """What the product export calls this variant. Where several products claim its SKU, which of them has it
    is not known here: all names that it may have, each meant for the product of this handle alone."""
    names = [name for name in row.names.wanted if name not in taken] or [row.names.spare]
    taken.add(names[0])
    return [*names, row.names.spare] if row.handle and claims.is_contested(names[0]) else names[:1]


def _stock(row: _Row, names: list[str], some: bool) -> Iterator[Record]:
    for name in names:
        values = {"id": name, "availability": "in_stock" if some else "out_of_stock"}
        yield Record(row.number, values, meaning="stock", group_id=row.handle or None)

"""The rows of Shopify's product export: their cells sorted, and put aside until the whole file is read."""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final, NamedTuple

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import MAX_CHARACTERS, Picked, Picker, Table
from mmpipe.catalogue.formats.shopify_claims import Names
from mmpipe.catalogue.formats.shopify_columns import COLUMNS
from mmpipe.catalogue.formats.shopify_metafields import Extras, Metafields, key_of
from mmpipe.catalogue.formats.shopify_product import storable
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.catalogue.text import private_text
from mmpipe.errors import InvalidRow

_OF_VARIANTS: Final = ("sku", "price", "barcode", "quantity", "before", "variant_picture")
_NO_EXTRAS: Final = Extras()
_TOGETHER_BYTES: Final = 4 << 20
_PART_BYTES: Final = 300
_PICKLED: Final = b"\x80"
_PICKED: Final = tuple(field.name for field in fields(Picked))
_EXTRAS: Final = tuple(field.name for field in fields(Extras))


class Row(NamedTuple):
    """One row: ``number`` is its record's, ``extras`` and ``variant_extras`` are what metafields say."""

    number: int
    handle: str
    names: Names
    picked: Picked
    extras: Extras
    variant_extras: Extras
    problem: InvalidRow | None

    @property
    def is_variant(self) -> bool:
        """Whether it says anything of a variant; others only add pictures."""
        picked = self.picked
        return "option_value" in picked.numbered or any(key in picked.values for key in _OF_VARIANTS)


class Rows:
    """Rows by their products' handles; memory does not grow with their number. For one thread."""

    def __init__(self) -> None:
        self._spool: Spool[bytes] = Spool()
        self._together: list[Row] = []
        self._size = 0

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def put(self, row: Row, size: int) -> None:
        """Put a row of about ``size`` bytes aside."""
        if self._together and (self._together[0].handle != row.handle or self._size > _TOGETHER_BYTES):
            self._flush()
        # Rows of one handle mostly stand together, and are kept so.
        self._together.append(row)
        self._size += size

    def products(self) -> Iterator[tuple[str, list[Row]]]:
        """Every handle with its rows, handles in the order in which each came first."""
        self._flush()
        for handle, parts in self._spool.groups():
            yield handle, [row for part in parts for row in _unpacked(part)]

    def _flush(self) -> None:
        if self._together:
            data = _packed(self._together)
            self._spool.put(self._together[0].handle, data, len(data) + _PART_BYTES)
            self._together, self._size = [], 0


def _packed(rows: list[Row]) -> bytes:
    """Rows in a quarter of the memory: those of a whole file wait for its last one."""
    plain = [
        (
            row.number, row.handle, tuple(row.names), _parts(row.picked, _PICKED),
            None if row.extras is _NO_EXTRAS else _parts(row.extras, _EXTRAS),
            None if row.variant_extras is _NO_EXTRAS else _parts(row.variant_extras, _EXTRAS),
            None if row.problem is None else (row.problem.field, row.problem.reason),
        )
        for row in rows
    ]  # fmt: skip
    try:
        return marshal.dumps(plain)  # in a quarter of pickle's time
    except ValueError:  # a value of a kind that only Parquet has
        return pickle.dumps(plain, protocol=5)


def _unpacked(data: bytes) -> Iterator[Row]:
    # Both were written above.
    plain = pickle.loads(data) if data.startswith(_PICKLED) else marshal.loads(data)  # noqa: S301, S302
    for number, handle, names, picked, extras, variant_extras, problem in plain:
        yield Row(
            number, handle, Names(*names), Picked(*picked),
            _NO_EXTRAS if extras is None else Extras(*extras),
            _NO_EXTRAS if variant_extras is None else Extras(*variant_extras),
            None if problem is None else InvalidRow(*problem),
        )  # fmt: skip


def _parts(value: Picked | Extras, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in names)


class Sorter:
    """Sorts a row's cells: columns by the table, metafields, and prices in other markets."""

    def __init__(self, table: Table, findings: Findings) -> None:
        self._picker = Picker(table, findings)
        self._metafields = Metafields(findings)
        self._findings = findings
        self._special: dict[str, tuple[str, str] | str] = {}
        self._usual: set[str] = set()

    def row(self, record: Record) -> tuple[Row, int]:
        """The row, and about how many bytes it takes."""
        all_values = record.values or {}
        size = 600 + 60 * len(all_values) + sum(map(len, map(str, all_values.values())))
        special = {
            name: kind
            for name in all_values
            if name not in self._usual and (kind := self._special.get(name) or self._meet(name)) is not None
        }
        values, product, variant = all_values, _NO_EXTRAS, _NO_EXTRAS
        if special:
            values = {name: value for name, value in all_values.items() if name not in special}
            product, variant = Extras(), Extras()
        for name, kind in special.items():
            value = all_values[name]
            if not isinstance(value, str) or not value.strip():
                continue
            if isinstance(kind, tuple):
                self._metafields.add(variant if "variant" in name.lower() else product, name, kind, value)
            else:
                self._findings.kept(name)
                kept = product if kind == "included" else variant
                kept.private.setdefault(column_name(name)[:MAX_CHARACTERS], private_text(value))
        picked = self._picker.pick(values)
        handle = storable(picked.text("handle"))
        names = _names(picked, handle)
        return Row(record.row, handle, names, picked, product, variant, record.problem), size

    def _meet(self, name: str) -> tuple[str, str] | str | None:
        kind: tuple[str, str] | str | None = key_of(name)
        if kind is None and " / " in name:
            kind = _MARKETS.get(column_name(name.split(" / ")[0]))
        # Names come from feeds: only so many are worth remembering.
        if len(self._special) + len(self._usual) < 5_000:
            if kind is None:
                self._usual.add(name)
            else:
                self._special[name] = kind
        return kind


def _names(picked: Picked, handle: str) -> Names:
    values = picked.numbered.get("option_value")
    texts = [str(value).strip() for _, value in sorted(values.items())] if values else ()
    return Names.of(picked.text("sku"), [handle, *(t for t in texts if t.lower() != "default title")])


def _markets() -> dict[str, str]:
    names = (name for column in COLUMNS for name in (column.name, *column.others))
    heads = (column_name(name.removesuffix(" / MARKET")) for name in names if name.endswith(" / MARKET"))
    return {head: head for head in heads}


_MARKETS: Final = _markets()

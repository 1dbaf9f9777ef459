"""What a format is: a table of columns, a way to recognise its files, and a way to read their records."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.private import is_never_public
from mmpipe.catalogue.text import as_text, private_text

if TYPE_CHECKING:
    from mmpipe.catalogue.report import Findings
    from mmpipe.catalogue.rows import Record
    from mmpipe.settings import FeedSettings

Container = Literal["csv", "jsonl", "json", "xml", "parquet"]

PRIVATE: Final = "private"
DECIDES: Final = "how the row is read"
MAX_PRIVATE: Final = 200
MAX_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export, and what it becomes; documentation and code read the same entry.

    ``name`` is as the export writes it, ``{n}`` in it stands for a number; ``others`` are further names.
    ``to`` names the fields of :class:`~mmpipe.schemas.product.Product` that it becomes (separated by commas),
    :data:`PRIVATE`, or :data:`DECIDES`. ``key`` is what the format's code calls it: ``to`` unless said.
    """

    name: str
    to: str
    note: str = ""
    others: tuple[str, ...] = ()
    key: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The product fields it becomes."""
        return frozenset(part.strip() for part in self.to.split(","))


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file, as :meth:`Format.recognises` sees it.

    ``names`` are the normalised names (:func:`~mmpipe.catalogue.columns.column_name`) of its columns, or of
    the keys of its first object, with and without their bracketed hints. ``first`` is that object, for JSON.
    """

    container: Container
    names: frozenset[str]
    first: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, container: Container, names: Iterable[str], first: Mapping[str, Any] | None = None) -> Sample:
        """A sample from names as the file writes them."""
        found = {spelling for name in names for spelling in (column_name(name), column_name(bare_name(name)))}
        return cls(container, frozenset(found), first)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a format may know while it reads one file, and where it tells what it found."""

    settings: FeedSettings
    findings: Findings


class Format(ABC):
    """One documented format. ``key`` names it for good, ``title`` is its name for people, ``containers`` are
    those it is recognised in, ``export`` says in Markdown how a shop gets such a file from its own admin."""

    key: ClassVar[str]
    title: ClassVar[str]
    containers: ClassVar[tuple[Container, ...]]
    export: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]

    @abstractmethod
    def recognises(self, sample: Sample) -> bool:
        """Whether a file that begins like this is of this format; decided by content, never by name."""

    @abstractmethod
    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        """Records under the file's names to records under the product's, each with its number; never raises
        for what a record holds, keeps every bad one with its reason, and needs memory that does not grow with
        the file."""

    @cached_property
    def table(self) -> Table:
        """The columns by name."""
        return Table(self.columns)


class Table:
    """Columns of a format by the names a file may give them: any case, ``Name *``, ``In stock?``, and
    bracketed hints left out where the whole name is not known."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._exact: dict[str, Column] = {}
        self._numbered: list[tuple[re.Pattern[str], Column]] = []
        for column in columns:
            for name in (column.name, *column.others):
                if "{n}" in name:
                    self._numbered.append((_pattern(name), column))
                else:
                    self._exact.setdefault(column_name(name), column)

    def find(self, name: str) -> tuple[Column, int] | None:
        """The column of this name and its number (0 where it has none); None where no column is called so."""
        for spelling in (column_name(name), column_name(bare_name(name))):
            column = self._exact.get(spelling)
            if column is not None:
                return column, 0
            for pattern, numbered in self._numbered:
                found = pattern.fullmatch(spelling)
                if found is not None:
                    return numbered, int(found[1])
        return None


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(column_name(name.replace("{n}", "0n0"))).replace("0n0", r"(\d{1,3})"))


@dataclass(slots=True)
class Picked:
    """A record's values by the keys of its format's columns; empty ones are left out.

    ``numbered`` holds columns with a number: key → number → value. ``private`` and ``attributes`` hold, as
    text under their own names, the columns that are kept privately and those that somebody chose to publish.
    """

    values: dict[str, Any] = field(default_factory=dict)
    numbered: dict[str, dict[int, Any]] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """One value as text without surrounding space; empty where there is none."""
        value = self.values.get(key)
        if value is None:
            return ""
        return str(value).strip() if value.__class__ is str else as_text(value)

    def into(self, product: dict[str, Any]) -> dict[str, Any]:
        """``product`` with the private columns and the chosen attributes added to its own."""
        if self.private:
            product["private"] = {**self.private, **product.get("private", {})}
        if self.attributes:
            product["attributes"] = {**self.attributes, **product.get("attributes", {})}
        return product


class _Place(NamedTuple):
    """Where the values of one column go: the part of a :class:`Picked`, and the key and number in it."""

    part: Literal["values", "numbered", "private", "attributes"]
    key: str
    number: int = 0


class Picker:
    """Sorts the values of one file's records by a format's table, and tells the findings about each column
    once."""

    def __init__(self, table: Table, findings: Findings) -> None:
        self._table = table
        self._findings = findings
        # By the column's name as the file writes it.
        self._known: dict[str, _Place] = {}

    def pick(self, values: Mapping[str, Any]) -> Picked:
        """The record's values by key. Of two columns of one key the first that holds something counts."""
        picked = Picked()
        known, plain, private = self._known, picked.values, picked.private
        for name, value in values.items():
            is_text = value.__class__ is str
            if (not value or value.isspace()) if is_text else (value is None or value == ""):
                continue
            part, key, number = known.get(name) or self._meet(name)
            if part == "values":
                plain.setdefault(key, value)
            elif part == "numbered":
                picked.numbered.setdefault(key, {}).setdefault(number, value)
            elif part == "attributes":
                if len(picked.attributes) < MAX_PRIVATE:
                    picked.attributes.setdefault(key, private_text(value))
            elif len(private) < MAX_PRIVATE:
                # Short texts are cleaned with the product's others.
                short = is_text and len(value) <= MAX_CHARACTERS
                private.setdefault(key, value if short else private_text(value))
        return picked

    def _meet(self, name: str) -> _Place:
        place = self._place(name)
        # Keys of JSON objects come from feeds: only so many, and only short ones, are worth remembering.
        if len(self._known) < 5_000 and len(name) <= MAX_CHARACTERS:
            self._known[name] = place
        return place

    def _place(self, name: str) -> _Place:
        found, column = self._table.find(name), column_name(name)
        if found is not None and found[0].to != PRIVATE:
            self._findings.used(name, found[0].to)
            key = found[0].key or found[0].to
            is_numbered = "{n}" in found[0].name or found[1]
            return _Place("numbered", key, found[1]) if is_numbered else _Place("values", key)
        if column in self._findings.public and not is_never_public(column):
            self._findings.used(name, "attributes")
            return _Place("attributes", column[:MAX_CHARACTERS])
        if found is not None:
            self._findings.kept(name)
        else:
            self._findings.unknown(name)
        return _Place("private", column[:MAX_CHARACTERS])

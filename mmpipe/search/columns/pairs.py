"""Attributes, ``name=value``, any number per row, laid out by name so that one is counted without the others.

An attribute that many rows have is a column of its own, one code per row; a row's further values of it, and
the attributes of few rows, are lists of rows and values.
"""

from __future__ import annotations

from collections import Counter as Totals
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.search.columns.coded import (
    FEW,
    MAX_VALUES,
    NARROW,
    check_codes,
    counter_for,
    kept_for_rows,
    kept_for_version,
    row_words,
    truth,
)
from mmpipe.search.columns.dictionaries import fold, packed, packed_few, pair
from mmpipe.search.columns.grouped import by_group, split_groups
from mmpipe.search.columns.layout import places_in
from mmpipe.search.columns.measures import BARE, DATE, Measures
from mmpipe.search.kernels import coded as kernels
from mmpipe.search.kernels.memory import address

if TYPE_CHECKING:
    from mmpipe.search.columns.coded import Counter, Tally
    from mmpipe.search.columns.coding import Codes
    from mmpipe.search.columns.dictionaries import PairDictionary
    from mmpipe.search.columns.layout import Layout

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
# An attribute that a row in so many has is a column: it takes no more room than the list.
_SPARSE = 4


def build_pairs(pairs: pa.Array) -> dict[str, NDArray[Any]]:
    """The part of one fragment's column of lists of ``name=value``.

    Values lie by the number of their attribute's folded name, those of name ``k`` from ``name_start[k]`` to
    ``name_start[k + 1]`` (int64), as ``value_start`` and ``value_bytes``. Of name ``k`` a row's values are in
    ``column[column_of[k]]`` (uint16 ``(columns, n)``: 0 for none, ``j`` for the name's value ``j - 1``; -1
    where the name has no column) and, further ones, in ``list_rows`` and ``list_values`` (int32, the name's
    value ``j`` is ``j``) from ``list_start[k]`` on, by row. ``counts`` (int64) has the rows per code of the
    columns, one column after the other. Of a row's values that differ in case only the first is there.
    """
    return _pairs_of_few(pairs.to_pylist()) if len(pairs) <= FEW else _pairs_of_many(pairs)


def _pairs_of_few(pairs: list[list[str | None] | None]) -> dict[str, NDArray[Any]]:
    """As :func:`_pairs_of_many`: for a few rows Python's own dictionaries take a fraction of the time."""
    n = len(pairs)
    # Per name its values by first use, each with its number.
    numbers: dict[str, dict[str, int]] = {}
    entries: list[tuple[str, int, str]] = []
    for row, values in enumerate(pairs):
        for value in values or ():
            if value is not None:
                name = fold(value.partition("=")[0])
                of_name = numbers.setdefault(name, {})
                of_name.setdefault(value, len(of_name))
                entries.append((name, row, value))
    place = {name: at for at, name in enumerate(numbers)}
    entries.sort(key=lambda entry: place[entry[0]])
    entries_of = Totals((name, row) for name, row, _ in entries)
    # Per name and row the numbers of its values.
    held: dict[str, dict[int, list[int]]] = {name: {} for name in numbers}
    seen: set[tuple[int, str]] = set()
    for name, row, value in entries:
        if entries_of[name, row] > 1:
            key = row, "".join(pair(value).keys)
            if key in seen:
                continue
            seen.add(key)
        held[name].setdefault(row, []).append(numbers[name][value])
    column_of: list[int] = []
    column: list[list[int]] = []
    counts: list[int] = []
    list_start, list_rows, list_values = [0], list[int](), list[int]()
    for name, of_name in numbers.items():
        rows = held[name]
        often = len(rows) * _SPARSE >= max(n, 1) and len(of_name) <= NARROW
        column_of.append(len(column) if often else -1)
        if often:
            codes = [rows[row][0] + 1 if row in rows else 0 for row in range(n)]
            column.append(codes)
            counts.extend(codes.count(code) for code in range(len(of_name) + 1))
        for row, found in rows.items():
            further = found[1:] if often else found
            list_rows.extend([row] * len(further))
            list_values.extend(further)
        list_start.append(len(list_rows))
    return {
        "name_start": np.array([0, *accumulate(map(len, numbers.values()))], np.int64),
        "column_of": np.array(column_of, np.int32),
        "column": np.array(column, np.uint16).reshape(len(column), n),
        "counts": np.array(counts, np.int64),
        "list_start": np.array(list_start, np.int64),
        "list_rows": np.array(list_rows, np.int32),
        "list_values": np.array(list_values, np.int32),
        **packed_few(value for of_name in numbers.values() for value in of_name),
    }


def _pairs_of_many(pairs: pa.Array) -> dict[str, NDArray[Any]]:
    n = len(pairs)
    lengths = pc.fill_null(pc.list_value_length(pairs), 0).to_numpy(zero_copy_only=False)
    encoded = pc.dictionary_encode(pairs.flatten().cast(pa.string()))
    texts = encoded.dictionary
    there = encoded.indices.is_valid().to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(n, dtype=np.int32), lengths)[there]
    codes = encoded.indices.drop_null().to_numpy(zero_copy_only=False)
    name_of, names = _names(texts)
    order = np.argsort(name_of, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    name_start = np.searchsorted(name_of[order], np.arange(names + 1)).astype(np.int64)
    by_name = np.argsort(name_of[codes], kind="stable")
    rows, codes = rows[by_name], place[codes[by_name]]
    texts = texts.take(pa.array(order))
    name = name_of[order][codes]
    kept = _first_of_equals(name, rows, codes, texts)
    if kept is not None:
        rows, codes, name = rows[kept], codes[kept], name[kept]
    values = codes - name_start[name]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (name[1:] != name[:-1])
    often = np.bincount(name[first], minlength=names) * _SPARSE >= max(n, 1)
    often &= np.diff(name_start) <= NARROW
    column_of = np.full(names, -1, np.int32)
    column_of[often] = np.arange(np.count_nonzero(often))
    column = np.zeros((int(np.count_nonzero(often)), n), np.uint16)
    inside = first & often[name]
    column[column_of[name[inside]], rows[inside]] = values[inside] + 1
    sizes = np.diff(name_start)[often] + 1
    counts = [np.bincount(c, minlength=size) for c, size in zip(column, sizes.tolist(), strict=True)]
    listed = ~inside
    return {
        "name_start": name_start,
        "column_of": column_of,
        "column": column,
        "counts": np.concatenate(counts).astype(np.int64) if counts else np.zeros(0, np.int64),
        "list_start": np.searchsorted(name[listed], np.arange(names + 1)).astype(np.int64),
        "list_rows": rows[listed].astype(np.int32),
        "list_values": values[listed].astype(np.int32),
        **packed(texts),
    }


def _names(texts: pa.Array) -> tuple[NDArray[Any], int]:
    """The number of each value's name, in order of first use, and how many there are."""
    spelled = pc.dictionary_encode(pc.replace_substring_regex(texts, pattern="(?s)=.*", replacement=""))
    numbers: dict[str, int] = {}
    table = [numbers.setdefault(fold(name), len(numbers)) for name in spelled.dictionary.to_pylist()]
    # Numbers of 16 bits are sorted by their digits.
    narrow = np.uint16 if len(numbers) <= NARROW else np.int32
    return np.array(table, narrow)[spelled.indices.to_numpy(zero_copy_only=False)], len(numbers)


def _first_of_equals(
    name: NDArray[Any], rows: NDArray[Any], codes: NDArray[Any], texts: pa.Array
) -> NDArray[np.bool_] | None:
    """Which entries, by name and row, are no other spelling of one before in the same row; None for all."""
    same = (rows[1:] == rows[:-1]) & (name[1:] == name[:-1])
    if not same.any():
        return None
    several = np.zeros(len(rows), np.bool_)
    several[1:] |= same
    several[:-1] |= same
    places = np.flatnonzero(several)
    used, index = np.unique(codes[places], return_inverse=True)
    numbers: dict[str, int] = {}
    keys = ["".join(pair(value).keys) for value in texts.take(pa.array(used)).to_pylist()]
    group = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)[index]
    _, first = np.unique(rows[places].astype(np.int64) * len(numbers) + group, return_index=True)
    kept = ~several
    kept[places[first]] = True
    return kept


class _Part:
    """One fragment's attributes, for as long as any version has them."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.column = arrays["column"]
        self.rows = self.column.shape[1]
        self.name_start = arrays["name_start"]
        self.list_start = arrays["list_start"]
        self.column_of = arrays["column_of"].tolist()
        sizes = np.diff(self.name_start)
        self.most_values = int(sizes.max(initial=0))
        self._counts_start = np.concatenate(
            [[0], np.cumsum([int(sizes[k]) + 1 for k, c in enumerate(self.column_of) if c >= 0])]
        ).astype(np.int64)
        self._check(sizes)
        self._kept = kept_for_rows(self.rows)

    def _check(self, sizes: NDArray[np.int64]) -> None:
        rows, values = self.arrays["list_rows"], self.arrays["list_values"]
        names, listed = len(sizes), np.diff(self.list_start)
        fits = (
            len(self.list_start) == names + 1 == len(self.column_of) + 1
            and self.name_start[0] == self.list_start[0] == 0
            and self.name_start[-1] == len(self.arrays["value_start"]) - 1
            and self.list_start[-1] == len(rows) == len(values)
            and self._counts_start[-1] == len(self.arrays["counts"])
            and bool((sizes > 0).all() and (listed >= 0).all())
            and [c for c in self.column_of if c >= 0] == list(range(len(self.column)))
        )
        if not fits:
            raise ValueError("the parts of attributes do not fit each other")
        if len(rows) and not (
            0 <= rows.min() <= rows.max() < self.rows
            and values.min() >= 0
            and bool((values < np.repeat(sizes, listed)).all())
        ):
            raise ValueError("an attribute's row or value is none")
        for name, column in enumerate(self.column_of):
            if column >= 0:
                check_codes(self.column[column], self.counts(column), int(sizes[name]))

    def counts(self, column: int) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = self.arrays["counts"]
        return counts[self._counts_start[column] : self._counts_start[column + 1]]

    def describe(self, name: int, codes: Codes) -> tuple[int, ...]:
        """A name's columns of a table of :mod:`mmpipe.search.kernels.coded`, but for the first row."""
        column = self.column_of[name]
        start, end = self.list_start[name : name + 2].tolist()
        first, last = self.name_start[name : name + 2].tolist()
        held = (0, 2) if column < 0 else (address(self.column[column]), 2)
        totals = 0 if column < 0 else address(self.counts(column))
        lists = (address(self.arrays[part][start:end]) for part in ("list_rows", "list_values"))
        return (self.rows, *held, address(codes[first:last]), last - first, totals, *lists, end - start)

    def mask(self, name: int, local: NDArray[np.int64]) -> Words:
        """Rows with any of these of the name's values."""
        key = np.append(local, name).tobytes()
        words = self._kept.get(key)
        if words is None:
            first, last = self.name_start[name : name + 2].tolist()
            allowed = np.zeros(last - first + 1, np.uint8)
            allowed[local + 1] = 1
            words = np.zeros(row_words(self.rows), np.uint64)
            column = self.column_of[name]
            start, end = self.list_start[name : name + 2].tolist()
            if column >= 0:
                kernels.mask_codes(address(self.column[column]), 2, self.rows, allowed, words)
            rows, values = (self.arrays[part][start:end] for part in ("list_rows", "list_values"))
            kernels.mask_list(address(rows), address(values), end - start, allowed, words)
            self._kept.put(key, words)
        return words


class PairColumn:
    """The attributes of a version. ``parts`` are what :func:`build_pairs` made of each fragment.

    Bit sets that are given back are shared: nobody may write into them.
    """

    def __init__(
        self,
        parts: Sequence[Arrays],
        layout: Layout,
        dictionary: PairDictionary,
        former: PairColumn | None = None,
    ) -> None:
        held: Sequence[_Part] = () if former is None else former._parts
        places = places_in([part.arrays for part in held], parts).tolist()
        self._parts: list[_Part] = [
            held[at] if at >= 0 else _Part(arrays) for at, arrays in zip(places, parts, strict=True)
        ]
        self._dictionary: PairDictionary = dictionary
        # A value's code never changes: what the same dictionary gave a part before holds.
        mapped = former._maps if former is not None and former._dictionary is dictionary else None
        self._maps: list[Codes] = [
            dictionary.map_of(arrays) if mapped is None or at < 0 else mapped[at]
            for at, arrays in zip(places, parts, strict=True)
        ]
        self._attributes = dictionary.attributes()
        values = max((part.most_values for part in self._parts), default=0)
        self._counter: Counter = counter_for(dictionary, values, None if former is None else former._counter)
        self._layout = layout
        self._first = layout.first_words
        self._kept = kept_for_version(layout)
        # Per part the attribute of each of its names.
        known = former._numbers if former is not None and former._dictionary is dictionary else None
        self._numbers: list[NDArray[np.int32]] = [
            known[at] if known is not None and at >= 0 else _numbers(part.name_start, codes, self._attributes)
            for at, part, codes in zip(places, self._parts, self._maps, strict=True)
        ]
        self._tables: dict[int, NDArray[np.int64]] = {}
        self._measures: dict[str, Measures] = {}

    @property
    def capped(self) -> tuple[str, ...]:
        """The attributes, by folded name, that had more values than can be filtered by and counted."""
        return self._dictionary.capped

    def names(self) -> list[str]:
        """The folded names of the attributes that any row has, dead ones included."""
        names = self._dictionary.attribute_names()
        found = np.unique(np.concatenate(self._numbers)) if self._numbers else np.zeros(0, np.int32)
        return [names[number] for number in found.tolist() if number >= 0]

    def mask(self, name: str, values: Iterable[str]) -> Words:
        """Rows, dead ones included, that have any of ``values`` of the attribute."""
        folded = frozenset(self._dictionary.folded(f"{name}={value}") for value in values)
        return self._rows(
            folded, name, lambda: [code for key in folded for code in self._dictionary.codes_of_key(key)]
        )

    def beginning(self, name: str, value: str) -> Words:
        """Rows, dead ones included, that have a value of the attribute which begins with ``value``."""
        key = self._dictionary.folded(f"{name}={value}") if fold(value) else ""
        return self._rows(("beginning", key), name, lambda: self._dictionary.codes_of_keys_beginning(key))

    def present(self, name: str) -> Words:
        """Rows, dead ones included, that have any value of the attribute."""
        return self._rows(("present", fold(name)), name, lambda: self._codes(name).tolist())

    def within(self, name: str, unit: str, low: float, high: float) -> Words:
        """Rows, dead ones included, that have a value of the attribute which is a number of ``unit``
        (:mod:`mmpipe.search.columns.measures`) from ``low`` to ``high``, both included."""
        key = "within", fold(name), unit, low, high
        return self._rows(key, name, lambda: self._measured(name).within(unit, low, high).tolist())

    def unit_of_numbers(self, name: str, alive: Words) -> str | None:
        """The unit of what a bare number is compared with: bare numbers, where a living row has one of the
        attribute; else the one unit that living rows have. None where there are several, or none."""
        units = [unit for unit in self._measured(name).units if unit != DATE]
        units.sort(key=bool)
        living = (unit for unit in units if (self.within(name, unit, -np.inf, np.inf) & alive).any())
        first = next(living, None)
        return first if first == BARE or next(living, None) is None else None

    def _codes(self, name: str) -> Codes:
        number = self._dictionary.attribute(name)
        if number is None:
            return np.zeros(0, np.int32)
        return np.flatnonzero(self._attributes == number).astype(np.int32)

    def _measured(self, name: str) -> Measures:
        folded = fold(name)
        found = self._measures.get(folded)
        if found is None:
            codes, values = self._codes(name), self._dictionary.values
            found = Measures.of(codes, [values[code].partition("=")[2] for code in codes.tolist()])
            if len(codes):
                self._measures[folded] = found
        return found

    def _rows(self, key: Hashable, name: str, codes: Callable[[], Sequence[int]]) -> Words:
        """Rows with any of some codes of the attribute, by what they are kept as."""
        words = self._kept.get(key)
        if words is None:
            words = np.zeros(self._layout.words, np.uint64)
            number = self._dictionary.attribute(name.partition("=")[0])
            allowed = truth(codes(), self._counter.codes)
            if allowed is not None and number is not None:
                for index, name_of_part in self._having(number):
                    part, first = self._parts[index], self._first[index]
                    start, end = part.name_start[name_of_part : name_of_part + 2].tolist()
                    local = np.flatnonzero(allowed[self._maps[index][start:end]])
                    if len(local):
                        found = part.mask(name_of_part, local)
                        words[first : first + len(found)] = found
            self._kept.put(key, words)
        return words

    def tally(self, name: str, words: Words, limit: int = MAX_VALUES) -> Tally:
        """The attribute's values with the most rows of a bit set, spelled as most of them: by falling rows,
        then by value. A row with a value in several spellings counts once."""
        table = self._table(name)
        if table is None:
            return []
        return self._counter.tally(table, words, self._dictionary.names, limit)

    def spellings(self, name: str, words: Words) -> dict[str, int]:
        """The rows of a bit set by the attribute's value as it is shown, unordered."""
        table = self._table(name)
        found: Totals[str] = Totals()
        if table is not None:
            codes, rows = self._counter.counts(table, words)
            values = self._dictionary.values
            for code, count in zip(codes.tolist(), rows.tolist(), strict=True):
                found[values[code].partition("=")[2].strip()] += count
        return dict(found)

    def tally_groups(self, name: str, words: Words, groups: Codes) -> Tally:
        """See :meth:`mmpipe.search.columns.coded.CodedColumn.tally_groups`."""
        table = self._table(name)
        if table is None:
            return []
        single, several = split_groups(words, groups)
        codes, counts = self._counter.counts(table, single)
        rows, values = self.entries(name, several)
        return by_group(self._counter.window, self._dictionary.names, codes, counts, groups[rows], values)

    def entries(self, name: str, rows: Rows) -> tuple[Rows, Codes]:
        """Which of some rows, ascending, have the attribute, once for each of its values, and the codes of
        these, int32."""
        number = self._dictionary.attribute(name)
        found: list[Rows] = [np.zeros(0, np.int32)]
        values: list[Codes] = [np.zeros(0, np.int32)]
        for index, own in [] if number is None else self._having(number):
            part, base = self._parts[index], self._first[index] * 64
            low, high = np.searchsorted(rows, (base, base + part.rows)).tolist()
            inside = rows[low:high] - np.int32(base)
            first, last = part.name_start[own : own + 2].tolist()
            codes = self._maps[index][first:last]
            column = part.column_of[own]
            if column >= 0:
                held = part.column[column][inside]
                found.append(inside[held > 0] + np.int32(base))
                values.append(codes[held[held > 0].astype(np.int64) - 1])
            start, end = part.list_start[own : own + 2].tolist()
            listed = part.arrays["list_rows"][start:end]
            kept = np.isin(listed, inside)
            found.append(listed[kept] + np.int32(base))
            values.append(codes[part.arrays["list_values"][start:end][kept]])
        return np.concatenate(found), np.concatenate(values)

    def shown(self, codes: Codes) -> list[str]:
        """The values of some codes as they are shown."""
        values = self._dictionary.values
        return [values[code].partition("=")[2].strip() for code in codes.tolist()]

    def _having(self, number: int) -> list[tuple[int, int]]:
        """The parts that have an attribute, and its number in each."""
        return [
            (index, int(name))
            for index, numbers in enumerate(self._numbers)
            for name in np.flatnonzero(numbers == number)
        ]

    def _table(self, name: str) -> NDArray[np.int64] | None:
        number = self._dictionary.attribute(name)
        if number is None:
            return None
        table = self._tables.get(number)
        if table is None:
            rows = [
                (self._first[index] * 64, *self._parts[index].describe(local, self._maps[index]))
                for index, local in self._having(number)
            ]
            table = np.array(rows, np.int64).reshape(-1, kernels.COLUMNS)
            self._tables[number] = table
        return table


def _numbers(name_start: NDArray[np.int64], codes: Codes, attributes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The attribute of each of a part's names, by the values that have a code; -1 where none has."""
    if len(name_start) == 1:
        return np.zeros(0, np.int32)
    numbers = np.append(attributes, np.int32(-1))[codes]
    found: NDArray[np.int32] = np.maximum.reduceat(numbers, name_start[:-1])
    return found

"""Dictionary encoding shared by every block and version of one table.

A value's code never changes once given, so a block of rows encoded today stays valid beside one encoded
tomorrow. The newest version's loader appends; readers hold views of the part that existed when their
version was loaded, and never see it move. Values that differ in case only share a *group*: filters and
facets work on groups, so a facet's count is always the number of rows its value filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Counts = NDArray[np.int64]
Tally = list[tuple[str, int]]
NULL = -1


def fold(value: str) -> str:
    """What two values must share to count as one: case and surrounding or repeated blanks do not matter."""
    return " ".join(value.casefold().split())


def fold_path(path: str) -> str:
    """:func:`fold` for a category path: ``clothing>Dresses`` and ``Clothing > Dresses`` are one."""
    return " > ".join(filter(None, (fold(label) for label in path.split(">"))))


class GrowingCodes:
    """An append-only int32 array. :meth:`view` is a stable window on what is there now."""

    def __init__(self) -> None:
        self._data: Codes = np.empty(64, np.int32)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, value: int) -> None:
        if self._size == len(self._data):
            # A fresh array: views handed out earlier keep the old one.
            self._data = np.concatenate([self._data, np.empty_like(self._data)])
        self._data[self._size] = value
        self._size += 1

    def view(self) -> Codes:
        return self._data[: self._size]


class _Lists:
    """An append-only list of lists of codes, gathered without a loop."""

    def __init__(self) -> None:
        self._items = GrowingCodes()
        self._start = GrowingCodes()
        self._start.append(0)

    def append(self, items: Iterable[int]) -> None:
        for item in items:
            self._items.append(item)
        self._start.append(len(self._items))

    def of(self, places: NDArray[np.int64]) -> tuple[Codes, NDArray[np.int64]]:
        """The items of the lists at ``places``, and for each item the position in ``places`` it comes
        from."""
        start = self._start.view()
        return ragged(self._items.view(), start[places].astype(np.int64), start[places + 1].astype(np.int64))


def ragged(items: Codes, first: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[Codes, NDArray[np.int64]]:
    """``items[first[i]:end[i]]`` of all i in one array, and for each item its i."""
    lengths = end - first
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    owner = np.repeat(np.arange(len(first)), lengths)
    return items[np.arange(total) + (first - (ends - lengths))[owner]], owner


class Dictionary:
    """Strings to codes (exact spelling) and to groups (folded spelling). Null and blank strings are
    ``NULL``."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.groups = GrowingCodes()
        self._code_of: dict[str, int] = {}
        self._group_of: dict[str, int] = {}
        self._codes_of_group: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self.groups)

    def _fold(self, value: str) -> str:
        return fold(value)

    def code(self, value: str) -> int:
        """The value's code, given now if it had none."""
        known = self._code_of.get(value)
        if known is not None:
            return known
        folded = self._fold(value)
        if not folded:
            self._code_of[value] = NULL
            return NULL
        code = len(self.values)
        group = self._group_of.get(folded)
        if group is None:
            group = len(self._codes_of_group)
            self._codes_of_group.append((code,))
        else:
            self._codes_of_group[group] = (*self._codes_of_group[group], code)
        # Readers on other threads find a code only after everything it leads to is in place.
        self.values.append(value)
        self._added(code, value)
        self.groups.append(group)
        self._group_of[folded] = group
        self._code_of[value] = code
        return code

    def _added(self, code: int, value: str) -> None:
        """For subclasses: index a new value before it becomes visible."""

    def encode(self, column: pa.Array) -> Codes:
        """A string column's codes, int32 of the column's length."""
        encoded = pc.dictionary_encode(column)
        table = np.array([self.code(v) for v in encoded.dictionary.to_pylist()] + [NULL], dtype=np.int32)
        codes: Codes = table[pc.fill_null(encoded.indices, len(table) - 1).to_numpy(zero_copy_only=False)]
        return codes

    def codes_matching(self, value: str) -> tuple[int, ...]:
        """Codes of every spelling of ``value``; none if no row ever carried it."""
        group = self._group_of.get(self._fold(value))
        return () if group is None else self._codes_of_group[group]

    def tally(self, counts: Counts) -> Tally:
        """Rows per code to ``(value, rows)`` per group, named by its commonest spelling; unordered."""
        codes = np.flatnonzero(counts)
        names = [self.values[code] for code in codes.tolist()]
        return _by_key(self.groups.view()[codes].tolist(), names, counts[codes].tolist())

    def allowed(self, values: Iterable[str]) -> NDArray[np.bool_]:
        """A truth table over codes, one longer than the dictionary so that ``table[NULL]`` is false."""
        table = np.zeros(len(self.groups) + 1, np.bool_)
        for value in values:
            table[[c for c in self.codes_matching(value) if c < len(table) - 1]] = True
        return table


class CategoryDictionary(Dictionary):
    """Category paths. A value names a whole path, any ancestor of it, or any one label of it."""

    def __init__(self) -> None:
        super().__init__()
        # Per code: the paths on the way to it, and the keys (folded paths and labels) that a filter finds it
        # by.
        self._paths = _Lists()
        self._keys = _Lists()
        self._path_names: list[str] = []
        self._path_keys = GrowingCodes()
        self._path_of: dict[str, int] = {}
        self._key_of: dict[str, int] = {}
        self._codes_of_key: list[tuple[int, ...]] = []

    def _fold(self, value: str) -> str:
        return fold_path(value)

    def _added(self, code: int, value: str) -> None:
        labels = [label.strip() for label in value.split(">") if label.strip()]
        paths = [" > ".join(labels[: depth + 1]) for depth in range(len(labels))]
        keys = {self._key(fold_path(text)) for text in (*paths, *labels)} - {NULL}
        for key in keys:
            self._codes_of_key[key] = (*self._codes_of_key[key], code)
        self._keys.append(sorted(keys))
        self._paths.append([self._path(path) for path in paths])

    def codes_matching(self, value: str) -> tuple[int, ...]:
        key = self._key_of.get(fold_path(value))
        return () if key is None else self._codes_of_key[key]

    def tally(self, counts: Counts) -> Tally:
        """Every path on the way to a matching row, with the rows that filtering by it would leave."""
        codes = np.flatnonzero(counts)
        rows = counts[codes]
        keys, key_of = self._keys.of(codes)
        totals = np.bincount(keys, weights=rows[key_of])
        paths, path_of = self._paths.of(codes)
        spelled = np.bincount(paths, weights=rows[path_of])
        found = np.flatnonzero(spelled)
        names = [self._path_names[path] for path in found.tolist()]
        return _by_key(
            self._path_keys.view()[found].tolist(), names, spelled[found].tolist(), totals.astype(np.int64)
        )

    def _path(self, path: str) -> int:
        number = self._path_of.setdefault(path, len(self._path_names))
        if number == len(self._path_names):
            self._path_names.append(path)
            self._path_keys.append(self._key(fold_path(path)))
        return number

    def _key(self, key: str) -> int:
        if not key:
            return NULL
        number = self._key_of.get(key)
        if number is None:
            number = len(self._codes_of_key)
            self._codes_of_key.append(())
            self._key_of[key] = number
        return number


class PairDictionary(Dictionary):
    """``name=value`` attributes; the name of each code is itself a folded group."""

    def __init__(self) -> None:
        super().__init__()
        self.names = GrowingCodes()
        self._name_of: dict[str, int] = {}

    def _added(self, code: int, value: str) -> None:
        name = fold(value.partition("=")[0])
        self.names.append(self._name_of.setdefault(name, len(self._name_of)))

    def name(self, name: str) -> int | None:
        """The number of an attribute's name; none if no row ever carried it."""
        return self._name_of.get(fold(name))

    def _fold(self, value: str) -> str:
        name, _, text = value.partition("=")
        return f"{fold(name)}={fold(text)}" if fold(name) and fold(text) else ""


class Dictionaries:
    """One table's dictionaries by field name; kept for as long as any version of the table is."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields: dict[str, Dictionary] = {
            field: CategoryDictionary() if field == "category" else Dictionary() for field in fields
        }
        self.pairs = PairDictionary()


def _by_key(
    keys: Sequence[int], names: Sequence[str], rows: Sequence[float], totals: Counts | None = None
) -> Tally:
    """One entry per key, under its commonest name. Without ``totals`` a key's rows are the sum over its
    names."""
    if totals is None and len(set(keys)) == len(keys):
        return [(name, int(count)) for name, count in zip(names, rows, strict=True)]
    best: dict[int, tuple[float, str]] = {}
    sums: Counter[int] = Counter()
    for key, name, count in zip(keys, names, rows, strict=True):
        sums[key] += int(count)
        candidate = (-count, name)
        if key not in best or candidate < best[key]:
            best[key] = candidate
    return [(name, sums[key] if totals is None else int(totals[key])) for key, (_, name) in best.items()]

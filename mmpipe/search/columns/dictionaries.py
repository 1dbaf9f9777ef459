"""Values by number (:mod:`mmpipe.search.columns.coding`) that shoppers filter by and facets show.

Values that differ in case or accents only share a *key*: filters and facets work on keys, so a facet's count
is always the number of rows that its value filters. What a facet shows of a key is a *name*.
"""

from __future__ import annotations

import logging
import sys
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe import lexical
from mmpipe.search.columns.coding import NULL, Arrays, Codes, Coding, Growing, Window
from mmpipe.search.columns.identifiers import Identifiers

CATEGORY = "category"
# Fields of ids: compared letter for letter, and perhaps another one in every row.
IDENTIFIERS: frozenset[str] = frozenset({"item_group_id"})
MAX_VALUES_PER_ATTRIBUTE = 10_000
_SYSTEMS = ("us", "uk", "eu")
# A dictionary this small is not worth a fresh start.
_SMALL = 1_000
log = logging.getLogger(__name__)


def fold(value: str) -> str:
    """What two values must share to count as one: the spelling of :func:`mmpipe.lexical.fold`, whatever the
    blanks around and between; of an amount its one spelling, ``500ml`` of ``500 ml``, and of a size,
    ``eu 42.5`` of ``EUR 42 1/2``."""
    folded = " ".join(lexical.fold(value).split())
    if folded[:1].isdecimal():
        return lexical.size(folded) or lexical.amount(folded) or folded
    return lexical.size(folded) or folded if folded[:2] in _SYSTEMS else folded


def fold_path(path: str) -> str:
    """:func:`fold` for a category path: ``clothing>Dresses`` and ``Clothing > Dresses`` are one."""
    return " > ".join(filter(None, (fold(label) for label in path.split(">"))))


class Entry(NamedTuple):
    """What a value counts for: the keys that filters find it by, none where it is blank, and what facets
    show of it, each with its key."""

    keys: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


@lru_cache(maxsize=65_536)
def plain(value: str) -> Entry:
    """A value that stands for itself."""
    key = fold(value)
    return Entry((key,), ((value, key),)) if key else Entry((), ())


@lru_cache(maxsize=65_536)
def category(path: str) -> Entry:
    """A path: found by itself, any ancestor, or any one label; shown as itself and its ancestors."""
    labels = [label.strip() for label in path.split(">") if label.strip()]
    paths = [" > ".join(labels[: depth + 1]) for depth in range(len(labels))]
    names = tuple((shown, fold_path(shown)) for shown in paths)
    return Entry(tuple(sorted({key for _, key in names} | {fold(label) for label in labels})), names)


def pair(value: str) -> Entry:
    """An attribute, ``name=value``: found by both, shown as the value alone."""
    name, _, text = value.partition("=")
    shown, folded = text.strip(), fold(name)
    if not (shown and folded):
        return Entry((), ())
    key = f"{folded}={fold(text)}"
    return Entry((key,), ((shown, key),))


class _Lists:
    """An append-only list of lists of int32."""

    def __init__(self) -> None:
        self.items = Growing(np.int32)
        self.start = Growing(np.int32)
        self.start.append(0)

    def append(self, items: Sequence[int]) -> None:
        self.items.extend(items)
        self.start.append(len(self.items))


class Dictionary(Coding):
    """Values of one field. One thread at a time may append, any number may read."""

    def __init__(self, entry: Callable[[str], Entry] = plain) -> None:
        super().__init__()
        self.values: list[str] = []
        self.names: list[str] = []
        self._entry = entry
        self._keys, self._names = _Lists(), _Lists()
        self._name_key = Growing(np.int32)
        self._text, self._text_start = Growing(np.uint8), Growing(np.int64)
        self._text_start.append(0)
        self._code_of: dict[str, int] = {}
        self._key_of: dict[str, int] = {}
        self._name_of: dict[tuple[str, int], int] = {}
        self._codes_of_key: list[list[int]] = []
        # The keys in order, as many as there were when they were asked for.
        self._ordered: list[str] = []
        self._window: Window | None = None

    def __len__(self) -> int:
        """Codes given."""
        return len(self.values)

    def code(self, value: str) -> int:
        """The value's code, given now if it had none; :data:`NULL` for a blank one."""
        known = self._code_of.get(value)
        if known is not None:
            return known
        keys, names = self._entry(value)
        if not keys or not self._admits(value, keys[0] in self._key_of):
            return NULL
        code = len(self.values)
        numbers = [self._key(key) for key in keys]
        shown = [self._name(name, self._key_of[key]) for name, key in names]
        # Readers on other threads find a code only after everything it leads to is in place.
        self._names.append(shown)
        self._keys.append(numbers)
        self.values.append(value)
        for number in numbers:
            self._codes_of_key[number].append(code)
        self._code_of[value] = code
        return code

    def codes_of_key(self, key: str) -> tuple[int, ...]:
        """Codes of all that have a key, as :meth:`folded` gives it."""
        number = self._key_of.get(key)
        return () if number is None else tuple(self._codes_of_key[number])

    def codes_beginning(self, value: str) -> Sequence[int]:
        """Codes of all values that begin with one, whatever their case; of paths, those that are at it or
        below, from the first label on."""
        if self._entry is not category:
            return self.codes_of_keys_beginning(self.folded(value))
        path = fold_path(value)
        # A path is found by its single labels too.
        return [
            code
            for code in self.codes_of_key(path)
            if f"{fold_path(self.values[code])} > ".startswith(f"{path} > ")
        ]

    def codes_of_keys_beginning(self, key: str) -> list[int]:
        """Codes of all that have a key which begins with this one; none for an empty one."""
        if not key:
            return []
        ordered = self._ordered
        if len(ordered) < len(self._key_of):
            new = list(self._key_of)[len(ordered) :]
            # Two ascending runs are merged in one pass.
            ordered = self._ordered = sorted([*ordered, *sorted(new)])
        first, last = bisect_left(ordered, key), bisect_left(ordered, key + chr(sys.maxunicode))
        return [code for found in ordered[first:last] for code in self.codes_of_key(found)]

    def known(self, keys: Collection[str]) -> Set[str]:
        """Which of ``keys`` any value has, of this version or another."""
        return self._key_of.keys() & keys

    def folded(self, value: str) -> str:
        """The key that a filter's value asks for; empty for a blank one."""
        if self._entry is category:
            return fold_path(value)
        return next(iter(self._entry(value).keys), "")

    def window(self) -> Window:
        """What is there now, for kernels: the same one while nothing was added."""
        if self._window is not None and self._window.codes == len(self):
            return self._window
        arrays = (
            *(self._keys.start.view(), self._keys.items.view()),
            *(self._names.start.view(), self._names.items.view()),
            *(self._name_key.view(), self._text_start.view(), self._text.view()),
        )
        self._window = Window(arrays, len(self), len(self._codes_of_key), len(self.names))
        return self._window

    def fresh(self) -> Self:
        """An empty one of the same kind."""
        return type(self)(self._entry)

    def _codes_of(self, part: Arrays) -> Codes:
        return np.array([self.code(value) for value in unpacked(part)], np.int32)

    def _admits(self, value: str, known: bool) -> bool:
        """For subclasses: whether a new value gets a code; ``known`` where it is only a new spelling."""
        return True

    def _key(self, key: str) -> int:
        number = self._key_of.setdefault(key, len(self._codes_of_key))
        if number == len(self._codes_of_key):
            self._codes_of_key.append([])
        return number

    def _name(self, name: str, key: int) -> int:
        number = self._name_of.setdefault((name, key), len(self.names))
        if number == len(self.names):
            self.names.append(name)
            self._name_key.append(key)
            self._text.extend(np.frombuffer(name.encode(), np.uint8))
            self._text_start.append(len(self._text))
        return number


class PairDictionary(Dictionary):
    """``name=value`` attributes; of one name at most :data:`MAX_VALUES_PER_ATTRIBUTE` values, in any number
    of spellings, get codes. Those beyond cannot be filtered by and are not counted.
    """

    def __init__(self, entry: Callable[[str], Entry] = pair) -> None:
        super().__init__(entry)
        # Per code the number of its attribute, and per attribute its folded name and how many values it has.
        self._attributes = Growing(np.int32)
        self._number_of: dict[str, int] = {}
        self._values_of: list[int] = []
        self._capped: dict[str, None] = {}

    @property
    def capped(self) -> tuple[str, ...]:
        """The attributes, by folded name, that had more values than get a code."""
        return tuple(self._capped)

    def attribute(self, name: str) -> int | None:
        """The number of an attribute's name; none if no row ever carried it."""
        return self._number_of.get(fold(name))

    def attributes(self) -> NDArray[np.int32]:
        """The attribute's number of each code."""
        return self._attributes.view()

    def attribute_names(self) -> list[str]:
        """The folded name of each attribute's number."""
        return list(self._number_of)

    def _admits(self, value: str, known: bool) -> bool:
        name = _folded_name(value.partition("=")[0])
        number = self._number_of.setdefault(name, len(self._values_of))
        if number == len(self._values_of):
            self._values_of.append(0)
        if not known and self._values_of[number] >= MAX_VALUES_PER_ATTRIBUTE:
            if name not in self._capped:
                self._capped[name] = None
                log.warning(
                    "attribute '%s' has more than %d values: those beyond are neither filtered nor counted",
                    name[:80],
                    MAX_VALUES_PER_ATTRIBUTE,
                )
            return False
        self._values_of[number] += not known
        self._attributes.append(number)
        return True


class Dictionaries:
    """One table's dictionaries: of coded fields by name, and of attributes."""

    def __init__(self, fields: Mapping[str, Coding], pairs: PairDictionary) -> None:
        self.fields = fields
        self.pairs = pairs


def dictionaries_for(
    former: Dictionaries | None, codes: Mapping[str, Sequence[Arrays]], pairs: Sequence[Arrays]
) -> Dictionaries:
    """The dictionaries for a version with these parts per coded field, and these of attributes: ``former``
    with what is new in them, but each of its dictionaries most of whose codes belong to no value of the parts
    made anew.

    Never to be called by two threads at once with the same ``former``.
    """
    if former is None:
        former = Dictionaries({name: _empty(name) for name in codes}, PairDictionary())
    fields = {name: _fitting(former.fields[name], parts) for name, parts in codes.items()}
    attributes = _fitting(former.pairs, pairs)
    if attributes is former.pairs and all(fields[name] is former.fields[name] for name in codes):
        return former
    return Dictionaries(fields, attributes)


def _empty(field: str) -> Coding:
    return Identifiers() if field in IDENTIFIERS else Dictionary(category if field == CATEGORY else plain)


_D = TypeVar("_D", bound=Coding)


def _fitting(dictionary: _D, parts: Sequence[Arrays]) -> _D:
    live = dictionary.live(parts)
    if len(dictionary) > _SMALL and 2 * live < len(dictionary):
        dictionary = dictionary.fresh()
        dictionary.live(parts)
    return dictionary


@lru_cache(maxsize=4_096)
def _folded_name(name: str) -> str:
    return fold(name)


def packed(texts: pa.Array) -> dict[str, NDArray[Any]]:
    """Strings, none of them null, as ``value_start`` int64 ``(v + 1,)`` and ``value_bytes`` uint8."""
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    if not len(texts) or offsets is None:
        return {"value_start": np.zeros(1, np.int64), "value_bytes": np.zeros(0, np.uint8)}
    start = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return {"value_start": start - start[0], "value_bytes": held[start[0] : start[-1]].copy()}


def packed_few(texts: Iterable[str]) -> dict[str, NDArray[Any]]:
    """:func:`packed` for a few strings."""
    held = [text.encode() for text in texts]
    data = np.frombuffer(bytearray(b"".join(held)), np.uint8)
    return {"value_start": np.array([0, *accumulate(map(len, held))], np.int64), "value_bytes": data}


def unpacked(part: Arrays) -> list[str]:
    """The strings of :func:`packed`."""
    start, data = part["value_start"], part["value_bytes"]
    buffers = [None, pa.py_buffer(start), pa.py_buffer(data)]
    values: list[str] = pa.LargeStringArray.from_buffers(len(start) - 1, *buffers[1:]).to_pylist()
    return values

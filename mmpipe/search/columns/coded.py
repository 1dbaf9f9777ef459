"""Fields whose values are dictionary-encoded: one code per row, filtered and counted by code."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.search.columns.dictionaries import packed, packed_few
from mmpipe.search.columns.grouped import by_group, split_groups
from mmpipe.search.columns.kept import Kept
from mmpipe.search.columns.layout import places_in
from mmpipe.search.columns.scratch import Scratch
from mmpipe.search.kernels import coded as kernels
from mmpipe.search.kernels.memory import address, own

if TYPE_CHECKING:
    from mmpipe.search.columns.coding import Codes, Coding, Window
    from mmpipe.search.columns.layout import Layout

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Tally = list[tuple[str, int]]
# Facets show at most this many values.
MAX_VALUES = 50
# The most codes of 16 bits, and what stands for one too many.
NARROW = 65_534
# So few rows are encoded without Arrow, whose calls cost more than the work.
FEW = 8
# Bit sets kept: of a fragment for this many bytes per row, of a version for this many bytes, at least.
_BYTES_PER_ROW = 2
_LEAST_BYTES = 16_384
_SETS_PER_VERSION = 16


def build_codes(values: pa.Array) -> dict[str, NDArray[Any]]:
    """The part of one fragment's string column: ``codes`` uint16 or uint32 ``(n,)``, 0 for null and blank and
    ``k`` for value ``k - 1``; ``counts`` int64 ``(v + 1,)``, the rows of each code; ``value_start``
    int64 ``(v + 1,)`` and ``value_bytes`` of the values, by first occurrence."""
    return _codes_of_few(values.to_pylist()) if len(values) <= FEW else _codes_of_many(values)


def _codes_of_few(values: list[str | None]) -> dict[str, NDArray[Any]]:
    """As :func:`_codes_of_many`: for a few rows Python's own dictionaries take a fraction of the time."""
    number: dict[str, int] = {}
    codes = [number.setdefault(text, len(number) + 1) if text and text.strip() else 0 for text in values]
    return {
        "codes": np.array(codes, np.uint16),
        "counts": np.array([codes.count(code) for code in range(len(number) + 1)], np.int64),
        **packed_few(number),
    }


def _codes_of_many(values: pa.Array) -> dict[str, NDArray[Any]]:
    encoded = pc.dictionary_encode(values.cast(pa.string()))
    texts = encoded.dictionary
    filled = pc.utf8_length(pc.utf8_trim_whitespace(texts)).to_numpy(zero_copy_only=False) > 0
    count = int(np.count_nonzero(filled))
    # One entry more: null is the last index.
    code_of = np.zeros(len(texts) + 1, np.uint16 if count <= NARROW else np.uint32)
    code_of[:-1][filled] = np.arange(1, count + 1)
    codes = code_of[pc.fill_null(encoded.indices, len(texts)).to_numpy(zero_copy_only=False)]
    return {
        "codes": codes,
        "counts": np.bincount(codes, minlength=count + 1).astype(np.int64),
        **packed(texts.filter(pa.array(filled, pa.bool_()))),
    }


def check_codes(codes: NDArray[Any], counts: NDArray[Any], values: int) -> None:
    """Raise :class:`ValueError` where codes are not what :func:`build_codes` writes for so many values."""
    if codes.dtype not in (np.uint16, np.uint32) or counts.dtype != np.int64 or len(counts) != values + 1:
        raise ValueError("codes and their counts do not fit their values")
    if kernels.largest_code(address(codes), codes.itemsize, len(codes)) > values or counts.sum() != len(
        codes
    ):
        raise ValueError("a code belongs to no value")


def row_words(rows: int) -> int:
    """Words of a bit set over a fragment's rows."""
    return (rows + 63) // 64


def kept_for_rows(rows: int) -> Kept:
    """Room for the bit sets of one fragment's part."""
    return Kept(max(_LEAST_BYTES, _BYTES_PER_ROW * rows))


def kept_for_version(layout: Layout) -> Kept:
    """Room for the bit sets of one version's column."""
    return Kept(max(_LEAST_BYTES, _SETS_PER_VERSION * (layout.words * 8 + 512)))


class _Part:
    """One fragment's codes, for as long as any version has them."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.codes, self.counts = arrays["codes"], arrays["counts"]
        self.values = len(arrays["value_start"]) - 1
        check_codes(self.codes, self.counts, self.values)
        self._kept = kept_for_rows(len(self.codes))

    def mask(self, local: NDArray[np.int64]) -> Words:
        """Rows with any of these values."""
        key = local.tobytes()
        words = self._kept.get(key)
        if words is None:
            allowed = np.zeros(self.values + 1, np.uint8)
            allowed[local + 1] = 1
            words = np.zeros(row_words(len(self.codes)), np.uint64)
            kernels.mask_codes(address(self.codes), self.codes.itemsize, len(self.codes), allowed, words)
            self._kept.put(key, words)
        return words


class CodedColumn:
    """One field of a version. ``parts`` are what :func:`build_codes` made of each fragment.

    Bit sets that are given back are shared: nobody may write into them.
    """

    def __init__(
        self,
        parts: Sequence[Arrays],
        layout: Layout,
        dictionary: Coding,
        former: CodedColumn | None = None,
    ) -> None:
        held: Sequence[_Part] = () if former is None else former._parts
        came = places_in([part.arrays for part in held], parts)
        places = came.tolist()
        self._parts: list[_Part] = [
            held[at] if at >= 0 else _Part(arrays) for at, arrays in zip(places, parts, strict=True)
        ]
        self._dictionary: Coding = dictionary
        # A value's code never changes: what the same dictionary gave a part before holds.
        mapped = former._maps if former is not None and former._dictionary is dictionary else None
        self._maps: list[Codes] = [
            dictionary.map_of(arrays) if mapped is None or at < 0 else mapped[at]
            for at, arrays in zip(places, parts, strict=True)
        ]
        self._layout = layout
        self._first = layout.first_words
        self._kept = kept_for_version(layout)
        self._table = np.zeros((len(parts), kernels.COLUMNS), np.int64)
        if former is None or former._dictionary is not dictionary:
            came[:] = -1  # every code is another
        else:
            self._table[came >= 0] = former._table[came[came >= 0]]
        for f in np.flatnonzero(came < 0).tolist():
            part, codes = self._parts[f], self._maps[f]
            self._table[f, 1 : kernels.TOTALS + 1] = (
                *(len(part.codes), address(part.codes), part.codes.itemsize),
                *(address(codes), part.values, address(part.counts)),
            )
        self._table[:, kernels.BASE] = layout.bases[:-1]
        values = int(self._table[:, kernels.VALUES].max(initial=0))
        self._counter: Counter = counter_for(dictionary, values, None if former is None else former._counter)

    def mask(self, values: Iterable[str]) -> Words:
        """Rows, dead ones included, that any of ``values`` finds."""
        folded = frozenset(map(self._dictionary.folded, values))
        return self._rows(
            folded, lambda: [code for key in folded for code in self._dictionary.codes_of_key(key)]
        )

    def beginning(self, value: str) -> Words:
        """Rows, dead ones included, whose value begins with ``value`` (of paths: is at or below it)."""
        folded = self._dictionary.folded(value)
        return self._rows(("beginning", folded), lambda: self._dictionary.codes_beginning(value))

    def present(self) -> Words:
        """Rows, dead ones included, that have a value."""
        return self._rows("present", lambda: range(self._counter.codes))

    def _rows(self, key: Hashable, codes: Callable[[], Sequence[int]]) -> Words:
        """Rows with any of some codes, by what they are kept as."""
        words = self._kept.get(key)
        if words is None:
            words = np.zeros(self._layout.words, np.uint64)
            allowed = truth(codes(), self._counter.codes)
            if allowed is not None:
                for part, mapped, first in zip(self._parts, self._maps, self._first, strict=True):
                    local = np.flatnonzero(allowed[mapped])
                    if len(local):
                        found = part.mask(local)
                        words[first : first + len(found)] = found
            self._kept.put(key, words)
        return words

    def tally(self, words: Words, limit: int = MAX_VALUES) -> Tally:
        """The values with the most rows of a bit set, spelled as most of them: by falling rows, then by
        value."""
        return self._counter.tally(self._table, words, self._dictionary.names, limit)

    def spellings(self, words: Words) -> dict[str, int]:
        """The rows of a bit set by their exact value, unordered."""
        codes, rows = self._counter.counts(self._table, words)
        values = self._dictionary.values
        return {values[code]: count for code, count in zip(codes.tolist(), rows.tolist(), strict=True)}

    def tally_groups(self, words: Words, groups: Codes) -> Tally:
        """Every value with how many groups of a bit set's rows have it, unordered, spelled as most rows have
        it. ``groups`` int32 has the group of every row of the version; a row at -1 counts for itself."""
        single, several = split_groups(words, groups)
        codes, counts = self._counter.counts(self._table, single)
        entries = groups[several], self.codes(several)
        return by_group(self._counter.window, self._dictionary.names, codes, counts, *entries)

    def values(self, rows: Rows) -> list[str | None]:
        """The value of some rows; None where a row has none."""
        values = self._dictionary.values
        return [values[code] if code >= 0 else None for code in self.codes(rows).tolist()]

    @property
    def size(self) -> int:
        """All codes are below this."""
        return self._counter.codes

    @cached_property
    def every(self) -> Codes:
        """The :meth:`codes` of every row, dead ones included, int32 ``(layout.rows,)``. Made when first asked
        for: four bytes a row."""
        every = np.full(self._layout.words * 64, -1, np.int32)
        for part, codes, base in zip(self._parts, self._maps, self._layout.bases[:-1].tolist(), strict=True):
            # Code 0, no value, is the last one.
            every[base : base + len(part.codes)] = np.append(codes, np.int32(-1))[
                part.codes.astype(np.int64) - 1
            ]
        return every

    def codes(self, rows: Rows) -> Codes:
        """A number for the exact value of each of some rows, -1 where a row has none: equal numbers are equal
        values, within one version."""
        codes = np.empty(len(rows), np.int32)
        kernels.codes_of(self._table, own(rows, np.int32), codes)
        return codes


def truth(found: Sequence[int], codes: int) -> NDArray[np.bool_] | None:
    """A truth table over ``codes`` codes, one longer so that NULL's entry is false: which of them are among
    ``found``, where later ones may be too; None where none is."""
    numbers = np.array(found, np.int64)
    numbers = numbers[numbers < codes]
    if not len(numbers):
        return None
    allowed = np.zeros(codes + 1, np.bool_)
    allowed[numbers] = True
    return allowed


_scratch = Scratch()


class Counter:
    """Counts rows by the codes of a dictionary as it was when the counter was made."""

    def __init__(self, window: Window, values: int) -> None:
        """``values`` are the most of any fragment that is counted."""
        self.window = window
        self.values = values
        self._addresses = np.array([address(array) for array in window.arrays], np.int64)

    @property
    def codes(self) -> int:
        """Codes of the dictionary."""
        return self.window.codes

    def tally(self, table: NDArray[np.int64], words: Words, names: Sequence[str], limit: int) -> Tally:
        """See :meth:`CodedColumn.tally`."""
        window, zeros = self.window, _scratch.of
        totals, best = zeros("totals", window.keys, np.int64), zeros("best", window.keys, np.int32)
        spelled = zeros("spelled", window.names, np.int64)
        room, keys = zeros("names", window.names, np.int32), zeros("keys", window.keys, np.int32)
        shown, rows = np.empty(limit, np.int32), np.empty(limit, np.int64)
        codes, counts = self._count(table, words)
        found = kernels.commonest(
            self._addresses, codes, counts, totals, spelled, best, room, keys, shown, rows
        )
        return [
            (names[name], n) for name, n in zip(shown[:found].tolist(), rows[:found].tolist(), strict=True)
        ]

    def counts(self, table: NDArray[np.int64], words: Words) -> tuple[Codes, NDArray[np.int64]]:
        """The codes that any row of a bit set has, in no order, and the rows of each."""
        codes, counts = self._count(table, words)
        rows = counts[codes]
        counts[codes] = 0
        return codes.copy(), rows

    def _count(self, table: NDArray[np.int64], words: Words) -> tuple[Codes, NDArray[np.int64]]:
        """Whoever asks puts the counts back to 0."""
        counts = _scratch.of("counts", self.window.codes, np.int64)
        touched = _scratch.of("touched", self.window.codes, np.int32)
        local = _scratch.of("local", self.values + 1, np.int32)
        return touched[: kernels.count(table, words, counts, touched, local)], counts


def counter_for(dictionary: Coding, values: int, former: Counter | None) -> Counter:
    """A counter of the dictionary as it is now: ``former`` where nothing changed."""
    window = dictionary.window()
    if former is not None and former.window is window and former.values == values:
        return former
    return Counter(window, values)

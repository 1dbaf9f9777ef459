"""Values that are as many as the rows, and mean what they say letter for letter: ids of item groups.

A :class:`~mmpipe.search.columns.dictionaries.Dictionary` folds every value and holds it as several objects,
half a kilobyte and ten microseconds each. Here a value is its bytes in one array and its place in a hash
table, written and looked up by compiled passes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.coding import NULL, Arrays, Codes, Coding, Growing, Window
from mmpipe.search.kernels import identifiers as kernels
from mmpipe.search.kernels.memory import address


class _Texts(Sequence[str]):
    """Texts of an append-only array, made when they are asked for."""

    def __init__(self, start: Growing, text: Growing) -> None:
        self._start, self._text = start, text

    def __len__(self) -> int:
        return len(self._start) - 1

    @overload
    def __getitem__(self, code: int) -> str: ...
    @overload
    def __getitem__(self, code: slice) -> list[str]: ...
    def __getitem__(self, code: int | slice) -> str | list[str]:
        if isinstance(code, slice):
            return [self[each] for each in range(len(self))[code]]
        if not 0 <= code < len(self):
            raise IndexError(code)
        start, end = self._start.view()[code : code + 2].tolist()
        return self._text.view()[start:end].tobytes().decode()


class Identifiers(Coding):
    """Every value is its own key and its own name, whatever its case; blanks around one that is asked for
    are not looked at."""

    def __init__(self) -> None:
        super().__init__()
        self._text, self._start = Growing(np.uint8), Growing(np.int64)
        self._start.append(0)
        self.values = self.names = _Texts(self._start, self._text)
        # 0, 1, 2 …: each value's one key and one name.
        self._same = Growing(np.int32)
        self._same.append(0)
        self._slots: NDArray[np.int32] = np.full(64, NULL, np.int32)
        self._lock = threading.Lock()
        self._window: Window | None = None

    def __len__(self) -> int:
        return len(self._start) - 1

    def folded(self, value: str) -> str:
        """The value without the blanks around it."""
        return value.strip()

    def codes_of_key(self, key: str) -> tuple[int, ...]:
        """The code of a value, if any row ever carried it."""
        data = np.frombuffer(key.encode("utf-8", "surrogatepass"), np.uint8)
        code = int(self._find(np.array([0, len(data)], np.int64), data)[0]) if len(data) else NULL
        return () if code == NULL else (code,)

    def codes_beginning(self, value: str) -> Sequence[int]:
        """Codes of all values that begin with a text, letter for letter."""
        with self._lock:
            starts, text = self._start.view(), self._text.view()
        begin, lengths = starts[:-1], np.diff(starts)
        letters = self.folded(value).encode("utf-8", "surrogatepass")
        left = np.flatnonzero(lengths >= max(len(letters), 1)) if letters else np.zeros(0, np.int64)
        for place, letter in enumerate(letters):
            left = left[text[begin[left] + place] == letter]
        found: list[int] = left.tolist()
        return found

    def window(self) -> Window:
        """What is there now, for kernels: the same one while nothing was added."""
        if self._window is None or self._window.codes != len(self):
            count = len(self)
            starts, same = self._same.view(), self._same.view()[:count]
            arrays = (starts, same, starts, same, same, self._start.view(), self._text.view())
            self._window = Window(arrays, count, count, count)
        return self._window

    def fresh(self) -> Self:
        """An empty one."""
        return type(self)()

    def _codes_of(self, part: Arrays) -> Codes:
        start, data = part["value_start"], part["value_bytes"]
        codes = self._find(start, data)
        new = np.flatnonzero(codes == NULL)
        if not len(new):
            return codes
        first, lengths = len(self), np.diff(start)[new]
        ends = np.cumsum(lengths)
        letters = np.arange(ends[-1]) + np.repeat(start[new] - (ends - lengths), lengths)
        # A part has each of its values once, so these are distinct.
        codes[new] = np.arange(first, first + len(new), dtype=np.int32)
        with self._lock:
            self._start.extend(ends + len(self._text))
            self._text.extend(data[letters])
            self._same.extend(np.arange(first + 1, len(self) + 1))
            if 2 * len(self) > len(self._slots):
                self._slots = np.full(1 << (4 * len(self) - 1).bit_length(), NULL, np.int32)
                first = 0
            starts, text = self._start.view(), self._text.view()
            kernels.insert(self._slots, address(starts), address(text), first, len(self))
        return codes

    def _find(self, start: NDArray[np.int64], data: NDArray[np.uint8]) -> Codes:
        codes = np.empty(len(start) - 1, np.int32)
        with self._lock:
            starts, text = self._start.view(), self._text.view()
            kernels.find(self._slots, address(starts), address(text), address(start), address(data), codes)
        return codes

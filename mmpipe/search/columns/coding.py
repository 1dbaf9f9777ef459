"""Values by number, shared by every version of one table.

A value's code never changes once given, so what was worked out for a version stays valid beside the next one.
The newest version's loader appends; readers hold views of the part that existed when their version was
loaded, and never see it move. Where most codes belong to values that no row carries any more, the loader
starts afresh, and the versions before keep theirs.

A value's *key* is what filters find it by, its *names* are what facets show of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Codes = NDArray[np.int32]
NULL = -1


class Growing:
    """An append-only array. :meth:`view` is a stable window on what is there now."""

    def __init__(self, dtype: Any) -> None:
        self._data: NDArray[Any] = np.zeros(64, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, value: int) -> None:
        if self._size == len(self._data):
            self.extend((value,))
            return
        self._data[self._size] = value
        self._size += 1

    def extend(self, values: Sequence[int] | NDArray[Any]) -> None:
        end = self._size + len(values)
        if end > len(self._data):
            # A fresh array: views handed out earlier keep the old one.
            grown = np.zeros(max(end, 2 * len(self._data)), self._data.dtype)
            grown[: self._size] = self._data[: self._size]
            self._data = grown
        self._data[self._size : end] = values
        self._size = end

    def view(self) -> NDArray[Any]:
        return self._data[: self._size]


class Window(NamedTuple):
    """A dictionary as it was when the window was taken, in the order of the columns of
    :func:`mmpipe.search.kernels.coded.commonest`; ``codes`` and ``keys`` are how many there were."""

    arrays: tuple[NDArray[Any], ...]
    codes: int
    keys: int
    names: int


class Coding(ABC):
    """The values of one field by code, and the codes of each fragment's part. One thread at a time may
    append, any number may read. ``values`` are by code, ``names`` by number."""

    values: Sequence[str]
    names: Sequence[str]

    def __init__(self) -> None:
        # By identity of a part's values, which are held so that no other array gets it.
        self._maps: dict[int, tuple[NDArray[Any], Codes]] = {}
        # Per code how many of the maps have it.
        self._uses: NDArray[np.int32] = np.zeros(0, np.int32)

    @abstractmethod
    def __len__(self) -> int:
        """Codes given."""

    @abstractmethod
    def folded(self, value: str) -> str:
        """The key that a filter's value asks for; empty for a blank one."""

    @abstractmethod
    def codes_of_key(self, key: str) -> tuple[int, ...]:
        """Codes of all that have a key, as :meth:`folded` gives it."""

    @abstractmethod
    def codes_beginning(self, value: str) -> Sequence[int]:
        """Codes of all that begin with what ``value`` is folded to; none for a blank one."""

    @abstractmethod
    def window(self) -> Window:
        """What is there now, for kernels: the same one while nothing was added."""

    @abstractmethod
    def fresh(self) -> Self:
        """An empty one of the same kind."""

    @abstractmethod
    def _codes_of(self, part: Arrays) -> Codes:
        """The code of each value of a part, given now where it had none."""

    def codes_matching(self, value: str) -> tuple[int, ...]:
        """Codes of all that ``value`` finds; none if no row ever carried it."""
        return self.codes_of_key(self.folded(value))

    def map_of(self, part: Arrays) -> Codes:
        """The code of each value of a fragment's part, :data:`NULL` for none; given now where they had none.

        It is kept until :meth:`live` is asked about parts without this one.
        """
        held = part["value_start"]
        known = self._maps.get(id(held))
        if known is None:
            known = held, self._codes_of(part)
            self._maps[id(held)] = known
            self._use(known[1], 1)
        return known[1]

    def live(self, parts: Iterable[Arrays]) -> int:
        """How many codes belong to values of these parts, of which all others are forgotten."""
        held = {id(part["value_start"]): part for part in parts}
        for key, part in held.items():
            if key not in self._maps:
                self.map_of(part)
        for key in self._maps.keys() - held.keys():
            self._use(self._maps.pop(key)[1], -1)
        return int(np.count_nonzero(self._uses))

    def _use(self, codes: Codes, maps: int) -> None:
        if len(self._uses) < len(self):
            grown = np.zeros(2 * len(self), np.int32)
            grown[: len(self._uses)] = self._uses
            self._uses = grown
        # A part has each of its values once.
        self._uses[codes[codes != NULL]] += maps

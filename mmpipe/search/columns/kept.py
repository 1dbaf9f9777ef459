"""A few answers kept for as long as they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")
# What an entry costs besides its array.
_OVERHEAD = 256


class Latest(Generic[T]):
    """Answers given lately, by key, at most ``limit`` of them. Safe for use by many threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """What was put by ``key``; None where it was not, or not lately."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: T) -> None:
        """Keep an answer."""
        with self._lock:
            self._held[key] = answer
            while len(self._held) > self._limit:
                self._held.popitem(last=False)


class Kept:
    """The arrays asked for lately, by key, at most ``limit`` bytes of them. Safe for use by many threads.

    An array is handed out as it was put, to whoever asks: nobody may write into it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> NDArray[Any] | None:
        """What was put by ``key``; None where it was not, or not lately."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: Hashable, array: NDArray[Any]) -> None:
        """Keep ``array``, for as long as there is room; an array that is too large is not kept."""
        size = _cost(key, array)
        if size > self._limit:
            return
        with self._lock:
            if key in self._held:
                return
            self._held[key] = array
            self._bytes += size
            while self._bytes > self._limit:
                self._bytes -= _cost(*self._held.popitem(last=False))

    @property
    def nbytes(self) -> int:
        """About the bytes held, never more than the limit."""
        return self._bytes


def _cost(key: Hashable, array: NDArray[Any]) -> int:
    return array.nbytes + _OVERHEAD + (len(key) if isinstance(key, bytes) else 0)

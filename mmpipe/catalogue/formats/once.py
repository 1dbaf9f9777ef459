"""Values by key, of which the first counts, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from mmpipe.catalogue.formats.recent import Recent
from mmpipe.catalogue.spool import Spool

Value = TypeVar("Value")

_BYTES: Final = 1 << 21


class Once(Generic[Value]):
    """A :class:`~mmpipe.catalogue.spool.Spool` that keeps the first value of each key. What came or was asked
    for lately, 4 MiB of it, is at hand."""

    def __init__(self, memory_bytes: int) -> None:
        self._spool: Spool[tuple[Value, int]] = Spool(memory_bytes)
        # A bit that is not set tells that a key is new, without a look into the spool.
        self._bits = bytearray(_BYTES)
        self._recent: Recent[Value] = Recent()

    def __enter__(self) -> Once[Value]:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def put(self, key: str, value: Value, size: int) -> bool:
        """Keep a value of about ``size`` bytes; False where the key has one already."""
        place, bit = self._place(key)
        if self._bits[place] & bit and self.get(key) is not None:
            return False
        self._bits[place] |= bit
        self._spool.put(key, (value, size), size)
        self._recent.put(key, value, size)
        return True

    def get(self, key: str) -> Value | None:
        """The value of a key; None where there is none."""
        value = self._recent.get(key)
        if value is None:
            place, bit = self._place(key)
            held = self._spool.get(key) if self._bits[place] & bit else []
            for value, size in held:
                self._recent.put(key, value, size)
        return value

    def values(self) -> Iterator[Value]:
        """All values, in the order they came."""
        for _, held in self._spool.groups():
            for value, _ in held:
                yield value

    def _place(self, key: str) -> tuple[int, int]:
        position = hash(key) % (8 * _BYTES)
        return position >> 3, 1 << (position & 7)

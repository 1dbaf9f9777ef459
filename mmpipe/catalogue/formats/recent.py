"""What was used lately, within a number of bytes."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

_MAX_BYTES: Final = 4 << 20


class Recent(Generic[Value]):
    """Keeps the values that came last, 4 MiB of them in all; one of over 512 KiB is not kept."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Value, int]] = {}
        self._bytes = 0

    def get(self, key: str) -> Value | None:
        """The value of a key, if it is still there."""
        held = self._held.get(key)
        return None if held is None else held[0]

    def put(self, key: str, value: Value, size: int) -> None:
        """Keep a value of about ``size`` bytes; the oldest ones make room. A key that is there stays as it
        is."""
        if key in self._held or size > _MAX_BYTES // 8:
            return
        self._held[key] = value, size
        self._bytes += size
        while self._bytes > _MAX_BYTES:
            self._bytes -= self._held.pop(next(iter(self._held)))[1]

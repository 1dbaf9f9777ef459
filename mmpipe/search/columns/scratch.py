"""Arrays that passes over codes are done with as soon as they return."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch(threading.local):
    """Arrays by name, one set per thread. Each is zeros at first: a use that needs zeros leaves zeros."""

    def __init__(self) -> None:
        self._held: dict[str, NDArray[Any]] = {}

    def of(self, name: str, size: int, dtype: Any) -> NDArray[Any]:
        """``(size,)`` of the array of a name, whose dtype is always the same."""
        held = self._held.get(name)
        if held is None or len(held) < size:
            held = self._held[name] = np.zeros(max(size, 1_024) * 5 // 4, dtype)
        return held[:size]

"""The frames of clips, as a version reads them, and those that it keeps at hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

# The frames of one clip: seconds (n,) and unit vectors (n, dim), both float32.
Frames: TypeAlias = "tuple[NDArray[np.float32], Vectors]"


class FrameCache:
    """The frames of clips that were shown lately, ``max_bytes`` of them, by the files that hold them and the
    place in these. Data files never change, so the versions of a table share one. Thread-safe."""

    def __init__(self, max_bytes: int = 32 << 20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._clips: OrderedDict[Hashable, Frames] = OrderedDict()

    def get(self, keys: Sequence[Hashable]) -> list[Frames | None]:
        """What is held of ``keys``."""
        with self._lock:
            for key in keys:
                if key in self._clips:
                    self._clips.move_to_end(key)
            return [self._clips.get(key) for key in keys]

    def put(self, key: Hashable, frames: Frames) -> None:
        """Hold one more clip, and let go of those not asked for longest."""
        with self._lock:
            if key in self._clips:
                return
            self._clips[key] = frames
            self._bytes += _size(frames)
            while self._bytes > self._max_bytes and len(self._clips) > 1:
                self._bytes -= _size(self._clips.popitem(last=False)[1])


def _size(frames: Frames) -> int:
    return frames[0].nbytes + frames[1].nbytes

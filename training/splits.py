"""Which data is held out, so that no near-duplicate of it is trained on.

Shop photos are taken in rows: the next photo shows the same shelf from a step aside. So a product's photos
are held out as one stretch of the row, cut off where the pictures change most. Fashion products whose picture
almost equals a held-out one's are left out of training, as are those with its title.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST, _MOST = 0.15, 0.3  # of a product's photos
_SIDE = 8
# Root mean square difference of two thumbnails, in grey levels, up to which pictures count as the same.
SAME_PICTURE = 7.0
_CHUNK = 256


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Every picture as ``8 × 8`` mean colours, flat, in grey levels."""
    n, height, width, _ = pixels.shape
    rows = np.linspace(0, height, _SIDE + 1).astype(int)
    columns = np.linspace(0, width, _SIDE + 1).astype(int)
    small = np.empty((n, _SIDE, _SIDE, 3), dtype=np.float32)
    for y in range(_SIDE):
        for x in range(_SIDE):
            tile = pixels[:, rows[y] : rows[y + 1], columns[x] : columns[x + 1]]
            small[:, y, x] = tile.mean((1, 2), dtype=np.float32)
    return small.reshape(n, -1)


def held_stretch(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which photos of one product's row, in the order they were taken, are held out.

    15 to 30 % of them from one end: of all such cuts the one between the two photos that differ most. A row
    of fewer than four photos is trained on whole.
    """
    count = len(small)
    held = np.zeros(count, dtype=np.bool_)
    if count < 4:
        return held
    steps = np.linalg.norm(np.diff(small, axis=0), axis=1)  # steps[i]: between photo i and i + 1
    sizes = range(max(1, round(count * _LEAST)), max(1, round(count * _MOST)) + 1)
    cuts = [(float(steps[size - 1]), 0, size) for size in sizes]
    cuts += [(float(steps[count - size - 1]), count - size, count) for size in sizes]
    _, start, stop = max(cuts)
    held[start:stop] = True
    return held


def near_duplicates(held: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of ``others`` almost equal one of the ``held`` pictures."""
    left, right = thumbnails(held), thumbnails(others)
    norms = np.square(left).sum(1)
    limit = SAME_PICTURE**2 * left.shape[1]
    found = np.zeros(len(others), dtype=np.bool_)
    for start in range(0, len(others), _CHUNK):
        part = right[start : start + _CHUNK]
        squares = np.square(part).sum(1)[:, None] + norms[None, :] - 2.0 * part @ left.T
        found[start : start + _CHUNK] = squares.min(1) <= limit
    return found


def choosing(keys: Sequence[str]) -> NDArray[np.bool_]:
    """The half of what is held out that chooses (early stopping, settings); the other half is reported.

    By a checksum of each key, so that it never changes.
    """
    return np.array([zlib.crc32(key.encode()) % 2 == 0 for key in keys], dtype=np.bool_)

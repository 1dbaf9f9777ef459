"""How the rows of a version are numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_

import numpy as np
from numpy.typing import NDArray

_WORD = 64


class Layout:
    """Rows of fragments with ``sizes`` physical rows, one after the other. Each fragment begins at a multiple
    of 64, so that a bit set of all rows is the fragments' one after the other.

    ``bases`` is int64 ``(F + 1,)``: the first row of each fragment, and ``rows``, the end. The rows between a
    fragment's last and the next one's first are never alive. ``first_words`` are the
    fragments' first rows by 64.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        padded = [-(-size // _WORD) * _WORD for size in sizes]
        self.bases: NDArray[np.int64] = np.concatenate([[0], np.cumsum(padded, dtype=np.int64)])
        self.rows = int(self.bases[-1])
        self.words = self.rows // _WORD
        self.first_words: list[int] = (self.bases[:-1] // _WORD).tolist()

    def __len__(self) -> int:
        """Fragments."""
        return len(self.sizes)

    def locate(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The fragment of each row, and its offset in it."""
        owner = np.searchsorted(self.bases, rows, side="right") - 1
        return owner, rows - self.bases[owner]


def places_in(former: Iterable[object], parts: Iterable[object]) -> NDArray[np.int64]:
    """Where each of ``parts`` is in ``former``, the parts of another version's column; -1 for a new one."""
    before, now = list(former), list(parts)
    if len(before) <= len(now) and all(map(is_, before, now)):
        # New fragments come last: after most writes all former ones are where they were.
        came = np.arange(len(now), dtype=np.int64)
        came[len(before) :] = -1
        return came
    place = {id(part): at for at, part in enumerate(before)}
    return np.array([place.get(id(part), -1) for part in now], np.int64)

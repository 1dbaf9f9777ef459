"""The products of each category of one version, found once for the many lists that ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.kept import Kept

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]

# Every category of a shop with fifty thousand products and a few hundred of them; of larger shops the bit
# sets of those that were asked for last, at least so many.
_BYTES, _LEAST = 2 * 1024 * 1024, 16


class Categories:
    """Of ``version``. Safe for many threads.

    The column keeps bit sets as well, but by the words of a path, which take longer to make than to look up,
    and fewer of them than a list about a product may ask for.
    """

    def __init__(self, version: Version) -> None:
        self._column = version.coded["category"]
        self._kept = Kept(max(_BYTES, _LEAST * (8 * version.layout.words + 512)))

    def of(self, path: str) -> Words:
        """The products of a category path and those below it, dead ones included. Not for changing."""
        found = self._kept.get(path)
        if found is None:
            found = self._column.mask([path])
            self._kept.put(path, found)
        return found

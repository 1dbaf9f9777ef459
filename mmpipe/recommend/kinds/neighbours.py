"""The products nearest to a product, of one version, looked for once for the many who ask.

Whom one shopper may be shown is nearly whom any may be shown: twice as many as are wanted are looked for
among all of these, and those that this shopper may not be shown are passed over.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.kept import Latest
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.categories import Categories
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]

# A kilobyte each, of those who look deeper up to eight; what is longer is not kept.
_KEPT, _LONGEST = 4_096, 2_048


class Neighbours:
    """Of the products of ``version`` and its ``categories``. Safe for many threads."""

    def __init__(self, version: Version, categories: Categories) -> None:
        self._version = version
        self._categories = categories
        # With the bit set among which they were looked for: another may hold others. Most are shared and live
        # as long as the prices hold; those of one request alone must not be held by this.
        self._kept: Latest[tuple[ReferenceType[Words], Rows]] = Latest(_KEPT)

    def of(
        self,
        row: int,
        vector: NDArray[np.float32],
        count: int,
        mask: Words,
        base: Words,
        within: str | None = None,
        without: tuple[str, ...] = (),
    ) -> Rows:
        """The ``count`` rows of ``mask`` nearest to ``row``, whose unit vector is given, the best first.

        ``mask`` is what may be shown of ``base`` in the category ``within``, all unless given, and in none of
        the categories ``without``. Found at once where the same was asked of the same ``base`` lately.
        """
        key: Hashable = (row, count, within, without)
        held = self._kept.get(key)
        if held is None or held[0]() is not base:
            words = base if within is None else base & self._categories.of(within)
            for name in without:
                words = words & ~self._categories.of(name)
            held = ref(base), self._nearest(vector, words, 2 * count)
            if len(held[1]) <= _LONGEST:
                self._kept.put(key, held)
        found = held[1]
        allowed = found[has(mask, found)]
        if len(allowed) < count and len(found) == 2 * count:
            # More of the nearest than of those who are farther may not be shown.
            return self._nearest(vector, mask, count)
        return allowed[:count]

    def _nearest(self, vector: NDArray[np.float32], mask: Words, count: int) -> Rows:
        return self._version.fused.nearest(vector, mask, count, self._version.ids.rank)[0]

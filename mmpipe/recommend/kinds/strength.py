"""How strongly two products go together, from how many shoppers had to do with both.

With ``n`` shoppers in all, ``a`` of the one, ``b`` of the other and ``c`` of both, the lift ``c n / (a b)``
says how many times oftener than by chance they meet. The strength is ``sqrt(lift c / n) * m / (m +
SHRINKAGE)``: the root is the cosine ``c / sqrt(a b)``, so that neither what everybody buys nor what two
people bought comes first by that alone, and ``m``, the shoppers that were counted, says how much that is
worth: few count for less than many with the same share. Where only the latest ``s`` shoppers of the one were
looked at, ``m`` of which have both, ``c = m a / s``. Pairs that meet no oftener than by chance (a lift below
1), or that fewer than :data:`LEAST` shoppers have in common, do not go together: one person's basket is
nobody else's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kernels import strength as kernels

if TYPE_CHECKING:
    from mmpipe.recommend.behaviour import Counts

SHRINKAGE = 3.0
LEAST = 2


def lifts(counts: Counts) -> NDArray[np.float64]:
    """Times oftener than by chance, per item, float64."""
    share = counts.both / float(max(counts.sampled, 1))
    return share * counts.shoppers / np.maximum(counts.totals, 1)


def strengths(counts: Counts) -> NDArray[np.float64]:
    """Per item how strongly it goes with the one that was asked, float64 in [0, 1]."""
    found: NDArray[np.float64] = kernels.strengths(
        counts.both, counts.totals, counts.of_item, counts.sampled, counts.shoppers, LEAST, SHRINKAGE
    )
    return found

"""Which items answer a query by attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def match(
    values: NDArray[np.int64], asked: NDArray[np.bool_], asking: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``(positive, ignore)`` of the attribute queries of rows ``asking`` against every item.

    Query ``q`` asks for ``values[q, f]`` where ``asked[q, f]``. An item answers it when every asked value is
    equal; it is ignored when it differs only where its own value is unknown.
    """
    positive = np.ones((len(asking), len(values)), dtype=np.bool_)
    possible = positive.copy()
    for column in range(values.shape[1]):
        mine, theirs = values[asking, column][:, None], values[:, column][None, :]
        settled = ~asked[asking, column][:, None] | np.equal(mine, theirs)
        positive &= settled
        possible &= settled | (theirs < 0)
    positive &= np.asarray(asked[asking].any(axis=1))[:, np.newaxis]
    return positive, possible & ~positive

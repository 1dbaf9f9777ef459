"""Which photo of a review a hit was found by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.versions.version import Version


def with_photos(
    version: Version,
    rows: NDArray[np.int32],
    hits: Sequence[bytes],
    added: NDArray[np.float64],
    query: Vectors,
) -> list[bytes]:
    """Hits as JSON objects, those to whose score the photo of a review ``added`` with
    :class:`~mmpipe.schemas.review.ReviewPhoto`: the photo most like the query's picture."""
    found = list(hits)
    at = np.flatnonzero(added > 0)
    photos = version.photos
    if photos is None or not len(at):
        return found
    _, numbers = photos.best(rows[at], query)
    for place, number in zip(at.tolist(), numbers.tolist(), strict=True):
        if number >= 0:
            found[place] = b'%b,"review_photo":%b}' % (found[place][:-1], photos.photos.told(number))
    return found

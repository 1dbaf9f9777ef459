"""A hit's score split into what earned it; the parts sum to the score.

The full-text share is the text list's part. The vector share belongs to the product's modalities: for unit
vectors ``query · fused`` is a sum over modalities (see :mod:`mmpipe.fusion.base`), and the share is split
in proportion to it. Of a cosine itself the parts may be negative; of a scaled share only the modalities that
speak for the product take part, since it cannot be earned by what spoke against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES
from mmpipe.lake.schema import vector_column
from mmpipe.search.kernels import matches as kernels
from mmpipe.search.kernels.memory import address, own

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]
Split = tuple[float, ...]
NAMES: tuple[str, ...] = ("lexical", *MODALITIES)


def split(
    version: Version,
    rows: Rows,
    lexical: Shares | None,
    vector: Shares | None,
    query: Vectors | None,
    earned: Mapping[Modality, Shares] | None = None,
) -> list[Split]:
    """The values of one :class:`~mmpipe.schemas.search.ScoreSplit` per row, in the order of :data:`NAMES`.

    ``lexical`` and ``vector`` are each row's shares, ``query`` the vector that was searched with. With
    ``lexical`` None the vector share is the cosine itself. ``earned`` are each modality's parts where the
    score was made of such (late fusion); without it they are the fused vector's.
    """
    columns = np.zeros((len(rows), len(NAMES)))
    if lexical is not None:
        columns[:, 0] = lexical
    names = version.modalities
    if vector is not None and query is not None and names and len(rows):
        parts = np.zeros((len(names), len(rows)))
        for place, m in enumerate(names):
            if earned is None:
                parts[place] = version.parts[m].score(rows, query)
            elif m in earned:
                parts[place] = earned[m]
        present = [address(version.vectors[vector_column(m)].present) for m in names]
        # Of a cosine itself: stored vectors are rounded, so the parts miss it by about 1e-4.
        kernels.split(parts, np.array(present), own(rows, np.int32), own(vector, np.float64), lexical is None)
        for place, m in enumerate(names):
            columns[:, NAMES.index(m)] = parts[place]
    return [tuple(values) for values in columns.tolist()]


def with_extras(splits: list[Split], extras: Mapping[str, Shares]) -> tuple[list[Split], tuple[str, ...]]:
    """Splits with what else was added to each row's score, and the names of all their values."""
    if not extras:
        return splits, NAMES
    added = zip(*(extra.tolist() for extra in extras.values()), strict=True)
    return [(*split, *more) for split, more in zip(splits, added, strict=True)], (*NAMES, *extras)

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
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]
_NOTHING: dict[str, float] = dict.fromkeys(("lexical", *MODALITIES), 0.0)


def split(
    version: Version,
    rows: Rows,
    lexical: Shares | None,
    vector: Shares | None,
    query: Vectors | None,
    earned: Mapping[Modality, Shares] | None = None,
) -> list[dict[str, float]]:
    """One :class:`~mmpipe.schemas.search.ScoreSplit` as a dictionary per row.

    ``lexical`` and ``vector`` are each row's shares, ``query`` the vector that was searched with. With
    ``lexical`` None the vector share is the cosine itself. ``earned`` are each modality's parts where the
    score was made of such (late fusion); without it they are the fused vector's.
    """
    parts: dict[str, Shares] = {}
    if vector is not None and query is not None and len(rows):
        parts.update(_by_modality(version, rows, vector, query, earned, signed=lexical is None))
    if lexical is not None:
        parts["lexical"] = lexical
    names = [name for name in _NOTHING if name in parts]
    columns = zip(*(parts[name].tolist() for name in names), strict=True)
    found = [_NOTHING | dict(zip(names, values, strict=True)) for values in columns]
    return found or [_NOTHING] * len(rows)


def _by_modality(
    version: Version,
    rows: Rows,
    share: Shares,
    query: Vectors,
    known: Mapping[Modality, Shares] | None,
    *,
    signed: bool,
) -> dict[str, Shares]:
    names = version.modalities
    if not names:
        return {}
    there = np.stack([has(version.vectors[vector_column(m)].present, rows) for m in names]).astype(np.float64)
    if known is None:
        earned = np.stack([version.parts[m].score(rows, query) for m in names]).astype(np.float64)
    else:
        earned = np.stack([known.get(m, np.zeros(len(rows))) for m in names]).astype(np.float64)
    if signed:
        # Stored vectors are rounded, so the parts miss the cosine by about 1e-4: spread that over those
        # present.
        missing = share - earned.sum(axis=0)
        found = earned + missing * there / np.maximum(there.sum(axis=0), 1.0)
    else:
        weight = np.maximum(earned, 0.0)
        weight = np.where(weight.sum(axis=0) <= 0, there, weight)
        total = weight.sum(axis=0)
        found = share * weight / np.where(total > 0, total, 1.0)
    return dict(zip(names, found, strict=True))

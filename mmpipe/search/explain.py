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

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
Shares = NDArray[np.float64]
_NOTHING: dict[str, float] = dict.fromkeys(("lexical", *MODALITIES), 0.0)


def split(
    snapshot: Snapshot,
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
    if vector is not None and query is not None:
        parts.update(_by_modality(snapshot, rows, vector, query, earned, signed=lexical is None))
    if lexical is not None:
        parts["lexical"] = lexical
    columns = {name: part.tolist() for name, part in parts.items()}
    return [{**_NOTHING, **{name: column[i] for name, column in columns.items()}} for i in range(len(rows))]


def _by_modality(
    snapshot: Snapshot,
    rows: Rows,
    share: Shares,
    query: Vectors,
    known: Mapping[Modality, Shares] | None,
    *,
    signed: bool,
) -> dict[str, Shares]:
    vectors, found = snapshot.modality_vectors(rows)
    present: dict[str, NDArray[np.bool_]] = dict(found.items())
    if not vectors:
        return {}
    parts: Mapping[Modality, NDArray[np.floating]] = (
        {m: part @ query for m, part in snapshot.fusion.parts(vectors, found).items()} if known is None else known
    )
    earned: dict[str, Shares] = {m: c.astype(np.float64) for m, c in parts.items()}
    if signed:
        # Stored vectors are rounded, so the parts miss the cosine by about 1e-4: spread that over those
        # present.
        missing = share - np.sum(list(earned.values()), axis=0)
        weight = {m: present[m].astype(np.float64) for m in earned}
        total = np.maximum(np.sum(list(weight.values()), axis=0), 1.0)
        return {m: earned[m] + missing * weight[m] / total for m in earned}
    weight = {m: np.maximum(part, 0.0) for m, part in earned.items()}
    nothing = np.sum(list(weight.values()), axis=0) <= 0
    for m in weight:
        weight[m] = np.where(nothing, present[m].astype(np.float64), weight[m])
    total = np.sum(list(weight.values()), axis=0)
    return {m: share * weight[m] / np.where(total > 0, total, 1.0) for m in weight}

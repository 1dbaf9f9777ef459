"""Which second of a hit's clip matched: the time of the frame nearest to the query.

Frames are vectors of the image tower, so they are held against the query's own modality vectors, which live
in the same joint space, summed by the request's weights. The fused query is not asked: a trained fusion moves
what it fuses, and products' frames went through no fusion. Only the rows of a page are looked at, and those
without a clip cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import Modality
from mmpipe.lake.schema import vector_column
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]

# A text of mostly unknown words has a vector that says nothing of what was asked.
LEAST_CONFIDENCE = 0.5
_TINY = 1e-6
_DECIMALS = 3
# What stands for a product when others are compared with it, best first: a clip's frames are pictures.
_LIKENESS: tuple[Modality, ...] = ("image", "video", "text")


def asked(query: EncodedQuery) -> Vectors | None:
    """What frames are held against, of unit length; None where the query has no vector worth it: it only
    filters, all its vectors weigh 0, or less than half of its text is known to the encoder."""
    if query.confidence < LEAST_CONFIDENCE:
        return None
    return _weighted(query.modality_vectors, query.modality_weights)


def like(version: Version, row: int) -> Vectors | None:
    """What frames are held against where products like the one in ``row`` are shown: its photos, else its
    clip, else its text."""
    rows = np.array([row], np.int32)
    for modality in _LIKENESS:
        vectors, present = version.vectors[vector_column(modality)].gather(rows)
        if present[0]:
            return _unit(vectors[0])
    return None


def seconds(version: Version, rows: Rows, vector: Vectors | None) -> list[float | None]:
    """Per row the time of its clip's frame nearest to ``vector``, the earliest of equals; None without a
    clip, and throughout without a vector."""
    found: list[float | None] = [None] * len(rows)
    if vector is None or "video" not in version.modalities:
        return found
    with_clip = np.flatnonzero(has(version.vectors[vector_column("video")].present, rows))
    if not len(with_clip):
        return found
    for place, clip in zip(with_clip.tolist(), version.frames(rows[with_clip]), strict=True):
        if clip is not None:
            times, vectors = clip
            # einsum, not BLAS: for eight frames waking its threads costs more than the product.
            best = int(np.argmax(np.einsum("ij,j->i", vectors, vector)))
            found[place] = round(float(times[best]), _DECIMALS)
    return found


def _weighted(vectors: Mapping[Modality, Vectors], weights: Mapping[Modality, float]) -> Vectors | None:
    weighted = [v * np.float32(weights.get(m, 0.0)) for m, v in vectors.items()]
    return _unit(np.sum(weighted, axis=0, dtype=np.float32)) if weighted else None


def _unit(vector: Vectors) -> Vectors | None:
    norm = float(np.linalg.norm(vector))
    return None if norm <= _TINY else np.asarray(vector / norm, dtype=np.float32)

"""Products like one product: the nearest fused vectors of a version, its own group left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Scores = NDArray[np.float32]
_FIRST_DEPTH = 4


@dataclass(frozen=True)
class Likeness:
    """What products are held against: a product's fused vector, of unit length, None where it has none."""

    product_id: str
    group: str | None
    vector: Vectors | None


@dataclass(frozen=True)
class Alike:
    """Products by falling cosine, equals by id, the nearest of each group alone; parallel sequences. A
    product without a group has None."""

    ids: Sequence[str]
    groups: Sequence[str | None]
    rows: Rows
    scores: Scores


def fused_vector(version: Version, row: int) -> Vectors | None:
    """A product's fused vector, of unit length; None where it has none."""
    vectors, has = version.fused.gather(np.array([row], np.int32))
    if not has[0]:
        return None
    found: Vectors = (vectors[0] / np.linalg.norm(vectors[0])).astype(np.float32)
    return found


def likeness(version: Version, row: int) -> Likeness:
    """Of the product in a row."""
    vector = fused_vector(version, row)
    ids = version.ids.ids(np.array([row], np.int32))
    return Likeness(ids[0], _group(version, row), vector)


def alike(version: Version, like: Likeness, mask: Words, limit: int) -> Alike:
    """Up to ``limit`` rows of ``mask`` nearest to ``like``. Neither the product itself nor another of its
    group is among them; nothing is where it has no vector."""
    if like.vector is None:
        return Alike([], [], np.zeros(0, np.int32), np.zeros(0, np.float32))
    depth = _FIRST_DEPTH * limit + 1
    while True:
        rows, scores = version.fused.nearest(like.vector, mask, depth, version.ids.rank)
        ids = version.ids.ids(rows)
        groups = [_group(version, row) for row in rows.tolist()]
        keep = one_per_group(like, ids, groups)[:limit]
        if len(keep) == limit or len(rows) < depth:
            return Alike([ids[at] for at in keep], [groups[at] for at in keep], rows[keep], scores[keep])
        # Many variants stood in the way: look deeper until the page is full or there is nothing more.
        depth *= 4


def one_per_group(like: Likeness, ids: Sequence[str], groups: Sequence[str | None]) -> list[int]:
    """Places of the first of each group that is not ``like``'s own, and of those without a group."""
    seen = {like.group}
    kept = []
    for place, (product_id, group) in enumerate(zip(ids, groups, strict=True)):
        if product_id == like.product_id or (group is not None and group in seen):
            continue
        seen.add(group)
        kept.append(place)
    return kept


def _group(version: Version, row: int) -> str | None:
    return version.page.static(row)["item_group_id"] or None

"""Spherical k-means: the inverted lists of a fragment, and the groups they are found by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.vectors import sum_groups

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int32]

# Below this a fragment is one list, which every query passes over: that costs less than choosing.
CLUSTERED_FROM = 512
# Lists per cube root of the rows. The finer the lists, the fewer rows need be looked at, and the more
# centroids: a million rows are 1,800 lists as one fragment and 13,300 as twenty.
_LISTS_PER_ROOT = 18
_ROWS_PER_LIST = 32
_SAMPLE_PER_LIST = 32
_ROUNDS = 5
_GROUP_ROUNDS = 8
_CHUNK = 2_048


@dataclass(frozen=True)
class Groups:
    """Lists that lie near each other: ``start[g]`` to ``start[g + 1]``, int64 ``(G + 1,)``, around
    ``centroids[g]``, float32 ``(G, dim)``."""

    start: NDArray[np.int64]
    centroids: Vectors


@dataclass(frozen=True)
class Clusters:
    """The lists of some vectors: unit ``centroids`` float32 ``(L, dim)``, each vector's list, int32 ``(n,)``;
    ``groups`` of lists where there are many."""

    centroids: Vectors
    lists: Numbers
    groups: Groups | None = None


def cluster(values: Vectors) -> Clusters:
    """The lists of unit ``values`` ``(n, dim)``: none without vectors, one below ``CLUSTERED_FROM``, else
    some for each cube root of n. Deterministic."""
    n = len(values)
    if n < CLUSTERED_FROM:
        mean = _unit(values.mean(axis=0, dtype=np.float64, keepdims=True)) if n else values
        return Clusters(mean, np.zeros(n, np.int32))
    rng = np.random.default_rng(n)
    count = min(round(_LISTS_PER_ROOT * np.cbrt(n)), n // _ROWS_PER_LIST)
    sample = values[np.sort(rng.permutation(n)[: count * _SAMPLE_PER_LIST])]
    centroids = _centroids(sample, count, _ROUNDS, rng)
    groups = _centroids(centroids, round(np.sqrt(count)), _GROUP_ROUNDS, rng)
    group_of = _nearest(centroids, groups)
    order = np.argsort(group_of, kind="stable")
    centroids = centroids[order]
    starts = np.searchsorted(group_of[order], np.arange(len(groups) + 1))
    return Clusters(centroids, _nearest(values, centroids), Groups(starts.astype(np.int64), groups))


def _centroids(values: Vectors, count: int, rounds: int, rng: np.random.Generator) -> Vectors:
    centroids = values[rng.choice(len(values), count, replace=False)]
    for _ in range(rounds):
        sums, sizes = sum_groups(values, _nearest(values, centroids), count)
        empty = np.flatnonzero(sizes == 0)
        sums[empty] = values[rng.choice(len(values), len(empty))]
        centroids = _unit(sums)
    return centroids


def _nearest(values: Vectors, centroids: Vectors) -> Numbers:
    nearest = np.empty(len(values), np.int32)
    across = np.ascontiguousarray(centroids.T)
    for start in range(0, len(values), _CHUNK):
        nearest[start : start + _CHUNK] = np.argmax(values[start : start + _CHUNK] @ across, axis=1)
    return nearest


def _unit(values: NDArray[np.floating]) -> Vectors:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    units: Vectors = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0).astype(np.float32)
    return units

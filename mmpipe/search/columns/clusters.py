"""Spherical k-means: the centroids of a fragment's inverted lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.vectors import sum_groups

Vectors = NDArray[np.float32]

# Below this a fragment is one list, which every query passes over: that costs less than choosing.
CLUSTERED_FROM = 512
_LISTS_PER_ROOT = 1.0
_SAMPLE_PER_LIST = 48
_ROUNDS = 6
_CHUNK = 8_192


def cluster(values: Vectors) -> tuple[Vectors, NDArray[np.int32]]:
    """Unit centroids float32 ``(L, dim)`` of unit ``values`` ``(n, dim)``, n > 0, and each row's list,
    int32 ``(n,)``. L is 1 below ``CLUSTERED_FROM`` rows, else about the root of n. Deterministic."""
    n = len(values)
    if n < CLUSTERED_FROM:
        return _unit(values.mean(axis=0, dtype=np.float64, keepdims=True)), np.zeros(n, np.int32)
    count = round(_LISTS_PER_ROOT * n**0.5)
    rng = np.random.default_rng(n)
    chosen = rng.permutation(n)[: max(count * _SAMPLE_PER_LIST, CLUSTERED_FROM)]
    sample = values[np.sort(chosen)]
    centroids = sample[rng.choice(len(sample), count, replace=False)]
    for _ in range(_ROUNDS):
        sums, sizes = sum_groups(sample, _nearest(sample, centroids), count)
        empty = np.flatnonzero(sizes == 0)
        sums[empty] = sample[rng.choice(len(sample), len(empty))]
        centroids = _unit(sums)
    return centroids, _nearest(values, centroids)


def _nearest(values: Vectors, centroids: Vectors) -> NDArray[np.int32]:
    lists = np.empty(len(values), np.int32)
    across = np.ascontiguousarray(centroids.T)
    for start in range(0, len(values), _CHUNK):
        lists[start : start + _CHUNK] = np.argmax(values[start : start + _CHUNK] @ across, axis=1)
    return lists


def _unit(values: NDArray[np.floating]) -> Vectors:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.where(norms > 0, values / np.where(norms > 0, norms, 1), 0).astype(np.float32)

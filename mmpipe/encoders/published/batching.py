"""Batches within a budget, smaller ones when the device runs out of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from mmpipe.encoders.base import Vectors
from mmpipe.errors import ModelUnavailable

# Batches without running out of memory after which a halved limit is doubled again.
RECOVERY = 32


class Batcher:
    """Splits inputs into batches. ``budget`` bounds inputs × the largest cost among them (padding counts),
    ``max_items`` the inputs; a single input over the budget goes alone.

    When a batch runs out of GPU memory it is halved and so is every later one, until ``RECOVERY`` batches
    went well. Thread-safe; one per tower.
    """

    def __init__(self, budget: float, max_items: int) -> None:
        self._budget = budget
        self._max_items = max_items
        self._limit = max_items
        self._fine = 0
        self._lock = Lock()

    @property
    def limit(self) -> int:
        """Inputs a batch may hold now."""
        return self._limit

    def run(
        self, costs: Sequence[float], dim: int, forward: Callable[[NDArray[np.intp]], Vectors]
    ) -> Vectors:
        """``forward(indices)`` for every batch; float32 ``(len(costs), dim)`` in the order of ``costs``.

        Inputs of like cost share a batch. Raises :class:`ModelUnavailable` where one input alone does not fit
        into the device's memory.
        """
        out = np.empty((len(costs), dim), dtype=np.float32)
        order = np.argsort(np.asarray(costs, dtype=np.float64), kind="stable")
        start = 0
        while start < len(order):
            batch = order[start : start + self._size([costs[i] for i in order[start : start + self._limit]])]
            vectors = _unless_out_of_memory(forward, batch)
            if vectors is None:
                self._shed(len(batch))
                continue
            if vectors.shape != (len(batch), dim):
                raise ModelUnavailable(
                    f"the model gave vectors of shape {vectors.shape}, not {(len(batch), dim)}:"
                    " its files do not fit together; pull it again"
                )
            out[batch] = vectors
            start += len(batch)
            self._went_well()
        return out

    def _size(self, ascending: Sequence[float]) -> int:
        fitting = [n for n, cost in enumerate(ascending, start=1) if n * cost <= self._budget]
        return max(fitting, default=1)

    def _shed(self, size: int) -> None:
        # Only here, outside the handler, are the failed batch's tensors free to go.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size == 1:
            raise ModelUnavailable(
                "the GPU has not enough free memory for a single input: free it, or set"
                " MMPIPE_MODELS__DEVICE=cpu"
            )
        with self._lock:
            self._limit = max(1, min(self._limit, size // 2))
            self._fine = 0

    def _went_well(self) -> None:
        with self._lock:
            if self._limit == self._max_items:
                return
            self._fine += 1
            if self._fine >= RECOVERY:
                self._limit = min(self._max_items, self._limit * 2)
                self._fine = 0


def _unless_out_of_memory(
    forward: Callable[[NDArray[np.intp]], Vectors], batch: NDArray[np.intp]
) -> Vectors | None:
    try:
        return forward(batch)
    except torch.OutOfMemoryError:
        return None


def unit(vectors: Vectors) -> Vectors:
    """Rows at unit length, float32."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

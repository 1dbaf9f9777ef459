"""Candidates from Lance's own vector index, for versions too large to score whole.

Only row addresses come back: scores are computed again from the vectors in memory, so neither the index's
quantisation nor its metric shows in a result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import Vectors
from mmpipe.lake.schema import FUSED

NPROBES = 20


class AnnIndex:
    """The index on the fused vector of one opened dataset."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @staticmethod
    def exists(dataset: Any) -> bool:
        """Whether the fused vector is indexed in this version."""
        return any(FUSED in index["fields"] for index in dataset.list_indices())

    def addresses(self, query: Vectors, k: int) -> NDArray[np.uint64]:
        """Row addresses of about the k nearest rows; rows written since the index was built are included."""
        scanner = self._dataset.scanner(
            nearest={"column": FUSED, "q": query, "k": k, "nprobes": NPROBES},
            columns=["_distance"],
            with_row_address=True,
            disable_scoring_autoprojection=True,
        )
        found: NDArray[np.uint64] = scanner.to_table()["_rowaddr"].to_numpy()
        return found

"""Ranking metrics over binary relevance.

Each takes the ranked ids of one query (best first, no repeats) and its set of relevant ids, and raises
``ValueError`` where nothing is relevant: such a query measures nothing and must be left out, not counted
as zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def recall_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of the relevant ids among the first ``k``."""
    return _hits(ranked, relevant, k) / len(relevant)


def precision_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of the first ``k`` places that hold a relevant id; places that stay empty count against it."""
    return _hits(ranked, relevant, k) / k


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """1 / rank of the first relevant id, 0 where none was ranked; its mean over queries is MRR."""
    _check(relevant, 1)
    return next((1.0 / rank for rank, item in enumerate(ranked, start=1) if item in relevant), 0.0)


def ndcg_at_k(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain: binary gains, log2 discount (Järvelin and Kekäläinen, 2002)."""
    _check(relevant, k)
    gain = sum(1.0 / math.log2(rank + 1) for rank, item in enumerate(ranked[:k], start=1) if item in relevant)
    ideal = sum(1.0 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return gain / ideal


def _hits(ranked: Sequence[str], relevant: Collection[str], k: int) -> int:
    _check(relevant, k)
    return sum(1 for item in ranked[:k] if item in relevant)


def _check(relevant: Collection[str], k: int) -> None:
    if k < 1:
        raise ValueError("k must be at least 1")
    if not relevant:
        raise ValueError("a query needs at least one relevant id")

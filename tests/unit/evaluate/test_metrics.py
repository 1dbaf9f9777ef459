"""Metrics against scikit-learn and worked examples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.judged import read_queries
from mmpipe.evaluate.metrics import ndcg_at_k, precision_at_k, recall_at_k, reciprocal_rank

RANKED = ["c", "a", "x", "b", "y"]


def test_worked_example() -> None:
    relevant = {"a", "b", "z"}
    assert recall_at_k(RANKED, relevant, 2) == pytest.approx(1 / 3)
    assert recall_at_k(RANKED, relevant, 10) == pytest.approx(2 / 3)
    assert precision_at_k(RANKED, relevant, 2) == pytest.approx(1 / 2)
    assert precision_at_k(RANKED, relevant, 10) == pytest.approx(2 / 10)
    assert reciprocal_rank(RANKED, relevant) == pytest.approx(1 / 2)
    assert reciprocal_rank(RANKED, {"nowhere"}) == 0.0
    # ranks 2 and 4 relevant: 1/log2(3) + 1/log2(5), over the ideal 1 + 1/log2(3) + 1/log2(4)
    assert ndcg_at_k(RANKED, relevant, 10) == pytest.approx(
        (0.63093 + 0.43068) / (1 + 0.63093 + 0.5), abs=1e-4
    )


@given(st.permutations(list(range(12))), st.sets(st.integers(0, 11), min_size=1), st.integers(1, 12))
def test_ndcg_agrees_with_scikit_learn(order: list[int], relevant: set[int], k: int) -> None:
    truth = np.array([[1.0 if item in relevant else 0.0 for item in order]])
    scores = np.array([[float(len(order) - rank) for rank in range(len(order))]])
    ours = ndcg_at_k([str(item) for item in order], {str(item) for item in relevant}, k)
    assert ours == pytest.approx(ndcg_score(truth, scores, k=k))


def test_a_query_without_relevant_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="relevant"):
        recall_at_k(RANKED, set(), 1)


@pytest.mark.parametrize(
    "line",
    [
        '{"query": "x"}',
        '{"query": "x", "relevant": []}',
        '{"query": "x", "relevant": "d1"}',
        "not json",
        '{"query": 1, "relevant": ["a"]}',
    ],
)
def test_a_bad_query_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"query": "ok", "relevant": ["1"]}) + "\n" + line + "\n")
    with pytest.raises(InvalidRequest, match="line 2"):
        read_queries(path)

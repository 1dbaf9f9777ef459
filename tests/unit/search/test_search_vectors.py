"""Candidate lists against brute force, in every form vectors are kept and found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmpipe.search import retrieve, vectors
from mmpipe.search.topk import best, threshold
from mmpipe.search.vectors import PackedBlock, VectorColumn
from tests.unit.search import catalogues

DIM = 64


def unit(count: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


# Not every CPU has an exact integer product; the float16 path is for those.
_PATHS = [True, False] if vectors.has_integer_product() else [False]


@pytest.mark.parametrize("integer", _PATHS, ids=lambda integer: "int8" if integer else "float16")
def test_coarse_scores_err_at_most_as_they_say(monkeypatch: pytest.MonkeyPatch, integer: bool) -> None:
    monkeypatch.setattr(vectors, "has_integer_product", lambda: integer)
    values = unit(6_000, 0)
    block = PackedBlock.of(values, np.ones(6_000, np.bool_), searched=True)
    assert (block.packed is not None) == integer
    assert block.values.dtype == np.float16
    column = VectorColumn(
        [block, PackedBlock.of(unit(5, 1), np.ones(5, np.bool_), searched=True)], [0, 6_000], DIM
    )
    exact = np.concatenate([values, unit(5, 1)])
    for query in unit(20, 2):
        coarse, error = column.coarse(query)
        assert 0 < error < 0.05
        assert np.abs(coarse - exact @ query).max() <= error
        rows = np.array([5, 6_003, 17])
        assert column.score(rows, query) == pytest.approx(exact[rows] @ query, abs=1e-3)
        some, error = column.coarse_of(rows, query)
        assert some == pytest.approx(exact[rows] @ query, abs=max(error, 1e-6))


def test_best_cuts_ties_by_id() -> None:
    rows = np.arange(6)
    scores = np.array([1, 2, 1, 1, 2, 1], np.float32)
    id_rank = np.array([5, 4, 3, 2, 1, 0], np.int32)
    chosen, values = best(rows, scores, id_rank, 3)
    assert chosen.tolist() == [4, 1, 5]
    assert values.tolist() == [2, 2, 1]


@pytest.mark.parametrize("count", [50, 5_000])
def test_threshold_is_the_kth_highest(count: int) -> None:
    scores = np.random.default_rng(count).random(count).astype(np.float32)
    assert threshold(scores, 20) == pytest.approx(float(np.sort(scores)[-20]))
    assert threshold(scores, count) == float("-inf")


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01, 0.0])
def test_candidates_are_the_exact_best_under_any_filter(tmp_path: Path, share: float) -> None:
    products = [catalogues.product(f"p{n:05d}", f"w{n % 71} w{n % 13} w{n % 7}") for n in range(4_500)]
    folder = tmp_path / "t"
    catalogues.create(folder, catalogues.rows_of(products))
    snapshot = catalogues.snapshot(catalogues.upsert(folder, catalogues.tombstones(["p00007"])))
    fused = catalogues.fused_of(products)
    query = catalogues.text_vector("w7 w5 w3")
    mask = np.random.default_rng(1).random(snapshot.rows) < share
    rows, scores = retrieve.by_vector(snapshot, query, None if share == 1 else mask, 100)
    eligible = [r for r in range(snapshot.rows) if snapshot.alive[r] and (share == 1 or mask[r])]
    ids = [snapshot.text("id", r) for r in eligible]
    truth = fused[[int((i or "p0")[1:]) for i in ids]] @ query if ids else np.zeros(0)
    assert len(rows) == min(100, len(eligible))
    assert "p00007" not in [snapshot.text("id", r) for r in rows.tolist()]
    assert scores == pytest.approx(np.sort(truth)[::-1][: len(rows)], abs=1e-3)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_an_index_answers_where_the_version_is_too_large_to_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = [catalogues.product(f"p{n:05d}", f"w{n % 71} w{n % 13} w{n % 7}") for n in range(1_000)]
    dataset = catalogues.create(tmp_path / "t", catalogues.rows_of(products))
    dataset.create_index("vector", "IVF_FLAT", metric="cosine", num_partitions=4)
    dataset = catalogues.append(tmp_path / "t", catalogues.rows_of([catalogues.product("zz", "w7 w5 w3")]))
    snapshot = catalogues.snapshot(dataset, exact_rows=500)
    assert snapshot.ann is not None
    assert catalogues.snapshot(dataset, exact_rows=5_000).ann is None
    monkeypatch.setattr(retrieve, "_GATHER_ROWS", 10)
    query = catalogues.text_vector("w7 w5 w3")
    exact = catalogues.snapshot(dataset)
    for mask in (None, np.arange(snapshot.rows) % 2 == 0, np.arange(snapshot.rows) % 50 == 0):
        rows, scores = retrieve.by_vector(snapshot, query, mask, 20)
        wanted, best_scores = retrieve.by_vector(exact, query, mask, 20)
        assert rows.tolist() == wanted.tolist()
        assert scores == pytest.approx(best_scores, abs=1e-4)
    # Few candidates pass this filter, though more than are scored directly: the index falls short, scoring
    # steps in.
    nearest = retrieve.by_vector(exact, query, None, 900)[0]
    far = np.ones(snapshot.rows, np.bool_)
    far[nearest] = False
    assert len(retrieve.by_vector(snapshot, query, far, 60)[0]) == 60
    assert snapshot.text("id", int(retrieve.by_vector(snapshot, query, None, 1)[0][0])) == "zz"


def test_absent_vectors_take_no_memory_and_read_as_zero() -> None:
    values, present = unit(50, 3), np.arange(50) % 10 == 0
    values[~present] = 0
    sparse = PackedBlock.of(values, present, searched=False)
    dense = PackedBlock.of(values, present, searched=True)
    assert sparse.nbytes < dense.nbytes / 4
    column = VectorColumn(
        [sparse, dense, PackedBlock.of(values[:0], present[:0], searched=False)], [0, 50, 100], DIM
    )
    rows = np.array([0, 1, 99, 60, 50, 10])
    found, has = column.gather(rows)
    assert np.array_equal(found, np.concatenate([values, values])[rows])
    assert has.tolist() == [True, False, False, True, True, True]

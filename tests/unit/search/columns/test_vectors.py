"""Vectors of a version: what is found against every vector in numpy, however the rows are split."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.vectors import EXACT_ROWS, SURVIVORS, VectorColumn, build_vectors
from mmpipe.search.kernels.memory import words_of

Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]


def unit(values: NDArray[np.floating]) -> Singles:
    units: Singles = (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)
    return units


def drawn(count: int, dim: int, seed: int, centres: int = 40) -> Singles:
    """Unit vectors around some centres, with a cosine of about 0.7 to theirs."""
    rng = np.random.default_rng(seed)
    around = unit(np.random.default_rng(99).standard_normal((centres, dim)))
    noise = rng.standard_normal((count, dim)) / np.sqrt(dim)
    return unit(around[rng.integers(0, centres, count)] + noise)


class Split:
    """A column over ``values`` cut into fragments, and where each row went."""

    def __init__(
        self,
        values: Singles,
        sizes: Sequence[int],
        present: Bools | None = None,
        alive: Bools | None = None,
        *,
        searched: bool = True,
        exact_rows: int = EXACT_ROWS,
    ) -> None:
        assert sum(sizes) == len(values)
        self.present = np.ones(len(values), np.bool_) if present is None else present
        self.alive = np.ones(len(values), np.bool_) if alive is None else alive
        self.layout = Layout(sizes)
        ends = np.cumsum(sizes)
        parts = []
        for end, size in zip(ends, sizes, strict=True):
            part = build_vectors(values[end - size : end], self.present[end - size : end], searched=searched)
            for array in part.values():
                array.setflags(write=False)
            parts.append(part)
        self.rows = np.concatenate(
            [base + np.arange(size) for base, size in zip(self.layout.bases, sizes, strict=False)]
        ).astype(np.int32)
        self.column = VectorColumn(
            parts, self.layout, self.mask(self.alive), values.shape[1], exact_rows=exact_rows
        )
        self.halves = values.astype(np.float16).astype(np.float32)
        # Later rows rank first, so that ties are not in the order of rows by chance.
        self.rank = np.arange(self.layout.rows, dtype=np.int32)[::-1].copy()

    def mask(self, marks: Bools) -> NDArray[np.uint64]:
        spread = np.zeros(self.layout.rows, np.bool_)
        spread[self.rows] = marks
        words = words_of(spread)
        words.setflags(write=False)
        return words

    def truth(self, query: Singles, marks: Bools) -> tuple[NDArray[np.int32], Singles]:
        """All rows that qualify with their scores, best first, ties by rank."""
        chosen = np.flatnonzero(marks & self.present & self.alive)
        scores = self.halves[chosen] @ query
        order = np.lexsort((self.rank[self.rows[chosen]], -scores))
        return self.rows[chosen][order], scores[order]

    def nearest(self, query: Singles, marks: Bools, k: int) -> tuple[NDArray[np.int32], Singles]:
        return self.column.nearest(query, self.mask(marks & self.alive), k, self.rank)


def recall(found: NDArray[np.int32], wanted: NDArray[np.int32]) -> float:
    return float(np.isin(wanted, found).mean())


@pytest.mark.parametrize("dim", [1, 16, 23, 64, 100, 256])
@pytest.mark.parametrize("sizes", [[1_400], [700, 1, 64, 635]], ids=["one", "four"])
def test_few_rows_are_compared_one_by_one(dim: int, sizes: list[int]) -> None:
    split = Split(drawn(1_400, dim, 1), sizes)
    every = np.ones(1_400, np.bool_)
    for query in drawn(5, dim, 2):
        rows, scores = split.nearest(query, every, 50)
        _, truth = split.truth(query, every)
        assert scores == pytest.approx(truth[:50], abs=1e-6)
        assert scores == pytest.approx(split.halves[np.searchsorted(split.rows, rows)] @ query, abs=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.002, 0.0])
def test_tight_masks_are_exact_in_large_versions(share: float) -> None:
    split = Split(drawn(12_000, 64, 3), [9_000, 3_000])
    marks = np.random.default_rng(4).random(12_000) < share
    for query in drawn(5, 64, 5):
        rows, scores = split.nearest(query, marks, 100)
        expected, truth = split.truth(query, marks)
        assert scores == pytest.approx(truth[:100], abs=1e-6)
        assert recall(rows, expected[:100]) >= 0.99 if len(rows) else share == 0
        assert len(rows) == min(100, len(expected))


def test_a_row_scores_the_same_bits_wherever_it_is() -> None:
    values = drawn(9_000, 100, 6)
    splits = [Split(values, sizes) for sizes in ([9_000], [5_000, 4_000], [1, 4_999, 63, 3_937])]
    query = drawn(1, 100, 7)[0]
    every = np.ones(9_000, np.bool_)
    scored = [split.column.score(split.rows, query) for split in splits]
    for split, scores in zip(splits, scored, strict=True):
        assert scores.tobytes() == scored[0].tobytes()
        assert split.column.scan(query, split.mask(every))[1].tobytes() == scores.tobytes()
        rows, near = split.nearest(query, every, 200)
        assert near.tobytes() == split.column.score(rows, query).tobytes()
        rows, near = split.nearest(query, np.arange(9_000) % 9 == 0, 200)
        assert near.tobytes() == split.column.score(rows, query).tobytes()


def test_scores_are_those_of_float16_the_smallest_included() -> None:
    values = np.zeros((3, 40), np.float32)
    values[0, :3] = 6e-8, 3e-6, -1
    values[1, 20], values[2, 39] = 1, -1
    split = Split(values, [3])
    query = unit(np.arange(1, 41, dtype=np.float32))
    expected = (split.halves.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    assert split.column.score(split.rows, query) == pytest.approx(expected, rel=1e-6)
    assert split.column.gather(split.rows)[0].tobytes() == split.halves.tobytes()


@pytest.mark.parametrize("exact_rows", [10_000, 0], ids=["exact", "lists"])
def test_equal_scores_are_cut_by_rank(exact_rows: int) -> None:
    values = drawn(5_000, 32, 8)
    values[100:120] = values[7]
    split = Split(values, [2_000, 3_000], exact_rows=exact_rows)
    every = np.ones(5_000, np.bool_)
    rows, scores = split.nearest(values[7], every, 5)
    # The highest rows among the equal ones rank first.
    assert rows.tolist() == split.rows[[119, 118, 117, 116, 115]].tolist()
    assert len(set(scores.tolist())) == 1


def test_only_living_rows_with_a_vector_are_found() -> None:
    values = drawn(6_000, 32, 9)
    rng = np.random.default_rng(10)
    present, alive = rng.random(6_000) < 0.7, rng.random(6_000) < 0.8
    split = Split(np.where(present[:, None], values, np.nan), [6_000 - 65, 65], present, alive)
    column = split.column
    assert column.present.tobytes() == split.mask(present & alive).tobytes()
    for marks in (np.ones(6_000, np.bool_), np.arange(6_000) < 3_000, np.arange(6_000) % 7 == 0):
        rows, _ = split.nearest(values[0], marks, 6_000)
        good = split.rows[present & alive & marks]
        assert np.isin(rows, good).all()
        assert len(rows) == len(good)
        scanned, _ = column.scan(values[0], split.mask(marks & alive))
        assert scanned.tolist() == good.tolist()
    absent = split.rows[~present]
    assert not column.score(absent, values[0]).any()
    gathered, there = column.gather(split.rows)
    assert there.tolist() == present.tolist()
    assert not gathered[~present].any()
    assert np.array_equal(gathered[present], values[present].astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("sizes", [[30_000], [5_000] * 6], ids=["one", "six"])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_lists_find_nearly_all_of_the_nearest(sizes: list[int], share: float) -> None:
    split = Split(drawn(30_000, 96, 11, centres=30), sizes)
    marks = np.random.default_rng(12).random(30_000) < share
    ten, many = [], []
    for query in drawn(30, 96, 13, centres=30):
        rows, scores = split.nearest(query, marks, 200)
        expected, _ = split.truth(query, marks)
        assert np.array_equal(scores, np.sort(scores)[::-1])
        ten.append(recall(rows[:10], expected[:10]))
        many.append(recall(rows, expected[:200]))
    assert np.mean(ten) >= 0.98
    assert np.mean(many) >= 0.95


def test_rows_of_small_fragments_are_found_beside_large_ones() -> None:
    """A small fragment's rows have nothing in common, and no centroid is near them."""
    values = drawn(20_300, 64, 25)
    split = Split(values, [20_000, 200, 1, 99])
    every = np.ones(20_300, np.bool_)
    for at in (20_000, 20_150, 20_200, 20_299):
        rows, scores = split.nearest(values[at], every, 1)
        assert rows.tolist() == [split.rows[at]]
        assert scores == pytest.approx([1.0], abs=1e-3)


def test_a_later_version_takes_over_what_is_known_of_the_same_parts() -> None:
    values, query = drawn(8_960, 64, 26), drawn(1, 64, 27)[0]
    parts = [
        build_vectors(values[some], np.ones(4_480, np.bool_), searched=True)
        for some in (slice(0, 4_480), slice(4_480, 8_960))
    ]
    layout, alive = Layout([4_480, 4_480]), words_of(np.ones(8_960, np.bool_))
    before = VectorColumn(parts[:1], Layout([4_480]), alive[:70], 64)
    after = VectorColumn(parts[::-1], layout, alive, 64, before)
    anew = VectorColumn(parts[::-1], layout, alive, 64)
    rank = np.arange(layout.rows, dtype=np.int32)
    for one, other in zip(
        after.nearest(query, after.present, 100, rank),
        anew.nearest(query, anew.present, 100, rank),
        strict=True,
    ):
        assert one.tobytes() == other.tobytes()


def test_a_mask_far_from_the_query_is_looked_through() -> None:
    values = drawn(30_000, 64, 14)
    centre = unit(np.random.default_rng(99).standard_normal((40, 64)))[3]
    far = values @ centre < 0
    split = Split(values, [30_000])
    assert far.sum() > 8_000
    rows, _ = split.nearest(centre, far, 200)
    assert len(rows) == 200
    assert np.isin(rows, split.rows[far]).all()


@pytest.mark.parametrize("k", [10, 200, 1_500])
def test_all_above_the_last_of_the_nearest_are_the_nearest(k: int) -> None:
    split = Split(drawn(20_000, 64, 15), [15_000, 5_000])
    marks = np.random.default_rng(16).random(20_000) < 0.8
    for query in drawn(5, 64, 17):
        rows, scores = split.nearest(query, marks, k)
        assert len(rows) == k
        above, theirs = split.column.above(query, split.mask(marks), float(scores[-1]), k)
        order = np.argsort(rows)
        assert np.isin(rows, above).all()
        assert (theirs >= scores[-1]).all()
        assert (np.diff(above) > 0).all()
        if len(above) == k:
            assert above.tolist() == rows[order].tolist()
            assert theirs.tobytes() == scores[order].tobytes()


def test_above_is_exact_under_tight_masks() -> None:
    split = Split(drawn(9_000, 32, 18), [9_000])
    marks = np.arange(9_000) % 10 == 0
    query = drawn(1, 32, 19)[0]
    rows, _ = split.column.above(query, split.mask(marks), 0.25)
    chosen = np.flatnonzero(marks)
    assert rows.tolist() == split.rows[chosen[split.halves[chosen] @ query >= 0.25]].tolist()


def test_more_equal_vectors_than_are_kept() -> None:
    values = np.repeat(drawn(1, 32, 20), 9_000, axis=0)
    split = Split(values, [9_000])
    rows, scores = split.nearest(values[0], np.ones(9_000, np.bool_), SURVIVORS)
    assert len(set(rows.tolist())) == SURVIVORS
    assert len(set(scores.tolist())) == 1


def test_columns_that_are_not_searched_keep_values_alone() -> None:
    present = np.arange(500) % 5 == 0
    values = drawn(500, 48, 21)
    part = build_vectors(values, present, searched=False)
    assert {name: array.shape for name, array in part.items()} == {
        "values": (100, 48),
        "place": (500,),
        "present": (8,),
    }
    split = Split(values, [300, 200], present, searched=False)
    rows, scores = split.column.scan(values[0], split.mask(np.arange(500) < 400))
    assert rows.tolist() == split.rows[present & (np.arange(500) < 400)].tolist()
    assert scores == pytest.approx((split.halves @ values[0])[present & (np.arange(500) < 400)], abs=1e-6)


@pytest.mark.parametrize("searched", [True, False])
def test_versions_without_vectors_find_nothing(searched: bool) -> None:
    for sizes in ([], [70]):
        values = np.zeros((sum(sizes), 16), np.float32)
        marks = np.ones(sum(sizes), np.bool_)
        layout = Layout(sizes)
        parts = [build_vectors(values, ~marks, searched=searched) for _ in sizes]
        column = VectorColumn(parts, layout, words_of(marks), 16)
        query = np.zeros(16, np.float32)
        mask = np.full(layout.words, 2**64 - 1, np.uint64)
        assert column.nearest(query, mask, 10, np.arange(layout.rows, dtype=np.int32))[0].tolist() == []
        assert column.above(query, mask, -1.0)[0].tolist() == []
        assert column.score(np.arange(sum(sizes), dtype=np.int32), query).tolist() == [0.0] * sum(sizes)


def test_threads_get_the_same_answers() -> None:
    split = Split(drawn(20_000, 64, 22), [12_000, 8_000])
    queries = drawn(16, 64, 23)
    every = np.ones(20_000, np.bool_)
    alone = [split.nearest(query, every, 50)[0].tolist() for query in queries]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: split.nearest(query, every, 50)[0].tolist(), queries))
    assert together == alone


def test_building_is_deterministic() -> None:
    values = drawn(6_000, 32, 24)
    one, two = (build_vectors(values, np.ones(6_000, np.bool_), searched=True) for _ in range(2))
    assert {name: array.tobytes() for name, array in one.items()} == {
        name: array.tobytes() for name, array in two.items()
    }

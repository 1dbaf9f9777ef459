import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.kernels.memory import address, set_rows
from mmpipe.search.kernels.order import by_number, first_in_order, top_scores

KEYS = [-1.0, 0.0, 0.5, 2.0]


@settings(deadline=None)
@given(
    scores=st.lists(st.sampled_from(KEYS), max_size=60),
    k=st.integers(0, 70),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_the_best_come_in_order_and_behind_the_last_page(
    scores: list[float], k: int, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    rank = rng.permutation(128).astype(np.int32)
    rows = rng.permutation(128)[: len(scores)].astype(np.int32)
    values = np.array(scores, np.float64)
    ordered = sorted(range(len(scores)), key=lambda i: (-scores[i], rank[rows[i]]))
    assert top_scores(rows, values, rank, k).tolist() == ordered[:k]
    key, place = data.draw(st.sampled_from(KEYS)), data.draw(st.integers(0, 128))
    behind = [i for i in ordered if (-scores[i], rank[rows[i]]) >= (-key, place)]
    assert top_scores(rows, values, rank, k, key, place).tolist() == behind[:k]


@settings(deadline=None)
@given(
    size=st.sampled_from([0, 1, 5, 600, 1024]),
    k=st.integers(0, 40),
    seed=st.integers(0, 99),
    place=st.integers(0, 1024),
)
def test_a_set_comes_by_id(size: int, k: int, seed: int, place: int) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(1024).astype(np.int32)
    rank = np.argsort(order).astype(np.int32)
    chosen = rng.permutation(1024)[:size].astype(np.int32)
    expected = [row for row in order.tolist() if row in set(chosen.tolist()) and rank[row] >= place][:k]
    assert first_in_order(set_rows(chosen, 1024), order, rank, k, place).tolist() == expected


def test_a_dense_set_without_its_first_ids_comes_by_id() -> None:
    order = np.arange(1 << 16, dtype=np.int32)
    chosen = order[60_000:]
    assert first_in_order(set_rows(chosen, 1 << 16), order, order, 3).tolist() == [60_000, 60_001, 60_002]


@pytest.mark.parametrize("descending", [False, True])
@settings(deadline=None)
@given(seed=st.integers(0, 99), k=st.integers(0, 80), key=st.sampled_from(KEYS), place=st.integers(0, 192))
def test_a_set_comes_by_number(descending: bool, seed: int, k: int, key: float, place: int) -> None:
    rng = np.random.default_rng(seed)
    fragments = [rng.choice([*KEYS, np.nan], n) for n in (70, 3)]
    table = np.array(
        [[base, len(p), address(p)] for base, p in zip((0, 128), fragments, strict=True)], np.int64
    )
    price = {
        base + i: v for base, p in zip((0, 128), fragments, strict=True) for i, v in enumerate(p.tolist())
    }
    rank = rng.permutation(192).astype(np.int32)
    chosen = [row for row in price if rng.random() < 0.7]
    words = set_rows(np.array(chosen, np.int32), 192)
    sign = -1.0 if descending else 1.0
    ordered = sorted((sign * price[r], int(rank[r]), r) for r in chosen if not np.isnan(price[r]))
    assert by_number(words, table, rank, k, descending).tolist() == [r for *_, r in ordered][:k]
    behind = [r for p, order, r in ordered if (p, order) >= (sign * key, place)]
    assert by_number(words, table, rank, k, descending, key, place).tolist() == behind[:k]

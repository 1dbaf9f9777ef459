"""Compiled passes over candidates and histories give what the plain ones give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.recommend.kernels.history import heaviest
from mmpipe.recommend.kernels.strongest import strongest
from mmpipe.search.kernels.memory import set_rows

ROWS = 128


@given(
    values=st.lists(st.integers(1, 4), max_size=90),
    allowed=st.sets(st.integers(0, ROWS - 1)),
    gone=st.sets(st.integers(0, 89)),
    count=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_the_strongest_of_a_ranking(
    values: list[int], allowed: set[int], gone: set[int], count: int, seed: int
) -> None:
    falling = np.array(sorted(values, reverse=True), np.float64)
    codes = np.arange(len(falling), dtype=np.int32)
    row_of = np.random.default_rng(seed).permutation(ROWS).astype(np.int32)
    row_of[[code for code in gone if code < len(row_of)]] = -1
    words = set_rows(np.array(sorted(allowed), np.int32), ROWS)
    rows, worth, more = strongest(codes, falling, row_of, words, count)
    all_of_them = sorted(
        (-value, row)
        for value, row in zip(falling.tolist(), row_of[codes].tolist(), strict=True)
        if row in allowed
    )
    expected = sorted((row, -value) for value, row in all_of_them[:count])
    assert list(zip(rows.tolist(), worth.tolist(), strict=True)) == expected
    assert more == (len(all_of_them) > count)


@given(
    events=st.lists(st.tuples(st.integers(0, 5), st.sampled_from([-3.0, -1.0, 0.5, 1.0, 5.0])), max_size=40),
    most=st.integers(1, 8),
)
def test_what_events_say_of_products(events: list[tuple[int, float]], most: int) -> None:
    found = heaviest(
        np.array([row for row, _ in events], np.int32), np.array([each for _, each in events]), 2.0, most
    )
    expected = []
    for row in {row for row, _ in events}:
        own = [weight for of, weight in events if of == row]
        cap = 2.0 * max(map(abs, own))
        total = min(max(sum(own), -cap), cap)
        if total:
            expected.append((-abs(total), row, total))
    expected = sorted(expected)[:most]
    assert found[0].tolist() == [row for _, row, _ in expected]
    assert found[1].tolist() == [total for _, _, total in expected]

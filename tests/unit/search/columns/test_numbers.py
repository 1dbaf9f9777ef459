"""Numbers of rows: ranges, sums and values, whatever fragments the rows are in."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.numbers import NumberColumn, build_number
from mmpipe.search.columns.pack import Pack
from mmpipe.search.kernels.memory import rows_of, set_rows

NUMBERS = st.one_of(
    st.none(), st.sampled_from([0.0, -0.0, 3.5, 4.0, 4.0, 5.0]), st.floats(-1e9, 1e9, allow_nan=False)
)


def part(values: list[float | None]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return Pack.of(build_number(pa.array(values, pa.float64()))).arrays  # type: ignore[return-value]


def numbered(fragments: list[list[float | None]]) -> dict[int, float | None]:
    """The number of each row."""
    bases = Layout([len(values) for values in fragments]).bases.tolist()
    return {
        base + n: value
        for base, values in zip(bases, fragments, strict=False)
        for n, value in enumerate(values)
    }


@given(
    st.lists(NUMBERS, max_size=200),
    st.lists(st.integers(0, 200), max_size=3),
    st.floats(0, 1),
    st.tuples(st.none() | st.floats(-10, 10), st.none() | st.floats(-10, 10)),
    st.integers(0, 2**32),
)
def test_they_are_those_of_the_rows(
    values: list[float | None],
    cuts: list[int],
    share: float,
    bounds: tuple[float | None, float | None],
    seed: int,
) -> None:
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    fragments = [values[a:b] for a, b in pairwise(edges)]
    layout = Layout([len(each) for each in fragments])
    column = NumberColumn([part(each) for each in fragments], layout)
    of = numbered(fragments)
    rows = np.array(list(of), np.int32)
    expected = [math.nan if value is None else value for value in of.values()]
    assert np.array_equal(column.of(rows), np.array(expected, np.float64), equal_nan=True)
    present = [row for row, value in of.items() if value is not None]
    assert rows_of(column.present).tolist() == present

    gte, lte = bounds
    inside = [
        row
        for row in present
        if (gte is None or of[row] >= gte) and (lte is None or of[row] <= lte)  # type: ignore[operator]
    ]
    assert rows_of(column.range_mask(gte, lte)).tolist() == inside
    assert rows_of(column.present).tolist() == present

    chosen = rows[np.random.default_rng(seed).random(len(rows)) < share]
    words = set_rows(chosen, layout.rows)
    held = sorted(v + 0.0 for row in chosen.tolist() if (v := of[row]) is not None)
    found, counts = column.distinct(words)
    assert found.tolist() == sorted(set(held))
    assert counts.tolist() == [held.count(value) for value in found.tolist()]


def test_moments_are_unix_seconds_and_counts_are_numbers() -> None:
    moments = pa.array([datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC), None], pa.timestamp("us", "UTC"))
    built = build_number(moments)
    assert built["number"][0] == datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() + 0.25
    assert built["present"].tolist() == [1]
    counts = build_number(pa.array([None, 7, 2**60], pa.int64()))
    assert counts["number"].tolist()[1:] == [7.0, 2.0**60]
    assert counts["present"].tolist() == [0b110]
    assert build_number(pa.nulls(70, pa.float64()))["present"].tolist() == [0, 0]


def test_what_a_former_version_has_is_taken_over() -> None:
    first, second, third = part([1.0, None]), part([4.0] * 65), part([2.0])
    former = NumberColumn([first, second], Layout([2, 65]))
    column = NumberColumn([second, third], Layout([65, 1]), former)
    rows = np.array([0, 64, 128], np.int32)
    assert column.of(rows).tolist() == [4.0, 4.0, 2.0]
    assert former.of(np.array([0, 64, 128], np.int32)).tolist() == [1.0, 4.0, 4.0]
    assert [each.tolist() for each in column.distinct(column.present)] == [[2.0, 4.0], [1, 65]]


def test_no_fragments() -> None:
    column = NumberColumn([], Layout([]))
    nothing = np.zeros(0, np.uint64)
    assert column.range_mask(0, 1).tolist() == column.present.tolist() == []
    assert [each.tolist() for each in column.distinct(nothing)] == [[], []]


@pytest.mark.parametrize("name", ["number", "present"])
def test_parts_that_do_not_fit_are_refused(name: str) -> None:
    whole = part([1.0, 2.0])
    for array in (np.zeros(3, whole[name].dtype), np.zeros(len(whole[name]), np.int32)):
        with pytest.raises(ValueError, match="do not fit"):
            NumberColumn([whole | {name: array}], Layout([2]))

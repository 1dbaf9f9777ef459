from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.columns.ids import Arrays, IdColumn, build_rows
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import DamagedPack
from mmpipe.search.kernels.memory import set_rows

IDS = st.lists(st.text(st.sampled_from("ab\u00e9\U0001f600\uffff"), max_size=3), max_size=70)


def part(ids: Sequence[str]) -> Arrays:
    return build_rows(pa.array(ids, pa.string()), pa.nulls(len(ids), pa.bool_()))


def column(parts: Sequence[Arrays], former: IdColumn | None = None) -> IdColumn:
    return IdColumn(parts, Layout([len(p["id_order"]) for p in parts]), former)


def expected_order(fragments: Sequence[Sequence[str]]) -> list[int]:
    bases = Layout([len(ids) for ids in fragments]).bases.tolist()
    rows = [
        (each.encode(), base + i)
        for ids, base in zip(fragments, bases, strict=False)
        for i, each in enumerate(ids)
    ]
    return [row for _, row in sorted(rows)]


@settings(deadline=None)
@given(data=st.data(), ids=st.lists(IDS, max_size=6))
def test_the_order_is_that_of_bytes_whatever_version_came_before(
    data: st.DataObject, ids: list[list[str]]
) -> None:
    parts = [part(each) for each in ids]
    before = data.draw(st.lists(st.integers(0, len(ids) - 1), unique=True)) if ids else []
    after = data.draw(st.permutations(range(len(ids))))
    kept = after[: data.draw(st.integers(0, len(ids)))]
    former = column([parts[f] for f in before])
    assert former.order.tolist() == expected_order([ids[f] for f in before])
    found = column([parts[f] for f in kept], former)
    assert found.order.tolist() == expected_order([ids[f] for f in kept])
    assert found.rank[found.order].tolist() == list(range(len(found.order)))


def test_of_equal_ids_the_living_row_is_found() -> None:
    found = column([part(["b", "a"]), part(["b", "c"]), part(["b"])])
    everything = [0, 1, 64, 65, 128]
    for living in (0, 64, 128):
        alive = set_rows(np.array([1, living], np.int32), 192)
        assert found.find("b", alive) == living
    assert found.find("c", alive) is None
    assert found.find("bb", alive) is None
    assert found.find("\ud800", alive) is None
    assert [found.place(each) for each in ("", "a", "b", "bb", "c", "d")] == [0, 1, 4, 4, 5, 5]
    assert found.ids(np.array(everything, np.int32)) == ["b", "a", "b", "c", "b"]


def test_tombstones_and_slices_are_read() -> None:
    rows = build_rows(pa.array(["x", "b", "a"])[1:], pa.array([True, None, True])[1:])
    assert rows["id_bytes"].tobytes() == b"ba"
    assert rows["id_start"].tolist() == [0, 1, 2]
    assert rows["id_order"].tolist() == [1, 0]
    assert rows["tombstone"].tolist() == [2]


def test_ids_of_other_rows_are_refused() -> None:
    with pytest.raises(DamagedPack):
        IdColumn([part(["a"])], Layout([2]))

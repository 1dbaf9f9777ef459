import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.page import PageColumn, build_page

TEXT = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))


@pytest.mark.parametrize("times", [1, 64])
@settings(deadline=None)
@given(values=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_members_are_what_json_writes(times: int, values: list[tuple[str | None, str | None]]) -> None:
    values = values * times
    columns = {name: pa.array([v[i] for v in values], pa.string()) for i, name in enumerate(("id", "title"))}
    column = PageColumn([build_page(columns)], Layout([len(values)]))
    expected = [dict(zip(columns, v, strict=True)) for v in values]
    written = [json.dumps(e, ensure_ascii=False, separators=(",", ":"))[1:-1].encode() for e in expected]
    assert column.members(np.arange(len(values), dtype=np.int32)) == written
    assert column.static(len(values) - 1) == expected[-1]


def test_rows_are_found_in_their_fragments() -> None:
    parts = [build_page({"id": pa.array([f"{f}-{i}" for i in range(n)])}) for f, n in enumerate((1, 70, 2))]
    column = PageColumn(parts, Layout([1, 70, 2]))
    rows = np.array([193, 0, 64 + 69], np.int32)
    assert column.members(rows) == [b'"id":"2-1"', b'"id":"0-0"', b'"id":"1-69"']

"""Ids by number: codes that stay, letter for letter, beside what a dictionary of words would say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns.coded import CodedColumn, build_codes
from mmpipe.search.columns.coding import Arrays
from mmpipe.search.columns.dictionaries import dictionaries_for
from mmpipe.search.columns.identifiers import Identifiers
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import Pack
from mmpipe.search.kernels.memory import rows_of, set_rows

IDS = st.one_of(
    st.none(), st.sampled_from(["", " ", "A", "a", "AB", "BA", "Ä", "ä", "组"]), st.text(max_size=6)
)


def part(values: list[str | None]) -> Arrays:
    return Pack.of(build_codes(pa.array(values, pa.string()))).arrays


@given(st.lists(st.lists(IDS, max_size=80), min_size=1, max_size=4))
def test_equal_codes_are_equal_ids(fragments: list[list[str | None]]) -> None:
    layout, held = Layout([len(values) for values in fragments]), Identifiers()
    column: CodedColumn | None = None
    parts: list[Arrays] = []
    for end, values in enumerate(fragments, 1):  # fragment by fragment, as versions follow one another
        parts.append(part(values))
        column = CodedColumn(parts, Layout(layout.sizes[:end]), held, column)
    assert column is not None
    rows = [int(b) + n for b, v in zip(layout.bases, fragments, strict=False) for n in range(len(v))]
    flat = [v if v is not None and v.strip() else None for values in fragments for v in values]
    at = np.array(rows, np.int32)
    assert column.values(at) == flat
    codes = column.codes(at).tolist()
    assert len({(code, value) for code, value in zip(codes, flat, strict=True)}) == len(set(flat))
    assert [code == -1 for code in codes] == [value is None for value in flat]
    everything = set_rows(at, layout.rows)
    assert column.spellings(everything) == Counter(value for value in flat if value is not None)
    assert dict(column.tally(everything, 500)) == column.spellings(everything)
    for value in dict.fromkeys([*flat, "never"]):
        if value is not None and value == value.strip():
            expected = [row for row, each in zip(rows, flat, strict=True) if each == value]
            assert rows_of(column.mask([f" {value} "])).tolist() == expected


def test_codes_stay_while_the_table_grows() -> None:
    held = Identifiers()
    first = held.map_of(part([f"g{n}" for n in range(40)]))
    window = held.window()
    before = [array.copy() for array in window.arrays]
    many = held.map_of(part([f"g{n}" for n in range(20, 20_000)]))
    assert many[:20].tolist() == first[20:].tolist()
    assert len(held) == len(set(many.tolist()) | set(first.tolist())) == 20_000
    assert all(np.array_equal(a, b) for a, b in zip(window.arrays, before, strict=True))
    assert [held.codes_matching(f"g{n}") for n in (0, 19_999)] == [(0,), (19_999,)]
    assert held.codes_matching("G0") == held.codes_matching("") == held.codes_matching("g20000") == ()
    assert held.values[3] == "g3"
    assert list(held.values[1:3]) == ["g1", "g2"]
    assert held.window() is held.window()


def test_ids_that_no_row_has_any_more_are_forgotten() -> None:
    former, old = None, [part([f"g{n}" for n in range(5_000)])]
    former = dictionaries_for(former, {"item_group_id": old}, [])
    same = dictionaries_for(former, {"item_group_id": [*old, part(["new"])]}, [])
    assert same is former
    other = dictionaries_for(former, {"item_group_id": [part(["new", "g1"])]}, [])
    assert len(other.fields["item_group_id"]) == 2
    assert former.fields["item_group_id"].codes_matching("g4999") == (4_999,)

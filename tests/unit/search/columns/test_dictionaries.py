"""Dictionaries: codes that stay, folding, and a fresh start where most values are gone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns.coded import CodedColumn, build_codes
from mmpipe.search.columns.dictionaries import (
    NULL,
    Arrays,
    Dictionary,
    PairDictionary,
    category,
    dictionaries_for,
    fold,
    packed,
    unpacked,
)
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pairs import build_pairs
from mmpipe.search.kernels.memory import set_rows


def codes(values: Sequence[str | None]) -> Arrays:
    return build_codes(pa.array(values, pa.string()))


def pairs(values: Sequence[list[str]]) -> Arrays:
    return build_pairs(pa.array(values, pa.list_(pa.string())))


@given(st.lists(st.text(max_size=8)), st.integers(0, 3))
def test_strings_read_back(values: list[str], skipped: int) -> None:
    array = pa.array(values, pa.string())[skipped:]
    assert unpacked(packed(array)) == array.to_pylist()


@pytest.mark.parametrize(
    ("one", "other"),
    [("500 ml", "500ml"), ("16GB", "16 gb"), ("1,500 W", "1500w"), ('15.6"', "15.6 inch"), (" XL ", "ｘｌ")],
)
def test_what_counts_as_one_value(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_codes_stay_and_spellings_share_a_key() -> None:
    found = Dictionary()
    assert [found.code(value) for value in ("Red", "red", "blue", " ", "Red")] == [0, 1, 2, NULL, 0]
    assert found.codes_matching("RED ") == (0, 1)
    assert found.codes_matching("green") == found.codes_matching("") == ()
    window = found.window()
    before = [array.copy() for array in window.arrays]
    for n in range(1_000):
        found.code(f"v{n}")
    assert all(np.array_equal(a, b) for a, b in zip(window.arrays, before, strict=True))
    assert (window.codes, window.keys, window.names) == (3, 2, 3)


def test_paths_are_found_by_themselves_their_ancestors_and_their_labels() -> None:
    found = Dictionary(category)
    assert found.code("Home>Garden > Lamps") == 0
    assert found.code("lamps") == 1
    assert found.code("> >") == NULL
    for asked in ("HOME", "home > garden", "Garden", "home>garden>lamps"):
        assert found.codes_matching(asked) == (0,)
    assert found.codes_matching("Lamps") == (0, 1)
    assert found.codes_matching("garden > lamps") == ()


def test_attributes_are_numbered_by_name() -> None:
    found = PairDictionary()
    assert [found.code(v) for v in ("Watt=4", "c=x", "watt= 4", "=x", "watt= ", "x")] == [0, 1, 2, -1, -1, -1]
    assert found.attributes().tolist() == [0, 1, 0]
    assert (found.attribute("WATT"), found.attribute("none"), found.attribute("")) == (0, None, None)
    assert found.codes_matching("watt=4") == (0, 2)
    assert found.capped == ()


def test_a_dictionary_is_kept_while_most_of_its_values_are_there() -> None:
    old, new = codes([f"a{n}" for n in range(1_500)]), codes([f"b{n}" for n in range(1_400)])
    attributes = pairs([["a=1"]])
    first = dictionaries_for(None, {"brand": [old], "color": [old]}, [attributes])
    kept = dictionaries_for(first, {"brand": [old, new], "color": [old]}, [attributes])
    assert kept is first
    assert len(kept.fields["brand"]) == 2_900
    some = codes([f"a{n}" for n in range(1_450)])
    assert dictionaries_for(first, {"brand": [some], "color": [old]}, [attributes]) is first
    gone = dictionaries_for(first, {"brand": [new], "color": [old]}, [attributes])
    assert gone.fields["brand"] is not first.fields["brand"]
    assert gone.fields["color"] is first.fields["color"]
    assert gone.pairs is first.pairs
    assert gone.fields["brand"].values == [f"b{n}" for n in range(1_400)]
    assert len(first.fields["brand"]) == 2_900
    assert dictionaries_for(gone, {"brand": [new], "color": [old]}, [attributes]) is gone


def test_small_dictionaries_and_attributes() -> None:
    small = dictionaries_for(None, {"brand": [codes([f"a{n}" for n in range(900)])]}, [])
    assert dictionaries_for(small, {"brand": [codes(["b"])]}, []) is small
    many = pairs([[f"n{n}=x"] for n in range(2_000)])
    first = dictionaries_for(None, {}, [many])
    fresh = dictionaries_for(first, {}, [pairs([["n5=x"]])])
    assert fresh.pairs.values == ["n5=x"]
    assert type(fresh.pairs) is PairDictionary
    assert first.pairs.attribute("n7") == 7
    assert fresh.pairs.attribute("n7") is None


def test_versions_before_a_fresh_start_answer_as_before() -> None:
    old, new = codes([f"A {n}" for n in range(1_500)]), codes(["a 3", "b"])
    first = dictionaries_for(None, {"category": [old]}, [])
    before = CodedColumn([old], Layout([1_500]), first.fields["category"])
    second = dictionaries_for(first, {"category": [new]}, [])
    after = CodedColumn([new], Layout([2]), second.fields["category"], before)
    words = set_rows(np.array([3, 4], np.int32), before.mask(["x"]).size * 64)
    assert before.tally(words) == [("A 3", 1), ("A 4", 1)]
    assert after.tally(set_rows(np.array([0, 1], np.int32), 64)) == [("a 3", 1), ("b", 1)]
    assert after.mask(["A 3"]).tolist() == [1]


def test_a_part_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part, other = codes(["a", "b"]), codes(["b", "c"])
    found = Dictionary()
    assert found.map_of(part).tolist() == [0, 1]
    monkeypatch.setattr(found, "code", lambda value: pytest.fail("looked up again"))
    assert found.map_of(part).tolist() == [0, 1]
    monkeypatch.undo()
    assert found.map_of(other).tolist() == [1, 2]
    assert found.live([other, other]) == 2
    assert list(found._maps) == [id(other["value_start"])]

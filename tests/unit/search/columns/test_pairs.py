"""Attributes: what they filter and count, whatever fragments the rows are in."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns import dictionaries
from mmpipe.search.columns.dictionaries import PairDictionary, fold
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import Pack
from mmpipe.search.columns.pairs import PairColumn, _pairs_of_few, _pairs_of_many, build_pairs
from mmpipe.search.kernels.memory import rows_of, set_rows

Pairs = list[str | None] | None
POOL = [
    *("Watt=40", "watt=40", "WATT= 40 ", "watt=60", "Straße=A", "STRASSE=a", "strasse=B", "a=b=c", "A=B=C"),
    *("rare=x", "=x", "watt=", "novalue", "", None, "size=m\nn"),
]
TYPE = pa.list_(pa.string())


def column(
    fragments: Sequence[Sequence[Pairs]], dictionary: PairDictionary, former: PairColumn | None = None
) -> PairColumn:
    parts = [Pack.of(build_pairs(pa.array(values, TYPE))).arrays for values in fragments]
    return PairColumn(parts, Layout([len(values) for values in fragments]), dictionary, former)


def held(pairs: Pairs, name: str) -> dict[str, str]:
    """What a row has of an attribute: the first spelling by folded value."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        attribute, _, text = (pair or "").partition("=")
        if fold(attribute) == fold(name) and fold(text) and fold(attribute):
            found.setdefault(fold(text), text.strip())
    return found


def expected(rows: Sequence[Pairs], name: str) -> tuple[list[tuple[str, int]], dict[str, int]]:
    spelled: dict[str, Counter[str]] = {}
    for pairs in rows:
        for key, text in held(pairs, name).items():
            spelled.setdefault(key, Counter())[text] += 1
    named = [(min(c, key=lambda v: (-c[v], v)), sum(c.values())) for c in spelled.values()]
    exact = {text: n for counts in spelled.values() for text, n in counts.items()}
    return sorted(named, key=lambda each: (-each[1], each[0])), exact


@given(
    st.integers(0, 2**32),
    st.integers(0, 300),
    st.lists(st.integers(0, 300), max_size=3),
    st.floats(0, 1),
    st.integers(1, 6),
)
def test_filters_and_counts_are_those_of_the_values(
    seed: int, size: int, cuts: list[int], density: float, most: int
) -> None:
    random = np.random.default_rng(seed)
    pool = POOL[: int(random.integers(1, len(POOL) + 1))]
    values: list[Pairs] = [
        None if not random.integers(0, 9) else [pool[i] for i in random.integers(0, len(pool), n)]
        for n in random.integers(0, most, size)
    ]
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    fragments = [values[a:b] for a, b in pairwise(edges)]
    found = column(fragments, PairDictionary())
    layout = Layout([len(f) for f in fragments])
    rows = [int(base) + n for base, f in zip(layout.bases, fragments, strict=False) for n in range(len(f))]
    chosen = np.flatnonzero(random.random(size) < density)
    words = set_rows(np.array(rows, np.int32)[chosen], layout.rows)
    for name in ("WATT", "strasse", "a", "rare", "size", "none", "", "novalue"):
        tally, exact = expected([values[i] for i in chosen], name)
        assert found.tally(name, words) == tally
        assert found.spellings(name, words) == exact
    for name, asked in (
        ("watt", ["40"]),
        ("Watt", ["60", " 40"]),
        ("a", ["B=c"]),
        ("a=b", ["c"]),
        ("rare", ["X", "y"]),
        ("", ["x"]),
        ("watt", [""]),
    ):
        keys = {fold(value) for value in asked} if name != "a=b" else {"b=c"}
        wanted = [
            row
            for row, pairs in zip(rows, values, strict=True)
            if keys & held(pairs, name.partition("=")[0]).keys()
        ]
        for _ in range(2):
            assert rows_of(found.mask(name, asked)).tolist() == wanted
    everything = {fold((p or "").partition("=")[0]) for v in values for p in v or []}
    assert set(found.names()) == {name for name in everything if expected(values, name)[1]}


def test_a_row_with_a_value_in_two_spellings_counts_once() -> None:
    found = column([[["c=Red", "C=RED", "c=blue"], ["c=red"], ["c=red"]]], PairDictionary())
    words = set_rows(np.arange(3, dtype=np.int32), 64)
    assert found.tally("c", words) == [("red", 3), ("blue", 1)]
    assert found.spellings("c", words) == {"Red": 1, "red": 2, "blue": 1}


@pytest.mark.parametrize("density", [0.001, 0.3, 0.9])
def test_common_and_rare_attributes_are_counted_alike(density: float) -> None:
    random = np.random.default_rng(5)
    values: list[Pairs] = [
        [f"often=v{random.integers(9)}", *([f"rare=v{random.integers(3)}"] if n % 7 == 0 else []), "two=a"]
        + (["two=b"] if n % 3 else [])
        for n in range(5_000)
    ]
    part = build_pairs(pa.array(values, TYPE))
    assert part["column_of"].tolist() == [0, -1, 1]
    found = column([values], PairDictionary())
    chosen = np.flatnonzero(random.random(5_000) < density)
    words = set_rows(chosen.astype(np.int32), Layout([5_000]).rows)
    for name in ("often", "rare", "two"):
        assert found.tally(name, words) == expected([values[i] for i in chosen], name)[0]


def test_values_beyond_the_most_of_an_attribute_have_no_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dictionaries, "MAX_VALUES_PER_ATTRIBUTE", 3)
    dictionary = PairDictionary()
    fragments: list[list[Pairs]] = [[[f"Sku={n}", f"c={n % 2}"] for n in range(5)], [["sku=1"], ["sku=9"]]]
    with caplog.at_level(logging.WARNING, logger="mmpipe"):
        found = column(fragments, dictionary)
        column([[["sku=77"]]], dictionary)
    assert len(caplog.records) == 1
    assert found.capped == ("sku",)
    words = set_rows(np.array([0, 1, 2, 3, 4, 64, 65], np.int32), 128)
    assert found.tally("sku", words) == [("1", 2), ("0", 1), ("2", 1)]
    assert rows_of(found.mask("sku", ["4", "9", "2"])).tolist() == [2]
    assert found.tally("c", words) == [("0", 3), ("1", 2)]


def test_an_attribute_with_only_uncoded_values_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionaries, "MAX_VALUES_PER_ATTRIBUTE", 0)
    found = column([[["a=1"]]], PairDictionary())
    words = set_rows(np.array([0], np.int32), 64)
    assert (found.tally("a", words), found.names()) == ([], [])
    assert rows_of(found.mask("a", ["1"])).tolist() == []


def test_the_next_version_takes_over_what_was_found_for_a_fragment(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.search.columns import pairs

    dictionary = PairDictionary()
    parts = [Pack.of(build_pairs(pa.array(v, TYPE))).arrays for v in ([["a=1"], None], [["a=2", "a=1"]])]
    first = PairColumn(parts, Layout([2, 1]), dictionary)
    assert rows_of(first.mask("a", ["1"])).tolist() == [0, 64]
    new = Pack.of(build_pairs(pa.array([["b=1"], ["A=1"]], TYPE))).arrays
    second = PairColumn([new, parts[1]], Layout([2, 1]), dictionary, first)
    passes: list[int] = []
    run = pairs.kernels.mask_codes

    def counted(codes: int, width: int, n: int, *rest: object) -> None:
        passes.append(n)
        run(codes, width, n, *rest)

    monkeypatch.setattr(pairs.kernels, "mask_codes", counted)
    for _ in range(2):
        assert rows_of(second.mask("a", ["1"])).tolist() == [1, 64]
    assert passes == [2]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("list_rows", np.array([2], np.int32)),
        ("list_rows", np.array([0, 1], np.int32)),
        ("list_values", np.array([5], np.int32)),
        ("column", np.array([[1, 9]], np.uint16)),
        ("column_of", np.array([1], np.int32)),
        ("counts", np.array([1, 1], np.int64)),
        ("name_start", np.array([0, 5], np.int64)),
    ],
)
def test_damaged_parts_are_refused(name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
    part = build_pairs(pa.array([["a=1", "a=2"], None], TYPE))
    assert part["list_rows"].tolist() == [0]
    PairColumn([part], Layout([2]), PairDictionary())
    with pytest.raises(ValueError):
        PairColumn([part | {name: array}], Layout([2]), PairDictionary())


@given(
    st.lists(
        st.none() | st.lists(st.sampled_from(POOL) | st.text("a= A", max_size=4), max_size=9), max_size=12
    )
)
def test_few_rows_have_the_parts_of_many(values: list[Pairs]) -> None:
    few, many = _pairs_of_few(values), _pairs_of_many(pa.array(values, TYPE))
    assert few.keys() == many.keys()
    for name, array in many.items():
        assert (few[name].dtype, few[name].shape) == (array.dtype, array.shape), name
        assert few[name].tolist() == array.tolist(), name

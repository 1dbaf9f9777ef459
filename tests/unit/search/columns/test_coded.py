"""Coded fields: what they filter and count, whatever fragments the rows are in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.columns.coded import CodedColumn, _codes_of_few, _codes_of_many, build_codes
from mmpipe.search.columns.dictionaries import Dictionary, category, fold, plain
from mmpipe.search.columns.kept import Kept
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import Pack
from mmpipe.search.kernels.memory import rows_of, set_rows

SPELLINGS = ["Acme", "acme", "ACME ", "Straße", "STRASSE", "İpek", "ﬁne", "fine", "", "  ", "東京", "z", None]
PATHS = [
    "Home > Lamps",
    "home>lamps",
    "Home",
    "Lamps > Home",
    "Kids > Home > Lamps",
    "> >",
    "",
    None,
    "x>y>x",
]


def column(
    fragments: Sequence[Sequence[str | None]], dictionary: Dictionary, former: CodedColumn | None = None
) -> CodedColumn:
    parts = [Pack.of(build_codes(pa.array(values, pa.string()))).arrays for values in fragments]
    return CodedColumn(parts, Layout([len(values) for values in fragments]), dictionary, former)


def rows_in(fragments: Sequence[Sequence[object]]) -> list[int]:
    """The number of each row, in order."""
    bases = Layout([len(values) for values in fragments]).bases
    return [int(base) + n for base, values in zip(bases, fragments, strict=False) for n in range(len(values))]


def split(values: Sequence[str | None], cuts: Sequence[int]) -> list[list[str | None]]:
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    return [list(values[a:b]) for a, b in pairwise(edges)]


def expected_tally(values: Sequence[str | None]) -> list[tuple[str, int]]:
    spelled: dict[str, Counter[str]] = {}
    for value in values:
        if value and value.strip():
            spelled.setdefault(fold(value), Counter())[value] += 1
    named = [(min(c, key=lambda v: (-c[v], v)), sum(c.values())) for c in spelled.values()]
    return sorted(named, key=lambda each: (-each[1], each[0]))


def expected_categories(values: Sequence[str | None]) -> list[tuple[str, int]]:
    entries = [category(value) for value in values if value]
    spelled: dict[str, Counter[str]] = {}
    for entry in entries:
        for name, key in entry.names:
            spelled.setdefault(key, Counter())[name] += 1
    named = [
        (min(c, key=lambda v: (-c[v], v)), sum(key in e.keys for e in entries)) for key, c in spelled.items()
    ]
    return sorted(named, key=lambda each: (-each[1], each[0]))


FRAGMENTED = st.tuples(
    st.integers(0, 2**32), st.integers(0, 300), st.lists(st.integers(0, 300), max_size=3), st.floats(0, 1)
)


@pytest.mark.parametrize("pool", [SPELLINGS, PATHS])
@given(FRAGMENTED)
def test_filters_and_counts_are_those_of_the_values(pool: list[str | None], case: tuple) -> None:  # type: ignore[type-arg]
    seed, size, cuts, density = case
    random = np.random.default_rng(seed)
    values = [pool[i] for i in random.integers(0, len(pool), size)]
    fragments = split(values, cuts)
    entry = category if pool is PATHS else plain
    found = column(fragments, Dictionary(entry))
    rows = rows_in(fragments)
    total = Layout([len(f) for f in fragments]).rows
    chosen = np.flatnonzero(random.random(size) < density)
    words = set_rows(np.array(rows, np.int32)[chosen], total)
    inside = [values[i] for i in chosen]
    expected = expected_categories(inside) if pool is PATHS else expected_tally(inside)
    assert found.tally(words) == expected
    assert found.spellings(words) == Counter(v for v in inside if v and entry(v).keys)
    for asked in (["aCmE"], ["strasse", "fine"], ["LAMPS"], ["home > lamps", "Z"], ["> >"], ["", "none"]):
        keys = {entry(value).keys[-1] if entry is plain else None for value in asked if entry(value).keys}
        if entry is category:
            keys = {" > ".join(fold(x) for x in value.split(">") if fold(x)) for value in asked} - {""}
        wanted = [row for row, v in zip(rows, values, strict=True) if v and keys & set(entry(v).keys)]
        for _ in range(2):
            assert rows_of(found.mask(asked)).tolist() == wanted
    shown = [v if v and entry(v).keys else None for v in values]
    assert found.values(np.array(rows, np.int32)) == shown


def test_a_facet_shows_the_first_fifty_of_equals_by_value() -> None:
    names = [f"brand {n:03d}" for n in range(60)]
    found = column([names[::-1]], Dictionary())
    assert found.tally(set_rows(np.arange(60, dtype=np.int32), 64)) == [(name, 1) for name in names[:50]]


def test_a_category_counts_for_whatever_its_filter_finds() -> None:
    found = column([["Home > Lamps", "Kids > Home", "Lamps"]], Dictionary(category))
    counted = found.tally(set_rows(np.arange(3, dtype=np.int32), 64))
    assert counted == [("Home", 2), ("Lamps", 2), ("Home > Lamps", 1), ("Kids", 1), ("Kids > Home", 1)]
    for name, rows in counted:
        assert len(rows_of(found.mask([name]))) == rows


def test_many_values_take_wider_codes() -> None:
    values = [f"v{n}" for n in range(65_535)] + ["V0"]
    part = build_codes(pa.array(values))
    assert part["codes"].dtype == np.uint32
    assert build_codes(pa.array(values[:-2]))["codes"].dtype == np.uint16
    found = column([values], Dictionary())
    for chosen in ([0, 65_535, 7], list(range(65_536))):
        words = set_rows(np.array(chosen, np.int32), 65_536)
        assert found.tally(words, 1) == [("V0", 2)]
        assert sum(found.spellings(words).values()) == len(chosen)
    assert rows_of(found.mask(["v0"])).tolist() == [0, 65_535]


def test_codes_go_by_first_occurrence_and_blanks_have_none() -> None:
    part = build_codes(pa.array(["b", None, "a", " ", "b"]))
    assert part["codes"].tolist() == [1, 0, 2, 0, 1]
    assert part["counts"].tolist() == [2, 2, 1]
    assert bytes(part["value_bytes"]) == b"ba"
    empty = build_codes(pa.array([], pa.string()))
    assert (len(empty["codes"]), empty["value_start"].tolist()) == (0, [0])
    assert build_codes(pa.nulls(2, pa.string()))["codes"].tolist() == [0, 0]


def test_the_next_version_takes_over_what_was_found_for_a_fragment(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.search.columns import coded

    dictionary = Dictionary()
    parts = [Pack.of(build_codes(pa.array(values))).arrays for values in (["a", "b"], ["b", "c"])]
    new = Pack.of(build_codes(pa.array(["B"]))).arrays
    first = CodedColumn(parts, Layout([2, 2]), dictionary)
    assert rows_of(first.mask(["b"])).tolist() == [1, 64]
    second = CodedColumn([parts[1], new], Layout([2, 1]), dictionary, first)
    passes: list[int] = []
    run = coded.kernels.mask_codes

    def counted(codes: int, width: int, n: int, *rest: object) -> None:
        passes.append(n)
        run(codes, width, n, *rest)

    monkeypatch.setattr(coded.kernels, "mask_codes", counted)
    for _ in range(2):
        assert rows_of(second.mask(["b"])).tolist() == [0, 64]
    assert passes == [1]
    assert rows_of(first.mask(["B"])).tolist() == [1, 64]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("codes", np.array([1, 2, 3], np.uint16)),
        ("codes", np.array([1, 2, 2, 1], np.uint16)),
        ("codes", np.array([1, 2, 1], np.int32)),
        ("counts", np.array([0, 1, 1], np.int64)),
        ("counts", np.array([0, 3], np.int64)),
    ],
)
def test_damaged_codes_are_refused(name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
    part = build_codes(pa.array(["a", "b", "a"])) | {name: array}
    with pytest.raises(ValueError):
        CodedColumn([part], Layout([3]), Dictionary())


def test_what_is_kept_is_bounded() -> None:
    kept = Kept(10_000)
    for n in range(50):
        kept.put(n, np.zeros(128, np.uint64))
        assert kept.nbytes <= 10_000
    assert kept.get(0) is None
    assert kept.get(49) is not None
    kept.put("large", np.zeros(2_000, np.uint64))
    assert kept.get("large") is None


def assert_few_are_like_many(values: list[str | None]) -> None:
    few, many = _codes_of_few(values), _codes_of_many(pa.array(values, pa.string()))
    assert few.keys() == many.keys()
    for name, array in many.items():
        assert (few[name].dtype, few[name].shape) == (array.dtype, array.shape)
        assert few[name].tolist() == array.tolist()


@given(st.lists(st.sampled_from(SPELLINGS) | st.text(max_size=4) | st.none(), max_size=12))
def test_few_rows_have_the_codes_of_many(values: list[str | None]) -> None:
    assert_few_are_like_many(values)


def test_the_same_characters_are_blank_in_few_rows_and_in_many() -> None:
    every = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    blank = [text for text in every if not text.strip()]
    assert_few_are_like_many([*blank, None, ""])
    # No other character is blank to Arrow alone.
    assert _codes_of_many(pa.array(every))["counts"][0] == len(blank)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.kernels.memory import address
from mmpipe.search.kernels.text import ascending, hash_table, invert, living, living_rows, terms_within

ROWS = st.lists(st.lists(st.integers(-1, 6), max_size=9), max_size=30)


def fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


@given(tokens=st.lists(st.binary(max_size=6), unique=True, max_size=20))
@settings(deadline=None)
def test_a_token_lies_at_its_hash_or_behind_full_slots(tokens: list[bytes]) -> None:
    starts = np.cumsum([0, *map(len, tokens)], dtype=np.int64)
    data = np.frombuffer(b"".join(tokens), np.uint8)
    slots = hash_table(starts, address(data), 64).tolist()
    assert sorted(term for term in slots if term >= 0) == list(range(len(tokens)))
    for term, token in enumerate(tokens):
        slot = fnv1a(token) % 64
        while slots[slot] != term:
            assert slots[slot] >= 0
            slot = (slot + 1) % 64


@given(rows=ROWS)
@settings(deadline=None)
def test_lists_hold_each_row_once_with_its_count(rows: list[list[int]]) -> None:
    codes = np.array([code for row in rows for code in row], np.int32)
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    post_start, post_rows, counts, lengths, total = invert(codes, starts, 7, np.zeros(7, np.int64))
    for term in range(7):
        part = slice(post_start[term], post_start[term + 1])
        expected = [(i, row.count(term)) for i, row in enumerate(rows) if term in row]
        assert list(zip(post_rows[part].tolist(), counts[part].tolist(), strict=True)) == expected
    assert lengths.tolist() == [sum(code >= 0 for code in row) for row in rows]
    assert total == sum(lengths.tolist())


def test_only_living_rows_count() -> None:
    alive = np.array([0b101, 0b1], np.uint64)
    lengths = np.arange(70, dtype=np.uint16)
    assert living(address(alive), address(lengths), 70) == (3, 0 + 2 + 64)
    starts, rows = np.array([0, 2, 2, 5], np.int64), np.array([0, 1, 2, 64, 65], np.int32)
    assert living_rows(address(alive), address(starts), address(rows), 3).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("starts", "end", "sound"),
    [
        ([0, 2, 2, 5], 5, True),
        ([0], 0, True),
        ([1, 2], 2, False),
        ([0, 3, 2, 5], 5, False),
        ([0, 2], 3, False),
    ],
)
def test_starts_begin_at_0_and_never_fall(starts: list[int], end: int, sound: bool) -> None:
    array = np.array(starts, np.int64)
    assert ascending(address(array), len(array), end) is sound


@pytest.mark.parametrize(
    ("slots", "sound"), [([-1, 0, 1, -1], True), ([0, 1], False), ([-1, 2], False), ([-1, -2], False)]
)
def test_slots_are_terms_or_empty_and_some_are(slots: list[int], sound: bool) -> None:
    array = np.array(slots, np.int32)
    assert terms_within(address(array), len(array), 2) is sound

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.kernels import memory
from mmpipe.search.kernels.memory import count_bits, rows_of, set_rows, words_of


@settings(deadline=None)
@given(marks=st.lists(st.booleans(), max_size=200))
def test_bit_sets_hold_the_rows_that_were_marked(marks: list[bool]) -> None:
    words = words_of(np.array(marks, np.bool_))
    expected = [row for row, mark in enumerate(marks) if mark]
    assert len(words) == -(-len(marks) // 64)
    assert rows_of(words).tolist() == expected
    assert count_bits(words) == len(expected)
    np.testing.assert_array_equal(set_rows(np.array(expected, np.int32), len(words) * 64), words)
    assert [bool(memory.test(words, row)) for row in range(len(marks))] == marks

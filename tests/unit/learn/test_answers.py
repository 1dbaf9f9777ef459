"""Which items answer a query by attributes."""

from __future__ import annotations

import numpy as np

from mmpipe.learn.answers import match


def test_match_finds_answers_and_leaves_the_undecided_out() -> None:
    # Fields: type, colour. Rows: red dress, red dress, blue dress, dress of unknown colour, red shirt.
    values = np.array([[0, 0], [0, 0], [0, 1], [0, -1], [1, 0]])
    asked = np.array([[True, True], [True, False], [True, True], [True, False], [False, False]])
    positive, ignore = match(values, asked, np.array([0, 1, 4]))
    assert positive.tolist() == [
        [True, True, False, False, False],
        [True, True, True, True, False],
        [False, False, False, False, False],
    ]
    assert ignore[0].tolist() == [False, False, False, True, False]
    assert not ignore[1].any()

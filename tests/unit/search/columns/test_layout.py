import numpy as np

from mmpipe.search.columns.layout import Layout, places_in


def test_fragments_begin_at_whole_words() -> None:
    layout = Layout([1, 64, 0, 65])
    assert layout.bases.tolist() == [0, 64, 128, 128, 256]
    assert (layout.rows, layout.words, len(layout)) == (256, 4, 4)
    fragments, offsets = layout.locate(np.array([0, 64, 127, 128, 192], np.int32))
    assert fragments.tolist() == [0, 1, 1, 3, 3]
    assert offsets.tolist() == [0, 0, 63, 0, 64]


def test_no_fragments_are_no_rows() -> None:
    layout = Layout([])
    assert (layout.rows, layout.words, len(layout)) == (0, 0, 0)


def test_parts_are_found_where_they_were() -> None:
    a, b, c = object(), object(), object()
    assert places_in([], []).tolist() == []
    assert places_in([], [a]).tolist() == [-1]
    assert places_in([a, b], [a, b, c]).tolist() == [0, 1, -1]
    assert places_in([a, b], [c, b, a]).tolist() == [-1, 1, 0]
    assert places_in([a, b, c], [a, c]).tolist() == [0, 2]
    assert places_in([a], [a]).dtype == places_in([a], [b]).dtype == np.int64

"""Scenes of made-up clips whose cuts are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmpipe.media.scenes import choose, scenes


def _clip(*runs: tuple[int, int]) -> list[NDArray[np.float32]]:
    """Plain frames: (grey level, how many) a run."""
    return [np.full((4, 4, 3), level, np.float32) for level, many in runs for _ in range(many)]


def test_cuts_are_found_where_they_are() -> None:
    assert scenes(_clip((10, 5), (200, 3), (90, 8))) == [slice(0, 5), slice(5, 8), slice(8, 16)]


def test_a_fade_is_one_scene() -> None:
    assert scenes([np.full((4, 4, 3), 8.0 * n, np.float32) for n in range(30)]) == [slice(0, 30)]


def test_a_flash_is_no_scene() -> None:
    clip = _clip((40, 6), (255, 1), (40, 6))
    assert scenes(clip) == [slice(0, 13)]
    assert choose(clip, 2) == [3, 9]


def test_restless_clips_need_higher_jumps() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.uniform(0, 90, (8, 8, 3)).astype(np.float32) for _ in range(20)]
    assert scenes(noise) == [slice(0, 20)]


def test_every_scene_is_seen_and_its_middle_taken() -> None:
    clip = _clip((10, 20), (200, 4), (90, 6))
    assert choose(clip, 3) == [10, 22, 27]


def test_with_too_many_scenes_the_longest_count() -> None:
    assert choose(_clip((10, 2), (200, 6), (90, 4)), 2) == [5, 10]


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(1, 9)), min_size=1, max_size=12), st.integers(1, 10)
)
def test_choices_are_bounded_ordered_and_within_the_clip(runs: list[tuple[int, int]], count: int) -> None:
    clip = _clip(*runs)
    found = scenes(clip)
    assert [n for scene in found for n in range(scene.start, scene.stop)] == list(range(len(clip)))
    chosen = choose(clip, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(clip)) or len(found) > count
    if len(found) <= count:
        assert all(any(scene.start <= n < scene.stop for n in chosen) for scene in found)


def test_nothing_to_choose_from() -> None:
    assert scenes([]) == []
    assert choose([], 3) == []
    with pytest.raises(ValueError, match="at least 1"):
        choose(_clip((1, 1)), 0)

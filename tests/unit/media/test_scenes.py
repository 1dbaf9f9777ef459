"""Scenes of made-up clips whose cuts are known."""

from __future__ import annotations

from functools import partial
from weakref import WeakSet

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmpipe.media.sampling import Sampler
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


def test_a_flash_may_last_some_frames_where_frames_are_close() -> None:
    clip = _clip((40, 20), (255, 3), (40, 20))
    assert scenes(clip) == [slice(0, 20), slice(20, 23), slice(23, 43)]
    assert scenes(clip, shortest=5) == [slice(0, 43)]
    assert scenes(_clip((40, 20), (255, 6), (40, 20)), shortest=5) == [
        slice(0, 20), slice(20, 26), slice(26, 46)
    ]  # fmt: skip


def test_a_short_run_between_two_scenes_joins_the_next() -> None:
    assert scenes(_clip((40, 20), (255, 3), (120, 20)), shortest=5) == [slice(0, 20), slice(20, 43)]


def test_available_frames_stand_for_those_wanted_and_never_for_another_scene() -> None:
    clip = _clip((10, 20), (200, 10), (90, 6))
    assert choose(clip, 3, available=[0, 8, 19, 22, 29]) == [8, 22]
    assert choose(clip, 4, available=[3, 22, 33]) == [3, 22, 33]


def test_a_scene_of_a_few_frames_in_a_clip_of_thousands_is_sampled() -> None:
    sampler = Sampler(8)
    clip = _clip((10, 2_000), (90, 8), (200, 3_000))
    for number, thumbnail in enumerate(clip):
        sampler.add(number / 25, thumbnail.astype(np.uint8), partial(_picture, number))
    numbers = [int(picture[0, 0, 0]) for _, picture in sampler.chosen()]
    assert len(numbers) == 8
    assert sum(2_000 <= n < 2_008 for n in numbers) == 1
    assert [seconds for seconds, _ in sampler.chosen()] == [n / 25 for n in numbers]


def test_a_clip_of_nothing_but_jumps_holds_few_pictures() -> None:
    alive: WeakSet[object] = WeakSet()
    most = 0
    sampler = Sampler(4)
    rng = np.random.default_rng(0)
    for number in range(3_000):
        level = int(rng.integers(0, 256))
        picture = partial(_picture, number, alive)
        sampler.add(number / 30, np.full((4, 4, 3), level, np.uint8), picture)
        most = max(most, len(alive))
    assert most <= 4 * 4 + 2 * 4 + 13
    assert 1 <= len(sampler.chosen()) <= 4


def _picture(number: int, alive: WeakSet[object] | None = None) -> NDArray[np.uint8]:
    made = np.full((1, 1, 3), number, np.int64).view(Tracked)
    if alive is not None:
        alive.add(made)
    return made


class Tracked(np.ndarray):
    """An array whose life can be watched."""

    __hash__ = object.__hash__


def test_nothing_to_choose_from() -> None:
    assert scenes([]) == []
    assert choose([], 3) == []
    with pytest.raises(ValueError, match="at least 1"):
        choose(_clip((1, 1)), 0)

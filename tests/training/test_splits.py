"""What is held out shows no shelf and no picture that is trained on."""

from __future__ import annotations

import numpy as np

from training.splits import choosing, held_stretch, near_duplicates, thumbnails


def _shelves(*counts: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    rows = [rng.normal(0, 40, 192) + rng.normal(0, 2, (count, 192)) for count in counts]
    return np.concatenate(rows).astype(np.float32)


def test_the_cut_is_between_two_shelves() -> None:
    held = held_stretch(_shelves(16, 4))
    assert np.flatnonzero(held).tolist() == [16, 17, 18, 19]
    held = held_stretch(_shelves(5, 15))
    assert np.flatnonzero(held).tolist() == [0, 1, 2, 3, 4]


def test_a_share_is_held_out_whatever_the_pictures_and_few_photos_are_all_learnt() -> None:
    for count in (4, 7, 20, 101):
        share = held_stretch(_shelves(count)).mean()
        assert 0.1 <= share <= 0.31
    assert not held_stretch(_shelves(3)).any()


def test_near_duplicates_are_the_same_picture_again() -> None:
    rng = np.random.default_rng(1)
    held = rng.integers(0, 255, (3, 80, 60, 3), dtype=np.uint8)
    held[:, 20:50, 10:40] //= np.array([1, 4, 16], np.uint8)[:, None, None, None]
    noisy = np.clip(held[1].astype(int) + rng.integers(-5, 6, held[1].shape), 0, 255).astype(np.uint8)
    other = np.full((80, 60, 3), 255, np.uint8)
    assert near_duplicates(held, np.stack([other, noisy, held[2]])).tolist() == [False, True, True]
    assert thumbnails(held).shape == (3, 192)


def test_halves_stay_the_same_and_are_halves() -> None:
    keys = [f"query {n}" for n in range(1_000)]
    first = choosing(keys)
    assert 400 < first.sum() < 600
    assert (choosing(keys[::-1])[::-1] == first).all()

"""Sounds made by formula."""

from __future__ import annotations

import numpy as np
import pytest

from mmpipe.learn.captions import CAPTIONS
from training.soundbank import KINDS, disturb, synthesise


def test_every_kind_of_sound_is_different_each_time_and_named_in_both_languages() -> None:
    assert set(KINDS) == set(CAPTIONS)
    for kind in KINDS:
        one, two = (synthesise(kind, np.random.default_rng(seed), 1.0) for seed in (1, 2))
        assert one.shape == (16_000,)
        assert np.abs(one).max() == pytest.approx(1.0)
        assert not np.array_equal(one, two), kind
        assert np.isfinite(disturb(one, np.random.default_rng(3))).all()
        assert any(caption.isascii() for caption in CAPTIONS[kind])
        assert any(not caption.isascii() for caption in CAPTIONS[kind])

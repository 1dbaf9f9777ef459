"""Frames to one vector: by the mean, and by how much frames agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmpipe.encoders.pooling import MEAN, Pooling, pool

DIM = 16
SHARP = Pooling(16.0)


def units(seed: int, count: int, around: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, DIM))
    if around is not None:
        rows = 4.0 * around + 0.5 * rows
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def test_without_sharpness_it_is_the_mean() -> None:
    clip = units(0, 5)
    mean = clip.mean(axis=0)
    np.testing.assert_allclose(MEAN.weights(clip), np.full(5, 0.2), atol=1e-6)
    np.testing.assert_allclose(pool([clip], DIM)[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_weights_are_the_softmax_of_mean_cosines_with_the_others() -> None:
    clip = units(1, 4)
    agreement = [np.mean([clip[i] @ clip[j] for j in range(4) if j != i]) for i in range(4)]
    expected = np.exp(SHARP.sharpness * np.asarray(agreement))
    np.testing.assert_allclose(SHARP.weights(clip), expected / expected.sum(), rtol=1e-3)


def test_what_is_shown_again_outweighs_what_passes_by() -> None:
    product = units(2, 1)[0]
    clip = np.concatenate([units(3, 1), units(4, 3, product), units(5, 1)])
    weights = SHARP.weights(clip)
    assert weights[1:4].sum() > 0.9
    by_mean, by_attention = (float(pool([clip], DIM, how)[0] @ product) for how in (MEAN, SHARP))
    assert by_attention > by_mean + 0.02
    # The order of frames says nothing.
    np.testing.assert_allclose(pool([clip[::-1]], DIM, SHARP), pool([clip], DIM, SHARP), atol=1e-5)


@given(st.integers(1, 8), st.integers(0, 1_000), st.sampled_from([0.0, 1.0, 16.0, 1e4]))
def test_weights_sum_to_one_and_vectors_are_of_unit_length(count: int, seed: int, sharpness: float) -> None:
    clip, how = units(seed, count), Pooling(sharpness)
    weights = how.weights(clip)
    assert weights.dtype == np.float32
    assert weights.shape == (count,)
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-4)
    if count <= 2:
        np.testing.assert_allclose(weights, 1 / count, atol=1e-3)
    pooled = pool([clip, clip[:1]], DIM, how)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(pooled[1], clip[0], atol=1e-5)


def test_an_encoder_that_pools_otherwise_is_another_one() -> None:
    assert MEAN.revised("abc") == "abc"
    assert SHARP.revised("abc") == "abc+attention-16" != Pooling(8.0).revised("abc")

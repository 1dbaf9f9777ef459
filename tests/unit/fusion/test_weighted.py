"""Weighted-mean fusion: masking, unit length, exact explanation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.encoders.base import FusionInfo, Modality
from mmpipe.fusion import WeightedMean

FUSION = WeightedMean(
    FusionInfo(kind="weighted_mean", revision="1", weights={"text": 1.0, "image": 2.0, "audio": 0.5})
)
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")


def unit(rng: np.random.Generator, n: int, dim: int = 8) -> np.ndarray:
    matrix = rng.standard_normal((n, dim)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_worked_example() -> None:
    text = np.array([[1, 0]], np.float32)
    image = np.array([[0, 1]], np.float32)
    there = np.array([True])
    fused, any_there = FUSION.fuse({"text": text, "image": image}, {"text": there, "image": there})
    np.testing.assert_allclose(fused, [[1 / 5**0.5, 2 / 5**0.5]], rtol=1e-6)
    assert any_there.tolist() == [True]


def test_a_missing_modality_is_masked_even_where_its_row_is_nan() -> None:
    text = np.array([[0.6, 0.8]], np.float32)
    image = np.full((1, 2), np.nan, np.float32)
    fused, _ = FUSION.fuse(
        {"text": text, "image": image}, {"text": np.array([True]), "image": np.array([False])}
    )
    np.testing.assert_allclose(fused, text, rtol=1e-6)


def test_a_row_without_any_modality_is_marked() -> None:
    nothing = np.array([False])
    fused, any_there = FUSION.fuse({"text": np.ones((1, 2), np.float32)}, {"text": nothing})
    assert any_there.tolist() == [False]
    assert not fused.any()


@given(st.integers(0, 2**32 - 1))
def test_fused_is_unit_and_the_parts_sum_to_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = {m: unit(rng, 6) for m in MODALITIES}
    present = {m: rng.random(6) < 0.7 for m in MODALITIES}
    fused, any_there = FUSION.fuse(vectors, present)
    np.testing.assert_allclose(np.linalg.norm(fused[any_there], axis=1), 1, rtol=1e-5)
    parts = FUSION.parts(vectors, present)
    np.testing.assert_allclose(sum(parts.values()), fused, atol=1e-5)
    for modality in MODALITIES:
        assert not parts[modality][~present[modality]].any()


def test_weights_must_make_sense() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        WeightedMean(FusionInfo(kind="weighted_mean", revision="1", weights={"text": -1.0}))

"""The gate turns noise down and leaves what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.speech.noise import gated

RATE = 16_000


def _words(seconds: float = 3.0) -> np.ndarray:
    """Voiced stretches of 0.3 s with as long pauses between them."""
    time = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12))
    return (0.2 * voice * (np.mod(time, 0.6) < 0.3)).astype(np.float32)


def _noise(decibels: float) -> np.ndarray:
    words = _words()
    noise = np.random.default_rng(1).standard_normal(len(words))
    power = float(np.mean(words**2)) / 10 ** (decibels / 10)
    return (noise * np.sqrt(power)).astype(np.float32)


@pytest.mark.parametrize("decibels", [20.0, 10.0, 5.0])
def test_what_is_said_stands_out_more(decibels: float) -> None:
    words = _words()
    cleaned = gated(words + _noise(decibels))
    said = np.convolve(np.abs(words), np.ones(400), "same") > 1e-3
    before = words + _noise(decibels)
    contrast = [np.mean(wave[said] ** 2) / np.mean(wave[~said] ** 2) for wave in (before, cleaned)]
    assert contrast[1] > 10 * contrast[0]
    assert np.corrcoef(cleaned[said], words[said])[0, 1] >= np.corrcoef(before[said], words[said])[0, 1]


def test_a_recording_without_noise_stays_as_it_is() -> None:
    words = _words()
    assert np.corrcoef(gated(words), words)[0, 1] > 0.99


@given(st.integers(0, 3_000), st.integers(0, 1_000))
def test_every_length_keeps_its_length(count: int, seed: int) -> None:
    wave = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    cleaned = gated(wave)
    assert cleaned.shape == (count,)
    assert cleaned.dtype == np.float32
    assert np.isfinite(cleaned).all()


@pytest.mark.parametrize(
    "wave", [np.zeros(RATE), np.ones(RATE), np.eye(1, RATE, 700)[0]], ids=["silence", "one", "click"]
)
def test_what_has_no_moments_to_tell_apart_is_finite(wave: np.ndarray) -> None:
    cleaned = gated(wave.astype(np.float32))
    assert cleaned.shape == wave.shape
    assert np.isfinite(cleaned).all()

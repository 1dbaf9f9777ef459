"""What the towers see: pictures on the canvas, log-mel pictures of sound."""

from __future__ import annotations

import numpy as np
import pytest

from mmpipe.encoders.starter.images import CANVAS_HEIGHT, CANVAS_WIDTH, fit, fit_all
from mmpipe.encoders.starter.sounds import FRAMES, HOP, MELS, SAMPLE_RATE, log_mel, mel_filters, resample


@pytest.mark.parametrize(
    ("height", "width"), [(80, 60), (512, 512), (1, 1), (3000, 40), (40, 3000), (4032, 3024), (60, 80)]
)
def test_any_shape_fits_the_canvas(height: int, width: int) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    fitted = fit(image)
    assert fitted.shape == (CANVAS_HEIGHT, CANVAS_WIDTH, 3)
    assert fitted.dtype == np.uint8
    assert np.abs(fitted.astype(int) - 77).max() <= 1


def test_a_long_picture_is_padded_with_its_own_background() -> None:
    image = np.full((50, 400, 3), 200, np.uint8)
    image[20:30, 100:300] = 10
    fitted = fit(image)
    assert (fitted[:10] == 200).all()
    assert (fitted[-10:] == 200).all()
    assert fitted.min() < 60


def test_a_picture_of_the_canvas_size_is_kept_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 255, (CANVAS_HEIGHT, CANVAS_WIDTH, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit(image), image)
    np.testing.assert_array_equal(fit_all([image, image])[1], image)


def test_shrinking_averages_instead_of_sampling() -> None:
    stripes = np.zeros((640, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(fit(stripes).astype(int) - 127).max() < 12


def test_mel_filters_cover_the_band_with_unit_peaks() -> None:
    filters = mel_filters()
    assert filters.shape == (MELS, 257)
    assert filters.max() <= 1.0
    assert (filters.sum(axis=1) > 0).all()
    centres = filters.argmax(axis=1)
    assert (np.diff(centres) >= 0).all()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_a_tone_lights_the_band_of_its_frequency(rate: int) -> None:
    frequency = 1_000.0
    tone = np.sin(2 * np.pi * frequency * np.arange(2 * rate) / rate).astype(np.float32)
    picture = log_mel(tone, rate)
    assert picture.shape == (MELS, FRAMES)
    assert picture.dtype == np.float32
    band = int(picture.mean(axis=1).argmax())
    centre = mel_filters()[band].argmax() * SAMPLE_RATE / 512
    assert centre == pytest.approx(frequency, rel=0.08)


def test_level_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    wave = rng.standard_normal(20_000).astype(np.float32)
    np.testing.assert_allclose(log_mel(wave, SAMPLE_RATE), log_mel(wave * 0.01, SAMPLE_RATE), atol=1e-3)


def test_a_long_clip_keeps_its_loudest_part() -> None:
    wave = np.full(12 * SAMPLE_RATE, 1e-4, np.float32)
    start = 7 * SAMPLE_RATE
    wave[start : start + SAMPLE_RATE] = np.sin(np.arange(SAMPLE_RATE) * 0.3)
    loud_frames = (log_mel(wave, SAMPLE_RATE).max(axis=0) > 0.5).sum()
    assert loud_frames >= 0.9 * SAMPLE_RATE / HOP


def test_silence_is_encodable() -> None:
    assert np.isfinite(log_mel(np.zeros(100, np.float32), SAMPLE_RATE)).all()


def test_resampling_keeps_duration() -> None:
    assert resample(np.zeros(44_100, np.float32), 44_100).size == SAMPLE_RATE
    same = np.ones(10, np.float32)
    assert resample(same, SAMPLE_RATE) is same

"""Any clip → the audio tower's log-mel picture: 16 kHz mono, 25 ms windows, 10 ms hops, 64 mel bands.

The mel scale is the HTK one, ``2595 log10(1 + f / 700)``, with triangular filters of unit peak.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.errors import InvalidMedia

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT, MELS = 400, 160, 512, 64
SECONDS = 4.0
FRAMES = round(SECONDS * SAMPLE_RATE / HOP)  # 400
_FLOOR = 1e-6


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float32]:
    """Triangular mel filters, float32 of shape ``(MELS, FFT // 2 + 1)``."""
    low, high = _mel(40.0), _mel(SAMPLE_RATE / 2)
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MELS + 2) / 2595.0) - 1.0)
    bins = np.linspace(0.0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (bins[None, :] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None, :]) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(filters, dtype=np.float32)


def _mel(frequency: float) -> float:
    return 2595.0 * math.log10(1.0 + frequency / 700.0)


def resample(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """To 16 kHz by linear interpolation, after a moving average that removes what would alias."""
    if rate == SAMPLE_RATE or samples.size == 0:
        return samples
    if rate > SAMPLE_RATE:
        width = max(1, round(rate / SAMPLE_RATE))
        samples = np.convolve(samples, np.full(width, 1.0 / width, dtype=np.float32), mode="same")
    count = max(1, round(samples.size * SAMPLE_RATE / rate))
    positions = np.arange(count) * (rate / SAMPLE_RATE)
    resampled = np.interp(positions, np.arange(samples.size), samples)
    return np.asarray(resampled, dtype=np.float32)


def log_mel(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Log-mel energies, level-normalised; float32 of shape ``(MELS, FRAMES)``.

    A clip longer than four seconds keeps its loudest four, a shorter one is repeated to fill them. Raises
    :class:`InvalidMedia` for samples that are not one-dimensional, empty, or not finite.
    """
    if samples.ndim != 1 or samples.size == 0 or rate <= 0:
        raise InvalidMedia("audio", f"need mono samples, got shape {samples.shape} at {rate} Hz")
    if not np.isfinite(samples).all():
        raise InvalidMedia("audio", "samples hold NaN or infinity; decode the clip again")
    wave = resample(samples.astype(np.float32, copy=False), rate)
    wave = _fill(wave, FRAMES * HOP + WINDOW)
    peak = float(np.abs(wave).max())
    if peak > 0:
        wave = wave / peak
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP][:FRAMES]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), FFT)) ** 2
    energies = np.log(spectrum.astype(np.float32) @ mel_filters().T + _FLOOR)
    return np.ascontiguousarray(((energies - energies.mean()) / 4.0).T, dtype=np.float32)


def _fill(wave: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    if wave.size < length:
        return np.tile(wave, -(-length // wave.size))[:length]
    if wave.size == length:
        return wave
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    starts = np.arange(0, wave.size - length + 1, HOP)
    best = int(starts[np.argmax(energy[starts + length] - energy[starts])])
    return wave[best : best + length]

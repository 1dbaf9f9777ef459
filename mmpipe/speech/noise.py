"""Steady noise of a recording turned down, before it is listened to for words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW, _HOP = 512, 128  # 32 ms and 8 ms at 16 kHz
_QUIETEST = 0.2  # of the moments are taken for noise alone
_DEVIATIONS = 1.5
# Decibels. The power of a band of noise is exponentially distributed, whose logarithm deviates by 5.6; what
# deviates more is quiet moments of several kinds.
_MOST_DEVIATION = 5.6
_QUIETER = 10 ** (-18 / 20)
_MOMENTS, _BANDS = 5, 3  # that edges are smoothed over: a gate that opens at once rings
_TINY = 1e-8


def gated(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spectral gating of finite samples at 16 kHz: float32 of the same length.

    What noise there is, the recording itself tells: in each of 257 bands whatever is less than 1.5 standard
    deviations (of at most 5.6 dB) above the mean of the quietest fifth of the moments is turned down by
    18 dB, the idea of the stationary gate of the package ``noisereduce`` (Sainburg 2019). What is shorter
    than a window stays as it is.
    """
    if samples.size < _WINDOW:
        return samples
    count = samples.size
    moments = -(-(count + _WINDOW) // _HOP)
    padded = np.zeros((moments - 1) * _HOP + _WINDOW, np.float32)
    padded[_WINDOW // 2 : _WINDOW // 2 + count] = samples
    window = np.sin(np.pi * (np.arange(_WINDOW, dtype=np.float32) + 0.5) / _WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    bins = np.fft.rfft(frames * window).astype(np.complex64)
    first = _WINDOW // 2 // _HOP
    inside = slice(first, first + (count - _WINDOW) // _HOP + 1)
    loud = (20.0 * np.log10(np.abs(bins) + _TINY)).astype(np.float32)
    bins *= _gains(loud, inside)
    sounding = np.fft.irfft(bins, _WINDOW).astype(np.float32) * window
    whole, weight = np.zeros_like(padded), np.zeros_like(padded)
    for start, frame in enumerate(sounding):
        at = start * _HOP
        whole[at : at + _WINDOW] += frame
        weight[at : at + _WINDOW] += window**2
    kept = slice(_WINDOW // 2, _WINDOW // 2 + count)
    return np.asarray(whole[kept] / weight[kept], np.float32)


def _gains(loud: NDArray[np.float32], inside: slice) -> NDArray[np.float32]:
    """What each band of each moment is multiplied by; ``inside`` are the moments without padding."""
    order = np.argsort(loud[inside].mean(1))
    quiet = loud[inside][order[: max(1, round(len(order) * _QUIETEST))]]
    threshold = quiet.mean(0) + _DEVIATIONS * np.minimum(quiet.std(0), _MOST_DEVIATION)
    smooth = _mean(_mean((loud > threshold).astype(np.float32), _MOMENTS).T, _BANDS).T
    return np.asarray(_QUIETER + (1.0 - _QUIETER) * smooth, np.float32)


def _mean(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The mean of each row's neighbourhood of ``count`` rows; the edges' rows are repeated."""
    half = count // 2
    wide = np.pad(values, ((half + 1, half), (0, 0)), mode="edge").cumsum(0, dtype=np.float64)
    return np.asarray((wide[count:] - wide[:-count]) / count, np.float32)

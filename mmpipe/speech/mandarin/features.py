"""Samples → what the network hears: 64 log-mel energies every 10 ms, without the channel's colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.sounds import FFT, HOP, MELS, WINDOW, mel_filters

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOOR = 1e-6
_BLOCK = 2_000  # frames at a time: 30 s of spectra at once would be several times the clip


def log_mel_frames(
    samples: NDArray[np.float32], filters: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """16 kHz samples as float32 of shape ``(frames, MELS)``: each band has mean 0, the whole deviation 1.

    A clip shorter than a window is one frame. ``filters`` stand in for the usual ones while training.
    """
    wave = np.asarray(samples, dtype=np.float32)
    peak = float(np.abs(wave).max()) if wave.size else 0.0
    if peak > 0:
        wave = wave / peak
    wave = np.pad(wave, (0, max(0, WINDOW - wave.size)))
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    bands = (mel_filters() if filters is None else filters).T
    energies = np.empty((len(frames), MELS), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = _power(frames[start : start + _BLOCK] * window)
        energies[start : start + _BLOCK] = np.log(spectrum @ bands + _FLOOR)
    energies -= energies.mean(axis=0)
    spread = float(energies.std())
    return energies / spread if spread > 0 else energies


def _power(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(frames, FFT)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)

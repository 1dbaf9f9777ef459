"""Samples at another rate."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray


def resample(samples: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    """Mono samples at another rate, band-limited (FFmpeg's resampler)."""
    if rate == to:
        return samples
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, dtype=np.float32)[None], format="fltp", layout="mono"
    )
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to)
    pieces = [piece.to_ndarray()[0] for part in (frame, None) for piece in resampler.resample(part)]
    wave = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    # A handful of samples may fall short of one at the new rate.
    return np.asarray(wave, dtype=np.float32) if wave.size else np.asarray(samples[:1], dtype=np.float32)

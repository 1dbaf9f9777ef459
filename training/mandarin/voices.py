"""espeak-ng's voices (a GPL program, run beside the training; nothing of it ships), and what is done to them.

Some variants of the voice are held out whole: figures come from them.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from mmpipe.encoders.resampling import resample
from mmpipe.encoders.starter.sounds import FFT, MELS, SAMPLE_RATE, mel_filters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Wave = NDArray[np.float32]

_ESPEAK_RATE = 22_050
_NOISE_SECONDS = 30
# Robots, whispers and other effects are no shoppers.
_VARIANTS = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky",
    "Lee", "Marco", "Mario", "Michael", "Mike", "Storm", "adam", "anika", "antonio", "aunty", "belinda",
    "benjamin", "boris", "caleb", "david", "ed", "edward", "f1", "f2", "f3", "f4", "f5", "grandma",
    "grandpa", "gustave", "iven", "iven3", "john", "kaukovalta", "klatt", "klatt2", "klatt4", "linda", "m1",
    "m2", "m3", "m4", "m5", "m6", "m7", "m8", "marcelo", "max", "michel", "miguel", "norbert", "pablo",
    "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph3", "travis", "victor",
    "zac",
)  # fmt: skip
HELD_OUT = ("Annie", "Lee", "belinda", "f4", "klatt4", "m3", "robert", "steph")
TRAINED = tuple(name for name in _VARIANTS if name not in HELD_OUT)


def need_espeak() -> str:
    """The program's path; :class:`SystemExit` that says what to install."""
    path = shutil.which("espeak-ng")
    if path is None:
        raise SystemExit("espeak-ng is needed for the voices: apt-get install espeak-ng")
    return path


def speak(program: str, text: str, language: str, variant: str, speed: int, pitch: int) -> Wave:
    """The text as float32 samples at 16 kHz, full scale 1; ``speed`` in words a minute, ``pitch`` 0 to 99."""
    said = subprocess.run(  # noqa: S603  a fixed program, and texts of ours
        [program, "-v", f"{language}+{variant}", "-s", str(speed), "-p", str(pitch), "--stdout", text],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    start = said.find(b"data") + 8
    samples = np.frombuffer(said[start : start + (len(said) - start) // 2 * 2], dtype=np.int16)
    full = np.asarray(samples / np.float32(32_768), dtype=np.float32)
    return resample(full, _ESPEAK_RATE, SAMPLE_RATE)


def warped_filters(warp: float) -> NDArray[np.float32]:
    """The mel filters as a longer or shorter vocal tract would meet them (Jaitly and Hinton, 2013)."""
    usual = mel_filters()
    bins = np.arange(FFT // 2 + 1, dtype=np.float64)
    edge = 0.8 * bins[-1]
    beyond = (bins[-1] - bins) * (bins[-1] - edge * warp) / (bins[-1] - edge)
    moved = np.where(bins <= edge, bins * warp, bins[-1] - beyond)
    warped = np.stack([np.interp(moved, bins, usual[band]) for band in range(MELS)])
    return np.asarray(warped, dtype=np.float32)


@lru_cache(maxsize=1)
def _noises() -> Wave:
    """Half a minute of noise of several colours, each of mean power 1."""
    rng = np.random.default_rng(5)
    size = next_fast_len(_NOISE_SECONDS * SAMPLE_RATE, real=True)
    found = []
    for slope in (0.0, 0.3, 0.6, 1.0):
        spectrum = rfft(rng.normal(size=size).astype(np.float32))
        spectrum *= np.maximum(np.arange(spectrum.size, dtype=np.float32), 20.0) ** -slope
        wave = irfft(spectrum, size)
        found.append(wave / np.sqrt(np.mean(wave**2)))
    return np.stack(found).astype(np.float32)


def disturb(wave: Wave, rng: np.random.Generator) -> Wave:
    """Another room, noise at 3 to 40 dB, a pause before and after. The microphone's colour needs no
    disturbing: :func:`~mmpipe.speech.mandarin.features.log_mel_frames` takes it away."""
    if rng.random() < 0.4:
        length = int(rng.uniform(0.05, 0.4) * SAMPLE_RATE)
        fade = np.exp(-np.arange(length, dtype=np.float32) / (length / rng.uniform(4, 9)))
        tail = rng.normal(size=length).astype(np.float32) * fade
        tail[0] = rng.uniform(2, 12)
        size = next_fast_len(wave.size + length, real=True)
        wave = irfft(rfft(wave, size) * rfft(tail, size), size)[: wave.size]
    before, after = (int(rng.uniform(0.02, 0.5) * SAMPLE_RATE) for _ in range(2))
    wave = np.pad(wave, (before, after))
    noises = _noises()
    pool = noises[rng.integers(len(noises))]
    noise = np.take(pool, np.arange(wave.size) + rng.integers(pool.size), mode="wrap")
    level = np.sqrt(np.mean(wave**2)) * 10 ** (-rng.uniform(3, 40) / 20)
    return np.asarray(wave + level * noise, dtype=np.float32)

"""Sounds made by formula, each a little different every time: what the audio tower learns from.

Every kind has a name in both languages; the tower learns to put a clip where those words are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.sounds import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Wave = NDArray[np.float64]

# Seconds of a clip: shorter and longer than what the tower sees at once.
_CLIP_SECONDS = (1.5, 5.0)
_Synth = Callable[[np.random.Generator, "Wave"], "Wave"]


def _tone(time: Wave, frequency: float | Wave, partials: tuple[float, ...]) -> Wave:
    phase = np.cumsum(np.broadcast_to(frequency, time.shape)) / SAMPLE_RATE
    total = np.zeros_like(time)
    for number, strength in enumerate(partials, 1):
        total += strength * np.sin(2 * np.pi * number * phase)
    return total


def _strikes(rng: np.random.Generator, time: Wave, gap: float, decay: float) -> Wave:
    """An envelope of strikes that ring out."""
    envelope = np.zeros_like(time)
    at = rng.uniform(0, 0.1)
    while at < time[-1]:
        since = time - at
        envelope = np.maximum(envelope, np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0.0))
        at += gap * rng.uniform(0.9, 1.1)
    return envelope


def _bell(rng: np.random.Generator, time: Wave) -> Wave:
    base = rng.uniform(900, 2400)
    ring = sum(np.sin(2 * np.pi * base * r * time) / (i + 1) for i, r in enumerate((1.0, 2.76, 5.4)))
    return np.asarray(ring * _strikes(rng, time, rng.uniform(0.25, 0.9), rng.uniform(0.2, 0.6)))


def _pluck(rng: np.random.Generator, time: Wave) -> Wave:
    notes = rng.uniform(90, 400) * 2 ** (rng.integers(0, 12, 16) / 12)
    gap = rng.uniform(0.2, 0.5)
    wave = np.zeros_like(time)
    for number, note in enumerate(notes):
        since = time - number * gap
        body = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.4), 0.0)
        wave += body * _tone(time, float(note), (1.0, 0.6, 0.4, 0.25, 0.15))
    return wave


def _drum(rng: np.random.Generator, time: Wave) -> Wave:
    low = _tone(time, rng.uniform(50, 90), (1.0, 0.3)) * _strikes(rng, time, rng.uniform(0.4, 0.6), 0.12)
    snare = rng.standard_normal(len(time)) * _strikes(rng, time, rng.uniform(0.4, 1.0), 0.06)
    return np.asarray(low + 0.4 * snare)


def _alarm(rng: np.random.Generator, time: Wave) -> Wave:
    gate = (np.sin(2 * np.pi * rng.uniform(2, 6) * time) > 0).astype(float)
    return np.asarray(np.sign(_tone(time, rng.uniform(1500, 3200), (1.0,))) * gate)


def _engine(rng: np.random.Generator, time: Wave) -> Wave:
    speed = rng.uniform(30, 110) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * time))
    rough = rng.standard_normal(len(time)) * 0.3
    return _tone(time, speed, (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)) + rough


def _whistle(rng: np.random.Generator, time: Wave) -> Wave:
    rise = rng.uniform(1500, 2600) + rng.uniform(200, 900) * np.minimum(time / rng.uniform(0.8, 2.5), 1.0)
    return _tone(time, rise, (1.0, 0.1)) + 0.25 * rng.standard_normal(len(time)) * np.minimum(time, 1)


def _click(rng: np.random.Generator, time: Wave) -> Wave:
    return rng.standard_normal(len(time)) * _strikes(
        rng, time, rng.uniform(0.3, 1.2), rng.uniform(0.004, 0.02)
    )


def _chime(rng: np.random.Generator, time: Wave) -> Wave:
    wave = np.zeros_like(time)
    for number, ratio in enumerate((1.0, 1.26, 1.5, 2.0)):
        since = time - number * rng.uniform(0.1, 0.25)
        wave += np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.7), 0) * np.sin(
            2 * np.pi * rng.uniform(500, 700) * ratio * time
        )
    return wave


def _ring(rng: np.random.Generator, time: Wave) -> Wave:
    warble = np.where(np.sin(2 * np.pi * rng.uniform(8, 14) * time) > 0, 1.0, 1.25)
    gate = (np.mod(time, rng.uniform(1.2, 2.0)) < 0.9).astype(float)
    return np.asarray(_tone(time, rng.uniform(700, 1300) * warble, (1.0, 0.3)) * gate)


def _flute(rng: np.random.Generator, time: Wave) -> Wave:
    steps = rng.integers(0, 12, 24)[(time / rng.uniform(0.3, 0.6)).astype(int) % 24]
    vibrato = 1 + 0.008 * np.sin(2 * np.pi * 5 * time)
    return _tone(time, rng.uniform(350, 600) * 2 ** (steps / 12) * vibrato, (1.0, 0.25, 0.1))


def _piano(rng: np.random.Generator, time: Wave) -> Wave:
    wave = np.zeros_like(time)
    for number in range(12):
        since = time - number * 0.33
        note = rng.uniform(200, 500) * 2 ** (rng.integers(0, 12) / 12)
        wave += np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.6), 0) * _tone(
            time, note, (1, 0.4, 0.2, 0.1)
        )
    return wave


def _water(rng: np.random.Generator, time: Wave) -> Wave:
    noise = np.convolve(rng.standard_normal(len(time)), np.ones(4) / 4, mode="same")
    return np.asarray(noise) * (1 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 9) * time + rng.uniform(0, 6)))


def _speech(rng: np.random.Generator, time: Wave) -> Wave:
    pitch = rng.uniform(90, 240) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.3, 1) * time))
    source = _tone(time, pitch, tuple(1 / k for k in range(1, 25)))
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2.5, 5) * time + rng.uniform(0, 6)), 0, 1)
    formant = 1 + np.sin(2 * np.pi * rng.uniform(400, 900) * time) * np.sin(
        2 * np.pi * rng.uniform(1, 4) * time
    )
    return np.asarray(source * syllables * formant)


_SYNTHS: dict[str, _Synth] = {
    "bell": _bell, "pluck": _pluck, "beat": _drum, "alarm": _alarm, "motor": _engine, "whistle": _whistle,
    "shutter": _click, "chime": _chime, "ring": _ring, "flute": _flute, "piano": _piano, "water": _water,
    "spoken": _speech,
}  # fmt: skip

KINDS: tuple[str, ...] = tuple(_SYNTHS)


def synthesise(kind: str, rng: np.random.Generator, seconds: float) -> NDArray[np.float32]:
    """One clip at 16 kHz, peak 1."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = _SYNTHS[kind](rng, time)
    return np.asarray(wave / max(float(np.abs(wave).max()), 1e-9), dtype=np.float32)


def disturb(wave: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The clip as another recording of it: shifted, coloured, noisy, at another pace."""
    pace = float(np.exp(rng.uniform(-0.08, 0.08)))
    positions = np.arange(max(1, int(len(wave) / pace))) * pace
    wave = np.interp(positions, np.arange(len(wave)), wave).astype(np.float32)
    wave = np.roll(wave, int(rng.integers(len(wave))))
    tilt = rng.uniform(-0.5, 0.5)
    wave = wave + np.float32(tilt) * np.roll(wave, 1)
    noise = rng.standard_normal(len(wave)).astype(np.float32)
    return np.asarray(wave + noise * np.float32(10 ** rng.uniform(-4, -1.3)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Bank:
    """Clips at 16 kHz with the number of their kind."""

    clips: list[NDArray[np.float32]]
    kinds: NDArray[np.int64]


def make_bank(count: int, seed: int) -> Bank:
    """``count`` clips of every kind."""
    clips, kinds = [], []
    for number, kind in enumerate(KINDS):
        for index in range(count):
            rng = np.random.default_rng([seed, number, index])
            clips.append(synthesise(kind, rng, float(rng.uniform(*_CLIP_SECONDS))))
            kinds.append(number)
    return Bank(clips, np.asarray(kinds))


def joined(*banks: Bank) -> Bank:
    """All the clips of several banks."""
    return Bank(
        [clip for bank in banks for clip in bank.clips], np.concatenate([bank.kinds for bank in banks])
    )

"""Recordings made by arithmetic: strings, bells, whistles, motors, and a babble that stands in for speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from examples.catalogue.products import SampleProduct
from mmpipe.errors import InvalidRequest

RATE = 16_000
Wave = NDArray[np.float64]
Generator = np.random.Generator


def _time(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def _hit(total: Wave, sound: Wave, at: float) -> None:
    """Mix ``sound`` into ``total`` from ``at`` seconds on, cut at its end."""
    start = round(at * RATE)
    room = max(0, min(len(sound), len(total) - start))
    total[start : start + room] += sound[:room]


def _band(noise: Wave, low: float, high: float) -> Wave:
    """Keep what lies between two frequencies, with soft edges."""
    spectrum = np.fft.rfft(noise)
    at = np.fft.rfftfreq(len(noise), 1 / RATE)
    keep = 1 / (1 + (low / np.maximum(at, 1.0)) ** 6) / (1 + (at / high) ** 6)
    return np.fft.irfft(spectrum * keep, len(noise))


def _partials(seconds: float, base: float, ratios: tuple[float, ...], decay: float) -> Wave:
    t = _time(seconds)
    parts = [
        np.sin(2 * np.pi * base * r * t) * np.exp(-t * decay * (0.6 + 0.4 * r)) / (1 + i)
        for i, r in enumerate(ratios)
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _string(frequency: float, seconds: float, rng: Generator, damping: float) -> Wave:
    """A plucked string (Karplus and Strong, 1983): noise going round a delay line that smooths it."""
    period = round(RATE / frequency)
    rounds = -(-round(seconds * RATE) // period)
    line = rng.uniform(-1, 1, period)
    out = np.empty((rounds, period))
    for turn in range(rounds):
        out[turn] = line
        line = damping * 0.5 * (line + np.roll(line, 1))
    return out.ravel()[: round(seconds * RATE)]


def pluck(rng: Generator) -> Wave:
    """A few chords on a guitar."""
    total = np.zeros(round(2.4 * RATE))
    root = rng.choice([98.0, 110.0, 123.5, 130.8])
    for beat, shape in enumerate(((1, 1.5, 2, 2.52, 3), (1.335, 2, 2.67, 3.36), (1.5, 2.25, 3, 3.78))):
        for index, ratio in enumerate(shape):
            _hit(total, _string(root * ratio, 1.6, rng, 0.996), beat * 0.7 + index * rng.uniform(0.02, 0.06))
    return total


def whistle(rng: Generator) -> Wave:
    """A kettle coming to the boil."""
    t = _time(2.4)
    pitch = rng.uniform(1700, 2400) * (0.86 + 0.14 * np.clip(t / 1.4, 0, 1)) + 18 * np.sin(
        2 * np.pi * 6.5 * t
    )
    tone = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + 0.25 * np.sin(4 * np.pi * np.cumsum(pitch) / RATE)
    steam = _band(rng.standard_normal(len(t)), 1500, 6500)
    return np.clip(t / 1.2, 0, 1) ** 2 * tone + 0.35 * steam


def bell(rng: Generator) -> Wave:
    """A bicycle bell, rung twice."""
    total = np.zeros(round(2.0 * RATE))
    base = rng.uniform(1500, 2100)
    for at in (0.05, 0.22, 0.9, 1.07):
        _hit(total, _partials(0.9, base, (1.0, 1.503, 2.76, 3.61), 5.5), at)
    return total


def ring(rng: Generator) -> Wave:
    """The two bells of an alarm clock under a fast hammer."""
    total = np.zeros(round(2.2 * RATE))
    low, high = rng.uniform(900, 1100), rng.uniform(1200, 1400)
    speed = rng.uniform(15, 20)
    for stroke in range(int(2.1 * speed)):
        _hit(total, _partials(0.25, low if stroke % 2 else high, (1.0, 2.31, 3.9, 5.4), 11), stroke / speed)
    return total


def alarm(rng: Generator) -> Wave:
    """The double beep of a digital watch."""
    total = np.zeros(round(2.0 * RATE))
    pitch = rng.uniform(1900, 2300)
    t = _time(0.09)
    beep = np.sign(np.sin(2 * np.pi * pitch * t)) * np.minimum(1, np.minimum(t, t[::-1]) * 300)
    for second in range(2):
        for at in (0.0, 0.16):
            _hit(total, _band(beep, 300, 7000), second * rng.uniform(0.95, 1.0) + at)
    return total


def beat(rng: Generator) -> Wave:
    """A drum pattern with a bass line, as a speaker would play it."""
    total = np.zeros(round(2.6 * RATE))
    step = 60 / rng.uniform(105, 130) / 2
    t = _time(0.3)
    kick = np.sin(2 * np.pi * np.cumsum(48 + 130 * np.exp(-t * 32)) / RATE) * np.exp(-t * 12)
    snare = _band(rng.standard_normal(len(t)), 800, 6000) * np.exp(-t * 19)
    hat = _band(rng.standard_normal(round(0.06 * RATE)), 5000, 7900) * np.exp(-_time(0.06) * 60)
    root = rng.choice([55.0, 61.7, 65.4])
    for index in range(int(2.6 / step)):
        _hit(total, hat * 0.5, index * step)
        if index % 4 in (0, 3):
            _hit(total, kick * 1.4, index * step)
        if index % 4 == 2:
            _hit(total, snare, index * step)
        note = root * (1.0, 1.0, 1.5, 1.2)[index % 4]
        _hit(total, 0.5 * np.tanh(3 * np.sin(2 * np.pi * note * t)) * np.exp(-t * 6), index * step)
    return total


def motor(rng: Generator) -> Wave:
    """A toy car driving off."""
    t = _time(2.4)
    speed = rng.uniform(55, 80) * (1 + 1.1 * np.clip(t / 1.8, 0, 1)) + 3 * np.sin(2 * np.pi * 5 * t)
    phase = np.cumsum(speed) / RATE
    buzz = 2 * (phase % 1) - 1 + 0.5 * np.sin(2 * np.pi * phase * 4)
    return _band(buzz + 0.25 * rng.standard_normal(len(t)), 80, 3000) * np.clip(t * 8, 0, 1)


def shutter(rng: Generator) -> Wave:
    """A camera's shutter, with the film wound on after it."""
    total = np.zeros(round(1.6 * RATE))
    for shot in (0.1, 0.85):
        for at, length, low, high in (
            (0.0, 0.02, 2000, 7500),
            (0.07, 0.035, 900, 5000),
            (0.1, 0.02, 2500, 7800),
        ):
            click = _band(rng.standard_normal(round(length * 4 * RATE)), low, high) * np.exp(
                -_time(length * 4) / length * 1.6
            )
            _hit(total, click * 1.6, shot + at)
        t = _time(0.3)
        wind = _band(
            np.sign(np.sin(2 * np.pi * rng.uniform(85, 110) * t)) + 0.4 * rng.standard_normal(len(t)),
            400,
            3500,
        )
        _hit(total, wind * 0.25 * np.minimum(1, t[::-1] * 12), shot + 0.18)
    return total


def chime(rng: Generator) -> Wave:
    """The rising tones headphones play when they connect."""
    total = np.zeros(round(1.8 * RATE))
    base = rng.uniform(420, 560)
    for index, ratio in enumerate((1.0, 1.25, 1.5, 2.0)):
        _hit(
            total, _partials(0.9, base * ratio, (1.0, 2.0, 3.01), 4.5), 0.05 + index * rng.uniform(0.13, 0.18)
        )
    return total


# Mean formants F1, F2, F3 of a few vowels, in Hz (Peterson and Barney, 1952, adult speakers).
_VOWELS = {
    "a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410), "u": (300,
        870, 2240),
}  # fmt: skip


def babble(text: str, rng: Generator) -> Wave:
    """Speech-like syllables in the rhythm of ``text``. It carries no words: no recogniser will find any.

    Glottal pulses are shaped by three formants per vowel; consonants are short bursts of noise.
    """
    voice = rng.uniform(95, 210)
    sounds: list[Wave] = []
    letters = [c for c in text.lower() if c.isascii() and (c.isalpha() or c == " ")][:34]
    for index, letter in enumerate(letters):
        if letter == " ":
            sounds.append(np.zeros(round(0.05 * RATE)))
        elif letter in _VOWELS:
            sounds.append(
                _vowel(
                    _VOWELS[letter], voice * (1.08 - 0.2 * index / len(letters)), rng.uniform(0.1, 0.16), rng
                )
            )
        elif letter in "lmnrwvyz":
            sounds.append(0.5 * _vowel((280, 1250, 2200), voice, 0.05, rng))
        else:
            t = _time(0.045)
            low = {"s": 3800, "f": 2500, "t": 2800, "k": 1600}.get(letter, 1200)
            sounds.append(0.5 * _band(rng.standard_normal(len(t)), low, 7800) * np.sin(np.pi * t / t[-1]))
    return np.concatenate([np.zeros(800), *sounds, np.zeros(1600)])


def _vowel(formants: tuple[int, int, int], pitch: float, seconds: float, rng: Generator) -> Wave:
    t = _time(seconds)
    glide = pitch * (1 + 0.03 * np.sin(2 * np.pi * 4.5 * t + rng.uniform(0, 6)))
    phase = np.cumsum(glide) / RATE
    out = np.zeros_like(t)
    for harmonic in range(1, int(3600 / pitch)):
        frequency = pitch * harmonic
        gain = sum(
            1 / (1 + ((frequency - f) / (60 + 0.05 * f)) ** 2) / (1 + i) for i, f in enumerate(formants)
        )
        out += gain / harmonic**0.4 * np.sin(2 * np.pi * harmonic * phase)
    return np.asarray(out * np.minimum(1, np.minimum(t, t[::-1]) * 55), dtype=np.float64)


_KINDS: dict[str, Callable[[Generator], Wave]] = {
    "pluck": pluck,
    "whistle": whistle,
    "bell": bell,
    "ring": ring,
    "alarm": alarm,
    "beat": beat,
    "motor": motor,
    "shutter": shutter,
    "chime": chime,
}


def sound_of(product: SampleProduct) -> NDArray[np.int16]:
    """The product's recording: mono, 16 kHz, peaks at 0.8 of full scale; its id decides pitch and pace.

    Raises:
        InvalidRequest: the product has no recording (``product.sound`` is None).
    """
    if product.sound is None:
        raise InvalidRequest("product", f"{product.id} has no recording: pick one whose `sound` is set")
    rng = np.random.default_rng(list(product.id.encode()))
    wave = babble(product.title_en, rng) if product.sound == "spoken" else _KINDS[product.sound](rng)
    fade = np.minimum(1, np.minimum(np.arange(len(wave)), np.arange(len(wave))[::-1]) / 80)
    wave = wave * fade / max(1e-9, float(np.abs(wave).max())) * 0.8
    return np.round(wave * 32767).astype(np.int16)

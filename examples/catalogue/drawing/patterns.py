"""Surface patterns: how much of the accent colour shows at each point, 0..1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from examples.catalogue.drawing.fields import Field

Maker = Callable[[Field, Field, float], Field]


def _field(values: Any) -> Field:
    return np.asarray(values, dtype=np.float32)


def _step(distance: Field, soft: float = 0.04) -> Field:
    """1 where ``distance`` is negative, 0 where positive, with an edge ``soft`` wide."""
    return _field(np.clip(np.float32(0.5) - distance / np.float32(soft), 0, 1))


def _hash(i: Field, j: Field, salt: float) -> Field:
    """Repeatable pseudo-random number 0..1 of a grid cell."""
    raw = np.sin(i * np.float32(12.9898) + j * np.float32(78.233) + np.float32(salt)) * np.float32(437.585)
    return raw - np.floor(raw)


def striped(u: Field, v: Field, phase: float) -> Field:
    wave = np.abs((v + np.float32(phase)) % 1 - np.float32(0.5))
    return _step(wave - np.float32(0.25), 0.06)


def checked(u: Field, v: Field, phase: float) -> Field:
    """Gingham with a thin overcheck: single bands half covered, crossings full."""
    across, down = striped(v, u, phase), striped(u, v, phase)
    thin = np.maximum(
        striped(v, u * 1, phase + 0.5) * 0, _step(np.abs((u + phase + 0.5) % 1 - 0.5) - 0.03, 0.04)
    )
    thin = np.maximum(thin, _step(np.abs((v + phase + 0.5) % 1 - 0.5) - 0.03, 0.04))
    return _field(np.maximum((across + down) * np.float32(0.5), thin * np.float32(0.6)))


def polka_dot(u: Field, v: Field, phase: float) -> Field:
    row = np.floor(v)
    x = (u + (row % 2) * np.float32(0.5)) % 1 - np.float32(0.5)
    y = v - row - np.float32(0.5)
    return _step(np.sqrt(x * x + y * y) - np.float32(0.29), 0.06)


def _scattered(u: Field, v: Field, phase: float) -> tuple[Field, Field, Field]:
    """Distance from, angle about, and a random number of the jittered centre of each cell."""
    row = np.floor(v)
    shifted = u + (row % 2) * np.float32(0.5)
    column = np.floor(shifted)
    chance = _hash(column, row, phase)
    other = _hash(column, row, phase + 3.1)
    x = shifted - column - np.float32(0.5) + (chance - np.float32(0.5)) * np.float32(0.22)
    y = v - row - np.float32(0.5) + (other - np.float32(0.5)) * np.float32(0.22)
    return np.sqrt(x * x + y * y), np.arctan2(y, x) + chance * np.float32(6.28), chance


def floral(u: Field, v: Field, phase: float) -> Field:
    distance, angle, chance = _scattered(u, v, phase)
    reach = (np.float32(0.24) + np.float32(0.1) * np.abs(np.cos(angle * np.float32(2.5)))) * (
        np.float32(0.78) + np.float32(0.35) * chance
    )
    petals = _step(distance - reach, 0.05)
    heart = _step(distance - np.float32(0.085), 0.05)
    return petals - heart * np.float32(0.85)


def star(u: Field, v: Field, phase: float) -> Field:
    distance, angle, chance = _scattered(u, v, phase)
    fold = np.abs((angle / np.float32(2 * np.pi / 5)) % 1 - np.float32(0.5)) * np.float32(2)
    reach = np.float32(0.15) + (np.float32(0.36) - np.float32(0.15)) * fold**1.5
    return _step(distance - reach * (np.float32(0.85) + np.float32(0.25) * chance), 0.05)


def chevron(u: Field, v: Field, phase: float) -> Field:
    return striped(u, v + np.abs((u * np.float32(0.8)) % 1 - np.float32(0.5)) * np.float32(1.1), phase)


def camouflage(u: Field, v: Field, phase: float) -> Field:
    a = np.sin(u * 2.1 + 1.7 * np.sin(v * 1.3 + phase)) + np.sin(v * 2.3 + 1.9 * np.sin(u * 1.1 + phase * 2))
    b = np.sin(u * 3.1 - 2.1 * np.sin(v * 1.7 + phase)) + np.sin(v * 2.7 + 1.3 * np.sin(u * 1.9))
    return _field(
        np.maximum(_step(0.35 - a, 0.12) * np.float32(0.75), _step(0.75 - b, 0.12) * np.float32(0.4))
    )


def ombre(u: Field, v: Field, phase: float) -> Field:
    return _field(np.clip((v - np.float32(2.2)) / np.float32(3.6), 0, 1) * np.float32(0.92) + u * 0)


def colour_block(u: Field, v: Field, phase: float) -> Field:
    return _step(v - np.float32(3.5), 0.03) + u * 0


def marble(u: Field, v: Field, phase: float) -> Field:
    warp = (
        np.sin(u * 1.1 + phase * 5)
        + 0.7 * np.sin(v * 1.7 + u * 0.9)
        + 0.5 * np.sin(u * 2.3 - v * 1.9 + phase)
    )
    vein = np.abs(np.sin(u * 0.7 + v * 0.8 + warp * 1.25))
    fine = np.abs(np.sin(u * 1.3 - v * 1.6 + warp * 2.1 + 1.0))
    return _field(
        np.clip(1 - vein * 4.5, 0, 1) * np.float32(0.85) + np.clip(1 - fine * 9, 0, 1) * np.float32(0.35)
    )


MAKERS: dict[str, Maker] = {
    "striped": striped,
    "checked": checked,
    "polka dot": polka_dot,
    "floral": floral,
    "star": star,
    "chevron": chevron,
    "camouflage": camouflage,
    "ombre": ombre,
    "colour block": colour_block,
    "marble": marble,
}


def coverage(pattern: str, u: Field, v: Field, phase: float) -> Field | None:
    """Accent coverage of ``pattern`` at (u, v), in repeats of the pattern; None for ``solid``."""
    maker = MAKERS.get(pattern)
    return None if maker is None else np.clip(maker(u, v, phase), 0, 1)

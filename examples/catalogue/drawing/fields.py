"""Scalar fields over the picture: smooth noise, material textures and fast blurs, all float32."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]


def resized(field: Field, height: int, width: int) -> Field:
    """Bicubic resize of a float field."""
    image = (
        Image.fromarray(field, mode="F")
        if field.dtype == np.float32
        else Image.fromarray(field.astype(np.float32))
    )
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


@lru_cache(maxsize=512)
def _bell(sigma: float) -> tuple[float, ...]:
    """Weights of a Gaussian from its middle outwards; with their mirror images they sum to 1."""
    reach = max(1, math.ceil(2.4 * sigma))
    half = [math.exp(-0.5 * (at / sigma) ** 2) for at in range(reach + 1)]
    total = 2 * sum(half) - half[0]
    return tuple(weight / total for weight in half)


def _along(field: Field, weights: tuple[float, ...]) -> Field:
    """Convolve the columns; written as shifted sums because BLAS would start threads for it."""
    reach = len(weights) - 1
    rows = field.shape[0]
    wide = np.zeros((rows + 2 * reach, field.shape[1]), dtype=np.float32)
    wide[reach : reach + rows] = field
    out = field * np.float32(weights[0])
    for at in range(1, reach + 1):
        out += (wide[reach - at : reach - at + rows] + wide[reach + at : reach + at + rows]) * np.float32(
            weights[at]
        )
    return out


def blur(field: Field, radius: float) -> Field:
    """Gaussian blur of deviation ``radius`` / 1.2, with nothing (0) outside.

    Wide ones run at reduced resolution.
    """
    step = max(1, min(8, int(radius / 2.5)))
    height, width = field.shape
    sigma = max(0.5, radius / 1.2 / step)
    if step == 1:
        return _gauss(field, sigma)
    rows, columns = -(-height // step), -(-width // step)
    if (rows * step, columns * step) == field.shape:
        padded = field
    else:
        padded = np.zeros((rows * step, columns * step), dtype=np.float32)
        padded[:height, :width] = field
    small = np.asarray(Image.fromarray(padded).reduce(step), dtype=np.float32)
    return resized(_gauss(small, sigma), rows * step, columns * step)[:height, :width]


def _gauss(field: Field, sigma: float) -> Field:
    weights = _bell(round(sigma, 2))
    return np.ascontiguousarray(_along(np.ascontiguousarray(_along(field, weights).T), weights).T)


@lru_cache(maxsize=64)
def noise(size: int, cells_x: int, cells_y: int, seed: int) -> Field:
    """Smooth noise with zero mean and unit deviation; ``cells`` is how many bumps fit across the picture."""
    rng = np.random.default_rng(seed)
    field = resized(rng.standard_normal((cells_y + 3, cells_x + 3)).astype(np.float32), size, size)
    field = field - field.mean()
    return np.asarray(field / field.std(), dtype=np.float32)


@lru_cache(maxsize=4)
def grid(size: int) -> tuple[Field, Field]:
    """Pixel centres in the unit square: (x of shape (1, size), y of shape (size, 1))."""
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    return line[None, :], line[:, None]


@lru_cache(maxsize=64)
def texture(kind: str, size: int) -> Field | None:
    """Brightness factor around 1 of a material's surface, or None for smooth ones."""
    surface = _surface(kind, size)
    return None if surface is None else np.asarray(surface, dtype=np.float32)


def _surface(kind: str, size: int) -> Any:
    x, y = grid(size)
    wave = np.float32(2 * np.pi)
    if kind == "knit":
        rows = y * 62 + np.abs((x * 46) % 1 - 0.5) * 0.9
        return 1 + 0.085 * np.cos(rows * wave) * (0.4 + 0.6 * np.abs(np.cos(x * 46 * wave / 2)))
    if kind == "twill":
        return 1 + 0.06 * np.cos((x + y) * 88 * wave) + 0.035 * noise(size, 170, 170, 3)
    if kind == "weave":
        return 1 + 0.035 * np.cos(x * 120 * wave) * np.cos(y * 120 * wave) + 0.014 * noise(size, 150, 40, 5)
    if kind == "grain":
        return 1 + 0.022 * noise(size, 150, 150, 7) + 0.014 * noise(size, 30, 30, 8)
    if kind == "wood":
        bend = y * 16 + 0.55 * noise(size, 4, 7, 11)
        return 1 + 0.07 * np.sin(bend * wave) + 0.045 * noise(size, 9, 150, 12)
    if kind == "plush":
        return 1 + 0.055 * noise(size, 190, 190, 13) + 0.022 * noise(size, 46, 46, 14)
    if kind == "straw":
        return 1 + 0.12 * np.cos(x * 55 * wave) * np.cos(y * 55 * wave) + 0.03 * noise(size, 90, 90, 15)
    if kind == "brushed":
        return 1 + 0.022 * noise(size, 6, 240, 17)
    if kind == "mesh":
        return 1 - 0.16 * (np.cos((x + y) * 60 * wave) * np.cos((x - y) * 60 * wave) > 0.35)
    if kind == "carbon":
        return 1 + 0.12 * np.sign(np.cos((x + y) * 44 * wave)) * np.sign(np.cos((x - y) * 44 * wave))
    if kind == "speckle":
        return 1 - 0.2 * (noise(size, 130, 130, 19) > 2.3)
    return None

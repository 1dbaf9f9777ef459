"""What is behind the product: a lit studio wall, its floor, and the shadow the product throws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.catalogue.drawing.fields import blur, grid, noise, resized
from examples.catalogue.drawing.pen import Light, Pen
from examples.catalogue.palette import RGB

TINTS: tuple[RGB, ...] = (
    (0.955, 0.955, 0.96), (0.93, 0.935, 0.945), (0.95, 0.94, 0.92), (0.90, 0.915, 0.93), (0.935, 0.915,
        0.895),
    (0.90, 0.925, 0.91), (0.945, 0.91, 0.915), (0.905, 0.90, 0.935), (0.86, 0.885, 0.90), (0.89, 0.87, 0.84),
    (0.80, 0.83, 0.86), (0.975, 0.975, 0.97),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backdrop:
    """``ground`` is the height of the floor's edge (None for a product lying on a surface).

    ``footing`` is how far up the picture a standing product still touches the floor: a table seen from
    above stands on it with its back legs too.
    """

    tint: RGB
    ground: float | None
    spot: tuple[float, float] = (0.4, 0.35)
    grain: float = 0.004
    footing: float = 0.03


def _wall(size: int, backdrop: Backdrop) -> NDArray[np.float32]:
    # Gradients are smooth: computing them at a quarter of the size and enlarging shows no difference.
    small = max(32, size // 4)
    x, y = grid(small)
    sx, sy = backdrop.spot
    away = np.sqrt((x - sx) ** 2 + ((y - sy) * 1.1) ** 2)
    level = 1.05 - 0.22 * away**1.25
    if backdrop.ground is not None:
        depth = np.clip((y - backdrop.ground) / 0.1, 0, 1)
        depth = depth * depth * (3 - 2 * depth)
        level = level * (1 - 0.05 * depth) + 0.03 * np.clip(y - backdrop.ground, 0, 1) * depth
    return resized(level.astype(np.float32), size, size)


def _lying(alpha: NDArray[np.float32], light: Light) -> NDArray[np.float32]:
    size = alpha.shape[0]
    lx, ly, _ = light.vector
    near = blur(alpha, size * 0.015)
    far = blur(alpha, size * 0.05)
    close = 0.42 * _shift(near, -lx * 0.016 * size, -ly * 0.016 * size)
    wide = 0.34 * _shift(far, -lx * 0.05 * size, -ly * 0.05 * size)
    return np.asarray(np.maximum(close, wide), dtype=np.float32)


def _standing(alpha: NDArray[np.float32], light: Light, footing: float) -> NDArray[np.float32]:
    size = alpha.shape[0]
    step = 4
    edge = size // step
    small = alpha[: edge * step, : edge * step].reshape(edge, step, edge, step).mean(axis=(1, 3))
    solid = small > 0.4
    if not solid.any():
        return np.zeros_like(alpha)
    bottoms = np.where(solid.any(axis=0), edge - 1 - np.argmax(solid[::-1], axis=0), -edge)
    foot = int(bottoms.max())
    # The silhouette laid back on the floor, leaning away from the light.
    flat = 0.09 + footing * 0.75
    lean = -light.vector[0] * 0.5
    laid = Image.fromarray(small).transform(
        (edge, edge), Image.Transform.AFFINE, (1.0, lean / flat, -lean / flat * foot, 0.0, 1 / flat,
            foot - foot / flat),
        resample=Image.Resampling.BILINEAR,
    )  # fmt: skip
    far = np.asarray(laid, dtype=np.float32).copy()
    far[foot + 1 :] = 0
    # What touches the floor: the lowest edge of every column that reaches down far enough.
    touch = np.zeros_like(small)
    weight = np.clip(1.15 - (foot - bottoms) / (footing * edge + 1), 0, 1)
    columns = np.nonzero(weight > 0)[0]
    for drop in (-1, 0, 1):
        touch[np.clip(bottoms[columns] + drop, 0, edge - 1), columns] = weight[columns]
    soft = 0.34 * blur(far, edge * 0.022) + 0.5 * blur(touch, edge * 0.03) + 0.62 * blur(touch, edge * 0.011)
    return resized(np.minimum(soft, 0.7), size, size)


def _shift(field: NDArray[np.float32], dx: float, dy: float) -> NDArray[np.float32]:
    out = np.zeros_like(field)
    size = field.shape[0]
    sx, sy = round(dx), round(dy)
    out[max(0, sy) : size + min(0, sy), max(0, sx) : size + min(0, sx)] = field[
        max(0, -sy) : size - max(0, sy), max(0, -sx) : size - max(0, sx)
    ]
    return out


def compose(pen: Pen, backdrop: Backdrop) -> NDArray[np.uint8]:
    """Put the painted product before its backdrop. Returns uint8 RGB of shape (size, size, 3)."""
    wall = _wall(pen.size, backdrop)
    if backdrop.ground is None:
        dark = _lying(pen.alpha, pen.light)
    else:
        dark = _standing(pen.alpha, pen.light, backdrop.footing)
    clear = 1 - pen.alpha
    grain = noise(pen.size, pen.size // 2, pen.size // 2, 31) * np.float32(backdrop.grain)
    out = np.empty((pen.size, pen.size, 3), dtype=np.uint8)
    for channel, (tone, fade) in enumerate(zip(backdrop.tint, (0.92, 0.9, 0.84), strict=True)):
        plane = np.minimum(wall * np.float32(tone), 1)
        plane *= 1 - dark * np.float32(fade)
        plane *= clear
        plane += pen.rgb[channel]
        plane += grain
        out[..., channel] = np.clip(plane, 0, 1) * 255 + 0.5
    return out


def lamp(angle_degrees: float, height: float = 0.74, ambient: float = 0.5) -> Light:
    """A lamp at ``angle_degrees`` (0 is right, -90 is above)."""
    return Light(math.radians(angle_degrees), height, ambient)

"""Any RGB picture → the image tower's canvas of 80 × 64 pixels (height × width)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmpipe.errors import InvalidMedia

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANVAS_HEIGHT, CANVAS_WIDTH = 80, 64
# Shapes this close to the canvas are stretched to fill it (a square is off by 1.25): the tower sees every
# pixel and learns the fixed distortion. Beyond it the picture is letterboxed.
_MAX_STRETCH = 1.4


def fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize to the canvas, antialiased; uint8 of shape ``(80, 64, 3)``.

    Raises :class:`InvalidMedia` unless ``image`` is uint8 of shape ``(height, width, 3)``, not empty.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidMedia("image", f"need uint8 (height, width, 3) pixels, got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    if (height, width) == (CANVAS_HEIGHT, CANVAS_WIDTH):
        return np.ascontiguousarray(image)
    target_width, target_height = CANVAS_WIDTH, CANVAS_HEIGHT
    stretch = (height / width) / (CANVAS_HEIGHT / CANVAS_WIDTH)
    if stretch > _MAX_STRETCH:
        target_width = max(1, round(CANVAS_WIDTH * _MAX_STRETCH / stretch))
    elif stretch < 1 / _MAX_STRETCH:
        target_height = max(1, round(CANVAS_HEIGHT * _MAX_STRETCH * stretch))
    picture = Image.fromarray(np.ascontiguousarray(image))
    resized = np.asarray(
        picture.resize((target_width, target_height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    )
    if resized.shape[:2] == (CANVAS_HEIGHT, CANVAS_WIDTH):
        return resized
    # Padding with the corners' colour continues a studio background instead of drawing bars.
    corners = resized[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32).mean(axis=0)
    canvas = np.empty((CANVAS_HEIGHT, CANVAS_WIDTH, 3), dtype=np.uint8)
    canvas[:] = np.round(corners).astype(np.uint8)
    top, left = (CANVAS_HEIGHT - target_height) // 2, (CANVAS_WIDTH - target_width) // 2
    canvas[top : top + target_height, left : left + target_width] = resized
    return canvas


def fit_all(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A batch on the canvas: uint8 of shape ``(len(images), 80, 64, 3)``."""
    batch = np.empty((len(images), CANVAS_HEIGHT, CANVAS_WIDTH, 3), dtype=np.uint8)
    for index, image in enumerate(images):
        batch[index] = fit(image)
    return batch

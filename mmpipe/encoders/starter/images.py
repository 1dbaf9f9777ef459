"""Any RGB picture → the image tower's canvas of 160 × 128 pixels (height × width)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmpipe.errors import InvalidMedia

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANVAS_HEIGHT, CANVAS_WIDTH = 160, 128
# Shapes this close to the canvas are stretched to fill it (a square is off by 1.25): the tower sees every
# pixel and learns the fixed distortion. Beyond it the picture is letterboxed.
_MAX_STRETCH = 1.4


def fit(
    image: NDArray[np.uint8], canvas: tuple[int, int] = (CANVAS_HEIGHT, CANVAS_WIDTH)
) -> NDArray[np.uint8]:
    """Resize to a canvas of ``(height, width)``, antialiased; uint8 of shape ``(*canvas, 3)``.

    Raises :class:`InvalidMedia` unless ``image`` is uint8 of shape ``(height, width, 3)``, not empty.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InvalidMedia("image", f"need uint8 (height, width, 3) pixels, got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    high, wide = canvas
    if (height, width) == (high, wide):
        return np.ascontiguousarray(image)
    target_width, target_height = wide, high
    stretch = (height / width) / (high / wide)
    if stretch > _MAX_STRETCH:
        target_width = max(1, round(wide * _MAX_STRETCH / stretch))
    elif stretch < 1 / _MAX_STRETCH:
        target_height = max(1, round(high * _MAX_STRETCH * stretch))
    picture = Image.fromarray(np.ascontiguousarray(image))
    resized = np.asarray(
        picture.resize((target_width, target_height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    )
    if resized.shape[:2] == (high, wide):
        return resized
    # Padding with the corners' colour continues a studio background instead of drawing bars.
    corners = resized[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32).mean(axis=0)
    filled = np.empty((high, wide, 3), dtype=np.uint8)
    filled[:] = np.round(corners).astype(np.uint8)
    top, left = (high - target_height) // 2, (wide - target_width) // 2
    filled[top : top + target_height, left : left + target_width] = resized
    return filled


def fit_all(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A batch on the canvas: uint8 of shape ``(len(images), 160, 128, 3)``."""
    batch = np.empty((len(images), CANVAS_HEIGHT, CANVAS_WIDTH, 3), dtype=np.uint8)
    for index, image in enumerate(images):
        batch[index] = fit(image)
    return batch

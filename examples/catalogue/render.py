"""Draw a product: the one entry point to the drawings."""

from __future__ import annotations

import math
import random

import numpy as np
from numpy.typing import NDArray

from examples.catalogue.drawing import (  # noqa: F401 - importing them registers what they draw
    accessories,
    clothes,
    electronics,
    footwear,
    furniture,
    kitchen,
    leisure,
    toys,
)
from examples.catalogue.drawing.backdrop import TINTS, Backdrop, compose, lamp
from examples.catalogue.drawing.geometry import Pose
from examples.catalogue.drawing.look import DRAWINGS, Look
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.palette import COLOURS
from examples.catalogue.products import SampleProduct
from mmpipe.errors import InvalidRequest

MIN_SIZE, MAX_SIZE = 32, 2048


def render_image(
    product: SampleProduct, *, view: int = 0, size: int = 512, moment: float | None = None
) -> NDArray[np.uint8]:
    """Return the photo of ``product`` as uint8 RGB of shape (size, size, 3).

    ``view`` 0 is the catalogue photo; other views change light, backdrop and pose a little more.
    ``moment`` (0..1) places the product on the turntable of its clip: everything but the turn, the
    zoom and the lamp then stays still. The same arguments give the same pixels.

    Raises:
        InvalidRequest: ``size`` is outside 32..2048.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InvalidRequest("size", f"pictures are drawn at {MIN_SIZE} to {MAX_SIZE} pixels, not {size}")
    drawing = DRAWINGS[product.category]
    rng = random.Random(f"{product.id}/{view}")  # noqa: S311
    loose = 1.0 if view == 0 else 1.7
    pose = Pose(
        angle=math.radians(rng.uniform(-drawing.swing, drawing.swing) * loose * 0.6),
        scale=drawing.zoom * (rng.uniform(0.94, 1.02) if view == 0 else rng.uniform(0.82, 1.0)),
        turn=rng.uniform(-0.16, 0.16) * loose,
        dx=rng.uniform(-0.012, 0.012) * loose,
        dy=rng.uniform(-0.01, 0.012) if drawing.ground is None else 0.0,
        mirrored=view > 0 and rng.random() < 0.5,
    )
    angle = rng.choice((-1, 1)) * rng.uniform(15, 50) - 90
    tint = rng.choice(TINTS)
    if moment is not None:
        swing = math.sin(2 * math.pi * moment)
        pose = Pose(
            pose.angle + 0.03 * swing,
            drawing.zoom * (0.94 + 0.06 * math.cos(2 * math.pi * moment)),
            0.55 * swing,
            0.0,
            0.0,
            0.0,
        )
        angle = -90 + 55 * math.sin(2 * math.pi * moment + 1.0)
    backdrop = Backdrop(
        tint, drawing.ground, (0.5 + 0.2 * math.cos(math.radians(angle)), 0.32), footing=drawing.footing
    )
    pen = Pen(
        size,
        pose,
        lamp(angle, rng.uniform(0.68, 0.8), rng.uniform(0.46, 0.54)),
        random.Random(product.item_group_id).randrange(1000),  # noqa: S311
    )
    look = Look(
        base=COLOURS[product.colour].rgb,
        accent=COLOURS[product.accent].rgb,
        pattern=product.pattern,
        material=product.material,
        style=product.style,
        rng=random.Random(product.item_group_id),  # noqa: S311
        moment=moment or 0.0,
    )
    drawing.draw(pen, look)
    return compose(pen, backdrop)

"""What a drawing function is told about the product it draws, and where it registers itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from examples.catalogue.drawing.geometry import Shape
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.palette import RGB

Draw = Callable[[Pen, "Look"], None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """``ground`` is where the floor begins behind a standing product; None when it lies flat or hangs.

    ``footing`` is the share of the picture over which it touches the floor (see ``Backdrop``), ``zoom``
    what it is enlarged by to fill the picture as the others do.
    """

    draw: Draw
    ground: float | None
    swing: float = 4.0
    footing: float = 0.03
    zoom: float = 1.0


DRAWINGS: dict[str, Drawing] = {}


@dataclass(slots=True)
class Look:
    """Colours 0..1, the names of pattern, material and style, and the product's own dice."""

    base: RGB
    accent: RGB
    pattern: str
    material: str
    style: str
    rng: random.Random
    moment: float = 0.0

    @property
    def dark(self) -> RGB:
        return mix(self.base, (0.05, 0.05, 0.07), 0.45)

    @property
    def pale(self) -> RGB:
        return mix(self.base, (1.0, 1.0, 1.0), 0.55)

    @property
    def trim(self) -> RGB:
        """A little lighter than dark colours and darker than light ones: seams, edges, buttons."""
        return (
            mix(self.base, (1.0, 1.0, 1.0), 0.3)
            if luminance(self.base) < 0.3
            else mix(self.base, (0.0, 0.0, 0.02), 0.28)
        )

    def body(self, pen: Pen, shape: Shape, **options: object) -> None:
        """Lay a part in the product's own colour, pattern and material."""
        settings: dict[str, object] = {
            "finish": self.material, "pattern": self.pattern, "accent": self.accent, **options,
        }  # fmt: skip
        pen.part(shape, self.base, **settings)  # type: ignore[arg-type]


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """``share`` of b in a."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def luminance(colour: RGB) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def drawing(
    category: str,
    *,
    ground: float | None = None,
    swing: float = 4.0,
    footing: float = 0.03,
    zoom: float = 1.0,
) -> Callable[[Draw], Draw]:
    """Register the function that draws ``category``; ``swing`` is how far it may be tilted, in degrees."""

    def register(draw: Draw) -> Draw:
        DRAWINGS[category] = Drawing(draw, ground, swing, footing, zoom)
        return draw

    return register

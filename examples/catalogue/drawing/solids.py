"""Boxes in space seen by a simple camera: furniture, blocks, cars and laptops."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from examples.catalogue.drawing.geometry import Points, Shape, line, poly
from examples.catalogue.drawing.pen import WHITE, Pen
from examples.catalogue.palette import RGB

Point3 = tuple[float, float, float]
_FACES: tuple[tuple[Point3, tuple[int, int, int, int]], ...] = (
    ((0, 1, 0), (2, 3, 7, 6)), ((0, 0, 1), (4, 5, 7, 6)), ((1, 0, 0), (1, 3, 7, 5)),
    ((-1, 0, 0), (0, 2, 6, 4)), ((0, -1, 0), (0, 1, 5, 4)), ((0, 0, -1), (0, 1, 3, 2)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box: ``low`` and ``high`` corners; y is up, z comes towards the viewer."""

    low: Point3
    high: Point3
    colour: RGB
    finish: str = "matte"
    round: float = 0.0
    pattern: str = "solid"
    accent: RGB = WHITE
    repeat: float = 9.0
    soft: bool = False
    opacity: float = 1.0


@dataclass(slots=True)
class Stage:
    """Collects boxes and lays them on the pen from back to front.

    ``yaw`` and ``pitch`` are in radians; ``origin`` is where (0, 0, 0) appears in the picture.
    """

    pen: Pen
    yaw: float
    pitch: float = 0.3
    origin: tuple[float, float] = (0.5, 0.5)
    zoom: float = 1.0
    boxes: list[Box] = field(default_factory=list)

    def project(self, points: Points) -> Points:
        """(n, 3) in space to (n, 2) in the unit square, with a mild perspective."""
        turned = self._turned(points)
        scale = self.zoom / (1.0 - 0.22 * turned[:, 2])
        return np.stack(
            [self.origin[0] + turned[:, 0] * scale, self.origin[1] - turned[:, 1] * scale], axis=1
        )

    def at(self, x: float, y: float, z: float) -> tuple[float, float]:
        px, py = self.project(np.array([[x, y, z]]))[0]
        return float(px), float(py)

    def face(self, *corners: Point3) -> Points:
        return self.project(np.array(corners, dtype=np.float64))

    def add(self, low: Point3, high: Point3, colour: RGB, **options: object) -> None:
        self.boxes.append(Box(low, high, colour, **options))  # type: ignore[arg-type]

    def draw(self) -> None:
        """Paint all collected boxes, the farthest first, and forget them."""
        for box in sorted(self.boxes, key=self._distance):
            self._paint(box)
        self.boxes.clear()

    def _turned(self, points: Points) -> Points:
        cy, sy, cp, sp = math.cos(self.yaw), math.sin(self.yaw), math.cos(self.pitch), math.sin(self.pitch)
        x = points[:, 0] * cy + points[:, 2] * sy
        z = -points[:, 0] * sy + points[:, 2] * cy
        return np.stack([x, points[:, 1] * cp - z * sp, points[:, 1] * sp + z * cp], axis=1)

    def _distance(self, box: Box) -> float:
        middle = (np.array([box.low]) + np.array([box.high])) / 2
        return float(self._turned(middle)[0, 2])

    def _paint(self, box: Box) -> None:
        corners = np.array(
            [[(box.low, box.high)[(i >> axis) & 1][axis] for axis in range(3)] for i in range(8)],
            dtype=np.float64,
        )
        flat = self.project(corners)
        light = np.array(self.pen.light.vector) * (1.0, -1.0, 1.0)
        for normal, index in _FACES:
            facing = self._turned(np.array([normal], dtype=np.float64))[0]
            middle = self._turned(corners[list(index)].mean(axis=0, keepdims=True))[0]
            # Seen in perspective: the eye sits on the z axis, 1 / 0.22 away.
            if facing @ (np.array([0.0, 0.0, 1 / 0.22]) - middle) <= 0.02:
                continue
            outline = flat[list(index)]
            shape = poly(outline)
            if box.round:
                shape = shape + line(np.vstack([outline, outline[:2]]), box.round)
            bright = 0.58 + 0.5 * max(0.0, float(facing @ light)) + (0.06 if normal[1] > 0 else 0.0)
            self.pen.part(
                shape, box.colour, finish=box.finish, relief="puff", depth=0.05 if box.soft else 0.012,
                strength=0.8 if box.soft else 0.45, pattern=box.pattern, accent=box.accent, repeat=box.repeat,
                cast=0.12 if box.soft else 0.05, shade=bright, opacity=box.opacity,
            )  # fmt: skip


def slab(stage: Stage, y: float, x0: float, x1: float, z0: float, z1: float, n: int = 40) -> Shape:
    """A round or oval table top's outline at height ``y``."""
    t = np.linspace(0, 2 * np.pi, n)
    ring = np.stack(
        [(x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(t), np.full(n, y), (z0 + z1) / 2 + (z1 - z0) / 2 * np.sin(t)],
        axis=1,
    )
    return poly(stage.project(ring))

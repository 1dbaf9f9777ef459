"""Shapes as lists of points in the unit square, x to the right and y down.

A shape is a list of strokes that are painted in turn: filled outlines that add or cut. Because
everything is points, a pose (turn, tilt, scale, shift) is one affine map applied before painting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
PointList = Sequence[tuple[float, float]] | Points
SUPERSAMPLE = 3


@dataclass(frozen=True, slots=True)
class Stroke:
    """An outline to fill (``width`` 0) or a line to trace; ``add`` False cuts it out of what is there."""

    points: Points
    width: float = 0.0
    add: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """What a part looks like from the front: strokes painted in order."""

    strokes: tuple[Stroke, ...] = field(default=())

    def __add__(self, other: Shape) -> Shape:
        return Shape(self.strokes + other.strokes)

    def __sub__(self, other: Shape) -> Shape:
        return Shape(self.strokes + tuple(Stroke(s.points, s.width, False) for s in other.strokes))


@dataclass(frozen=True, slots=True)
class Pose:
    """Affine map of the unit square about its centre; ``turn`` squashes x as a turntable does."""

    angle: float = 0.0
    scale: float = 1.0
    turn: float = 0.0
    shear: float = 0.0
    dx: float = 0.0
    dy: float = 0.0
    mirrored: bool = False

    def apply(self, points: Points) -> Points:
        """Return the points moved; input and output have shape (n, 2)."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        squash = math.cos(self.turn) * (-1.0 if self.mirrored else 1.0)
        shape = np.array([[squash, self.shear], [math.sin(self.turn) * 0.06, 1.0]])
        rotate = np.array([[cos, -sin], [sin, cos]])
        matrix = self.scale * (rotate @ shape)
        moved = (points - 0.5) @ matrix.T + (0.5 + self.dx, 0.5 + self.dy)
        return np.asarray(moved, dtype=np.float64)


def array(points: PointList) -> Points:
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)


def poly(points: PointList) -> Shape:
    """A filled polygon with straight edges."""
    return Shape((Stroke(array(points)),))


def curve(points: PointList, *, closed: bool = True, steps: int = 10) -> Points:
    """Smooth curve through the points: cubic Hermite with Catmull-Rom directions.

    A direction is never longer than the shorter of the two segments it joins, which keeps unevenly spaced
    points from overshooting. A point given twice in a row makes a corner there.
    """
    p = array(points)
    p = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([p[:1], p, p[-1:]])
    segments = np.diff(p, axis=0)
    lengths = np.hypot(segments[:, 0], segments[:, 1])
    direction = (segments[:-1] + segments[1:]) / 2
    limit = 1.15 * np.minimum(lengths[:-1], lengths[1:])
    reach = np.maximum(np.hypot(direction[:, 0], direction[:, 1]), 1e-12)
    direction = direction * np.minimum(1.0, limit / reach)[:, None]
    b, c, mb, mc = p[1:-2], p[2:-1], direction[:-1], direction[1:]
    long = lengths[1:-1] > 0
    b, c, mb, mc = b[long, None], c[long, None], mb[long, None], mc[long, None]
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    flat: Points = (
        (2 * t**3 - 3 * t**2 + 1) * b
        + (t**3 - 2 * t**2 + t) * mb
        + (3 * t**2 - 2 * t**3) * c
        + (t**3 - t**2) * mc
    ).reshape(-1, 2)
    return flat if closed else np.vstack([flat, p[-1:]])


def smooth(points: PointList, steps: int = 10) -> Shape:
    """A filled smooth outline through the points."""
    return Shape((Stroke(curve(points, steps=steps)),))


def symmetric(points: PointList, steps: int = 10) -> Shape:
    """A filled smooth outline, its own mirror image about x = 0.5; give the left half from top to bottom."""
    left = array(points)
    right = left[::-1] * (-1.0, 1.0) + (1.0, 0.0)
    return smooth(np.vstack([left, right]), steps)


def arc(
    cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0, n: int = 56
) -> Points:
    """Points along an ellipse, degrees clockwise from the right (y is down)."""
    t = np.radians(np.linspace(start, stop, n))
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def ellipse(cx: float, cy: float, rx: float, ry: float | None = None) -> Shape:
    return Shape((Stroke(arc(cx, cy, rx, rx if ry is None else ry)),))


def rrect(x0: float, y0: float, x1: float, y1: float, r: float = 0.02) -> Shape:
    """Rectangle with round corners."""
    r = min(r, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    corners = (
        (x1 - r, y0 + r, -90.0),
        (x1 - r, y1 - r, 0.0),
        (x0 + r, y1 - r, 90.0),
        (x0 + r, y0 + r, 180.0),
    )
    return Shape((Stroke(np.vstack([arc(cx, cy, r, r, a, a + 90.0, 9) for cx, cy, a in corners])),))


def line(points: PointList, width: float) -> Shape:
    """A line of the given width with round ends."""
    return Shape((Stroke(array(points), width),))


def bent(points: PointList, width: float) -> Shape:
    """A smooth line through the points."""
    return Shape((Stroke(curve(points, closed=False), width),))


def star(cx: float, cy: float, r: float, points: int = 5, inner: float = 0.42, turn: float = -90.0) -> Shape:
    t = np.radians(np.arange(points * 2) * 180.0 / points + turn)
    radius = np.where(np.arange(points * 2) % 2 == 0, r, r * inner)
    return poly(np.stack([cx + radius * np.cos(t), cy + radius * np.sin(t)], axis=1))


@dataclass(frozen=True, slots=True)
class Mask:
    """Coverage 0..1 of a shape, float32, with its place (``top``, ``left``) in the picture."""

    values: NDArray[np.float32]
    top: int
    left: int


def paint(shape: Shape, pose: Pose, size: int, pad: int = 2) -> Mask | None:
    """Rasterise with anti-aliasing. None when nothing of the shape lies in the picture."""
    placed = [(pose.apply(s.points) * size, s.width * pose.scale * size, s.add) for s in shape.strokes]
    corners = [(p.min(0) - w / 2, p.max(0) + w / 2) for p, w, add in placed if add]
    low = np.floor(np.min([c[0] for c in corners], axis=0)).astype(int) - pad
    high = np.ceil(np.max([c[1] for c in corners], axis=0)).astype(int) + pad
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, size)
    if right <= left or bottom <= top:
        return None
    image = Image.new("L", (int(right - left) * SUPERSAMPLE, int(bottom - top) * SUPERSAMPLE))
    draw = ImageDraw.Draw(image)
    for points, width, add in placed:
        dots = (points - (left, top)) * SUPERSAMPLE
        if width:
            _trace(draw, dots, width * SUPERSAMPLE, 255 if add else 0)
        elif len(dots) > 2:
            draw.polygon(dots.ravel().tolist(), fill=255 if add else 0)
    small = np.asarray(image.reduce(SUPERSAMPLE), dtype=np.float32) / np.float32(255.0)
    return Mask(small, int(top), int(left))


def _trace(draw: ImageDraw.ImageDraw, dots: Points, width: float, fill: int) -> None:
    draw.line(dots.ravel().tolist(), fill=fill, width=max(1, round(width)), joint="curve")
    radius = width / 2
    for x, y in (dots[0], dots[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

"""The pen: shaded parts laid over one another, with light, cast shadows and a backdrop at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from examples.catalogue.drawing.fields import Field, blur, grid, noise, texture
from examples.catalogue.drawing.geometry import Mask, PointList, Pose, Shape, array, line, paint
from examples.catalogue.drawing.patterns import coverage
from examples.catalogue.palette import RGB

WHITE: RGB = (1.0, 1.0, 1.0)
INK: RGB = (0.1, 0.1, 0.12)


@dataclass(frozen=True, slots=True)
class Finish:
    """How a surface answers light: ``gloss`` is the glint's strength, ``sharp`` its number of squarings."""

    gloss: float
    sharp: int
    metal: float = 0.0
    grain: str = ""


FINISHES: dict[str, Finish] = {
    "cotton": Finish(0.03, 2, grain="weave"),
    "linen": Finish(0.03, 2, grain="weave"),
    "canvas": Finish(0.03, 2, grain="weave"),
    "silk": Finish(0.34, 3),
    "wool": Finish(0.0, 2, grain="knit"),
    "cashmere": Finish(0.02, 2, grain="knit"),
    "denim": Finish(0.02, 2, grain="twill"),
    "leather": Finish(0.28, 4, grain="grain"),
    "suede": Finish(0.02, 2, grain="grain"),
    "nylon": Finish(0.22, 4),
    "mesh": Finish(0.05, 3, grain="mesh"),
    "straw": Finish(0.04, 2, grain="straw"),
    "velvet": Finish(0.14, 2, grain="grain"),
    "plush": Finish(0.0, 2, grain="plush"),
    "rubber": Finish(0.3, 4),
    "plastic": Finish(0.45, 5),
    "aluminium": Finish(0.4, 4, 0.55, "brushed"),
    "steel": Finish(0.55, 5, 0.85),
    "titanium": Finish(0.4, 4, 0.6, "brushed"),
    "copper": Finish(0.5, 5, 0.8),
    "cast iron": Finish(0.2, 3, grain="grain"),
    "enamel": Finish(0.55, 6, grain="speckle"),
    "ceramic": Finish(0.5, 6),
    "porcelain": Finish(0.6, 6),
    "glass": Finish(0.75, 6, 0.2),
    "wood": Finish(0.12, 3, grain="wood"),
    "bamboo": Finish(0.14, 3, grain="wood"),
    "carbon": Finish(0.5, 5, grain="carbon"),
    "paper": Finish(0.03, 2),
    "flat": Finish(0.0, 2),
    "matte": Finish(0.08, 3),
    "chrome": Finish(0.7, 5, 1.0),
}


@dataclass(frozen=True, slots=True)
class Light:
    """One soft lamp at ``angle`` (radians, 0 is right, negative up), ``height`` above the picture."""

    angle: float = -2.2
    height: float = 0.75
    ambient: float = 0.5

    @property
    def vector(self) -> tuple[float, float, float]:
        flat = math.sqrt(max(0.0, 1 - self.height**2))
        return flat * math.cos(self.angle), flat * math.sin(self.angle), self.height


@dataclass(slots=True)
class Pen:
    """Paints one product. Colours are sRGB 0..1, lengths are fractions of the picture's side."""

    size: int
    pose: Pose = field(default_factory=Pose)
    light: Light = field(default_factory=Light)
    seed: int = 0
    rgb: NDArray[np.float32] = field(init=False)
    alpha: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.rgb = np.zeros((3, self.size, self.size), dtype=np.float32)
        self.alpha = np.zeros((self.size, self.size), dtype=np.float32)

    def part(
        self,
        shape: Shape,
        colour: RGB,
        *,
        finish: str = "matte",
        relief: str = "puff",
        depth: float = 0.045,
        strength: float = 1.0,
        pattern: str = "solid",
        accent: RGB = WHITE,
        repeat: float = 9.0,
        tilt: float = 0.0,
        folds: float = 0.0,
        cast: float = 0.3,
        shade: float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay a shaded part over what is there.

        ``relief`` is ``puff`` (a cushion whose rim falls off over ``depth``), ``tube`` (round about the
        upright axis), ``ball`` or ``sheet`` (flat, lit evenly). ``folds`` bends cloth, ``cast`` is how dark
        its shadow falls on earlier parts, ``tilt`` turns the pattern, ``shade`` multiplies the colour.
        """
        mask = paint(shape, self.pose, self.size, pad=3)
        if mask is None:
            return
        cover = mask.values
        if cast > 0:
            self._cast(mask, cast, depth)
        look = FINISHES[finish]
        nx, ny = self._normals(mask, relief, depth, strength)
        if folds:
            fx, fy = self._folds(mask, folds)
            nx, ny = nx + fx, ny + fy
        base = self._base(mask, nx, ny, colour, accent, pattern, repeat, tilt, look)
        lit = self._lit(base, nx, ny, look, shade, relief)
        self._over(mask, lit, cover * np.float32(opacity))

    def flat(self, shape: Shape, colour: RGB, opacity: float = 1.0) -> None:
        """Lay an unshaded mark (a button, a seam, a print) over what is there."""
        mask = paint(shape, self.pose, self.size)
        if mask is not None:
            self._over(mask, _plane(colour), mask.values * np.float32(opacity))

    def tint(self, shape: Shape, amount: float) -> None:
        """Darken (negative) or lighten (positive) what is already painted under ``shape``."""
        mask = paint(shape, self.pose, self.size)
        if mask is None:
            return
        rows, columns = self._window(mask)
        weight = mask.values * np.float32(abs(amount))
        weight = weight * (self.alpha[rows, columns] > 0.01)
        target = np.float32(1.0 if amount > 0 else 0.0)
        self.rgb[:, rows, columns] += (
            target * self.alpha[rows, columns] - self.rgb[:, rows, columns]
        ) * weight

    def dashes(
        self,
        points: PointList,
        colour: RGB,
        *,
        width: float = 0.003,
        dash: float = 0.009,
        opacity: float = 0.8,
    ) -> None:
        """A stitched seam along a line."""
        path = array(points)
        steps = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        starts = np.arange(0.0, along[-1] - dash * 0.6, dash * 1.7)
        stitches = Shape()
        for start in starts:
            span = np.array([start, min(start + dash, along[-1])])
            ends = np.stack([np.interp(span, along, path[:, 0]), np.interp(span, along, path[:, 1])], axis=1)
            stitches = stitches + line(ends, width)
        if stitches.strokes:
            self.flat(stitches, colour, opacity)

    def _window(self, mask: Mask) -> tuple[slice, slice]:
        height, width = mask.values.shape
        return slice(mask.top, mask.top + height), slice(mask.left, mask.left + width)

    def _over(self, mask: Mask, colour: NDArray[np.float32], cover: Field) -> None:
        rows, columns = self._window(mask)
        rest = 1 - cover
        under = self.rgb[:, rows, columns]
        under *= rest
        under += colour * cover
        self.alpha[rows, columns] *= rest
        self.alpha[rows, columns] += cover

    def _cast(self, mask: Mask, amount: float, depth: float) -> None:
        reach = max(2, round(min(0.022, 0.006 + depth * 0.3) * self.size))
        lx, ly, _ = self.light.vector
        dy, dx = round(-ly * reach * 1.3), round(-lx * reach * 1.3)
        height, width = mask.values.shape
        margin = reach * 2
        top, left = mask.top + dy - margin, mask.left + dx - margin
        wide = np.zeros((height + 2 * margin, width + 2 * margin), dtype=np.float32)
        wide[margin : margin + height, margin : margin + width] = mask.values
        soft = blur(wide, reach)
        y0, x0 = max(0, top), max(0, left)
        y1, x1 = min(self.size, top + height + 2 * margin), min(self.size, left + width + 2 * margin)
        if y1 <= y0 or x1 <= x0:
            return
        dark = 1 - np.float32(amount) * soft[y0 - top : y1 - top, x0 - left : x1 - left]
        self.rgb[:, y0:y1, x0:x1] *= dark

    def _normals(self, mask: Mask, relief: str, depth: float, strength: float) -> tuple[Field, Field]:
        cover = mask.values
        zero = np.zeros((1, 1), dtype=np.float32)
        if relief == "sheet":
            return zero, zero
        if relief == "tube":
            return self._tube(cover, strength)
        if relief == "ball":
            rows, columns = np.nonzero(cover > 0.5)
            if rows.size == 0:
                return zero, zero
            cy, cx = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
            ry, rx = (np.ptp(rows) + 1) / 2, (np.ptp(columns) + 1) / 2
            y = (np.arange(cover.shape[0], dtype=np.float32)[:, None] - np.float32(cy)) / np.float32(ry)
            x = (np.arange(cover.shape[1], dtype=np.float32)[None, :] - np.float32(cx)) / np.float32(rx)
            away = np.maximum(np.sqrt(x * x + y * y), 1.0) * np.float32(1.04)
            return x / away * np.float32(strength), y / away * np.float32(strength)
        radius = max(1.0, depth * self.size)
        height = blur(cover, radius)
        gy, gx = np.gradient(height)
        steep = np.float32(-1.9 * radius * strength)
        return np.asarray(gx * steep, dtype=np.float32), np.asarray(gy * steep, dtype=np.float32)

    def _tube(self, cover: Field, strength: float) -> tuple[Field, Field]:
        solid = cover > 0.5
        first = np.argmax(solid, axis=1).astype(np.float32)
        last = (cover.shape[1] - 1 - np.argmax(solid[:, ::-1], axis=1)).astype(np.float32)
        centre = ((first + last) / 2)[:, None]
        half = np.maximum((last - first) / 2 + 1, 2.0)[:, None]
        x = (np.arange(cover.shape[1], dtype=np.float32)[None, :] - centre) / half
        nx = np.clip(x, -0.98, 0.98) * np.float32(strength)
        # Where a profile widens downwards its wall looks up: that is the slope of the half width.
        slope = np.gradient(np.convolve(np.pad(half[:, 0], 6, mode="edge"), np.full(13, 1 / 13), "valid"))
        ny = (-np.clip(slope, -1, 1) * 0.7).astype(np.float32)[:, None] * np.ones_like(nx)
        return nx, ny

    def _folds(self, mask: Mask, amount: float) -> tuple[Field, Field]:
        rows, columns = self._window(mask)
        field = noise(self.size, 10, 3, 100 + self.seed % 6) + 0.45 * noise(
            self.size, 19, 5, 110 + self.seed % 5
        )
        gy, gx = np.gradient(field[rows, columns])
        scale = np.float32(amount * self.size * 0.0105)
        return -gx * scale, -gy * scale

    def _base(
        self, mask: Mask, nx: Field, ny: Field, colour: RGB, accent: RGB, pattern: str, repeat: float,
        tilt: float, look: Finish,
    ) -> NDArray[np.float32]:  # fmt: skip
        rows, columns = self._window(mask)
        base = _plane(colour)
        if pattern != "solid":
            x, y = grid(self.size)
            # The pattern follows the body: it is squeezed where the surface turns away.
            u = (x[:, columns] - 0.5 + nx * np.float32(0.018)) / np.float32(self.pose.scale)
            v = (y[rows] - 0.5 + ny * np.float32(0.018)) / np.float32(self.pose.scale)
            angle = self.pose.angle + tilt
            cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
            across = np.asarray((u * cos + v * sin + 0.5) * repeat, dtype=np.float32)
            down = np.asarray((v * cos - u * sin + 0.5) * repeat, dtype=np.float32)
            shown = coverage(pattern, across, down, (self.seed % 97) / 97.0)
            if shown is not None:
                base = base + (_plane(accent) - base) * shown
        surface = texture(look.grain, self.size) if look.grain else None
        return base if surface is None else base * surface[rows, columns]

    def _lit(
        self, base: NDArray[np.float32], nx: Field, ny: Field, look: Finish, shade: float, relief: str
    ) -> NDArray[np.float32]:
        lx, ly, lz = (np.float32(value) for value in self.light.vector)
        inverse = 1 / np.sqrt(1 + nx * nx + ny * ny) if relief != "tube" else np.float32(1.0)
        nz = inverse if relief != "tube" else np.sqrt(np.clip(1 - nx * nx, 0.04, 1))
        nx, ny = nx * inverse, ny * inverse
        facing = np.clip(nx * lx + ny * ly + nz * lz, 0, 1) / lz
        ambient = np.float32(self.light.ambient) * (1 - np.float32(0.22) * ny)
        bright = (ambient + (1 - np.float32(self.light.ambient)) * facing) * np.float32(shade)
        over = np.clip(bright - 1, 0, 1)
        lit: NDArray[np.floating] = base * np.minimum(bright, 1)
        if look.metal:
            # A studio seen in metal: bright sky, dark horizon, light floor.
            sky = 0.55 + 0.45 * np.sin(ny * np.float32(3.4) - nx * np.float32(2.6) + np.float32(0.6))
            lit = lit * (1 + np.float32(look.metal) * (sky * np.float32(0.75) - np.float32(0.42)))
        hx, hy, hz = lx, ly, lz + 1
        norm = np.float32(1 / math.sqrt(hx * hx + hy * hy + hz * hz))
        glint = np.clip((nx * hx + ny * hy + nz * hz) * norm, 0, 1)
        for _ in range(look.sharp):
            glint = glint * glint
        rim = np.clip(1 - nz, 0, 1)
        lift = over * np.float32(0.55) + (glint * np.float32(look.gloss) + rim * rim * np.float32(0.16))
        lift = np.clip(lift, 0, 1)
        return np.asarray(lit * (1 - lift) + lift, dtype=np.float32)


def _plane(colour: RGB) -> NDArray[np.float32]:
    """A colour that spreads over planes of shape (3, height, width)."""
    return np.asarray(colour, dtype=np.float32).reshape(3, 1, 1)

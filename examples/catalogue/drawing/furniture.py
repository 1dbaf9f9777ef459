"""Chairs, sofas, tables, lamps and cushions."""

from __future__ import annotations

import math

from examples.catalogue.drawing.geometry import Shape, bent, ellipse, line, rrect, smooth, symmetric
from examples.catalogue.drawing.look import Look, drawing, luminance, mix
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.drawing.solids import Stage, slab
from examples.catalogue.palette import RGB

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_WOOD: RGB = (0.62, 0.42, 0.25)
_DARK_WOOD: RGB = (0.36, 0.23, 0.15)
_STEEL: RGB = (0.78, 0.8, 0.83)
_BRASS: RGB = (0.84, 0.7, 0.4)


def _yaw(pen: Pen, look: Look, base: float = 0.5) -> float:
    side = -1.0 if look.rng.random() < 0.5 else 1.0
    return side * base + pen.pose.turn * 1.2


def _leg(pen: Pen, stage: Stage, top: tuple[float, float, float], foot: tuple[float, float, float],
    width: float, colour: RGB, finish: str) -> None:
    pen.part(line([stage.at(*top), stage.at(*foot)], width), colour, finish=finish, depth=width * 0.5,
        cast=0.15)


@drawing("chair", ground=0.6, swing=0.0, footing=0.2, zoom=0.98)
def chair(pen: Pen, look: Look) -> None:
    stage = Stage(pen, _yaw(pen, look, 0.5), 0.26, (0.5, 0.575), 0.98)
    soft = look.material in {"velvet", "leather"}
    frame = _WOOD if soft or look.pattern != "solid" else look.base
    finish = "wood" if frame is _WOOD else look.material
    seat: dict[str, object] = {"finish": look.material, "pattern": look.pattern, "accent": look.accent,
        "repeat": 10.0}
    half, back = 0.2, 0.4
    if look.style == "swivel":
        hub = (0.0, -0.27, 0.0)
        for turn in range(5):
            a = math.radians(turn * 72 + 20)
            foot = (0.22 * math.cos(a), -0.3, 0.22 * math.sin(a))
            _leg(pen, stage, hub, foot, 0.026, _STEEL, "chrome")
            x, y = stage.at(*foot)
            pen.part(ellipse(x, y + 0.018, 0.019), (0.12, 0.12, 0.13), finish="rubber", depth=0.01)
        _leg(pen, stage, (0.0, 0.0, 0.0), hub, 0.034, _STEEL, "chrome")
        frame, finish = (0.16, 0.16, 0.18), "plastic"
    else:
        splay = 0.03 if look.style == "dining" else 0.06
        low = -0.3 if look.style == "dining" else -0.22
        for x in (-1, 1):
            _leg(pen, stage, (x * (half - 0.03), 0, -half + 0.03),
                (x * (half - 0.03 + splay), low, -half + 0.03 - splay), 0.03, mix(frame, (0, 0, 0), 0.15),
                finish)
    if look.style == "lounge":
        half, back = 0.24, 0.36
        stage.add((-half - 0.06, -0.07, -half), (-half + 0.02, 0.15, half), look.base, round=0.03, soft=True,
            **seat)
        stage.add((half - 0.02, -0.07, -half), (half + 0.06, 0.15, half), look.base, round=0.03, soft=True,
            **seat)
        stage.add((-half + 0.02, -0.07, -half + 0.06), (half - 0.02, 0.06, half), look.base, round=0.03,
            soft=True, **seat)
        stage.add((-half - 0.02, -0.07, -half - 0.05), (half + 0.02, back, -half + 0.05), look.base,
            round=0.04, soft=True, **seat)
        stage.draw()
    else:
        thick = 0.055 if soft else 0.028
        for x in (-1, 1):
            if look.style == "dining":
                _leg(pen, stage, (x * (half - 0.03), 0.1, -half + 0.02),
                    (x * (half - 0.03), back, -half - 0.03), 0.028, frame, finish)
        if look.style == "swivel":
            _leg(pen, stage, (0, 0.0, -half + 0.02), (0, 0.16, -half - 0.02), 0.04, frame, finish)
        stage.add((-half, 0.15, -half - 0.03), (half, back + 0.02, -half + 0.015), look.base, round=0.035,
            soft=True, **seat)
        stage.draw()
        if look.style == "dining" and not soft:
            for y in (0.21, 0.27, 0.33):
                pen.tint(line([stage.at(-half + 0.03, y, -half + 0.017),
                    stage.at(half - 0.03, y, -half + 0.017)], 0.012), -0.4)
        stage.add((-half - 0.01, -thick / 2, -half), (half + 0.01, thick / 2, half + 0.02), look.base,
            round=0.03, soft=soft, **seat)
        stage.draw()
    if look.style == "swivel":
        for x in (-1, 1):
            side = x * (half + 0.03)
            pen.part(line([stage.at(side, 0.0, 0.0), stage.at(side, 0.13, 0.0)], 0.022), frame,
                finish=finish, depth=0.01)
            pen.part(line([stage.at(side, 0.135, -0.12), stage.at(side, 0.135, 0.13)], 0.032), frame,
                finish=finish, depth=0.014)
        return
    splay = 0.03 if look.style == "dining" else 0.06
    low = -0.3 if look.style == "dining" else -0.22
    top = -0.03 if look.style == "dining" else -0.075
    for x in (-1, 1):
        _leg(pen, stage, (x * (half - 0.03), top, half - 0.03),
            (x * (half - 0.03 + splay), low, half - 0.03 + splay), 0.032, frame, finish)


@drawing("sofa", ground=0.52, swing=0.0, footing=0.2)
def sofa(pen: Pen, look: Look) -> None:
    seats = {"single-seat": 1, "two-seat": 2, "three-seat": 3}.get(look.style, 2)
    half = {1: 0.2, 2: 0.3, 3: 0.4}[seats]
    stage = Stage(pen, _yaw(pen, look, 0.3), 0.26, (0.5, 0.57), {1: 1.15, 2: 1.0, 3: 0.86}[seats])
    cover: dict[str, object] = {"finish": look.material, "pattern": look.pattern, "accent": look.accent,
        "repeat": 9.0, "soft": True}
    leg = _DARK_WOOD if luminance(look.base) > 0.3 else _BRASS
    for z in (-0.14, 0.15):
        for x in (-1, 1):
            _leg(pen, stage, (x * (half - 0.02), -0.14, z), (x * half, -0.235, z), 0.024, leg, "wood")
    stage.add((-half - 0.02, -0.15, -0.18), (half + 0.02, 0.24, -0.08), look.base, round=0.05, **cover)
    stage.draw()
    stage.add((-half, -0.15, -0.1), (half, -0.02, 0.18), look.base, round=0.02, **cover)
    stage.draw()
    width = (2 * half - 0.06) / seats
    for index in range(seats):
        x0 = -half + 0.03 + index * width
        stage.add((x0 + 0.012, 0.02, -0.09), (x0 + width - 0.012, 0.225, -0.02), look.base, round=0.045,
            **cover)
    stage.draw()
    for index in range(seats):
        x0 = -half + 0.03 + index * width
        stage.add((x0 + 0.012, -0.03, -0.06), (x0 + width - 0.012, 0.035, 0.19), look.base, round=0.03,
            **cover)
    stage.draw()
    if look.rng.random() < 0.6:
        px, py = stage.at(-half + 0.13 if stage.yaw > 0 else half - 0.13, 0.12, 0.02)
        pen.part(_pillow(px, py, 0.085 * stage.zoom),
            look.accent if look.pattern == "solid" else mix(look.accent, (1, 1, 1), 0.2), finish="linen",
            depth=0.035, cast=0.45)
    arms = [(-half - 0.07, -half + 0.03), (half - 0.03, half + 0.07)]
    for x0, x1 in arms:
        stage.add((x0, -0.155, -0.17), (x1, 0.105, 0.19), look.base, round=0.04, **cover)
    stage.draw()


def _pillow(x: float, y: float, r: float) -> Shape:
    return smooth([(x - r, y - r), (x, y - r * 0.86), (x + r, y - r), (x + r * 0.86, y), (x + r, y + r),
        (x, y + r * 0.86), (x - r, y + r), (x - r * 0.86, y)])


@drawing("table", ground=0.46, swing=0.0, footing=0.24, zoom=1.04)
def table(pen: Pen, look: Look) -> None:
    coffee, round_top = look.style == "coffee", look.style == "round"
    glass = look.material == "glass"
    frame = look.base
    finish = "wood" if look.material != "bamboo" else "bamboo"
    height = -0.17 if coffee else -0.3
    width, depth = (0.36, 0.2) if not round_top else (0.3, 0.3)
    stage = Stage(pen, _yaw(pen, look, 0.42), 0.34, (0.5, 0.47 if not coffee else 0.52), 1.0)
    top = (0.72, 0.85, 0.86) if glass else look.base
    if round_top:
        for turn in range(4):
            a = math.radians(turn * 90 + 45)
            _leg(pen, stage, (0.0, height + 0.06, 0.0), (0.2 * math.cos(a), height - 0.03,
                0.2 * math.sin(a)), 0.034, frame, finish)
        pen.part(line([stage.at(0, -0.01, 0), stage.at(0, height + 0.05, 0)], 0.05), frame, finish=finish,
            depth=0.022)
        rim = slab(stage, -0.03, -width, width, -depth, depth) + slab(stage, -0.012, -width, width, -depth,
            depth)
        pen.part(rim, mix(frame, (0, 0, 0), 0.25), finish=finish, depth=0.015, cast=0.2)
        pen.part(slab(stage, 0.0, -width, width, -depth, depth), top,
            finish="glass" if glass else look.material, depth=0.012, strength=0.5, cast=0,
                 opacity=0.78 if glass else 1.0, shade=1.05)
        _setting(pen, stage, look)
        return
    order = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
    inset = 0.035
    for x, z in order[:2]:
        _leg(pen, stage, (x * (width - inset), -0.02, z * (depth - inset)),
            (x * (width - inset + 0.015), height, z * (depth - inset)), 0.036, mix(frame, (0, 0, 0), 0.12),
            finish)
    if coffee:
        stage.add((-width + 0.05, height * 0.62, -depth + 0.04),
            (width - 0.05, height * 0.62 + 0.014, depth - 0.04), mix(frame, (0, 0, 0), 0.1), finish=finish)
        stage.draw()
    for x, z in order[2:]:
        _leg(pen, stage, (x * (width - inset), -0.02, z * (depth - inset)),
            (x * (width - inset + 0.015), height, z * (depth - inset)), 0.038, frame, finish)
    if not glass:
        stage.add((-width + 0.04, -0.06, -depth + 0.03), (width - 0.04, -0.02, depth - 0.03),
            mix(frame, (0, 0, 0), 0.12), finish=finish)
        stage.draw()
    else:
        for z in (-1, 1):
            pen.part(line([stage.at(-width + inset, -0.03, z * (depth - inset)),
                stage.at(width - inset, -0.03, z * (depth - inset))], 0.02), frame, finish=finish, depth=0.01)
    stage.add((-width, -0.024, -depth), (width, 0.0, depth), top, finish="glass" if glass else look.material,
        round=0.012, opacity=0.72 if glass else 1.0)
    stage.draw()
    _setting(pen, stage, look)


def _setting(pen: Pen, stage: Stage, look: Look) -> None:
    """A small vase with a sprig: it tells the eye how large a table is."""
    if look.rng.random() < 0.45:
        return
    x, y = stage.at(0.0, 0.0, 0.0)
    for lean in (-0.035, 0.005, 0.04):
        pen.part(bent([(x, y - 0.06), (x + lean * 0.5, y - 0.12), (x + lean, y - 0.165)], 0.005),
            (0.3, 0.45, 0.28), depth=0.003, cast=0)
        pen.part(ellipse(x + lean, y - 0.17, 0.017, 0.022), (0.45, 0.62, 0.4), depth=0.012, cast=0.1)
    pen.part(smooth([(x - 0.014, y - 0.085), (x - 0.014, y - 0.085), (x - 0.03, y - 0.045),
        (x - 0.02, y - 0.003), (x + 0.02, y - 0.003), (x + 0.03, y - 0.045), (x + 0.014, y - 0.085),
        (x + 0.014, y - 0.085)]),
             (0.93, 0.92, 0.9), finish="ceramic", relief="tube", cast=0.25)


@drawing("lamp", ground=0.7, swing=0.0, zoom=1.06)
def lamp(pen: Pen, look: Look) -> None:
    glow = (1.0, 0.93, 0.76)
    if look.style == "desk":
        metal = look.base
        pen.part(ellipse(0.4, 0.855, 0.16, 0.04), metal, finish="plastic", depth=0.025)
        pen.part(line([(0.4, 0.835), (0.31, 0.54)], 0.026), _STEEL, finish="chrome", depth=0.012)
        pen.part(line([(0.31, 0.54), (0.57, 0.27)], 0.024), _STEEL, finish="chrome", depth=0.012)
        pen.part(ellipse(0.31, 0.54, 0.03), metal, finish="plastic", depth=0.016)
        pen.part(ellipse(0.695, 0.425, 0.125, 0.05), glow, finish="flat", relief="sheet")
        look.body(pen, smooth([(0.53, 0.24), (0.6, 0.2), (0.67, 0.23), (0.8, 0.36), (0.825, 0.42),
            (0.825, 0.42), (0.69, 0.44), (0.565, 0.42), (0.565, 0.42), (0.54, 0.33)]),
                  finish="plastic" if look.material == "linen" else look.material, depth=0.06, repeat=10)
        return
    if look.style == "mushroom":
        look.body(pen, symmetric([(0.5, 0.45), (0.45, 0.45), (0.44, 0.6), (0.41, 0.74), (0.33, 0.82),
            (0.33, 0.855), (0.4, 0.875), (0.5, 0.88)]), relief="tube",
                  finish="ceramic" if look.material == "linen" else look.material, repeat=9)
        pen.part(ellipse(0.5, 0.5, 0.265, 0.035), glow, finish="flat", relief="sheet", cast=0.2)
        look.body(pen, symmetric([(0.5, 0.17), (0.38, 0.19), (0.27, 0.28), (0.22, 0.41), (0.215, 0.49),
            (0.25, 0.515), (0.5, 0.53)]), depth=0.11, strength=1.1,
                  finish="ceramic" if look.material == "linen" else look.material, repeat=9)
        pen.tint(ellipse(0.5, 0.47, 0.2, 0.035), 0.2)
        return
    base = look.base
    finish = "ceramic" if look.material == "linen" else look.material
    pen.part(line([(0.5, 0.52), (0.5, 0.6)], 0.022), _BRASS, finish="chrome", relief="tube")
    look.body(pen, symmetric([(0.5, 0.565), (0.455, 0.565), (0.45, 0.6), (0.38, 0.68), (0.365, 0.76),
        (0.4, 0.83), (0.42, 0.86), (0.5, 0.872)]), relief="tube", finish=finish, repeat=9)
    pen.part(rrect(0.385, 0.852, 0.615, 0.885, 0.012), _BRASS, finish="chrome", relief="tube")
    pen.part(ellipse(0.5, 0.535, 0.245, 0.03), glow, finish="flat", relief="sheet", cast=0.25)
    shade = smooth([(0.36, 0.2), (0.36, 0.2), (0.5, 0.213), (0.64, 0.2), (0.64, 0.2), (0.75, 0.535),
        (0.75, 0.535), (0.5, 0.562), (0.25, 0.535), (0.25, 0.535)])
    tone = mix(base, (1.0, 0.95, 0.84), 0.32 if look.pattern == "solid" else 0.0)
    pen.part(shade, tone, finish="linen", relief="tube", pattern=look.pattern, accent=look.accent, repeat=9,
        strength=0.75, cast=0.25)
    pen.tint(symmetric([(0.5, 0.3), (0.44, 0.34), (0.4, 0.5), (0.42, 0.545), (0.5, 0.555)]), 0.18)
    pen.part(ellipse(0.5, 0.2, 0.14, 0.014), mix(tone, (0.3, 0.25, 0.2), 0.35), finish="flat",
        relief="sheet", cast=0)


@drawing("cushion", swing=10.0, zoom=1.06)
def cushion(pen: Pen, look: Look) -> None:
    if look.style == "round":
        look.body(pen, ellipse(0.5, 0.5, 0.345), depth=0.16, strength=0.8, folds=0.7, repeat=8)
        for turn in range(12):
            a = math.radians(turn * 30)
            pen.tint(line([(0.5 + 0.02 * math.cos(a), 0.5 + 0.02 * math.sin(a)),
                (0.5 + 0.16 * math.cos(a), 0.5 + 0.16 * math.sin(a))], 0.007), -0.1)
        pen.part(ellipse(0.5, 0.5, 0.03), look.trim, finish=look.material, depth=0.018, cast=0.5)
        return
    if look.style == "bolster":
        look.body(pen, rrect(0.1, 0.33, 0.9, 0.67, 0.07), depth=0.13, strength=1.0, folds=0.5, repeat=8)
        for x in (0.19, 0.81):
            pen.part(bent([(x, 0.335), (x + (0.014 if x > 0.5 else -0.014), 0.5), (x, 0.665)], 0.016),
                look.trim, finish="silk", depth=0.008, cast=0.3)
        return
    shape = smooth([(0.17, 0.17), (0.34, 0.205), (0.5, 0.21), (0.66, 0.205), (0.83, 0.17), (0.795, 0.34),
        (0.79, 0.5), (0.795, 0.66), (0.83, 0.83), (0.66, 0.795), (0.5, 0.79),
                    (0.34, 0.795), (0.17, 0.83), (0.205, 0.66), (0.21, 0.5), (0.205, 0.34)])
    look.body(pen, shape, depth=0.15, strength=0.8, folds=0.7, repeat=8)
    if look.rng.random() < 0.5:
        for x, y in ((0.17, 0.17), (0.83, 0.17), (0.17, 0.83), (0.83, 0.83)):
            out = 0.05
            for spread in (-0.02, -0.007, 0.007, 0.02):
                dx, dy = (out if x > 0.5 else -out), (out if y > 0.5 else -out)
                pen.part(line([(x, y), (x + dx + spread, y + dy - spread * (1 if dx * dy > 0 else -1))],
                    0.008), look.trim, depth=0.004, cast=0.1)
            pen.part(ellipse(x, y, 0.018), look.trim, finish="wool", depth=0.01)
    if look.pattern == "solid":
        inner = [(0.24, 0.24), (0.5, 0.262), (0.76, 0.24), (0.738, 0.5), (0.76, 0.76), (0.5, 0.738),
            (0.24, 0.76), (0.262, 0.5), (0.24, 0.24)]
        pen.dashes(inner, look.trim, width=0.004, dash=0.011, opacity=0.6)

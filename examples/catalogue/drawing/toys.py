"""Teddy bears, toy cars and blocks."""

from __future__ import annotations

import math

import numpy as np

from examples.catalogue.drawing.geometry import (
    Shape,
    bent,
    ellipse,
    line,
    poly,
    rrect,
    smooth,
    star,
)
from examples.catalogue.drawing.look import Look, drawing, luminance, mix
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.drawing.solids import Stage
from examples.catalogue.palette import COLOURS, RGB

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_STEEL: RGB = (0.78, 0.8, 0.83)
_BLACK: RGB = (0.11, 0.11, 0.12)


@drawing("teddy bear", ground=0.74, swing=2.0)
def teddy_bear(pen: Pen, look: Look) -> None:
    fur = "plush" if look.material == "plush" else "cotton"
    pale = mix(look.base, (1.0, 0.95, 0.86), 0.6 if luminance(look.base) < 0.7 else 0.3)
    inner = mix(pale, (0.9, 0.6, 0.55), 0.25)

    def puff(shape: Shape, **options: object) -> None:
        look.body(pen, shape, **{"finish": fur, "pattern": "solid", "depth": 0.06, "strength": 1.1,
            **options})

    for side in (-1, 1):
        puff(ellipse(0.5 + side * 0.145, 0.19, 0.078))
        pen.part(ellipse(0.5 + side * 0.145, 0.196, 0.046), inner, finish=fur, depth=0.03, strength=-0.5,
            cast=0)
        puff(smooth([(0.5 + side * 0.14, 0.5), (0.5 + side * 0.22, 0.5), (0.5 + side * 0.3, 0.62),
            (0.5 + side * 0.275, 0.7), (0.5 + side * 0.2, 0.69), (0.5 + side * 0.15, 0.6)]))
    look.body(pen, ellipse(0.5, 0.655, 0.2, 0.215), finish=fur, depth=0.09, strength=1.1, repeat=11)
    pen.part(ellipse(0.5, 0.67, 0.125, 0.14), pale, finish=fur, depth=0.06, strength=0.6, cast=0.05)
    for side in (-1, 1):
        puff(ellipse(0.5 + side * 0.2, 0.835, 0.105, 0.092))
        pen.part(ellipse(0.5 + side * 0.21, 0.84, 0.058, 0.06), pale, finish=fur, depth=0.03, cast=0.05)
        for toe in (-0.035, 0.0, 0.035):
            pen.part(ellipse(0.5 + side * 0.21 + toe, 0.79 + abs(toe) * 0.25, 0.0125), inner, finish=fur,
                depth=0.008, cast=0)
    puff(smooth([(0.5, 0.145), (0.37, 0.175), (0.3, 0.29), (0.325, 0.4), (0.42, 0.47), (0.5, 0.48),
        (0.58, 0.47), (0.675, 0.4), (0.7, 0.29), (0.63, 0.175)]), depth=0.09)
    pen.part(ellipse(0.5, 0.375, 0.095, 0.075), pale, finish=fur, depth=0.05, strength=1.0, cast=0.12)
    pen.part(smooth([(0.465, 0.335), (0.535, 0.335), (0.525, 0.365), (0.5, 0.38), (0.475, 0.365)]),
        (0.2, 0.12, 0.1), finish="plastic", depth=0.014)
    pen.flat(line([(0.5, 0.375), (0.5, 0.4)], 0.006), (0.25, 0.15, 0.12))
    pen.flat(bent([(0.455, 0.4), (0.475, 0.418), (0.5, 0.4), (0.525, 0.418), (0.545, 0.4)], 0.006),
        (0.25, 0.15, 0.12))
    for side in (-1, 1):
        pen.part(ellipse(0.5 + side * 0.088, 0.288, 0.021), (0.08, 0.06, 0.06), finish="plastic",
            relief="ball")
        pen.flat(ellipse(0.5 + side * 0.088 - 0.007, 0.281, 0.0055), (1, 1, 1))
    tie = look.accent if luminance(look.accent) < 0.85 or luminance(look.base) < 0.7 else (0.8, 0.2, 0.25)
    if look.style == "bow-tie":
        for side in (-1, 1):
            pen.part(smooth([(0.5, 0.49), (0.5 + side * 0.08, 0.45), (0.5 + side * 0.095, 0.49),
                (0.5 + side * 0.08, 0.535)]), tie, finish="silk", depth=0.025, cast=0.4)
        pen.part(ellipse(0.5, 0.491, 0.022), tie, finish="silk", depth=0.012)
    elif look.style == "scarfed":
        pen.part(bent([(0.37, 0.465), (0.43, 0.5), (0.5, 0.51), (0.57, 0.5), (0.63, 0.465)], 0.052), tie,
            finish="wool", depth=0.025, cast=0.4, pattern="striped",
                 accent=mix(tie, (1, 1, 1), 0.7), repeat=22, tilt=1.57)
        pen.part(bent([(0.57, 0.5), (0.585, 0.58), (0.575, 0.66)], 0.056), tie, finish="wool", depth=0.02,
            cast=0.4, pattern="striped", accent=mix(tie, (1, 1, 1), 0.7), repeat=22)


@drawing("toy car", ground=0.68, swing=0.0)
def toy_car(pen: Pen, look: Look) -> None:
    finish = "wood" if look.material == "wood" else "plastic" if look.material == "plastic" else "enamel"
    glass = (0.62, 0.8, 0.88)
    bounce = 0.004 * math.sin(look.moment * 2 * math.pi * 6)
    if look.style == "truck":
        look.body(pen, smooth([(0.56, 0.7), (0.56, 0.7), (0.56, 0.33), (0.58, 0.3), (0.72, 0.3),
            (0.76, 0.33), (0.82, 0.47), (0.9, 0.51), (0.92, 0.56), (0.92, 0.7), (0.92, 0.7)]), finish=finish,
            depth=0.05, repeat=9)
        pen.part(smooth([(0.65, 0.35), (0.72, 0.35), (0.775, 0.47), (0.65, 0.47)]), glass, finish="glass",
            depth=0.02, cast=0.2)
        bed = look.accent if luminance(look.accent) < 0.9 or luminance(look.base) < 0.85 else look.trim
        pen.part(poly([(0.07, 0.4), (0.545, 0.36), (0.545, 0.63), (0.12, 0.63)]), bed, finish=finish,
            depth=0.03, cast=0.3)
        for x in (0.19, 0.3, 0.41):
            pen.tint(line([(x, 0.42), (x + 0.01, 0.6)], 0.016), -0.2)
        pen.part(rrect(0.09, 0.63, 0.6, 0.7, 0.02), look.base, finish=finish, depth=0.02)
    elif look.style == "racing":
        look.body(pen, smooth([(0.05, 0.62), (0.09, 0.55), (0.3, 0.53), (0.4, 0.48), (0.56, 0.49),
            (0.68, 0.555), (0.9, 0.6), (0.955, 0.66), (0.94, 0.71), (0.5, 0.73), (0.08, 0.715)]),
            finish=finish, depth=0.06, repeat=9)
        pen.part(smooth([(0.43, 0.5), (0.47, 0.43), (0.56, 0.46), (0.6, 0.525), (0.5, 0.53)]), glass,
            finish="glass", depth=0.025)
        pen.part(ellipse(0.49, 0.45, 0.05), look.accent, finish="plastic", depth=0.04, cast=0.2)
        pen.part(rrect(0.1, 0.44, 0.13, 0.58, 0.008), look.dark, finish=finish, depth=0.01)
        pen.part(rrect(0.03, 0.405, 0.21, 0.455, 0.016), look.base, finish=finish, depth=0.016, cast=0.3)
    else:
        look.body(pen, smooth([(0.055, 0.66), (0.07, 0.53), (0.2, 0.5), (0.29, 0.35), (0.36, 0.31),
            (0.56, 0.31), (0.65, 0.36), (0.74, 0.49), (0.88, 0.52), (0.94, 0.58), (0.945, 0.68), (0.9, 0.72),
            (0.1, 0.72)]),
                  finish=finish, depth=0.075, strength=1.1, repeat=8)
        pen.part(smooth([(0.27, 0.49), (0.335, 0.375), (0.37, 0.355), (0.455, 0.355), (0.455, 0.49)]), glass,
            finish="glass", depth=0.02, cast=0.2)
        pen.part(smooth([(0.495, 0.355), (0.56, 0.355), (0.61, 0.385), (0.675, 0.49), (0.495, 0.49)]), glass,
            finish="glass", depth=0.02, cast=0.2)
        pen.flat(line([(0.475, 0.5), (0.475, 0.68)], 0.004), look.dark, 0.6)
        pen.part(rrect(0.5, 0.535, 0.555, 0.555, 0.009), _STEEL, finish="chrome", depth=0.006)
    if look.style != "racing":
        pen.part(ellipse(0.9, 0.585, 0.03, 0.035), (1.0, 0.95, 0.72), finish="glass", depth=0.02)
        pen.part(rrect(0.86, 0.665, 0.955, 0.705, 0.016), _STEEL, finish="chrome", depth=0.012)
    if look.style != "truck":
        x, y = (0.32, 0.62) if look.style == "racing" else (0.37, 0.595)
        pen.part(ellipse(x, y, 0.065), (0.96, 0.96, 0.95), depth=0.01, cast=0.15)
        pen.flat(star(x, y, 0.045), look.dark if luminance(look.base) > 0.15 else (0.8, 0.2, 0.2))
    for x in (0.25, 0.75):
        r = 0.1 if look.style != "racing" else 0.095
        pen.part(ellipse(x, 0.73 + bounce, r), _BLACK, finish="rubber", depth=0.03, cast=0.45)
        pen.part(ellipse(x, 0.73 + bounce, r * 0.58), look.accent if luminance(look.accent) > 0.3 else _STEEL,
            finish="wood" if look.material == "wood" else "plastic", depth=0.025, cast=0.2)
        for spoke in range(5):
            a = math.radians(spoke * 72 + look.moment * 720)
            pen.flat(ellipse(x + r * 0.36 * math.cos(a), 0.73 + bounce + r * 0.36 * math.sin(a), r * 0.09),
                _BLACK, 0.7)
        pen.part(ellipse(x, 0.73 + bounce, r * 0.16), _STEEL, finish="chrome", relief="ball")


_BLOCK_MATES = ("red", "yellow", "green", "blue", "orange", "purple", "white", "pink", "teal")


@drawing("toy blocks", ground=0.58, swing=0.0, footing=0.14, zoom=1.08)
def toy_blocks(pen: Pen, look: Look) -> None:
    stage = Stage(pen, (0.55 if look.rng.random() < 0.5 else -0.55) + pen.pose.turn, 0.34, (0.5, 0.76), 0.98)
    finish = "wood" if look.material == "wood" else "plastic"
    tones = [look.base, look.base, mix(look.base, (1, 1, 1), 0.35), look.base,
        mix(look.base, (0.05, 0.05, 0.08), 0.3)]
    side = 0.17
    plans: dict[str, list[tuple[float, float, float]]] = {
        "tower": [(-0.5, 0, 0), (0.5, 0, 0), (0, 0, 1.02), (-0.45, 1, 0), (0.45, 1, 0.1), (0, 2, 0.05),
            (0, 3, 0.1)],
        "castle": [(-1, 0, 0), (0, 0, -0.3), (1, 0, 0), (-1, 1, 0), (1, 1, 0), (-1, 2, 0), (1, 2, 0),
            (0, 1, -0.3)],
        "pyramid": [(-1, 0, 0), (0, 0, 0), (1, 0, 0), (-0.5, 1, 0), (0.5, 1, 0), (0, 2, 0), (0.9, 0, 1.3)],
    }
    for index, (x, y, z) in enumerate(plans[look.style]):
        tone = tones[index % len(tones)]
        if index == len(plans[look.style]) - 1:
            mate = COLOURS[_BLOCK_MATES[look.rng.randrange(len(_BLOCK_MATES))]].rgb
            tone = look.accent if luminance(look.accent) < 0.9 else mate
        h = side / 2 * 0.97
        stage.add((x * side - h, y * side, z * side - h), (x * side + h, (y + 0.97) * side, z * side + h),
            tone, finish=finish, round=0.014, pattern=look.pattern,
                  accent=look.accent, repeat=15.0)
    boxes = sorted(stage.boxes, key=lambda b: (b.low[1], stage._distance(b)))
    highest = max(b.low[1] for b in boxes)
    tops = [b for b in boxes if b.low[1] == highest]
    for box in boxes:
        stage.boxes = [box]
        stage.draw()
        if look.pattern == "solid":
            _mark(pen, stage, box.low, box.high, boxes.index(box))
    if look.style == "castle":
        for box in tops:
            mid = ((box.low[0] + box.high[0]) / 2, box.high[1], (box.low[2] + box.high[2]) / 2)
            x, y = stage.at(*mid)
            pen.part(smooth([(x - 0.085, y), (x - 0.085, y), (x, y - 0.16), (x, y - 0.16), (x + 0.085, y),
                (x + 0.085, y), (x, y + 0.035)]), look.dark, finish=finish, relief="tube")


def _mark(pen: Pen, stage: Stage, low: tuple[float, float, float], high: tuple[float, float, float],
    index: int) -> None:
    """A round window, star or cross pressed into a block's front."""
    cx, cy, z = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2] + 0.001
    kind, r = index % 3, 0.045
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = np.full(24, r)
    if kind == 1:
        radius = np.where(np.arange(24) % 4 < 2, r * 1.15, r * 0.6)
    ring = np.stack([cx + radius * np.cos(t), cy + radius * np.sin(t), np.full(24, z)], axis=1)
    pen.tint(poly(stage.project(ring)), -0.3 if kind == 0 else 0.45)

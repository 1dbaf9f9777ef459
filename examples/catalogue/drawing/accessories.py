"""Hats, glasses, watches and umbrellas."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from examples.catalogue.drawing.geometry import bent, curve, ellipse, line, poly, rrect, smooth
from examples.catalogue.drawing.look import Look, drawing, luminance, mix
from examples.catalogue.drawing.pen import Pen

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_GOLD = (0.86, 0.74, 0.44)
_STEEL = (0.78, 0.8, 0.83)


@drawing("hat", ground=0.6, swing=3.0, footing=0.05, zoom=1.06)
def hat(pen: Pen, look: Look) -> None:
    band = look.accent if look.pattern != "solid" else look.dark
    if look.style == "baseball":
        look.body(pen, smooth([(0.16, 0.62), (0.15, 0.48), (0.22, 0.32), (0.38, 0.235), (0.54, 0.26),
            (0.66, 0.37), (0.71, 0.52), (0.7, 0.62), (0.44, 0.66)]),
                  depth=0.1, strength=1.15, repeat=9)
        for path in ([(0.42, 0.245), (0.5, 0.38), (0.51, 0.63)], [(0.39, 0.24), (0.28, 0.38), (0.24, 0.62)]):
            pen.flat(bent(path, 0.004), look.trim, 0.7)
            pen.dashes(curve([(x + 0.012, y) for x, y in path], closed=False), look.trim, opacity=0.6)
        pen.part(ellipse(0.4, 0.238, 0.022, 0.014), look.trim, finish=look.material, depth=0.01)
        brim = [(0.44, 0.6), (0.58, 0.57), (0.72, 0.555), (0.88, 0.6), (0.935, 0.665), (0.84, 0.69),
            (0.66, 0.675), (0.46, 0.675)]
        pen.part(smooth(brim), look.base if look.pattern == "solid" else mix(look.base, look.accent, 0.15),
            finish=look.material, depth=0.03, cast=0.35)
        for inset in (0.018, 0.034):
            pen.dashes(curve([(0.47, 0.615 + inset), (0.6, 0.59 + inset), (0.72, 0.575 + inset),
                (0.86, 0.615 + inset * 0.7), (0.9, 0.65)], closed=False),
                       look.trim, opacity=0.6)
        pen.part(rrect(0.565, 0.455, 0.635, 0.5, 0.012), band, finish=look.material, depth=0.008, cast=0.15)
        return
    if look.style == "bucket":
        look.body(pen, smooth([(0.31, 0.34), (0.31, 0.34), (0.4, 0.3), (0.6, 0.3), (0.69, 0.34),
            (0.69, 0.34), (0.73, 0.54), (0.73, 0.58), (0.27, 0.58), (0.27, 0.54)]),
                  depth=0.07, repeat=9, folds=0.4)
        look.body(pen, smooth([(0.27, 0.535), (0.27, 0.535), (0.5, 0.565), (0.73, 0.535), (0.73, 0.535),
            (0.86, 0.69), (0.86, 0.69), (0.7, 0.755), (0.5, 0.77), (0.3, 0.755), (0.14, 0.69), (0.14, 0.69)]),
                  depth=0.05, repeat=9, cast=0.35, shade=1.02)
        for step in range(4):
            y, half = 0.6 + step * 0.038, 0.245 + step * 0.03
            pen.dashes(curve([(0.5 - half, y - 0.02), (0.5, y + 0.025), (0.5 + half, y - 0.02)],
                closed=False), look.trim, opacity=0.6)
        return
    look.body(pen, ellipse(0.5, 0.64, 0.42, 0.115), depth=0.05, repeat=9)
    pen.tint(ellipse(0.52, 0.64, 0.26, 0.075), -0.22)
    look.body(pen, smooth([(0.29, 0.64), (0.3, 0.46), (0.34, 0.33), (0.42, 0.29), (0.5, 0.315), (0.58, 0.29),
        (0.66, 0.33), (0.7, 0.46), (0.71, 0.64), (0.5, 0.69)]),
              depth=0.09, repeat=9, strength=1.15)
    ribbon = [(0.292, 0.575), (0.292, 0.575), (0.5, 0.625), (0.708, 0.575), (0.708, 0.575), (0.71, 0.64),
        (0.71, 0.64), (0.5, 0.692), (0.29, 0.64), (0.29, 0.64)]
    pen.part(smooth(ribbon), band if luminance(band) < 0.8 else (0.25, 0.2, 0.18), finish="silk",
        relief="tube", cast=0.1)


@drawing("sunglasses", ground=None, swing=6.0)
def sunglasses(pen: Pen, look: Look) -> None:
    frame = look.base
    metal = look.material == "titanium"
    thick = 0.016 if metal else 0.032
    lens_colour = mix((0.13, 0.13, 0.16), look.base, 0.25)
    for side in (-1, 1):
        temple = [(0.5 + side * 0.4, 0.44), (0.5 + side * 0.43, 0.37), (0.5 + side * 0.3, 0.3),
            (0.5 + side * 0.2, 0.275)]
        pen.part(bent(temple, 0.02 if metal else 0.03), frame, finish="chrome" if metal else look.material,
            depth=0.012, shade=0.8)
    for side in (-1, 1):
        c = 0.5 + side * 0.205
        if look.style == "round":
            outer, inner = ellipse(c, 0.5, 0.168, 0.165), ellipse(c, 0.5, 0.168 - thick, 0.165 - thick)
        elif look.style == "square":
            outer = rrect(c - 0.18, 0.385, c + 0.18, 0.625, 0.055)
            inner = rrect(c - 0.18 + thick, 0.385 + thick, c + 0.18 - thick, 0.625 - thick, 0.04)
        else:
            path = np.array([(-0.17, 0.44), (0.02, 0.405), (0.16, 0.37), (0.225, 0.335), (0.205, 0.46),
                (0.15, 0.58), (0.02, 0.63), (-0.12, 0.59)])
            flip = path * (side, 1)
            middle = flip.mean(axis=0)
            outer = smooth(flip + np.array((c, 0)))
            inner = smooth((flip - middle) * (1 - thick * 4.6) + middle + (c, 0))
        pen.part(inner, lens_colour, finish="glass", depth=0.06, strength=0.5, pattern="solid")
        _glare(pen, c)
        pen.part(outer - inner, frame, finish="chrome" if metal else look.material, depth=0.012, cast=0.35)
    bridge_y = 0.47 if look.style != "cat-eye" else 0.445
    pen.part(bent([(0.458, bridge_y + 0.015), (0.5, bridge_y - 0.018), (0.542, bridge_y + 0.015)],
        thick * 0.9), frame,
             finish="chrome" if metal else look.material, depth=0.012)
    for side in (-1, 1):
        pen.flat(ellipse(0.5 + side * 0.368, 0.425, 0.008, 0.005), _STEEL if not metal else _GOLD, 0.9)


def _glare(pen: Pen, c: float) -> None:
    """Two light streaks across the middle of a lens."""
    for dx, width in ((-0.05, 0.03), (0.005, 0.012)):
        pen.tint(line([(c + dx + 0.035, 0.435), (c + dx - 0.035, 0.565)], width), 0.16)


@drawing("watch", ground=None, swing=5.0)
def watch(pen: Pen, look: Look) -> None:
    digital = look.style == "digital"
    strap = look.base
    leather = look.material == "leather"
    case = _GOLD if look.base[0] > 0.8 and look.base[2] < 0.4 and not leather else _STEEL
    if look.material != "leather":
        case = look.base if luminance(look.base) < 0.9 else _STEEL
    face = (0.96, 0.96, 0.95) if luminance(look.base) < 0.55 else (0.12, 0.13, 0.16)
    ink = (0.12, 0.12, 0.14) if face[0] > 0.5 else (0.95, 0.95, 0.95)
    for side in (-1, 1):
        outline = [(0.39, 0.5 + side * 0.14), (0.4, 0.5 + side * 0.24), (0.42, 0.5 + side * 0.4),
            (0.44, 0.5 + side * 0.44), (0.56, 0.5 + side * 0.44),
                   (0.58, 0.5 + side * 0.4), (0.6, 0.5 + side * 0.24), (0.61, 0.5 + side * 0.14)]
        if leather or digital:
            pen.part(smooth(outline), strap, finish="leather" if leather else "rubber", depth=0.03)
            pen.dashes([(0.422, 0.5 + side * 0.22), (0.442, 0.5 + side * 0.42)], mix(strap, (1, 1, 1), 0.5))
            pen.dashes([(0.578, 0.5 + side * 0.22), (0.558, 0.5 + side * 0.42)], mix(strap, (1, 1, 1), 0.5))
            for step in range(3 if side > 0 else 0):
                pen.flat(ellipse(0.5, 0.8 + step * 0.038, 0.008), look.dark)
        else:
            for step in range(8):
                y, half = 0.5 + side * (0.165 + step * 0.036), 0.092 - step * 0.0035
                pen.part(rrect(0.5 - half, y - 0.0165, 0.5 + half, y + 0.0165, 0.007), strap, finish="steel",
                    depth=0.01)
                pen.part(rrect(0.5 - half * 0.45, y - 0.0165, 0.5 + half * 0.45, y + 0.0165, 0.007), strap,
                    finish="chrome", depth=0.008, cast=0.15)
    pen.part(rrect(0.685, 0.475, 0.725, 0.525, 0.01), case, finish="chrome", depth=0.01)
    if digital:
        pen.part(rrect(0.31, 0.31, 0.69, 0.69, 0.085), case, finish=look.material if not leather else "steel",
            depth=0.035)
        pen.part(rrect(0.345, 0.345, 0.655, 0.655, 0.06), (0.06, 0.07, 0.09), finish="glass", depth=0.015,
            strength=0.4, cast=0.1)
        _digits(pen, look, mix(look.base, (1, 1, 1), 0.55))
        return
    pen.part(ellipse(0.5, 0.5, 0.2), case, finish="steel", depth=0.03)
    pen.part(ellipse(0.5, 0.5, 0.172), case, finish="chrome", depth=0.012, cast=0.1)
    pen.part(ellipse(0.5, 0.5, 0.158), face, finish="porcelain", depth=0.02, strength=0.35, cast=0.3)
    for hour in range(12):
        a = math.radians(hour * 30)
        r0, width = (0.112, 0.011) if hour % 3 == 0 else (0.125, 0.006)
        pen.flat(line([(0.5 + r0 * math.sin(a), 0.5 - r0 * math.cos(a)),
            (0.5 + 0.143 * math.sin(a), 0.5 - 0.143 * math.cos(a))], width), ink)
    hands = ((look.rng.random() * 360, 0.075, 0.012), (look.rng.random() * 360, 0.115, 0.008))
    for degrees, reach, width in hands:
        a = math.radians(degrees)
        pen.part(line([(0.5, 0.5), (0.5 + reach * math.sin(a), 0.5 - reach * math.cos(a))], width), ink,
            depth=0.004, cast=0.3)
    a = math.radians(look.rng.random() * 360 + look.moment * 360)
    pen.flat(line([(0.5 - 0.03 * math.sin(a), 0.5 + 0.03 * math.cos(a)),
        (0.5 + 0.125 * math.sin(a), 0.5 - 0.125 * math.cos(a))], 0.004), (0.85, 0.2, 0.2))
    pen.part(ellipse(0.5, 0.5, 0.011), case, finish="chrome", depth=0.006)
    pen.tint(smooth([(0.37, 0.44), (0.44, 0.36), (0.55, 0.355), (0.45, 0.42), (0.39, 0.5)]), 0.13)


_SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgcde",
        "7": "abc", "8": "abcdefg", "9": "abcdfg",
}


def _digits(pen: Pen, look: Look, colour: tuple[float, float, float]) -> None:
    text = f"{look.rng.randrange(8, 13):02d}{look.rng.randrange(10, 59)}"
    for place, digit in enumerate(text):
        x, y, w, h = 0.372 + place * 0.062 + (0.022 if place > 1 else 0), 0.44, 0.04, 0.1
        lines = {"a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 0.5)), "c": ((1, 0.5), (1, 1)),
            "d": ((0, 1), (1, 1)), "e": ((0, 0.5), (0, 1)),
                 "f": ((0, 0), (0, 0.5)), "g": ((0, 0.5), (1, 0.5))}
        for name in _SEGMENTS[digit]:
            (x0, y0), (x1, y1) = lines[name]
            pen.flat(line([(x + x0 * w, y + y0 * h), (x + x1 * w, y + y1 * h)], 0.011), colour)
    for dy in (0.475, 0.505):
        pen.flat(ellipse(0.4985, dy, 0.007), colour)
    pen.flat(line([(0.39, 0.59), (0.61, 0.59)], 0.008), colour, 0.35)
    pen.flat(line([(0.39, 0.59), (0.39 + 0.2 * look.rng.random(), 0.59)], 0.008), (0.95, 0.35, 0.3))


@drawing("umbrella", ground=None, swing=7.0)
def umbrella(pen: Pen, look: Look) -> None:
    wood = (0.5, 0.32, 0.18)
    pen.part(line([(0.5, 0.14), (0.5, 0.84)], 0.014), _STEEL, finish="chrome", relief="tube")
    pen.part(bent([(0.5, 0.74), (0.5, 0.86), (0.515, 0.905), (0.555, 0.915), (0.585, 0.885), (0.585, 0.855)],
        0.03), wood, finish="wood", depth=0.014)
    tall = 0.13 if look.style == "dome" else 0.2
    low = 0.6 if look.style == "dome" else 0.52
    ribs = [0.08, 0.22, 0.385, 0.615, 0.78, 0.92]
    top = (0.5, tall)
    lift = {0.08: 0.0, 0.22: 0.03, 0.385: 0.05, 0.615: 0.05, 0.78: 0.03, 0.92: 0.0}
    outline = [top, (0.36, tall + 0.028), (0.2, tall + 0.14), (0.105, low - 0.13), (ribs[0], low),
        (ribs[0], low)]
    for a, b in pairwise(ribs):
        outline += [((a + b) / 2, low + (lift[a] + lift[b]) / 2 - 0.035), (b, low + lift[b]),
            (b, low + lift[b])]
    outline += [(0.895, low - 0.13), (0.8, tall + 0.14), (0.64, tall + 0.028)]
    inside = [(x, y) for x, y in [(ribs[0], low), (0.3, low - 0.05), (0.7, low - 0.05), (ribs[-1], low),
        (0.615, low + 0.03), (0.385, low + 0.03)]]
    pen.part(smooth(inside), look.dark, depth=0.03, shade=0.7)
    look.body(pen, smooth(outline), finish=look.material, depth=0.11, strength=0.9, repeat=9)
    for index, x in enumerate(ribs[1:-1]):
        y = low + lift[x]
        mid = (0.5 + (x - 0.5) * 0.72, tall + (y - tall) * 0.4)
        pen.tint(bent([top, mid, (x, y)], 0.006), -0.25)
        left = ribs[index]
        near = (0.5 + (left - 0.5) * 0.72, tall + (low + lift[left] - tall) * 0.4)
        pen.tint(poly([*curve([top, mid, (x, y)], closed=False), ((x + left) / 2, low),
            *curve([(left, low + lift[left]), near, top], closed=False)]),
                 -0.1 if index % 2 else 0.05)
    for x in ribs:
        pen.part(ellipse(x, low + lift[x] + 0.004, 0.008), _STEEL, finish="chrome", depth=0.006)
    pen.part(line([(0.5, tall + 0.01), (0.5, tall - 0.05)], 0.018), look.dark, finish="plastic", depth=0.008)

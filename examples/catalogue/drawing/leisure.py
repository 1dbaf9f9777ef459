"""Bicycles, notebooks, guitars and alarm clocks."""

from __future__ import annotations

import math

from examples.catalogue.drawing.geometry import (
    PointList,
    Shape,
    arc,
    bent,
    ellipse,
    line,
    poly,
    rrect,
    smooth,
    symmetric,
)
from examples.catalogue.drawing.look import Look, drawing, luminance, mix
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.palette import RGB

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_STEEL: RGB = (0.78, 0.8, 0.83)
_BLACK: RGB = (0.11, 0.11, 0.12)


@drawing("bicycle", ground=0.74, swing=0.0)
def bicycle(pen: Pen, look: Look) -> None:
    small = look.style == "children's"
    r = 0.165 if small else 0.195
    wy = 0.87 - r
    lx, rx = (0.26, 0.76) if small else (0.235, 0.77)
    hub_x, hub_y = 0.46, wy + (0.01 if not small else -0.01)
    seat, head = (0.385, 0.4), (0.665, 0.37)
    if look.style == "road":
        seat, head = (0.385, 0.385), (0.675, 0.4)
    spin = look.moment * 2 * math.pi * 2
    for cx in (lx, rx):
        for spoke in range(14):
            a = spoke * math.pi / 7 + spin
            pen.flat(line([(cx, wy), (cx + r * math.cos(a), wy + r * math.sin(a))], 0.0022),
                (0.55, 0.56, 0.58), 0.8)
        width = 0.012 if look.style == "road" else 0.026
        pen.part(ellipse(cx, wy, r) - ellipse(cx, wy, r - width), (0.13, 0.13, 0.14), finish="rubber",
            depth=0.01, cast=0.1)
        pen.flat(ellipse(cx, wy, r - width + 0.003) - ellipse(cx, wy, r - width - 0.006),
            (0.75, 0.76, 0.78) if look.style != "road" else look.base)
        pen.part(ellipse(cx, wy, 0.018), _STEEL, finish="chrome", depth=0.01)
    if small:
        for side in (-0.05, 0.06):
            pen.part(ellipse(lx + side * 0.3, wy + r * 0.72, 0.05), (0.2, 0.2, 0.22), finish="rubber",
                depth=0.02)
    tube = 0.024 if look.style == "road" else 0.03
    finish = "enamel" if look.material == "steel" else "plastic"

    def frame(points: PointList, width: float = tube) -> None:
        pen.part(line(points, width), look.base, finish=finish, depth=width * 0.5, cast=0.25)

    frame([(lx, wy), (hub_x, hub_y)], tube * 0.7)
    frame([(lx, wy), (seat[0] + 0.012, seat[1] + 0.03)], tube * 0.65)
    pen.part(ellipse(hub_x, hub_y, 0.05) - ellipse(hub_x, hub_y, 0.036), _STEEL, finish="chrome", depth=0.008)
    pen.flat(line([(hub_x, hub_y - 0.047), (lx, wy - 0.017)], 0.004), (0.3, 0.3, 0.32))
    pen.flat(line([(hub_x, hub_y + 0.047), (lx, wy + 0.017)], 0.004), (0.3, 0.3, 0.32))
    frame([(seat[0], seat[1]), (hub_x, hub_y)])
    if look.style == "city" or small:
        pen.part(bent([(head[0] + 0.004, head[1] + 0.09), (0.56, 0.62), (hub_x, hub_y)], tube * 1.1),
            look.base, finish=finish, depth=tube * 0.5, cast=0.25)
    else:
        frame([(head[0] + 0.01, head[1] + 0.06), (hub_x, hub_y)])
        frame([(seat[0] + 0.01, seat[1] + 0.05), (head[0], head[1] + 0.035)])
    pen.part(bent([(head[0], head[1]), (head[0] + 0.035, head[1] + 0.15), (rx - 0.025, wy - 0.06), (rx, wy)],
        tube * 0.85), look.base, finish=finish, depth=tube * 0.45)
    frame([(head[0] - 0.005, head[1] - 0.02), (head[0] + 0.026, head[1] + 0.12)], tube * 1.15)
    if look.style != "road":
        for cx in (lx, rx):
            pen.part(_fender(cx, wy, r), look.base, finish=finish, depth=0.008, cast=0.15)
    pen.part(line([(seat[0], seat[1] + 0.02), (seat[0] - 0.014, seat[1] - 0.05)], 0.016), _STEEL,
        finish="chrome", depth=0.008)
    sx, sy = seat[0] - 0.02, seat[1] - 0.06
    pen.part(smooth([(sx - 0.075, sy - 0.018), (sx - 0.02, sy - 0.016), (sx + 0.075, sy - 0.006),
        (sx + 0.075, sy + 0.014), (sx - 0.01, sy + 0.022), (sx - 0.07, sy + 0.026)]),
             (0.3, 0.18, 0.1) if look.style == "city" else _BLACK, finish="leather", depth=0.016)
    grip = (0.3, 0.18, 0.1) if look.style == "city" else _BLACK
    pen.part(line([(head[0] - 0.006, head[1] - 0.01), (head[0] - 0.02, head[1] - 0.075)], 0.016), _STEEL,
        finish="chrome", depth=0.008)
    hx, hy = head[0] - 0.02, head[1] - 0.078
    if look.style == "road":
        pen.part(bent([(hx, hy), (hx + 0.07, hy - 0.005), (hx + 0.11, hy + 0.03), (hx + 0.09, hy + 0.085),
            (hx + 0.04, hy + 0.095)], 0.02), _BLACK, finish="rubber", depth=0.01)
    else:
        pen.part(bent([(hx + 0.02, hy + 0.005), (hx + 0.03, hy - 0.03), (hx - 0.03, hy - 0.055),
            (hx - 0.085, hy - 0.04)], 0.014), _STEEL, finish="chrome", depth=0.007)
        pen.part(line([(hx - 0.05, hy - 0.052), (hx - 0.1, hy - 0.036)], 0.024), grip, finish="rubber",
            depth=0.01)
        pen.part(ellipse(hx + 0.02, hy - 0.058, 0.022, 0.018), _STEEL, finish="chrome", depth=0.012)
    if look.style == "city":
        basket = poly([(0.72, 0.36), (0.87, 0.36), (0.85, 0.475), (0.74, 0.475)])
        pen.part(basket, (0.76, 0.56, 0.34), finish="straw", depth=0.02, cast=0.25)
        pen.part(line([(0.72, 0.36), (0.87, 0.36)], 0.016), (0.6, 0.42, 0.24), finish="straw", depth=0.008)
    turn = spin if look.moment else 0.6
    for sign in (1, -1):
        px, py = hub_x + sign * 0.075 * math.cos(turn), hub_y + sign * 0.075 * math.sin(turn)
        pen.part(line([(hub_x, hub_y), (px, py)], 0.014), _STEEL, finish="chrome", depth=0.006)
        pen.part(rrect(px - 0.03, py - 0.009, px + 0.03, py + 0.009, 0.006), _BLACK, finish="rubber",
            depth=0.007)


def _fender(cx: float, cy: float, r: float) -> Shape:
    return line(arc(cx, cy, r + 0.014, r + 0.014, 195, 335, 24), 0.013)


@drawing("notebook", swing=9.0, zoom=1.06)
def notebook(pen: Pen, look: Look) -> None:
    x0, y0, x1, y1 = 0.24, 0.14, 0.77, 0.86
    for step in range(4):
        shift = 0.018 - step * 0.0045
        pen.part(rrect(x0 + shift, y0 + shift, x1 + shift, y1 + shift, 0.014),
            (0.95, 0.94, 0.9) if step else look.dark, depth=0.004, cast=0.25 if not step else 0.05,
            finish="paper")
    look.body(pen, rrect(x0, y0, x1, y1, 0.022), depth=0.01, repeat=9, cast=0.3, strength=0.8)
    if look.style == "spiral":
        for step in range(17):
            y = y0 + 0.03 + step * (y1 - y0 - 0.06) / 16
            pen.flat(ellipse(x0 + 0.026, y, 0.0095), (0.15, 0.15, 0.17), 0.85)
            pen.part(bent([(x0 + 0.026, y + 0.002), (x0 + 0.005, y - 0.014), (x0 - 0.022, y - 0.006),
                (x0 - 0.018, y + 0.008)], 0.009), _STEEL, finish="chrome", depth=0.005, cast=0.3)
    else:
        pen.tint(rrect(x0, y0, x0 + 0.05, y1, 0.015), -0.16)
        pen.tint(line([(x0 + 0.054, y0 + 0.008), (x0 + 0.054, y1 - 0.008)], 0.004), 0.25)
    if look.style == "strapped":
        pen.part(rrect(x1 - 0.1, y0 - 0.008, x1 - 0.072, y1 + 0.01, 0.006),
            look.dark if luminance(look.base) > 0.2 else look.trim, finish="cotton", depth=0.008, cast=0.45)
        pen.part(rrect(0.47, y1 - 0.01, 0.49, y1 + 0.06, 0.003), (0.8, 0.2, 0.25), finish="silk", depth=0.006)
    if look.style != "strapped" or look.pattern == "solid":
        cx = (x0 + x1) / 2 + 0.01
        pen.part(rrect(cx - 0.12, 0.3, cx + 0.12, 0.42, 0.012), (0.975, 0.97, 0.95), finish="paper",
            depth=0.004, cast=0.25)
        pen.flat(rrect(cx - 0.11, 0.31, cx + 0.11, 0.41, 0.008) - rrect(cx - 0.107, 0.313, cx + 0.107, 0.407,
            0.007), look.base, 0.9)
        for y, half in ((0.345, 0.075), (0.375, 0.05)):
            pen.flat(line([(cx - half, y), (cx + half, y)], 0.007), (0.35, 0.35, 0.38), 0.8)


@drawing("guitar", swing=7.0, zoom=1.04)
def guitar(pen: Pen, look: Look) -> None:
    electric = look.style == "electric"
    neck_colour = (0.32, 0.2, 0.13)
    parlour = look.style == "parlour"
    if electric:
        body = [(0.5, 0.56), (0.45, 0.5), (0.4, 0.47), (0.345, 0.5), (0.335, 0.57), (0.355, 0.65),
            (0.335, 0.74), (0.335, 0.83), (0.4, 0.905), (0.5, 0.92), (0.6, 0.905),
                (0.67, 0.83), (0.665, 0.74), (0.645, 0.66), (0.655, 0.58), (0.63, 0.535), (0.585, 0.545)]
        shape = smooth(body)
    else:
        wide = 0.9 if parlour else 1.0
        half = [(0.5, 0.47), (0.5 - 0.085 * wide, 0.478), (0.5 - 0.15 * wide, 0.53),
            (0.5 - 0.145 * wide, 0.6), (0.5 - 0.125 * wide, 0.65), (0.5 - 0.165 * wide, 0.72),
                (0.5 - 0.205 * wide, 0.81), (0.5 - 0.165 * wide, 0.9), (0.5 - 0.08 * wide, 0.935), (0.5,
                    0.94)]
        shape = symmetric(half)
    pen.part(shape, mix(look.dark, (0.2, 0.1, 0.05), 0.5), finish="wood", depth=0.01)
    look.body(pen, shape,
        finish="wood" if look.material == "wood" and not electric else "enamel" if electric else "carbon",
        depth=0.03 if electric else 0.018, strength=0.9, repeat=8, cast=0)
    if electric:
        pen.part(smooth([(0.44, 0.57), (0.56, 0.58), (0.58, 0.66), (0.6, 0.78), (0.55, 0.83), (0.53, 0.73),
            (0.43, 0.69)]), (0.96, 0.95, 0.92), finish="plastic", depth=0.006, cast=0.2)
        for y in (0.66, 0.73):
            pen.part(rrect(0.445, y - 0.018, 0.555, y + 0.018, 0.01), _BLACK, finish="plastic", depth=0.008)
            for x in range(6):
                pen.flat(ellipse(0.462 + x * 0.015, y, 0.004), _STEEL)
        for knob_x, knob_y in ((0.6, 0.8), (0.58, 0.86)):
            pen.part(ellipse(knob_x, knob_y, 0.016), _STEEL, finish="chrome", depth=0.01)
        bridge = 0.8
    else:
        pen.flat(ellipse(0.5, 0.635, 0.067) - ellipse(0.5, 0.635, 0.056),
            mix(look.dark, (0.9, 0.8, 0.6), 0.6), 0.9)
        pen.part(ellipse(0.5, 0.635, 0.055), (0.07, 0.045, 0.035), depth=0.01, strength=-1)
        pen.part(smooth([(0.555, 0.6), (0.6, 0.64), (0.62, 0.72), (0.57, 0.72), (0.535, 0.69)]),
            (0.16, 0.1, 0.07), finish="plastic", depth=0.005, cast=0.1, opacity=0.85)
        pen.part(rrect(0.42, 0.79, 0.58, 0.818, 0.008), neck_colour, finish="wood", depth=0.008)
        bridge = 0.8
    pen.part(poly([(0.474, 0.17), (0.526, 0.17), (0.531, 0.6), (0.469, 0.6)]), neck_colour, finish="wood",
        depth=0.014, cast=0.4)
    for step in range(15):
        y = 0.18 + 0.42 * (1 - 0.5 ** (step / 9)) / (1 - 0.5 ** (14.5 / 9))
        pen.flat(line([(0.473, y), (0.527, y)], 0.0032), (0.83, 0.84, 0.85), 0.9)
    for y in (0.262, 0.33, 0.395, 0.45):
        pen.flat(ellipse(0.5, y, 0.0055), (0.95, 0.94, 0.9))
    head = [(0.474, 0.175), (0.474, 0.175), (0.455, 0.15), (0.45, 0.055), (0.48, 0.045), (0.5, 0.052),
        (0.52, 0.045), (0.55, 0.055), (0.545, 0.15), (0.526, 0.175), (0.526, 0.175)]
    pen.part(smooth(head), look.base if electric else mix(look.base, (0.15, 0.09, 0.06), 0.5), finish="wood",
        depth=0.012)
    for step in range(3):
        for side in (-1, 1):
            y = 0.075 + step * 0.033
            pen.part(ellipse(0.5 + side * 0.068, y, 0.013, 0.009), _STEEL, finish="chrome", depth=0.006)
            pen.flat(ellipse(0.5 + side * 0.033, y, 0.006), _STEEL)
    for step in range(6):
        pen.flat(line([(0.4805 + step * 0.0078, 0.175), (0.468 + step * 0.0128, bridge)], 0.0017),
            (0.92, 0.92, 0.9), 0.85)
    pen.part(rrect(0.472, 0.168, 0.528, 0.178, 0.003), (0.95, 0.94, 0.9), depth=0.004, cast=0.1)


@drawing("alarm clock", ground=0.76, swing=0.0)
def alarm_clock(pen: Pen, look: Look) -> None:
    shake = 0.012 * math.sin(look.moment * 2 * math.pi * 12)
    twin = look.style == "twin-bell"
    cy = 0.57
    finish = look.material if look.material != "steel" else "enamel"
    for side in (-1, 1):
        pen.part(line([(0.5 + side * 0.14, 0.76), (0.5 + side * 0.22, 0.87)], 0.036),
            _STEEL if twin else look.base, finish="chrome" if twin else finish, depth=0.016)
    if twin:
        pen.part(bent([(0.37, 0.25), (0.4, 0.15), (0.5, 0.115), (0.6, 0.15), (0.63, 0.25)], 0.02), _STEEL,
            finish="chrome", depth=0.01)
        pen.part(line([(0.5 + shake, 0.3), (0.5 + shake * 2.5, 0.19)], 0.014), _STEEL, finish="chrome",
            depth=0.007)
        pen.part(ellipse(0.5 + shake * 2.5, 0.19, 0.025), _STEEL, finish="chrome", relief="ball")
        for side in (-1, 1):
            cx = 0.5 + side * 0.17
            bell = [(-0.105, 0.035), (-0.105, 0.035), (-0.085, -0.045), (0, -0.085), (0.085, -0.045),
                (0.105, 0.035), (0.105, 0.035), (0, 0.05)]
            a = side * 0.62
            turned = [(cx + x * math.cos(a) - y * math.sin(a),
                0.27 + x * math.sin(a) + y * math.cos(a)) for x, y in bell]
            pen.part(smooth(turned), look.base, finish="chrome" if look.material != "plastic" else "plastic",
                depth=0.045)
    else:
        pen.part(rrect(0.42, 0.235, 0.58, 0.3, 0.03),
            look.accent if luminance(look.accent) < 0.9 else look.dark, finish="plastic", depth=0.02)
    pen.part(ellipse(0.5, cy, 0.285), look.base, finish=finish, depth=0.05, strength=1.15)
    pen.part(ellipse(0.5, cy, 0.242), look.trim, finish="chrome", depth=0.012, cast=0.1)
    face = (0.97, 0.965, 0.94)
    pen.part(ellipse(0.5, cy, 0.23), face, finish="paper", depth=0.03, strength=-0.5, cast=0.2)
    ink = (0.15, 0.15, 0.18)
    for minute in range(60):
        a = math.radians(minute * 6)
        r0, w = (0.182, 0.011) if minute % 15 == 0 else (0.192, 0.007) if minute % 5 == 0 else (0.205, 0.003)
        pen.flat(line([(0.5 + r0 * math.sin(a), cy - r0 * math.cos(a)),
            (0.5 + 0.214 * math.sin(a), cy - 0.214 * math.cos(a))], w), ink)
    hour = look.rng.randrange(12) * 30 + 5
    minute_angle = look.rng.randrange(12) * 30 + 0.0
    for degrees, reach, w, tone in ((hour, 0.105, 0.018, ink), (minute_angle, 0.165, 0.012, ink),
        (look.rng.random() * 360, 0.12, 0.005, (0.85, 0.2, 0.2))):
        a = math.radians(degrees)
        pen.part(line([(0.5, cy), (0.5 + reach * math.sin(a), cy - reach * math.cos(a))], w), tone,
            depth=0.004, cast=0.25)
    pen.part(ellipse(0.5, cy, 0.018), look.base, finish="plastic", depth=0.01)
    pen.tint(smooth([(0.33, 0.5), (0.38, 0.42), (0.47, 0.37), (0.56, 0.365), (0.46, 0.42), (0.38, 0.5)]),
        0.12)

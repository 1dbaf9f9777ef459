"""Phones, sound, computers, cameras."""

from __future__ import annotations

import math

from examples.catalogue.drawing.geometry import arc, bent, ellipse, line, poly, rrect, smooth
from examples.catalogue.drawing.look import Look, drawing, luminance, mix
from examples.catalogue.drawing.pen import Pen
from examples.catalogue.drawing.solids import Stage

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_BLACK = (0.07, 0.075, 0.09)
_STEEL = (0.78, 0.8, 0.83)


def _lens(pen: Pen, x: float, y: float, r: float, ring: tuple[float, float, float] = (0.16, 0.16,
    0.18)) -> None:
    pen.part(ellipse(x, y, r), ring, finish="chrome", depth=r * 0.18, cast=0.4)
    pen.part(ellipse(x, y, r * 0.8), _BLACK, finish="glass", depth=r * 0.3, cast=0.2)
    pen.part(ellipse(x, y, r * 0.55), (0.1, 0.12, 0.22), finish="glass", relief="ball", cast=0.1)
    pen.tint(ellipse(x - r * 0.2, y - r * 0.22, r * 0.16), 0.5)
    pen.tint(ellipse(x + r * 0.2, y + r * 0.2, r * 0.09), 0.25)


@drawing("phone", ground=None, swing=8.0)
def phone(pen: Pen, look: Look) -> None:
    edge = mix(look.base, (0.75, 0.76, 0.78), 0.35)
    # Two of them: the back behind, the screen in front.
    back, front = (0.16, 0.12, 0.55, 0.88), (0.45, 0.16, 0.82, 0.9)
    x0, y0, x1, y1 = back
    pen.part(rrect(x0 - 0.008, y0 - 0.008, x1 + 0.008, y1 + 0.008, 0.066), edge, finish="chrome", depth=0.012)
    look.body(pen, rrect(x0, y0, x1, y1, 0.06), depth=0.03, strength=0.5, repeat=6)
    count = {"single": 1, "dual-camera": 2, "triple-camera": 3}.get(look.style, 1)
    bump_h = 0.03 + count * 0.082
    pen.part(rrect(x0 + 0.03, y0 + 0.03, x0 + 0.145, y0 + 0.03 + bump_h, 0.045),
        mix(look.base, (1, 1, 1), 0.14), finish="glass", depth=0.014, cast=0.4)
    for step in range(count):
        _lens(pen, x0 + 0.0875, y0 + 0.085 + step * 0.08, 0.035)
    pen.part(ellipse(x0 + 0.18, y0 + 0.07, 0.012), (0.98, 0.95, 0.82), finish="glass", depth=0.008)
    pen.tint(ellipse((x0 + x1) / 2 - 0.03, 0.56, 0.03), 0.28)
    x0, y0, x1, y1 = front
    pen.part(rrect(x0 - 0.009, y0 - 0.009, x1 + 0.009, y1 + 0.009, 0.067), look.base, finish="chrome",
        depth=0.012, cast=0.6)
    pen.part(rrect(x0, y0, x1, y1, 0.06), _BLACK, finish="glass", depth=0.01, strength=0.4, cast=0)
    top = mix(look.base, (0.2, 0.25, 0.5), 0.25)
    pen.part(rrect(x0 + 0.014, y0 + 0.014, x1 - 0.014, y1 - 0.014, 0.048), top, finish="flat",
        relief="sheet", pattern="ombre",
             accent=mix(look.base, (1, 0.9, 0.8), 0.75), repeat=8, cast=0)
    pen.flat(rrect(0.595, y0 + 0.03, 0.675, y0 + 0.052, 0.011), _BLACK)
    for row in range(3):
        for column in range(4):
            tile = (look.rng.uniform(0.3, 0.95), look.rng.uniform(0.3, 0.9), look.rng.uniform(0.35, 0.95))
            cx, cy = x0 + 0.065 + column * 0.08, y0 + 0.33 + row * 0.105
            pen.part(rrect(cx - 0.026, cy - 0.026, cx + 0.026, cy + 0.026, 0.012), mix(tile, (1, 1, 1), 0.2),
                depth=0.008, cast=0.15)
    pen.flat(line([(0.555, y0 + 0.13), (0.715, y0 + 0.13)], 0.02), (1, 1, 1), 0.9)
    pen.flat(line([(0.585, y0 + 0.185), (0.685, y0 + 0.185)], 0.011), (1, 1, 1), 0.6)
    pen.flat(line([(0.585, y1 - 0.035), (0.685, y1 - 0.035)], 0.008), (1, 1, 1), 0.85)


@drawing("headphones", ground=None, swing=6.0)
def headphones(pen: Pen, look: Look) -> None:
    big = look.style == "over-ear"
    pad = mix((0.12, 0.12, 0.13), look.base, 0.12)
    rx, ry = (0.085, 0.15) if big else (0.068, 0.105)
    pen.part(bent([(0.205, 0.56), (0.19, 0.36), (0.29, 0.19), (0.5, 0.125), (0.71, 0.19), (0.81, 0.36),
        (0.795, 0.56)], 0.058), look.base,
             finish=look.material, depth=0.026)
    pen.part(bent([(0.26, 0.315), (0.335, 0.225), (0.5, 0.175), (0.665, 0.225), (0.74, 0.315)], 0.03), pad,
        finish="leather", depth=0.015, cast=0.3)
    for side in (-1, 1):
        x = 0.5 + side * 0.3
        pen.part(line([(x + side * 0.002, 0.4), (x + side * 0.005, 0.53)], 0.026), _STEEL, finish="chrome",
            relief="tube", cast=0.3)
        pen.part(smooth([(x - side * 0.03, 0.63 - ry), (x - side * 0.105, 0.63 - ry * 0.8),
            (x - side * 0.13, 0.63), (x - side * 0.105, 0.63 + ry * 0.8), (x - side * 0.03, 0.63 + ry)]),
                 pad, finish="leather", depth=0.045)
        pen.part(smooth([(x - side * 0.05, 0.63 - ry), (x + side * rx * 0.75, 0.63 - ry * 0.85),
            (x + side * rx * 1.25, 0.63), (x + side * rx * 0.75, 0.63 + ry * 0.85),
                         (x - side * 0.05, 0.63 + ry)]), look.base, finish=look.material, depth=0.055,
                             strength=1.2, cast=0.4)
        pen.part(ellipse(x + side * 0.035, 0.63, rx * 0.55, ry * 0.62),
            look.accent if luminance(look.base) < 0.8 else look.trim, finish="aluminium",
                 depth=0.02, cast=0.2)
        pen.part(ellipse(x + side * 0.035, 0.63, rx * 0.42, ry * 0.5), look.base, finish=look.material,
            depth=0.02, cast=0.15)


@drawing("speaker", ground=0.7, swing=0.0, footing=0.06)
def speaker(pen: Pen, look: Look) -> None:
    pulse = 1 + 0.06 * math.sin(look.moment * 2 * math.pi * 8)
    if look.style == "portable":
        pen.part(bent([(0.34, 0.4), (0.35, 0.24), (0.42, 0.195), (0.58, 0.195), (0.65, 0.24), (0.66, 0.4)],
            0.035), look.dark, finish="leather", depth=0.016)
        pen.part(rrect(0.1, 0.34, 0.9, 0.8, 0.13), look.base, finish=look.material, depth=0.07)
        pen.part(rrect(0.145, 0.385, 0.855, 0.755, 0.1), mix(look.base, (0.05, 0.05, 0.06), 0.3),
            finish="mesh", depth=0.03, cast=0.3)
        for x in (0.315, 0.685):
            pen.part(ellipse(x, 0.57, 0.13) - ellipse(x, 0.57, 0.115), _STEEL, finish="chrome", depth=0.008,
                cast=0.25)
            pen.part(ellipse(x, 0.57, 0.1 * pulse), (0.1, 0.1, 0.11), finish="mesh", relief="ball",
                strength=0.6, cast=0.2)
            pen.part(ellipse(x, 0.57, 0.04 * pulse), look.base, finish="plastic", relief="ball", cast=0.4)
        for step in range(4):
            pen.part(ellipse(0.44 + step * 0.04, 0.363, 0.011), look.trim, finish="rubber", depth=0.007)
        return
    stage = Stage(pen, yaw=0.42, pitch=0.14, origin=(0.5, 0.5), zoom=0.95)
    stage.add((-0.2, -0.37, -0.17), (0.2, 0.37, 0.17), look.base, finish=look.material, round=0.018)
    stage.draw()
    front = stage.face((-0.185, -0.355, 0.172), (0.185, -0.355, 0.172), (0.185, 0.355, 0.172),
        (-0.185, 0.355, 0.172))
    pen.part(poly(front), mix(look.base, (0.04, 0.04, 0.05), 0.35), finish=look.material, depth=0.008,
        strength=0.4, cast=0.2)
    for y, r in ((-0.13, 0.145), (0.185, 0.078)):
        cx, cy = stage.at(0, y, 0.175)
        rx = r * 0.86
        pen.part(ellipse(cx, cy, rx, r), _STEEL, finish="chrome", depth=0.014, cast=0.35)
        pen.part(ellipse(cx, cy, rx * 0.88, r * 0.88), (0.1, 0.1, 0.11), finish="rubber", depth=0.03,
            cast=0.25)
        pen.part(ellipse(cx, cy, rx * 0.7 * pulse, r * 0.7 * pulse),
            mix(look.base, (0.12, 0.12, 0.13), 0.55), finish="suede", relief="ball", strength=-0.6, cast=0)
        pen.part(ellipse(cx, cy, rx * 0.3 * pulse, r * 0.3 * pulse), (0.2, 0.2, 0.22), finish="plastic",
            relief="ball", cast=0.4)
    for x in (-0.15, 0.15):
        for y in (-0.325, 0.325):
            cx, cy = stage.at(x, y, 0.175)
            pen.part(ellipse(cx, cy, 0.008, 0.009), _STEEL, finish="chrome", depth=0.005)


@drawing("laptop", ground=0.5, swing=0.0, footing=0.22, zoom=0.9)
def laptop(pen: Pen, look: Look) -> None:
    stage = Stage(pen, yaw=-0.3 if look.rng.random() < 0.5 else 0.3, pitch=0.42, origin=(0.5, 0.66),
        zoom=0.98)
    thick = {"gaming": 0.044, "thin": 0.014}.get(look.style, 0.028)
    stage.add((-0.37, -thick, -0.1), (0.37, 0.0, 0.4), look.base, finish=look.material, round=0.01)
    stage.draw()
    deck = stage.face((-0.33, 0.001, -0.05), (0.33, 0.001, -0.05), (0.33, 0.001, 0.17), (-0.33, 0.001, 0.17))
    pen.part(poly(deck), _BLACK if luminance(look.base) > 0.2 else (0.17, 0.17, 0.19), depth=0.006, cast=0)
    glow = (0.9, 0.25, 0.3) if look.style == "gaming" else mix(look.base, (0.25, 0.25, 0.28), 0.75)
    for row in range(5):
        for column in range(13):
            x, z = -0.318 + column * 0.0495, -0.04 + row * 0.042
            key = stage.face((x, 0.002, z), (x + 0.04, 0.002, z), (x + 0.04, 0.002, z + 0.032),
                (x, 0.002, z + 0.032))
            pen.flat(poly(key),
                mix(glow, look.base,
                0.3) if look.style == "gaming" and (row * 7 + column * 3) % 5 == 0 else mix(glow,
                (0.3, 0.3, 0.33), 0.5))
    pad = stage.face((-0.1, 0.001, 0.2), (0.1, 0.001, 0.2), (0.1, 0.001, 0.37), (-0.1, 0.001, 0.37))
    pen.part(poly(pad), look.trim, finish="aluminium", depth=0.006, strength=0.4, cast=0, opacity=0.6)
    lean = 0.13
    lid = stage.face((-0.37, 0.0, -0.1), (0.37, 0.0, -0.1), (0.37, 0.5, -0.1 - lean),
        (-0.37, 0.5, -0.1 - lean))
    pen.part(poly(lid) + line([*lid, lid[0], lid[1]], 0.014), look.base, finish=look.material, depth=0.01,
        cast=0.3)
    bezel = stage.face((-0.356, 0.018, -0.098), (0.356, 0.018, -0.098), (0.356, 0.487, -0.098 - lean),
        (-0.356, 0.487, -0.098 - lean))
    pen.part(poly(bezel), _BLACK, finish="glass", depth=0.006, strength=0.3, cast=0)
    screen = stage.face((-0.34, 0.04, -0.097), (0.34, 0.04, -0.097), (0.34, 0.47, -0.097 - lean),
        (-0.34, 0.47, -0.097 - lean))
    hue = (look.rng.uniform(0.1, 0.5), look.rng.uniform(0.25, 0.55), look.rng.uniform(0.55, 0.9))
    pen.part(poly(screen), hue, finish="flat", relief="sheet", pattern="ombre",
        accent=mix(look.base, (1, 0.75, 0.6), 0.6), repeat=8, cast=0)
    for depth, level in ((0.0, 0.2), (0.08, 0.12)):
        hills = [(-0.34, 0.04), (-0.34, 0.16 - depth * 0.5), (-0.18, 0.25 - depth), (0.0, 0.15),
            (0.16, 0.27 - depth), (0.34, 0.14), (0.34, 0.04)]
        slope = stage.face(*[(x, y, -0.096 - lean * y / 0.5) for x, y in hills])
        pen.flat(poly(slope), mix(hue, (0.05, 0.06, 0.12), 0.45 + level), 0.8)
    glare = stage.face((-0.05, 0.04, -0.096), (0.1, 0.04, -0.096), (0.3, 0.47, -0.23), (0.12, 0.47, -0.23))
    pen.tint(poly(glare), 0.1)


@drawing("camera", ground=0.72, swing=1.0)
def camera(pen: Pen, look: Look) -> None:
    dark = (0.13, 0.13, 0.145)
    if look.style == "instant":
        pen.part(smooth([(0.2, 0.3), (0.26, 0.22), (0.74, 0.22), (0.8, 0.3), (0.84, 0.6), (0.84, 0.78),
            (0.78, 0.83), (0.22, 0.83), (0.16, 0.78), (0.16, 0.6)]), look.base,
                 finish="plastic", depth=0.075)
        pen.part(rrect(0.2, 0.735, 0.8, 0.775, 0.018), look.dark, depth=0.012, strength=-0.7, shade=0.7)
        pen.part(rrect(0.235, 0.27, 0.4, 0.36, 0.022), (0.97, 0.96, 0.9), finish="glass", depth=0.014,
            cast=0.3)
        pen.part(rrect(0.63, 0.275, 0.75, 0.36, 0.022), _BLACK, finish="glass", depth=0.014, cast=0.3)
        pen.part(ellipse(0.5, 0.535, 0.185), (0.95, 0.95, 0.94), finish="plastic", depth=0.035, cast=0.4)
        _lens(pen, 0.5, 0.535, 0.135)
        pen.part(ellipse(0.255, 0.45, 0.034), (0.9, 0.3, 0.25), finish="plastic", depth=0.02)
        return
    retro = look.style == "retro"
    top = (0.8, 0.81, 0.83) if retro else mix(look.base, dark, 0.35)
    pen.part(smooth([(0.4, 0.34), (0.43, 0.25), (0.47, 0.225), (0.57, 0.225), (0.61, 0.25), (0.64, 0.34)]),
        top, finish="aluminium" if retro else "plastic", depth=0.03)
    for x, w, h in ((0.2, 0.05, 0.055), (0.75, 0.045, 0.045), (0.84, 0.03, 0.03)):
        pen.part(rrect(x - w, 0.315 - h, x + w, 0.36, 0.012), top if retro else dark,
            finish="chrome" if retro else "plastic", relief="tube")
        pen.tint(line([(x - w + 0.01, 0.315 - h * 0.4), (x + w - 0.01, 0.315 - h * 0.4)], 0.004), -0.3)
    pen.part(rrect(0.08, 0.33, 0.92, 0.8, 0.05), look.base,
        finish="leather" if retro or look.material == "leather" else look.material, depth=0.045)
    if retro:
        pen.part(rrect(0.08, 0.33, 0.92, 0.44, 0.04), top, finish="aluminium", depth=0.025, cast=0.25)
        pen.part(rrect(0.08, 0.735, 0.92, 0.8, 0.03), top, finish="aluminium", depth=0.02, cast=0.15)
        pen.part(rrect(0.74, 0.36, 0.84, 0.42, 0.012), _BLACK, finish="glass", depth=0.01)
    else:
        pen.part(smooth([(0.08, 0.4), (0.13, 0.36), (0.21, 0.38), (0.235, 0.5), (0.23, 0.7), (0.19, 0.79),
            (0.11, 0.79), (0.08, 0.72)]), dark, finish="leather", depth=0.045)
        pen.part(rrect(0.77, 0.39, 0.87, 0.43, 0.01), (0.92, 0.92, 0.9), finish="plastic", depth=0.008)
    pen.part(ellipse(0.53, 0.575, 0.222), dark if not retro else (0.7, 0.71, 0.73), finish="aluminium",
        depth=0.03, cast=0.5)
    pen.part(ellipse(0.53, 0.575, 0.2), dark, finish="rubber", depth=0.02)
    for step in range(0, 360, 9):
        a, b = arc(0.53, 0.575, 0.185, 0.185, step, step + 1, 2)[0], arc(0.53, 0.575, 0.198, 0.198, step,
            step + 1, 2)[0]
        pen.tint(line([a, b], 0.005), 0.12)
    pen.flat(ellipse(0.53, 0.575, 0.178) - ellipse(0.53, 0.575, 0.172),
        look.base if luminance(look.base) > 0.25 else (0.85, 0.2, 0.2), 0.9)
    _lens(pen, 0.53, 0.575, 0.165)

"""Mugs, kettles, pans, plates and bottles."""

from __future__ import annotations

from examples.catalogue.drawing.geometry import Shape, bent, ellipse, line, poly, rrect, smooth, symmetric
from examples.catalogue.drawing.look import Look, drawing, mix
from examples.catalogue.drawing.pen import Pen

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_BLACK = (0.12, 0.12, 0.13)
_STEEL = (0.78, 0.8, 0.83)
_WOOD = (0.66, 0.45, 0.26)


@drawing("mug", ground=0.7, swing=0.0)
def mug(pen: Pen, look: Look) -> None:
    top, low, half = {"tall": (0.2, 0.85, 0.19), "round": (0.32, 0.82, 0.25)}.get(look.style,
        (0.27, 0.82, 0.235))
    right = 0.45 + half
    pen.part(bent([(right - 0.03, top + 0.11), (right + 0.12, top + 0.1),
        (right + 0.165, (top + low) / 2 - 0.02), (right + 0.11, low - 0.13), (right - 0.03, low - 0.1)],
        0.05),
             look.base, finish=look.material, depth=0.026)
    c = 0.45
    if look.style == "round":
        body = [(c - half, top), (c - half, top), (c - half - 0.045, (top + low) / 2),
            (c - half + 0.06, low - 0.02), (c - half + 0.1, low), (c, low + 0.012),
                (c + half - 0.1, low), (c + half - 0.06, low - 0.02), (c + half + 0.045,
                    (top + low) / 2), (c + half, top), (c + half, top), (c, top + 0.045)]
    else:
        body = [(c - half, top), (c - half, top), (c - half + 0.008, low - 0.07),
            (c - half + 0.04, low - 0.01), (c, low + 0.022), (c + half - 0.04, low - 0.01),
                (c + half - 0.008, low - 0.07), (c + half, top), (c + half, top), (c, top + 0.05)]
    look.body(pen, smooth(body), relief="tube", repeat=9)
    pen.part(ellipse(c, top, half, 0.05), mix(look.base, (1, 1, 1), 0.35), finish=look.material, depth=0.01,
        cast=0)
    pen.part(ellipse(c, top + 0.004, half - 0.016, 0.04), mix(look.base, (1, 1, 1), 0.6), finish="ceramic",
        relief="tube", strength=-0.9, cast=0, shade=0.86)
    if look.rng.random() < 0.5:
        pen.part(ellipse(c, top + 0.014, half - 0.03, 0.028), (0.3, 0.17, 0.09), finish="glass", depth=0.012,
            cast=0.1)
        pen.tint(ellipse(c - 0.05, top + 0.012, 0.06, 0.01), 0.15)
    if look.material == "enamel":
        pen.flat(ellipse(c, top, half, 0.05) - ellipse(c, top + 0.002, half - 0.012, 0.042),
            (0.16, 0.2, 0.4), 0.9)


@drawing("kettle", ground=0.72, swing=0.0)
def kettle(pen: Pen, look: Look) -> None:
    grip = _BLACK if look.material != "copper" else _WOOD
    goose = look.style == "gooseneck"
    if goose:
        pen.part(bent([(0.7, 0.72), (0.8, 0.68), (0.82, 0.55), (0.84, 0.42), (0.92, 0.37)], 0.034),
            look.base, finish=look.material, depth=0.018)
        pen.part(bent([(0.33, 0.42), (0.17, 0.4), (0.13, 0.52), (0.16, 0.7), (0.22, 0.74)], 0.046), grip,
            finish="wood" if grip is _WOOD else "rubber", depth=0.022)
        body = symmetric([(0.5, 0.37), (0.37, 0.37), (0.37, 0.37), (0.345, 0.46), (0.27, 0.78), (0.27, 0.81),
            (0.29, 0.83), (0.5, 0.84)])
        lid_y, lid_half = 0.37, 0.13
    else:
        pen.part(smooth([(0.66, 0.52), (0.8, 0.43), (0.9, 0.36), (0.935, 0.375), (0.93, 0.41), (0.84, 0.52),
            (0.76, 0.68), (0.68, 0.7)]), look.base,
                 finish=look.material, depth=0.035)
        pen.part(ellipse(0.915, 0.382, 0.032, 0.022), grip, finish="plastic", depth=0.012)
        pen.part(bent([(0.22, 0.5), (0.21, 0.3), (0.32, 0.175), (0.5, 0.145), (0.68, 0.175), (0.77, 0.3),
            (0.75, 0.44)], 0.024), _STEEL, finish="chrome", depth=0.012)
        pen.part(bent([(0.335, 0.178), (0.5, 0.142), (0.665, 0.178)], 0.05), grip,
            finish="wood" if grip is _WOOD else "rubber", depth=0.024)
        body = symmetric([(0.5, 0.375), (0.36, 0.39), (0.22, 0.48), (0.16, 0.62), (0.165, 0.76),
            (0.19, 0.83), (0.3, 0.845), (0.5, 0.85)])
        lid_y, lid_half = 0.4, 0.15
    look.body(pen, body, relief="tube", repeat=8)
    pen.part(smooth([(0.5 - lid_half, lid_y), (0.5 - lid_half, lid_y), (0.5 - lid_half * 0.6, lid_y - 0.05),
        (0.5, lid_y - 0.07), (0.5 + lid_half * 0.6, lid_y - 0.05),
                     (0.5 + lid_half, lid_y), (0.5 + lid_half, lid_y), (0.5,
                         lid_y + 0.03)]), look.base, finish=look.material, relief="tube", cast=0.3)
    pen.part(line([(0.5, lid_y - 0.06), (0.5, lid_y - 0.08)], 0.02), _STEEL, finish="chrome", relief="tube")
    pen.part(ellipse(0.5, lid_y - 0.095, 0.036, 0.03), grip, finish="wood" if grip is _WOOD else "plastic",
        depth=0.022)
    pen.tint(bent([(0.2, 0.825), (0.5, 0.842), (0.8, 0.825)], 0.016), -0.25)


@drawing("pan", ground=None, swing=9.0)
def pan(pen: Pen, look: Look) -> None:
    deep = look.style == "deep"
    inner = (0.17, 0.17, 0.18) if look.material in {"cast iron", "ceramic"} else _STEEL
    wooden = look.rng.random() < 0.4
    pen.part(line([(0.6, 0.6), (0.74, 0.74)], 0.05), look.base, finish="steel", depth=0.02)
    pen.part(line([(0.7, 0.7), (0.88, 0.88)], 0.066), _WOOD if wooden else _BLACK,
        finish="wood" if wooden else "rubber", depth=0.034)
    pen.flat(ellipse(0.87, 0.87, 0.013), (0.9, 0.9, 0.9), 0.8)
    pen.part(ellipse(0.41, 0.41, 0.325), look.base, finish=look.material, depth=0.05, strength=1.15)
    pen.part(ellipse(0.41, 0.41, 0.3), mix(look.base, (1, 1, 1), 0.15), finish=look.material, depth=0.012,
        cast=0.1)
    if look.material == "ceramic":
        inner = (0.93, 0.91, 0.86)
    pen.part(ellipse(0.41, 0.41, 0.288), inner, finish="cast iron" if inner[0] < 0.3 else "steel",
        depth=0.07 if deep else 0.04, strength=-0.9, shade=0.95)
    pen.part(ellipse(0.41, 0.41, 0.235 if deep else 0.25), inner,
        finish="matte" if inner[0] < 0.3 else "aluminium", depth=0.02, strength=0.2, cast=0, shade=1.05)
    for r in (0.06, 0.11, 0.16, 0.2):
        pen.tint(ellipse(0.41, 0.41, r) - ellipse(0.41, 0.41, r - 0.004), 0.08)
    if deep:
        pen.part(rrect(0.03, 0.37, 0.11, 0.45, 0.02) - rrect(0.052, 0.39, 0.11, 0.43, 0.01), look.base,
            finish="steel", depth=0.012)


@drawing("plate", ground=None, swing=4.0)
def plate(pen: Pen, look: Look) -> None:
    if look.style == "square":
        rings = [rrect(0.5 - r, 0.5 - r, 0.5 + r, 0.5 + r, r * 0.28) for r in (0.36, 0.25, 0.235)]
    elif look.style == "oval":
        rings = [ellipse(0.5, 0.5, r * 1.12, r * 0.8) for r in (0.37, 0.255, 0.24)]
    else:
        rings = [ellipse(0.5, 0.5, r) for r in (0.38, 0.262, 0.246)]
    look.body(pen, rings[0], depth=0.035, strength=1.1, repeat=9)
    pen.flat(rings[0] - _shrunk(look, 0.012), mix(look.accent, (0.8, 0.7, 0.4), 0.5), 0.75)
    look.body(pen, rings[1], depth=0.04, strength=-1.0, repeat=9, cast=0.1)
    look.body(pen, rings[2], depth=0.03, strength=0.25, repeat=9, cast=0, shade=1.03,
        pattern="solid" if look.pattern not in {"marble", "checked"} else look.pattern)
    pen.tint(smooth([(0.36, 0.4), (0.43, 0.34), (0.52, 0.33), (0.45, 0.375), (0.38, 0.45)]), 0.22)


def _shrunk(look: Look, by: float) -> Shape:
    """The plate's outline, smaller by ``by`` all round."""
    if look.style == "square":
        r = 0.36 - by
        return rrect(0.5 - r, 0.5 - r, 0.5 + r, 0.5 + r, r * 0.28)
    if look.style == "oval":
        return ellipse(0.5, 0.5, 0.37 * 1.12 - by, 0.37 * 0.8 - by)
    return ellipse(0.5, 0.5, 0.38 - by)


@drawing("bottle", ground=0.84, swing=0.0)
def bottle(pen: Pen, look: Look) -> None:
    cap = look.accent if look.pattern != "solid" else look.dark
    half = {"sports": 0.125, "wide-mouth": 0.15}.get(look.style, 0.105)
    neck = {"sports": 0.075, "wide-mouth": 0.115}.get(look.style, 0.052)
    shoulder = 0.33 if look.style != "wide-mouth" else 0.27
    body = symmetric([(0.5, 0.22), (0.5 - neck, 0.22), (0.5 - neck, 0.22), (0.5 - neck, 0.25),
        (0.5 - half + 0.012, shoulder - 0.015), (0.5 - half, shoulder + 0.05),
                      (0.5 - half, 0.6), (0.5 - half, 0.87), (0.5 - half + 0.015, 0.905), (0.5 - half + 0.05,
                          0.918), (0.5, 0.92)])
    glass = look.material == "glass"
    look.body(pen, body, relief="tube", repeat=10)
    if glass:
        pen.tint(rrect(0.5 - half + 0.03, shoulder + 0.06, 0.5 + half - 0.03, 0.5, 0.03), 0.22)
    if look.style == "sports":
        pen.part(rrect(0.5 - neck - 0.022, 0.17, 0.5 + neck + 0.022, 0.245, 0.012), cap, finish="plastic",
            relief="tube")
        pen.part(rrect(0.462, 0.1, 0.538, 0.175, 0.02), mix(cap, (1, 1, 1), 0.3), finish="rubber",
            relief="tube")
        pen.part(bent([(0.585, 0.2), (0.66, 0.19), (0.67, 0.26), (0.625, 0.29)], 0.02), cap,
            finish="plastic", depth=0.01)
        for y in (0.5, 0.54, 0.58):
            pen.tint(line([(0.5 - half + 0.004, y), (0.5 + half - 0.004, y)], 0.009), -0.22)
    else:
        pen.part(rrect(0.5 - neck - 0.014, 0.135, 0.5 + neck + 0.014, 0.24, 0.014),
            _WOOD if look.material == "glass" else cap,
                 finish="bamboo" if glass else "plastic", relief="tube")
        if look.style == "wide-mouth":
            pen.part(bent([(0.42, 0.14), (0.43, 0.08), (0.5, 0.065), (0.57, 0.08), (0.58, 0.14)], 0.024),
                cap, finish="rubber", depth=0.012)
    pen.tint(poly([(0.5 - half * 0.62, shoulder + 0.05), (0.5 - half * 0.45, shoulder + 0.05),
        (0.5 - half * 0.45, 0.88), (0.5 - half * 0.62, 0.88)]), 0.1)
    pen.tint(line([(0.5 - half + 0.01, 0.895), (0.5 + half - 0.01, 0.895)], 0.012), -0.2)

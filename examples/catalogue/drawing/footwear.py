"""Shoes from the side, and bags."""

from __future__ import annotations

from examples.catalogue.drawing.geometry import bent, ellipse, line, poly, rrect, smooth
from examples.catalogue.drawing.look import Look, drawing, mix
from examples.catalogue.drawing.pen import Pen

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off

_CREAM = (0.95, 0.94, 0.91)


@drawing("sneakers", ground=0.62, swing=2.0)
def sneakers(pen: Pen, look: Look) -> None:
    high = look.style == "high-top"
    sport = look.style == "running"
    top = 0.27 if high else 0.4
    inside = smooth([(0.16, top + 0.03), (0.25, top - 0.012), (0.37, top + 0.02), (0.36, top + 0.07),
        (0.2, top + 0.07)])
    pen.part(inside, look.dark, depth=0.03, shade=0.75)
    upper = [(0.13, 0.68), (0.125, 0.56), (0.15, top + 0.02), (0.15, top + 0.02), (0.24, top + 0.045),
        (0.355, top + 0.015), (0.385, top + 0.035),
             (0.43, 0.46 if high else 0.475), (0.56, 0.535), (0.7, 0.56), (0.83, 0.6), (0.885, 0.68), (0.885,
                 0.7), (0.13, 0.7)]
    look.body(pen, smooth(upper), depth=0.055, repeat=11, strength=1.1)
    toe = [(0.72, 0.572), (0.83, 0.6), (0.89, 0.68), (0.885, 0.705), (0.7, 0.705), (0.69, 0.63)]
    heel = [(0.128, 0.7), (0.122, 0.58), (0.15, 0.5), (0.21, 0.53), (0.225, 0.7)]
    trim = look.accent if look.pattern != "solid" or sport else look.trim
    pen.part(smooth(toe), _CREAM if not sport else trim, finish="rubber", depth=0.03, cast=0.25)
    pen.part(smooth(heel), trim, finish=look.material, depth=0.03, cast=0.25)
    pen.part(smooth([(0.37, top + 0.01), (0.44, top + 0.06 if high else 0.45), (0.6, 0.545), (0.57, 0.585),
        (0.41, 0.53), (0.345, top + 0.07)]),
             mix(look.base, (1, 1, 1), 0.2), finish=look.material, depth=0.025, cast=0.25)
    laces = 7 if high else 5
    for step in range(laces):
        share = step / (laces - 1)
        x, y = 0.375 + 0.185 * share, (top + 0.055) + (0.545 - top - 0.055) * share**0.85
        pen.part(line([(x - 0.012, y + 0.045), (x + 0.048, y - 0.008)], 0.0125), (0.97, 0.97, 0.96),
            finish="cotton", depth=0.007, cast=0.35)
        pen.flat(ellipse(x - 0.014, y + 0.047, 0.006), look.dark, 0.9)
    if sport:
        for step in range(3):
            x = 0.3 + step * 0.075
            pen.part(poly([(x, 0.685), (x + 0.035, 0.685), (x + 0.09, 0.575), (x + 0.062, 0.565)]),
                look.accent, finish="leather", depth=0.008, cast=0.2)
    else:
        pen.dashes([(0.235, 0.69), (0.26, 0.56), (0.4, 0.57), (0.56, 0.62), (0.66, 0.66)], look.trim)
    sole = [(0.11, 0.69), (0.3, 0.705), (0.6, 0.7), (0.89, 0.685), (0.9, 0.72), (0.885, 0.76), (0.885, 0.76),
        (0.12, 0.765), (0.12, 0.765), (0.105, 0.73)]
    if sport:
        sole = [(0.085, 0.67), (0.3, 0.7), (0.6, 0.695), (0.89, 0.665), (0.915, 0.69), (0.86, 0.765),
            (0.7, 0.775), (0.3, 0.775), (0.12, 0.77)]
    pen.part(smooth(sole), _CREAM, finish="rubber", depth=0.022, cast=0.35)
    pen.flat(bent([(0.115, 0.733), (0.5, 0.742), (0.892, 0.728)], 0.007),
        look.base if not sport else look.accent, 0.85)
    pen.flat(bent([(0.125, 0.762), (0.5, 0.768), (0.88, 0.758)], 0.01), mix(look.dark, (0.3, 0.3, 0.3), 0.4),
        0.9)


@drawing("boots", ground=0.68, swing=2.0)
def boots(pen: Pen, look: Look) -> None:
    top = {"knee-high": 0.12, "ankle": 0.36}.get(look.style, 0.26)
    pen.part(ellipse(0.36, top + 0.012, 0.13, 0.03), look.dark, depth=0.02, shade=0.6)
    shaft = [(0.225, top), (0.225, top), (0.36, top + 0.026), (0.495, top), (0.495, top), (0.49, 0.5),
        (0.53, 0.6), (0.64, 0.645), (0.78, 0.68),
             (0.83, 0.76), (0.83, 0.8), (0.83, 0.8), (0.23, 0.8), (0.23, 0.8), (0.22, 0.68), (0.245,
                 0.55), (0.232, 0.4)]
    look.body(pen, smooth(shaft), depth=0.075, strength=1.15, folds=0.5, repeat=10)
    toe = smooth([(0.66, 0.66), (0.78, 0.685), (0.833, 0.76), (0.832, 0.805), (0.64, 0.805), (0.625, 0.72)])
    if look.style == "lace-up":
        pen.part(toe, look.dark, finish=look.material, depth=0.03, cast=0.25)
        tongue = [(0.43, top + 0.01), (0.5, top - 0.03), (0.52, top + 0.03), (0.53, 0.58), (0.62, 0.64),
            (0.58, 0.66), (0.45, 0.58)]
        pen.part(smooth(tongue), look.dark, finish=look.material, depth=0.02)
        for step in range(6):
            share = step / 5
            x, y = 0.452 + 0.1 * share**2.2, top + 0.07 + (0.58 - top) * share
            pen.part(line([(x - 0.022, y + 0.02), (x + 0.06, y - 0.012)], 0.012), (0.9, 0.82, 0.62),
                finish="cotton", depth=0.006, cast=0.4)
            pen.part(ellipse(x - 0.024, y + 0.021, 0.0085), (0.8, 0.7, 0.45), finish="chrome", depth=0.006)
    elif look.style == "ankle":
        pen.part(smooth([(0.33, top + 0.05), (0.4, top + 0.05), (0.43, 0.6), (0.3, 0.6)]), look.dark,
            finish="wool", depth=0.02, cast=0.15)
        pen.part(rrect(0.335, top - 0.05, 0.36, top + 0.03, 0.01), look.trim, finish=look.material,
            depth=0.008)
    else:
        pen.flat(line([(0.29, top + 0.04), (0.285, 0.72)], 0.006), look.dark, 0.8)
        pen.dashes([(0.29, top + 0.04), (0.285, 0.72)], (0.8, 0.78, 0.7), width=0.004, dash=0.004)
        pen.part(line([(0.228, top + 0.075), (0.36, top + 0.1), (0.492, top + 0.075)], 0.024), look.trim,
            finish=look.material, depth=0.01)
        pen.part(rrect(0.4, top + 0.065, 0.445, top + 0.12, 0.008) - rrect(0.41, top + 0.078, 0.435,
            top + 0.107, 0.003),
                 (0.85, 0.74, 0.45), finish="chrome", depth=0.006)
    pen.dashes([(0.245, 0.62), (0.36, 0.66), (0.5, 0.64), (0.62, 0.7), (0.64, 0.79)], look.trim, opacity=0.7)
    heel_colour = mix(look.dark, (0.12, 0.09, 0.07), 0.7)
    pen.part(poly([(0.225, 0.8), (0.4, 0.8), (0.385, 0.872), (0.24, 0.872)]), heel_colour, finish="rubber",
        depth=0.02)
    sole = [(0.22, 0.79), (0.5, 0.797), (0.842, 0.79), (0.85, 0.82), (0.83, 0.845), (0.52, 0.845),
        (0.42, 0.822), (0.22, 0.825)]
    pen.part(smooth(sole), heel_colour, finish="rubber", depth=0.014, cast=0.3)


@drawing("sandals", ground=0.64, swing=2.0)
def sandals(pen: Pen, look: Look) -> None:
    cork = (0.76, 0.6, 0.42)
    sole = [(0.1, 0.655), (0.25, 0.66), (0.45, 0.7), (0.7, 0.7), (0.88, 0.67), (0.905, 0.7), (0.87, 0.755),
        (0.6, 0.77), (0.3, 0.76), (0.12, 0.745), (0.09, 0.7)]
    foot = [(0.1, 0.66), (0.22, 0.61), (0.45, 0.655), (0.68, 0.66), (0.86, 0.635), (0.9, 0.67), (0.7, 0.705),
        (0.45, 0.71), (0.2, 0.685)]
    pen.part(smooth(sole), cork, finish="suede", depth=0.03)
    pen.flat(bent([(0.095, 0.725), (0.3, 0.74), (0.6, 0.748), (0.88, 0.728)], 0.012),
        mix(cork, (0.2, 0.1, 0.05), 0.5), 0.8)
    pen.part(smooth(foot), mix(look.base, cork, 0.55), finish="leather", depth=0.02, cast=0.1)
    if look.style == "slide":
        band = [(0.47, 0.71), (0.5, 0.56), (0.62, 0.48), (0.74, 0.5), (0.82, 0.6), (0.83, 0.7), (0.65, 0.725)]
        look.body(pen, smooth(band), depth=0.05, repeat=11, cast=0.5)
        pen.dashes([(0.49, 0.69), (0.52, 0.575), (0.62, 0.505), (0.73, 0.52), (0.8, 0.61), (0.81, 0.69)],
            look.trim)
        pen.part(rrect(0.6, 0.575, 0.68, 0.63, 0.012) - rrect(0.618, 0.59, 0.662, 0.615, 0.006),
            (0.86, 0.75, 0.46), finish="chrome", depth=0.008)
        return
    straps = (
        ((0.55, 0.7), (0.62, 0.5), (0.8, 0.66), 0.05),
        ((0.66, 0.7), (0.76, 0.55), (0.86, 0.67), 0.045),
        ((0.2, 0.68), (0.3, 0.4), (0.4, 0.69), 0.045),
    )
    for start, peak, end, width in straps:
        left = ((start[0] + peak[0]) / 2 - 0.012, (start[1] + peak[1]) / 2 - 0.03)
        right = ((end[0] + peak[0]) / 2 + 0.012, (end[1] + peak[1]) / 2 - 0.03)
        look.body(pen, bent([start, left, peak, right, end], width), depth=0.022, repeat=11, cast=0.45)
    look.body(pen, bent([(0.12, 0.66), (0.12, 0.5), (0.2, 0.44), (0.32, 0.43), (0.38, 0.5), (0.46, 0.6),
        (0.6, 0.64)], 0.036), depth=0.018, repeat=11, cast=0.45)
    pen.part(rrect(0.27, 0.4, 0.335, 0.462, 0.012) - rrect(0.285, 0.415, 0.32, 0.447, 0.006),
        (0.86, 0.75, 0.46), finish="chrome", depth=0.008)


@drawing("handbag", ground=0.7, swing=2.0)
def handbag(pen: Pen, look: Look) -> None:
    gold = (0.86, 0.74, 0.44)
    grip = look.base if look.pattern == "solid" else mix(look.base, (0.2, 0.12, 0.08), 0.4)
    if look.style == "tote":
        for y, shade in ((0.1, 0.75), (0.13, 1.0)):
            pen.part(bent([(0.33, 0.36), (0.335, 0.22), (0.4, y + 0.02), (0.5, y), (0.6, y + 0.02),
                (0.665, 0.22), (0.67, 0.36)], 0.026), grip,
                     finish="leather", depth=0.013, shade=shade)
            if shade < 1:
                body = smooth([(0.2, 0.34), (0.2, 0.34), (0.5, 0.352), (0.8, 0.34), (0.8, 0.34),
                    (0.765, 0.84), (0.735, 0.862), (0.5, 0.87), (0.265, 0.862), (0.235, 0.84)])
                look.body(pen, body, depth=0.06, folds=0.8, repeat=9)
        pen.dashes([(0.21, 0.365), (0.5, 0.376), (0.79, 0.365)], look.trim)
        for x in (0.33, 0.67):
            pen.part(rrect(x - 0.022, 0.34, x + 0.022, 0.43, 0.01), grip, finish="leather", depth=0.01)
            pen.part(ellipse(x, 0.405, 0.009), gold, finish="chrome", depth=0.006)
        pen.part(rrect(0.45, 0.46, 0.55, 0.51, 0.01), grip, finish="leather", depth=0.008)
        return
    if look.style == "shoulder":
        pen.part(bent([(0.2, 0.5), (0.19, 0.3), (0.3, 0.13), (0.5, 0.085), (0.7, 0.13), (0.81, 0.3),
            (0.8, 0.5)], 0.028), grip, finish="leather", depth=0.014)
        look.body(pen, smooth([(0.17, 0.5), (0.3, 0.44), (0.5, 0.425), (0.7, 0.44), (0.83, 0.5),
            (0.86, 0.66), (0.76, 0.8), (0.5, 0.845), (0.24, 0.8), (0.14, 0.66)]),
                  depth=0.085, folds=0.6, repeat=9)
        look.body(pen, smooth([(0.17, 0.49), (0.5, 0.415), (0.83, 0.49), (0.8, 0.6), (0.62, 0.68),
            (0.5, 0.695), (0.38, 0.68), (0.2, 0.6)]),
                  depth=0.04, repeat=9, cast=0.5, shade=1.04)
        pen.part(ellipse(0.5, 0.665, 0.034) - ellipse(0.5, 0.665, 0.02), gold, finish="chrome", depth=0.01)
        return
    pen.part(bent([(0.4, 0.36), (0.4, 0.25), (0.45, 0.215), (0.55, 0.215), (0.6, 0.25), (0.6, 0.36)], 0.034),
        grip, finish="leather", depth=0.016)
    look.body(pen, rrect(0.16, 0.35, 0.84, 0.84, 0.05), depth=0.06, repeat=9)
    look.body(pen, smooth([(0.15, 0.36), (0.2, 0.33), (0.8, 0.33), (0.85, 0.36), (0.85, 0.56), (0.8, 0.61),
        (0.2, 0.61), (0.15, 0.56)]), depth=0.035,
              repeat=9, cast=0.5, shade=1.03)
    pen.dashes([(0.175, 0.36), (0.175, 0.55), (0.21, 0.588), (0.79, 0.588), (0.825, 0.55), (0.825, 0.36)],
        look.trim)
    for x in (0.3, 0.7):
        pen.part(rrect(x - 0.028, 0.33, x + 0.028, 0.72, 0.012), grip, finish="leather", depth=0.012,
            cast=0.4, shade=0.93)
        pen.part(rrect(x - 0.036, 0.63, x + 0.036, 0.695, 0.012) - rrect(x - 0.02, 0.645, x + 0.02, 0.68,
            0.006), gold, finish="chrome", depth=0.008)


@drawing("backpack", ground=0.74, swing=2.0)
def backpack(pen: Pen, look: Look) -> None:
    trim = look.accent if look.pattern in {"solid", "colour block"} and look.rng.random() < 0.5 else look.trim
    pen.part(bent([(0.44, 0.17), (0.45, 0.09), (0.5, 0.075), (0.55, 0.09), (0.56, 0.17)], 0.024), look.dark,
        finish="nylon", depth=0.012)
    for side in (-1, 1):
        strap = [(0.5 + side * 0.22, 0.3), (0.5 + side * 0.31, 0.42), (0.5 + side * 0.305, 0.62),
            (0.5 + side * 0.24, 0.76)]
        pen.part(bent(strap, 0.044), look.dark, finish="nylon", depth=0.02)
    if look.style == "rolltop":
        look.body(pen, smooth([(0.27, 0.26), (0.27, 0.26), (0.73, 0.26), (0.73, 0.26), (0.75, 0.6),
            (0.735, 0.84), (0.68, 0.885), (0.32, 0.885), (0.265, 0.84), (0.25, 0.6)]),
                  depth=0.085, repeat=8)
        look.body(pen, rrect(0.26, 0.15, 0.74, 0.235, 0.042), depth=0.035, repeat=8, cast=0.4)
        look.body(pen, rrect(0.265, 0.225, 0.735, 0.29, 0.03), depth=0.025, repeat=8, cast=0.4, shade=0.94)
        pen.part(rrect(0.478, 0.15, 0.522, 0.5, 0.01), trim, finish="leather", depth=0.01)
        pen.part(rrect(0.458, 0.37, 0.542, 0.43, 0.014), (0.2, 0.2, 0.22), finish="plastic", depth=0.012)
    else:
        look.body(pen, smooth([(0.5, 0.12), (0.35, 0.14), (0.27, 0.24), (0.25, 0.5), (0.255, 0.83),
            (0.32, 0.885), (0.68, 0.885), (0.745, 0.83), (0.75, 0.5), (0.73, 0.24), (0.65, 0.14)]),
                  depth=0.085, repeat=8)
        seam = [(0.28, 0.52), (0.285, 0.32), (0.33, 0.21), (0.42, 0.175), (0.58, 0.175), (0.67, 0.21),
            (0.715, 0.32), (0.72, 0.52)]
        pen.flat(bent(seam, 0.012), look.dark, 0.85)
        pen.dashes(seam, (0.75, 0.75, 0.76), width=0.005, dash=0.004)
        pen.part(rrect(0.705, 0.5, 0.726, 0.565, 0.008), trim, finish="leather", depth=0.006)
    look.body(pen, rrect(0.31, 0.56, 0.69, 0.835, 0.05), depth=0.045, repeat=8, cast=0.45, shade=1.02)
    pen.flat(line([(0.345, 0.615), (0.655, 0.615)], 0.011), look.dark, 0.85)
    pen.dashes([(0.345, 0.615), (0.655, 0.615)], (0.75, 0.75, 0.76), width=0.005, dash=0.004)
    pen.part(rrect(0.36, 0.605, 0.382, 0.665, 0.008), trim, finish="leather", depth=0.006)
    if look.style == "school":
        for x in (0.4, 0.6):
            pen.part(rrect(x - 0.02, 0.44, x + 0.02, 0.64, 0.01), trim, finish="leather", depth=0.01)
            pen.part(rrect(x - 0.028, 0.585, x + 0.028, 0.63, 0.008), (0.85, 0.74, 0.45), finish="chrome",
                depth=0.008)
    pen.part(rrect(0.455, 0.36, 0.545, 0.43, 0.012), trim, finish="leather", depth=0.01, cast=0.25)


@drawing("suitcase", ground=0.78, swing=1.0)
def suitcase(pen: Pen, look: Look) -> None:
    left, right, top = (0.27, 0.73, 0.27) if look.style == "cabin" else (0.23, 0.77, 0.24)
    metal = (0.75, 0.76, 0.78)
    for x in (0.41, 0.59):
        pen.part(line([(x, top), (x, 0.1)], 0.016), metal, finish="chrome", relief="tube")
    pen.part(line([(0.405, 0.095), (0.595, 0.095)], 0.034), (0.16, 0.16, 0.18), finish="rubber", depth=0.014)
    for x in (left + 0.055, right - 0.055):
        pen.part(rrect(x - 0.026, 0.84, x + 0.026, 0.9, 0.01), (0.22, 0.22, 0.24), finish="plastic",
            depth=0.012)
        pen.part(ellipse(x, 0.905, 0.028), (0.12, 0.12, 0.13), finish="rubber", depth=0.014)
        pen.part(ellipse(x, 0.905, 0.012), metal, finish="chrome", depth=0.008)
    look.body(pen, rrect(left, top, right, 0.87, 0.055), depth=0.045, repeat=7)
    count = 7
    for step in range(count):
        x = left + 0.055 + (right - left - 0.11) * step / (count - 1)
        pen.tint(line([(x, top + 0.06), (x, 0.81)], 0.012), -0.18)
        pen.tint(line([(x + 0.011, top + 0.06), (x + 0.011, 0.81)], 0.006), 0.2)
    for x, y in ((left, top), (right, top), (left, 0.87), (right, 0.87)):
        sx, sy = (1 if x < 0.5 else -1), (1 if y < 0.5 else -1)
        if look.material == "aluminium":
            pen.part(smooth([(x + sx * 0.006, y + sy * 0.07), (x + sx * 0.02, y + sy * 0.02),
                (x + sx * 0.07, y + sy * 0.006), (x + sx * 0.085, y + sy * 0.05),
                (x + sx * 0.05, y + sy * 0.085)]),
                     metal, finish="aluminium", depth=0.012, cast=0.2)
    pen.part(bent([(0.43, top + 0.01), (0.44, top - 0.028), (0.56, top - 0.028), (0.57, top + 0.01)], 0.022),
        (0.18, 0.18, 0.2), finish="rubber", depth=0.01)
    pen.part(rrect(right - 0.03, 0.5, right + 0.012, 0.62, 0.01), (0.2, 0.2, 0.22), finish="plastic",
        depth=0.012)
    pen.part(rrect(0.45, top + 0.075, 0.55, top + 0.115, 0.008), metal, finish="chrome", depth=0.008,
        cast=0.3)

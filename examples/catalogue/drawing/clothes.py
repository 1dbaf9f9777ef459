"""Clothes, laid flat."""

from __future__ import annotations

from examples.catalogue.drawing.geometry import arc, bent, ellipse, line, poly, rrect, smooth, symmetric
from examples.catalogue.drawing.look import Look, drawing, mix
from examples.catalogue.drawing.pen import Pen

# Outlines read as rows of points, which the formatter would set one to a line.
# fmt: off


def _collar_back(pen: Pen, look: Look, y: float, half: float = 0.09, deep: float = 0.25) -> None:
    """The inside of the back that shows through a neck opening ``deep`` down to its lowest point."""
    inside = smooth([(0.5 - half, y), (0.5, y - 0.03), (0.5 + half, y), (0.5 + half * 0.7, deep),
        (0.5 - half * 0.7, deep)])
    pen.part(inside, look.dark, finish=look.material, depth=0.02, shade=0.85)


@drawing("t-shirt", zoom=1.14)
def t_shirt(pen: Pen, look: Look) -> None:
    _collar_back(pen, look, 0.195, 0.092, 0.34)
    deep = 0.335 if look.style == "v-neck" else 0.265
    mid = (0.452, 0.285) if look.style == "v-neck" else (0.45, 0.25)
    neck = [(0.5, deep), (0.5, deep), mid, (0.405, 0.192), (0.405, 0.192)]
    if look.style == "long-sleeve":
        arm = [(0.315, 0.225), (0.235, 0.31), (0.15, 0.55), (0.105, 0.74), (0.105, 0.74), (0.178, 0.765),
            (0.178, 0.765),
               (0.235, 0.58), (0.292, 0.43), (0.292, 0.43)]
    else:
        arm = [(0.315, 0.222), (0.235, 0.29), (0.13, 0.425), (0.13, 0.425), (0.225, 0.492), (0.225, 0.492),
               (0.292, 0.405), (0.292, 0.405)]
    hem = [(0.296, 0.6), (0.288, 0.845), (0.288, 0.845), (0.4, 0.858), (0.5, 0.858)]
    look.body(pen, symmetric([*neck, *arm, *hem]), folds=1.0, depth=0.035, repeat=12)
    rib = [(0.403, 0.186), mid, (0.5, deep), (1 - mid[0], mid[1]), (0.597, 0.186)]
    if look.style == "v-neck":
        pen.part(line(rib, 0.02), look.trim, finish=look.material, depth=0.01, cast=0.15)
    else:
        pen.part(bent(rib, 0.024), look.trim, finish=look.material, depth=0.012, cast=0.15)
    pen.dashes([(0.292, 0.835), (0.5, 0.846), (0.708, 0.835)], look.trim, opacity=0.6)
    for side in (0, 1):
        seam = [(0.318, 0.226), (0.3, 0.3), (0.293, 0.405)]
        pen.flat(bent([(x if side == 0 else 1 - x, y) for x, y in seam], 0.0035), look.trim, 0.55)


@drawing("shirt", zoom=1.13)
def shirt(pen: Pen, look: Look) -> None:
    _collar_back(pen, look, 0.185, 0.075, 0.31)
    if look.style == "short-sleeve":
        arm = [(0.31, 0.225), (0.235, 0.29), (0.135, 0.43), (0.135, 0.43), (0.228, 0.492), (0.228, 0.492)]
    else:
        arm = [(0.31, 0.225), (0.24, 0.3), (0.16, 0.56), (0.11, 0.75), (0.11, 0.75), (0.188, 0.778),
            (0.188, 0.778), (0.245, 0.58)]
    body = [(0.5, 0.3), (0.5, 0.3), (0.43, 0.2), (0.43, 0.2), *arm, (0.298, 0.41), (0.298, 0.41),
        (0.302, 0.6),
            (0.285, 0.82), (0.33, 0.855), (0.42, 0.84), (0.5, 0.865)]
    look.body(pen, symmetric(body), folds=1.0, depth=0.035, repeat=14)
    look.body(pen, rrect(0.482, 0.285, 0.518, 0.862, 0.004), relief="sheet", cast=0.25, repeat=14, shade=1.03)
    for side in (-1, 1):
        leaf = [(0.5, 0.305), (0.5 + side * 0.075, 0.352), (0.5 + side * 0.118, 0.235),
            (0.5 + side * 0.075, 0.165)]
        look.body(pen, poly(leaf), depth=0.012, cast=0.4, repeat=14, tilt=side * 0.6, shade=1.02)
        pen.dashes([leaf[0], leaf[1], leaf[2]], look.trim, opacity=0.5, dash=0.006)
        if look.style != "short-sleeve":
            cuff = [(0.5 - side * 0.399, 0.708), (0.5 - side * 0.387, 0.762), (0.5 - side * 0.315, 0.788),
                (0.5 - side * 0.3, 0.735)]
            look.body(pen, poly(cuff), depth=0.01, cast=0.2, repeat=14, tilt=0.9)
    look.body(pen, poly([(0.57, 0.42), (0.66, 0.42), (0.66, 0.5), (0.615, 0.525), (0.57, 0.5)]), depth=0.006,
        cast=0.3, repeat=14)
    for step in range(6):
        pen.part(ellipse(0.5, 0.345 + step * 0.088, 0.0085), mix(look.trim, (1, 1, 1), 0.4),
            finish="plastic", depth=0.006)


@drawing("dress", zoom=1.06)
def dress(pen: Pen, look: Look) -> None:
    _collar_back(pen, look, 0.14, 0.066, 0.23)
    maxi = look.style == "maxi"
    hem_y, hem_x = (0.915, 0.255) if maxi else (0.85, 0.2)
    top = [(0.5, 0.225), (0.455, 0.2), (0.43, 0.125), (0.43, 0.125)]
    if look.style == "sleeveless":
        top += [(0.375, 0.13), (0.375, 0.13), (0.382, 0.23), (0.35, 0.305), (0.35, 0.305)]
    else:
        top += [(0.36, 0.145), (0.3, 0.2), (0.235, 0.3), (0.235, 0.3), (0.31, 0.355), (0.31, 0.355),
            (0.352, 0.31), (0.352, 0.31)]
    waist = [(0.366, 0.4), (0.38, 0.455), (0.38, 0.455)]
    skirt = [(0.338, 0.56), (0.305 if maxi else 0.272, 0.72), (hem_x, hem_y), (hem_x, hem_y),
        (0.35, hem_y + 0.03), (0.5, hem_y + 0.022)]
    look.body(pen, symmetric([*top, *waist, *skirt]), folds=1.5, depth=0.04, repeat=13)
    for x, spread in ((0.44, -0.095), (0.5, 0.0), (0.56, 0.095), (0.41, -0.15), (0.59, 0.15)):
        fold = poly([(x - 0.003, 0.475), (x + spread + 0.022, hem_y), (x + spread - 0.016, hem_y + 0.008)])
        pen.tint(fold, -0.085)
    pen.part(rrect(0.376, 0.442, 0.624, 0.478, 0.012), look.accent if look.pattern != "solid" else look.dark,
             finish=look.material, depth=0.012, cast=0.3)
    bow = look.accent if look.pattern != "solid" else look.dark
    if look.rng.random() < 0.5:
        for side in (-1, 1):
            pen.part(smooth([(0.5, 0.46), (0.5 + side * 0.05, 0.43), (0.5 + side * 0.062, 0.462),
                (0.5 + side * 0.045, 0.49)]),
                     bow, finish=look.material, depth=0.014)
        pen.part(ellipse(0.5, 0.46, 0.014), bow, finish=look.material, depth=0.01)
    pen.flat(bent([(0.43, 0.127), (0.455, 0.203), (0.5, 0.228), (0.545, 0.203), (0.57, 0.127)], 0.006),
        look.trim, 0.7)


@drawing("skirt", zoom=1.14)
def skirt(pen: Pen, look: Look) -> None:
    if look.style == "pencil":
        outline = [(0.5, 0.2), (0.36, 0.2), (0.36, 0.2), (0.3, 0.36), (0.295, 0.5), (0.33, 0.84),
            (0.33, 0.84), (0.5, 0.85)]
    elif look.style == "pleated":
        outline = [(0.5, 0.22), (0.355, 0.22), (0.355, 0.22), (0.17, 0.76), (0.17, 0.76), (0.33, 0.79),
            (0.5, 0.795)]
    else:
        outline = [(0.5, 0.22), (0.355, 0.22), (0.355, 0.22), (0.27, 0.42), (0.13, 0.73), (0.13, 0.73),
            (0.22, 0.8),
                   (0.3, 0.775), (0.38, 0.815), (0.5, 0.79)]
    look.body(pen, symmetric(outline), folds=1.6 if look.style == "flared" else 0.6, depth=0.035, repeat=12)
    if look.style == "pleated":
        for index in range(9):
            top, low = 0.37 + index * 0.0325, 0.205 + index * 0.074
            pen.tint(poly([(top, 0.25), (top + 0.005, 0.25), (low + 0.034, 0.785), (low, 0.78)]), -0.2)
            pen.tint(poly([(top + 0.006, 0.25), (top + 0.01, 0.25), (low + 0.05, 0.785),
                (low + 0.036, 0.785)]), 0.14)
    elif look.style == "flared":
        for top, low in ((0.42, 0.3), (0.47, 0.42), (0.53, 0.57), (0.58, 0.7)):
            pen.tint(poly([(top, 0.28), (low + 0.03, 0.79), (low - 0.012, 0.79)]), -0.11)
    else:
        pen.flat(line([(0.5, 0.25), (0.5, 0.84)], 0.003), look.trim, 0.5)
        pen.tint(poly([(0.5, 0.7), (0.512, 0.848), (0.488, 0.848)]), -0.5)
    top_y = 0.2 if look.style == "pencil" else 0.22
    half = 0.142 if look.style == "pencil" else 0.148
    pen.part(rrect(0.5 - half, top_y - 0.022, 0.5 + half, top_y + 0.036, 0.012),
        look.trim if look.pattern == "solid" else look.base,
             finish=look.material, depth=0.012, cast=0.3)
    pen.part(ellipse(0.5, top_y + 0.007, 0.011), mix(look.accent, (1, 1, 1), 0.3), finish="plastic",
        depth=0.007)


@drawing("trousers")
def trousers(pen: Pen, look: Look) -> None:
    hem = {"wide-leg": (0.19, 0.47), "slim": (0.315, 0.415)}.get(look.style, (0.27, 0.44))
    knee = {"wide-leg": (0.25, 0.475), "slim": (0.305, 0.44)}.get(look.style, (0.285, 0.462))
    outline = [(0.5, 0.115), (0.352, 0.11), (0.352, 0.11), (0.31, 0.26), (0.292, 0.34), (knee[0], 0.6),
        (hem[0], 0.91), (hem[0], 0.91),
               (hem[1], 0.918), (hem[1], 0.918), (knee[1], 0.62), (0.497, 0.385), (0.5, 0.38)]
    look.body(pen, symmetric(outline), folds=0.9, depth=0.035, repeat=12)
    for side in (-1, 1):
        middle = 0.5 - side * (1 - hem[0] - hem[1]) / 2
        pen.tint(line([(0.5 - side * 0.105, 0.36), (middle, 0.9)], 0.005), -0.12)
        pen.flat(bent([(0.5 - side * 0.085, 0.163), (0.5 - side * 0.11, 0.225), (0.5 - side * 0.175, 0.255)],
            0.005), look.trim, 0.8)
        x0, x1 = sorted((0.5 - side * (0.5 - hem[0]), 0.5 - side * (0.5 - hem[1])))
        pen.tint(poly([(x0, 0.885), (x1, 0.893), (x1, 0.918), (x0, 0.91)]), -0.14)
    pen.flat(bent([(0.5, 0.16), (0.5, 0.33), (0.5, 0.385)], 0.004), look.trim, 0.8)
    pen.dashes([(0.52, 0.16), (0.521, 0.28), (0.502, 0.325)],
        look.accent if look.material == "denim" else look.trim)
    pen.part(rrect(0.347, 0.1, 0.653, 0.158, 0.012), look.base, finish=look.material, pattern=look.pattern,
        accent=look.accent,
             repeat=12, depth=0.012, cast=0.3, shade=0.92)
    for x in (0.4, 0.6):
        pen.part(rrect(x - 0.008, 0.094, x + 0.008, 0.164, 0.004), look.trim, finish=look.material,
            depth=0.006)
    pen.part(ellipse(0.5, 0.129, 0.012), (0.78, 0.66, 0.42), finish="chrome", depth=0.008)


@drawing("jacket", zoom=1.12)
def jacket(pen: Pen, look: Look) -> None:
    dark = look.dark
    if look.style == "hooded":
        look.body(pen, symmetric([(0.5, 0.075), (0.43, 0.09), (0.37, 0.16), (0.36, 0.26), (0.42, 0.31),
            (0.5, 0.33)]), depth=0.05, repeat=9)
        pen.part(smooth([(0.5, 0.125), (0.44, 0.16), (0.425, 0.24), (0.5, 0.32), (0.575, 0.24),
            (0.56, 0.16)]), dark, depth=0.04, shade=0.7)
    else:
        _collar_back(pen, look, 0.18, 0.085, 0.31)
    sleeve = [(0.31, 0.222), (0.228, 0.3), (0.158, 0.55), (0.125, 0.735), (0.125, 0.735), (0.212, 0.76),
        (0.212, 0.76),
              (0.258, 0.56), (0.292, 0.44), (0.292, 0.44)]
    outline = [(0.5, 0.3), (0.43, 0.21), (0.405, 0.185), (0.405, 0.185), *sleeve, (0.296, 0.6), (0.292, 0.8),
        (0.292, 0.8), (0.5, 0.81)]
    look.body(pen, symmetric(outline), folds=1.3, depth=0.05, repeat=8)
    for side in (-1, 1):
        pen.flat(bent([(0.5 - side * 0.187, 0.225), (0.5 - side * 0.2, 0.31), (0.5 - side * 0.208, 0.44)],
            0.004), look.trim, 0.6)
        rib = [(0.5 - side * 0.378, 0.72), (0.5 - side * 0.385, 0.772), (0.5 - side * 0.292, 0.798),
            (0.5 - side * 0.284, 0.75)]
        pen.part(poly(rib), look.trim, finish="wool", depth=0.016, cast=0.2)
        pocket = [(0.5 - side * 0.072, 0.63), (0.5 - side * 0.15, 0.58)]
        pen.part(line(pocket, 0.018), look.trim, finish=look.material, depth=0.008, cast=0.35)
        if look.style != "hooded":
            collar = [(0.5, 0.315), (0.5 - side * 0.06, 0.36), (0.5 - side * 0.125, 0.255),
                (0.5 - side * 0.088, 0.165), (0.5 - side * 0.07, 0.175)]
            if look.style == "bomber":
                collar = [(0.5, 0.3), (0.5 - side * 0.035, 0.315), (0.5 - side * 0.112, 0.21),
                    (0.5 - side * 0.09, 0.16), (0.5 - side * 0.07, 0.17)]
            pen.part(poly(collar), look.trim if look.style == "bomber" else look.base,
                     finish="wool" if look.style == "bomber" else look.material, depth=0.014, cast=0.45)
    pen.part(rrect(0.286, 0.785, 0.714, 0.842, 0.012), look.trim,
        finish="wool" if look.style == "bomber" else look.material, depth=0.016, cast=0.25)
    pen.flat(line([(0.5, 0.305), (0.5, 0.84)], 0.014), dark, 0.9)
    pen.dashes([(0.5, 0.31), (0.5, 0.838)], (0.85, 0.85, 0.87), width=0.008, dash=0.004, opacity=0.95)
    pen.part(rrect(0.491, 0.345, 0.509, 0.39, 0.006), (0.82, 0.82, 0.84), finish="chrome", depth=0.006)
    if look.style == "hooded":
        for x in (0.455, 0.545):
            pen.part(line([(x, 0.33), (x - 0.004, 0.47)], 0.009), mix(look.accent, (1, 1, 1), 0.3),
                depth=0.006)


@drawing("sweater", zoom=1.12)
def sweater(pen: Pen, look: Look) -> None:
    _collar_back(pen, look, 0.19, 0.085, 0.34)
    deep = 0.34 if look.style == "v-neck" else 0.252
    sleeve = [(0.31, 0.225), (0.225, 0.31), (0.16, 0.55), (0.118, 0.735), (0.118, 0.735), (0.205, 0.762),
        (0.205, 0.762),
              (0.258, 0.57), (0.296, 0.44), (0.296, 0.44)]
    outline = [(0.5, deep), (0.5, deep), (0.458, 0.25 if deep < 0.3 else 0.285), (0.41, 0.19), (0.41, 0.19),
        *sleeve, (0.3, 0.6),
               (0.296, 0.79), (0.296, 0.79), (0.5, 0.8)]
    look.body(pen, symmetric(outline), folds=0.9, depth=0.05, repeat=8)
    for side in (-1, 1):
        cuff = [(0.5 - side * 0.386, 0.725), (0.5 - side * 0.39, 0.785), (0.5 - side * 0.3, 0.805),
            (0.5 - side * 0.29, 0.752)]
        pen.part(poly(cuff), look.base, finish=look.material, depth=0.018, shade=0.92)
        pen.flat(bent([(0.5 - side * 0.187, 0.228), (0.5 - side * 0.198, 0.32), (0.5 - side * 0.205, 0.44)],
            0.004), look.trim, 0.5)
    pen.part(rrect(0.298, 0.782, 0.702, 0.85, 0.02), look.base, finish=look.material, depth=0.018, shade=0.92)
    for step in range(27):
        x = 0.308 + step * 0.0148
        pen.tint(line([(x, 0.79), (x, 0.844)], 0.003), -0.16)
    if look.style == "turtleneck":
        pen.part(smooth([(0.41, 0.14), (0.5, 0.128), (0.59, 0.14), (0.6, 0.215), (0.5, 0.262),
            (0.4, 0.215)]), look.base,
                 finish=look.material, depth=0.035, cast=0.4, shade=0.96)
        pen.part(ellipse(0.5, 0.148, 0.075, 0.016), look.dark, depth=0.012, shade=0.8, cast=0)
    elif look.style == "v-neck":
        pen.part(line([(0.408, 0.185), (0.458, 0.27), (0.5, 0.345), (0.542, 0.27), (0.592, 0.185)], 0.03),
            look.trim, finish=look.material,
                 depth=0.014)
    else:
        pen.part(bent([(0.405, 0.185), (0.45, 0.245), (0.5, 0.258), (0.55, 0.245), (0.595, 0.185)], 0.036),
            look.trim, finish=look.material,
                 depth=0.016)


@drawing("scarf", swing=7.0, zoom=1.25)
def scarf(pen: Pen, look: Look) -> None:
    hang = look.style == "draped"
    left = [(0.37, 0.3), (0.34, 0.5), (0.3, 0.84), (0.3, 0.84), (0.44, 0.86), (0.44, 0.86), (0.47, 0.6),
        (0.48, 0.4)]
    right = [(0.52, 0.4), (0.53, 0.58), (0.58, 0.76), (0.58, 0.76), (0.715, 0.735), (0.715, 0.735),
        (0.68, 0.5), (0.63, 0.3)]
    for side, outline in ((0, right), (1, left)):
        look.body(pen, smooth(outline), folds=1.7, depth=0.045, repeat=9, tilt=0.1 if side else -0.15)
        if not hang:
            (x0, y0), (x1, y1) = (outline[2], outline[4])
            for step in range(15):
                share = step / 14
                x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
                wobble = look.rng.uniform(-0.006, 0.006)
                pen.part(line([(x, y - 0.004), (x + wobble, y + 0.055)], 0.0065), look.base,
                    finish=look.material, depth=0.004, cast=0.15)
    ring = [*arc(0.5, 0.27, 0.19, 0.125, 180, 540, 20)]
    look.body(pen, smooth(ring) - ellipse(0.5, 0.215, 0.1, 0.05), folds=1.7, depth=0.05, repeat=9, cast=0.45,
        tilt=0.5)
    for y, half in ((0.3, 0.15), (0.335, 0.12)):
        pen.tint(bent([(0.5 - half, y - 0.02), (0.5, y + 0.03), (0.5 + half, y - 0.02)], 0.008), -0.14)
    look.body(pen, smooth([(0.43, 0.31), (0.55, 0.3), (0.58, 0.37), (0.545, 0.46), (0.44, 0.455),
        (0.41, 0.38)]), folds=1.5, depth=0.045,
              repeat=9, cast=0.45, tilt=-0.6)

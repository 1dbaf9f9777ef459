"""Small ICC profiles (ICC.1:2001-04), and the colours they give to numbers, without a colour engine."""

from __future__ import annotations

import itertools
import struct

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = tuple[tuple[float, float, float], ...]

# XYZ under D50 of each space's red, green and blue.
SRGB: Rows = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
DISPLAY_P3: Rows = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB: Rows = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO: Rows = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00008, 0.82491))
D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries: Rows, gamma: float, *, name: bytes = b"wide") -> bytes:
    """A matrix profile of a screen."""
    colorants = zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    tags = {b"wtpt": _xyz(D50)} | {tag: _xyz(value) for tag, value in colorants}
    return _profile(
        b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)), name
    )


def gray_profile(gamma: float) -> bytes:
    """One curve, as scanners and printers of one ink have."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)}, b"gray")


def cmyk_profile(inks: dict[str, tuple[int, int, int]]) -> bytes:
    """A printer whose cyan, magenta and yellow on white paper look like these sRGB colours; of several inks
    each takes its part of the light, black takes all but a little."""
    table = []
    for amounts in itertools.product((0, 1), repeat=4):  # the first channel changes slowest
        light = np.ones(3)
        for amount, ink in zip(amounts, ("c", "m", "y", "k"), strict=True):
            light = light * (linear(np.array(inks[ink])) if amount else 1.0)
        table += _lab_bytes(light @ np.array(SRGB))
    ramp = bytes(range(256))
    head = (
        b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9i", *(65_536 * np.eye(3, dtype=int).ravel()))
    )
    return _profile(
        b"prtr",
        b"CMYK",
        b"Lab ",
        {b"wtpt": _xyz(D50), b"A2B0": head + ramp * 4 + bytes(table) + ramp * 3},
        b"ink",
    )


def linear(srgb: NDArray[np.int_]) -> Floats:
    """Light of sRGB levels of 255 (IEC 61966-2-1)."""
    part = srgb / 255.0
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def levels(light: Floats) -> NDArray[np.int_]:
    """sRGB levels of light: the inverse of :func:`linear`."""
    light = light.clip(0, 1)
    part = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(part * 255), dtype=np.int_)


def in_space(srgb: tuple[int, int, int], primaries: Rows, gamma: float) -> tuple[int, int, int]:
    """The levels that mean an sRGB colour in another space."""
    light = linear(np.array(srgb)) @ np.array(SRGB) @ np.linalg.inv(np.array(primaries))
    red, green, blue = np.rint(light.clip(0, 1) ** (1 / gamma) * 255).astype(int).tolist()
    return red, green, blue


def _lab_bytes(xyz: Floats) -> list[int]:
    ratio = np.array(xyz) / D50
    f = np.where(ratio > 216 / 24_389, np.cbrt(ratio), (24_389 / 27 * ratio + 16) / 116)
    lab = (116 * f[1] - 16) * 2.55, 500 * (f[0] - f[1]) + 128, 200 * (f[1] - f[2]) + 128
    return [int(np.clip(round(value), 0, 255)) for value in lab]


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65_536)) for value in values)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(value)


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(gamma * 256))


def _profile(device: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes], name: bytes) -> bytes:
    described = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79)
    tags = {b"desc": described, b"cprt": b"text\0\0\0\0none\0", **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI", start + len(body), 0x02400000) + device + space + pcs
    head = head.ljust(36, b"\0") + b"acsp"
    return (head.ljust(68, b"\0") + _fixed(D50)).ljust(128, b"\0") + table + body

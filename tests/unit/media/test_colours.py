"""Embedded colour profiles: what a picture looks like, not the numbers it holds."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, features

from mmpipe.media import colours, decode
from mmpipe.settings import MediaSettings
from tests.unit.media.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    cmyk_profile,
    gray_profile,
    in_space,
    levels,
    rgb_profile,
)

Colour = tuple[int, int, int]
SETTINGS = MediaSettings()
# Inside sRGB with room, so that every space can show them.
COLOURS: list[Colour] = [
    (200, 40, 50),
    (40, 150, 70),
    (50, 70, 190),
    (128, 128, 128),
    (255, 255, 255),
    (230, 180, 40),
]
SPACES = {"Display P3": (DISPLAY_P3, 2.2), "Adobe RGB": (ADOBE_RGB, 2.2), "ProPhoto": (PROPHOTO, 1.8)}
WIDE = rgb_profile(PROPHOTO, 1.8)
INKS: dict[str, Colour] = {"c": (0, 150, 220), "m": (225, 0, 120), "y": (250, 230, 10), "k": (30, 28, 30)}
WAYS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    **({"AVIF": {"quality": 100, "subsampling": "4:4:4"}} if features.check("avif") else {}),
}


def saved(image: Image.Image, kind: str, profile: bytes | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, icc_profile=profile, **(WAYS[kind] | options))
    return file.getvalue()


def pixels(data: bytes, target: int | None = 512) -> NDArray[np.int_]:
    found = decode("image", data, SETTINGS, "image_link", target=target)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint8
    return found.astype(int)


def stripes(values: list[Colour], width: int = 16) -> Image.Image:
    """A stripe of each colour."""
    return Image.fromarray(np.repeat(np.array(values, np.uint8)[None], 24, axis=0).repeat(width, axis=1))


def of_stripes(image: NDArray[np.int_], count: int) -> NDArray[np.int_]:
    width = image.shape[1] // count
    return image[image.shape[0] // 2, width // 2 :: width][:count]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", WAYS)
def test_wide_colours_are_shown_as_they_look(kind: str, space: str) -> None:
    primaries, gamma = SPACES[space]
    held = [in_space(colour, primaries, gamma) for colour in COLOURS]
    data = saved(stripes(held), kind, rgb_profile(primaries, gamma))
    assert np.abs(of_stripes(pixels(data), len(COLOURS)) - COLOURS).max() <= 10
    untagged = of_stripes(pixels(saved(stripes(held), kind)), len(COLOURS))
    assert np.abs(untagged - held).max() <= 6
    assert np.abs(untagged - COLOURS).max() > 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_pictures_are_reduced_first(kind: str) -> None:
    held = [in_space(colour, PROPHOTO, 1.8) for colour in COLOURS]
    image = pixels(saved(stripes(held, 400).resize((2_400, 1_800)), kind, WIDE))
    assert image.shape[0] < 1_100
    assert np.abs(of_stripes(image, len(COLOURS)) - COLOURS).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_over_white_in_the_right_colours(kind: str) -> None:
    red = (200, 40, 50)
    picture = stripes([in_space(red, PROPHOTO, 1.8)] * 3).convert("RGBA")
    alpha = Image.fromarray(np.repeat(np.array([255, 128, 0], np.uint8), 16)[None].repeat(24, axis=0))
    picture.putalpha(alpha)
    opaque, half, clear = of_stripes(pixels(saved(picture, kind, WIDE)), 3)
    assert np.abs(opaque - red).max() <= 4
    assert np.abs(half - (np.array(red) * 128 + 255 * 127) / 255).max() <= 5
    assert clear.tolist() == [255, 255, 255]


def test_palettes_and_colour_keys() -> None:
    held = [in_space(colour, PROPHOTO, 1.8) for colour in COLOURS]
    palette = stripes(held).quantize(8)
    assert palette.mode == "P"
    assert np.abs(of_stripes(pixels(saved(palette, "PNG", WIDE)), len(COLOURS)) - COLOURS).max() <= 6
    keyed = pixels(saved(stripes(held), "PNG", WIDE, transparency=held[0]))
    assert of_stripes(keyed, len(COLOURS))[0].tolist() == [255, 255, 255]
    assert np.abs(of_stripes(keyed, len(COLOURS))[1:] - COLOURS[1:]).max() <= 6


def test_sixteen_bits_a_channel() -> None:
    """Written by hand: Pillow reads such files, but writes none."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    held = np.array([in_space(colour, PROPHOTO, 1.8) for colour in COLOURS])
    row = b"\0" + (held.repeat(16, axis=0) * 257).astype(">u2").tobytes()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16 * len(COLOURS), 24, 16, 2, 0, 0, 0))
    profile = chunk(b"iCCP", b"wide\0\0" + zlib.compress(WIDE))
    rest = chunk(b"IDAT", zlib.compress(row * 24)) + chunk(b"IEND", b"")
    seen = of_stripes(pixels(b"\x89PNG\r\n\x1a\n" + header + profile + rest), len(COLOURS))
    assert np.abs(seen - COLOURS).max() <= 6


def test_gray() -> None:
    linear = gray_profile(1.0)
    grey = int(levels(np.array([100 / 255]))[0])
    assert grey > 160
    flat = np.full((20, 20), 100, np.uint8)
    for kind in ("JPEG", "PNG", "TIFF"):
        assert np.abs(pixels(saved(Image.fromarray(flat), kind, linear)) - grey).max() <= 2
        # A gray picture is usually saved with the profile of the screen.
        assert np.abs(pixels(saved(Image.fromarray(flat), kind, rgb_profile(SRGB, 1.0))) - grey).max() <= 2
    wide = Image.fromarray(np.full((20, 20), 100 * 257, np.uint16))
    assert np.abs(pixels(saved(wide, "PNG", linear)) - grey).max() <= 2
    clear = Image.merge("LA", (Image.fromarray(flat), Image.new("L", (20, 20), 128)))
    assert np.abs(pixels(saved(clear, "PNG", linear)) - (grey * 128 + 255 * 127) / 255).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printers_inks(kind: str) -> None:
    amounts = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255)]
    picture = Image.new("CMYK", (16 * len(amounts), 24))
    for number, ink in enumerate(amounts):
        picture.paste(ink, (16 * number, 0, 16 * number + 16, 24))
    seen = of_stripes(pixels(saved(picture, kind, cmyk_profile(INKS))), len(amounts))
    assert np.abs(seen - [(255, 255, 255), *INKS.values()]).max() <= 8
    # Without a profile, each ink is its ideal.
    plain = of_stripes(pixels(saved(picture, kind)), len(amounts))
    assert np.abs(plain - [(255,) * 3, (0, 255, 255), (255, 0, 255), (255, 255, 0), (0,) * 3]).max() <= 8


@pytest.mark.parametrize("kind", WAYS)
def test_an_srgb_profile_changes_nothing(kind: str) -> None:
    picture = stripes(COLOURS)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(pixels(saved(picture, kind, profile)), pixels(saved(picture, kind)))


BROKEN = {
    "noise": np.random.default_rng(5).bytes(3_000),
    "one byte": b"x",
    "cut off": WIDE[:200],
    "half": WIDE[: len(WIDE) // 2],
    "no signature": WIDE[:36] + b"none" + WIDE[40:],
    "black primaries": rgb_profile(((0.0, 0.0, 0.0),) * 3, 2.2),
    "an absurd curve": rgb_profile(PROPHOTO, 60.0),
    "a flat curve": rgb_profile(PROPHOTO, 0.004),
    "gray's": gray_profile(1.0),
    "ink's": cmyk_profile(INKS),
    "a link of devices": WIDE[:12] + b"link" + WIDE[16:],
    "too large": WIDE + bytes(5_000_000),
    "large numbers": WIDE[:128] + b"\xff" * 4 + WIDE[132:],
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("kind", WAYS)
def test_a_picture_with_a_broken_profile_is_still_a_picture(kind: str, fault: str) -> None:
    picture = stripes(COLOURS)
    assert np.array_equal(pixels(saved(picture, kind, BROKEN[fault])), pixels(saved(picture, kind)))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.sampled_from([WIDE, cmyk_profile(INKS)[:900], gray_profile(2.2)]),
    at=st.floats(0, 1),
    patch=st.binary(min_size=1, max_size=12),
)
def test_damage_to_a_profile_costs_its_colours_alone(seed: bytes, at: float, patch: bytes) -> None:
    place = int(at * len(seed))
    damaged = seed[:place] + patch + seed[place + len(patch) :]
    assert pixels(saved(stripes(COLOURS), "TIFF", damaged)).shape == (24, 16 * len(COLOURS), 3)


def test_profiles_of_other_modes_are_ignored() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for profile in (WIDE, gray_profile(1.0)):
        assert np.array_equal(pixels(saved(ink, "JPEG", profile)), pixels(saved(ink, "JPEG")))
    grey = Image.new("L", (16, 16), 100)
    assert np.array_equal(pixels(saved(grey, "TIFF", cmyk_profile(INKS))), pixels(saved(grey, "TIFF")))


def test_a_damaged_profile_chunk_of_a_png_is_left_out() -> None:
    picture = stripes(COLOURS)
    data = saved(picture, "PNG", WIDE)
    place = data.index(b"iCCP")
    length = int.from_bytes(data[place - 4 : place], "big")
    damaged = data[: place + 4 + length] + b"\0\0\0\0" + data[place + 8 + length :]
    assert np.array_equal(pixels(damaged), pixels(saved(picture, "PNG")))
    assert b"iCCP" not in colours.without_profile(data)
    plain = saved(picture, "PNG")
    assert colours.without_profile(plain) is plain
    assert colours.without_profile(plain[:20]) == plain[:20]


def test_only_so_many_profiles_are_remembered() -> None:
    picture = stripes([in_space(COLOURS[0], PROPHOTO, 1.8)])
    for number in range(40):
        data = saved(picture, "PNG", rgb_profile(PROPHOTO, 1.8, name=b"%d" % number))
        assert np.abs(of_stripes(pixels(data), 1) - COLOURS[0]).max() <= 4
    assert len(colours._cache) <= 16


def test_threads_share_a_profile() -> None:
    colours._cache.clear()
    data = saved(stripes([in_space(colour, PROPHOTO, 1.8) for colour in COLOURS]), "PNG", WIDE)
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(pixels, [data] * 64))
    assert all(np.array_equal(each, seen[0]) for each in seen)
    assert np.abs(of_stripes(seen[0], len(COLOURS)) - COLOURS).max() <= 6

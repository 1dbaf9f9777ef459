# ruff: noqa: E501 - tables of values read best in one line each
from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media import decode
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings()
RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Left half red, right half green."""
    image = Image.new("RGB", size, RED)
    image.paste(GREEN, (size[0] // 2, 0, *size))
    return image


def pixels(data: bytes, **limits: Any) -> NDArray[np.uint8]:
    found = decode("image", data, SETTINGS.model_copy(update=limits), "image_link")
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint8
    assert found.flags["C_CONTIGUOUS"]
    return found


def near(pixel: NDArray[np.uint8], colour: tuple[int, int, int], by: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= by)


KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if features.check("avif") else [])]


@pytest.mark.parametrize("kind", KINDS)
def test_formats(kind: str) -> None:
    image = pixels(saved(halves(), kind))
    assert image.shape == (60, 80, 3)
    assert near(image[30, 10], RED)
    assert near(image[30, 70], GREEN)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PCX", "JPEG2000", "EPS", "PDF"])
def test_other_formats_stay_closed(kind: str) -> None:
    with pytest.raises(InvalidMedia, match="use JPEG"):
        pixels(saved(halves((64, 64)), kind))


def test_transparency_is_laid_over_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert near(pixels(saved(clear, "PNG"))[1, 1], WHITE)
    assert near(pixels(saved(clear, "WEBP", lossless=True))[1, 1], WHITE)
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert near(pixels(saved(half, "PNG"))[1, 1], (255, 127, 127))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 255, 255, 0, 0])
    assert near(pixels(saved(palette, "PNG", transparency=0))[1, 1], WHITE)
    assert near(pixels(saved(palette, "GIF"))[1, 1], (0, 0, 255))
    assert near(pixels(saved(Image.new("LA", (4, 4), (0, 0)), "PNG"))[1, 1], WHITE)
    assert near(pixels(saved(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED))[1, 1], WHITE)


def test_colour_modes() -> None:
    assert near(pixels(saved(Image.new("L", (4, 4), 200), "PNG"))[0, 0], (200, 200, 200))
    assert near(pixels(saved(Image.new("1", (4, 4), 1), "PNG"))[0, 0], WHITE)
    assert near(pixels(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))[8, 8], RED)
    wide = Image.fromarray(np.full((4, 4), 32_768, np.uint16))
    assert near(pixels(saved(wide, "PNG"))[0, 0], (128, 128, 128))
    assert near(pixels(saved(wide, "TIFF"))[0, 0], (128, 128, 128))
    assert near(
        pixels(saved(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"))[0, 0], (128, 128, 128)
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(kind: str, orientation: int) -> None:
    upright = halves((80, 40))
    turn = Image.Transpose
    undo = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE, 6: turn.ROTATE_90,
            7: turn.TRANSVERSE, 8: turn.ROTATE_270}  # fmt: skip
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = pixels(saved(stored, kind, exif=exif))
    assert image.shape == (40, 80, 3)
    assert near(image[20, 10], RED, 40)
    assert near(image[20, 70], GREEN, 40)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for kind in ("GIF", "WEBP", "PNG"):
        assert near(pixels(saved(frames[0], kind, save_all=True, append_images=frames[1:]))[4, 4], RED)


def test_large_pictures_are_reduced_but_not_below_the_target() -> None:
    for kind in ("JPEG", "PNG"):
        image = pixels(saved(halves((3_000, 2_200)), kind))
        assert 512 <= image.shape[0] < 1_100
        assert image.shape[1] / image.shape[0] == pytest.approx(3_000 / 2_200, rel=0.01)
        assert near(image[100, 100], RED)
    assert pixels(saved(halves((700, 600)), "PNG")).shape == (600, 700, 3)
    strip = pixels(saved(Image.new("RGB", (20_000, 40)), "PNG"))
    assert strip.shape[1] < 8_200
    whole = decode("image", saved(halves((1_200, 1_100)), "PNG"), SETTINGS, "f", target=None)
    assert isinstance(whole, np.ndarray)
    assert whole.shape == (1_100, 1_200, 3)


def test_the_declared_size_is_checked_before_decoding() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    webp = b"RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00" + b"\xfe\x3f\x00" * 2 + bytes(40)
    gif = b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + b"\x80\x00\x00" + bytes(6)
    bmp = b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    for data in (png, webp, gif, bmp):
        with pytest.raises(InvalidMedia) as caught:
            pixels(data)
        assert isinstance(caught.value, MediaTooLarge) or data is gif
    with pytest.raises(MediaTooLarge, match=r"image_link: is 80 × 60"):
        pixels(saved(halves(), "JPEG"), max_image_pixels=4_799)
    with pytest.raises(MediaTooLarge, match="bytes"):
        pixels(saved(halves(), "JPEG"), max_image_bytes=100)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:.*")
def test_a_cut_off_picture_is_broken(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 90, 3), np.uint8))
    data = saved(noise, kind)
    for part in (len(data) // 2, 20, 3):
        with pytest.raises(InvalidMedia) as caught:
            pixels(data[:part])
        assert caught.value.field == "image_link"
        assert ":" in caught.value.reason


def test_nothing() -> None:
    with pytest.raises(InvalidMedia, match="empty"):
        pixels(b"")
    with pytest.raises(InvalidMedia):
        pixels(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(ValueError, match="text"):
        decode("text", b"x", SETTINGS, "title")


SEEDS = [saved(halves((24, 16)), kind) for kind in KINDS]


@pytest.mark.filterwarnings("ignore:.*")
@settings(max_examples=300, deadline=None)
@given(seed=st.sampled_from(SEEDS), at=st.floats(0, 1), patch=st.binary(max_size=8), cut=st.floats(0.1, 1))
def test_damage_raises_nothing_else(seed: bytes, at: float, patch: bytes, cut: float) -> None:
    place = int(at * len(seed))
    data = (seed[:place] + patch + seed[place + len(patch) :])[: int(cut * len(seed)) + 1]
    try:
        image = decode("image", data, SETTINGS, "image_link")
    except InvalidMedia:
        return
    assert isinstance(image, np.ndarray)
    assert image.ndim == 3


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    for modality in ("image", "audio", "video"):
        with pytest.raises(InvalidMedia):
            decode(modality, data, SETTINGS, "f")

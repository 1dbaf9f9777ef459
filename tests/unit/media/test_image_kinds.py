"""Pictures told by more than their first bytes, and those that are no photo."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from mmpipe.errors import InvalidMedia
from mmpipe.media import decode
from mmpipe.media.kinds import brands, image_kind
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings()
TEAL = (10, 120, 140)


def pixels(data: bytes) -> NDArray[np.uint8]:
    found = decode("image", data, SETTINGS, "image_link")
    assert isinstance(found, np.ndarray)
    return found


def refused(data: bytes) -> str:
    with pytest.raises(InvalidMedia) as caught:
        pixels(data)
    assert caught.value.field == "image_link"
    return caught.value.reason


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def ftyp(major: bytes, *others: bytes, size: int | None = None) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(others)
    return struct.pack(">I", 4 + len(body) if size is None else size) + body


needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")


@needs_avif
@pytest.mark.parametrize("major", [b"avif", b"avis", b"mif1", b"miaf", b"msf1", b"MA1B"])
def test_an_avif_file_may_have_any_major_brand(major: bytes) -> None:
    data = saved(Image.new("RGB", (40, 30), TEAL), "AVIF", quality=95)
    assert b"avif" in brands(data)[1:]
    image = pixels(data[:8] + major + data[12:])
    assert image.shape == (30, 40, 3)
    assert np.abs(image[15, 20].astype(int) - TEAL).max() <= 6


@needs_avif
@pytest.mark.parametrize("major", [b"avis", b"msf1"])
def test_an_avif_sequence_gives_its_first_frame(major: bytes) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in (TEAL, (200, 0, 0))]
    data = saved(frames[0], "AVIF", quality=95, save_all=True, append_images=frames[1:])
    assert np.abs(pixels(data[:8] + major + data[12:])[15, 20].astype(int) - TEAL).max() <= 6


@pytest.mark.parametrize(
    "head",
    [ftyp(b"heic", b"mif1", b"heic"), ftyp(b"heix", b"mif1"), ftyp(b"mif1", b"mif1", b"heic"), ftyp(b"mif1"),
     ftyp(b"msf1", b"hevc")],
)  # fmt: skip
def test_heic_is_refused_by_its_name(head: bytes) -> None:
    reason = refused(head + bytes(200))
    assert "HEIC" in reason
    assert "export it as JPEG" in reason


def test_brands_end_with_their_box() -> None:
    assert brands(ftyp(b"mif1", b"miaf", b"avif")) == (b"mif1", b"miaf", b"avif")
    assert brands(ftyp(b"isom", b"avif", size=16)) == (b"isom",)
    assert brands(ftyp(b"isom", b"avif", b"heic", size=21)) == (b"isom", b"avif")
    assert brands(ftyp(b"isom", b"avif", size=0)) == brands(ftyp(b"isom", size=1)) == ()
    assert len(brands(ftyp(b"isom", *[b"mp42"] * 100_000))) < 300
    assert brands(b"\0\0\0\x18ftyp") == brands(b"") == ()
    assert image_kind(ftyp(b"isom", b"mp41", b"avc1") + bytes(50)) is None
    assert "use JPEG" in refused(ftyp(b"isom", b"mp41", b"avc1") + bytes(50))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (1, 600), (600, 3)])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP"])
def test_a_placeholder_is_no_photo(kind: str, size: tuple[int, int]) -> None:
    width, height = size
    reason = refused(saved(Image.new("RGB", size, TEAL), kind))
    assert reason == f"is a placeholder of {width} × {height} pixels: upload the photo"


def test_the_smallest_picture() -> None:
    assert pixels(saved(Image.new("RGB", (4, 4), TEAL), "PNG")).shape == (4, 4, 3)
    usual = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    assert refused(usual) == "is a placeholder of 1 × 1 pixels: upload the photo"

"""Pictures that are much larger than their files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from mmpipe.errors import MediaTooLarge
from mmpipe.media import decode, decoding_pixels, images
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings()


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(mode: str, size: tuple[int, int] = (301, 203)) -> Image.Image:
    """Random in every channel, the same each time."""
    random = np.random.default_rng(3)
    width, height = size
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65_536, (height, width), np.uint16))
    if mode == "I":
        return Image.fromarray(random.integers(0, 60_000, (height, width), np.int32))
    if mode == "F":
        return Image.fromarray(random.random((height, width), np.float32))
    channels = random.integers(0, 256, (height, width, 4), np.uint8)
    picture = Image.fromarray(channels)
    return picture.convert(mode) if mode != "RGBA" else picture


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_strips_give_the_picture_that_the_whole_would(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    data = saved(noise(mode), kind)
    whole = decode("image", data, SETTINGS, "image", target=50)
    monkeypatch.setattr(images, "_STRIP_PIXELS", 3_000)
    strips = decode("image", data, SETTINGS, "image", target=50)
    assert isinstance(whole, np.ndarray)
    assert isinstance(strips, np.ndarray)
    assert whole.shape == (51, 76, 3)
    assert np.array_equal(whole, strips)


def test_transparency_of_a_palette_survives_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_STRIP_PIXELS", 2_000)
    picture = Image.new("P", (200, 200), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    found = decode("image", saved(picture, transparency=1), SETTINGS, "image", target=50)
    assert isinstance(found, np.ndarray)
    assert (found == 255).all()


def test_a_jpeg_is_reduced_while_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    reduced = images._reduced

    def seen(image: Image.Image, factor: int) -> Image.Image:
        decoded.append(image.size)
        return reduced(image, factor)

    monkeypatch.setattr(images, "_reduced", seen)
    decode("image", saved(noise("RGB", (1_000, 800)), "JPEG"), SETTINGS, "image", target=200)
    assert decoded == [(250, 200)], "it is never there in full"


def test_a_side_is_bounded() -> None:
    data = saved(Image.new("L", (30_001, 4)))
    with pytest.raises(MediaTooLarge, match="30,001"):
        decode("image", data, SETTINGS, "image")
    assert decode("image", saved(Image.new("L", (30_000, 4))), SETTINGS, "image") is not None


def test_scans_are_bounded() -> None:
    whole = saved(noise("RGB"), "JPEG", progressive=True)
    assert decode("image", whole, SETTINGS, "image") is not None
    start = whole.index(b"\xff\xda")
    with pytest.raises(MediaTooLarge, match="scans"):
        decode("image", whole[:start] + b"\xff\xda\x00\x02" * 101 + whole[start:], SETTINGS, "image")


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("PNG", {}, 1_000 * 800),
        ("JPEG", {}, 250 * 200),
        ("JPEG", {"progressive": True}, 2 * 1_000 * 800),
        ("WEBP", {}, 3 * 1_000 * 800),
        ("GIF", {}, 1_000 * 800),
    ],
)
def test_what_decoding_holds_is_told_before(kind: str, options: dict[str, Any], expected: int) -> None:
    data = saved(Image.new("RGB", (1_000, 800)), kind, **options)
    assert decoding_pixels("image", data, 200) == expected


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")
def test_what_decoding_an_avif_holds() -> None:
    assert decoding_pixels("image", saved(Image.new("RGB", (100, 80)), "AVIF"), 20) == 3 * 100 * 80


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF1234WEBP", b"GIF89a"]
)
def test_what_is_broken_weighs_nothing(data: bytes) -> None:
    assert decoding_pixels("image", data, 512) == 0


def test_sound_and_clips_weigh_the_same_whatever_they_hold() -> None:
    assert decoding_pixels("audio", b"", 512) == decoding_pixels("video", b"", 512) > 0

"""JPEG files that lack their last bytes, or have more than they need."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from mmpipe.errors import InvalidMedia
from mmpipe.media import decode
from mmpipe.media.jpeg import missing_part, with_made_up_ends
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings()
WAYS: list[dict[str, object]] = [
    {}, {"progressive": True}, {"subsampling": 0, "quality": 97}, {"optimize": True},
    {"restart_marker_rows": 1},
]  # fmt: skip


def photo(width: int = 640, height: int = 480, mode: str = "RGB") -> Image.Image:
    """Waves of colour under a little noise."""
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / 31 + y / 70), 128 + 90 * np.cos(x / 19), 110 + 80 * np.sin(y / 23)]
    noise = np.random.default_rng(3).normal(0, 4, (height, width, 3))
    return Image.fromarray((np.stack(waves, -1) + noise).clip(0, 255).astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def pixels(data: bytes) -> NDArray[np.int_]:
    found = decode("image", data, SETTINGS, "image_link")
    assert isinstance(found, np.ndarray)
    return found.astype(int)


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_end_marker_alone_is_missing(options: dict[str, object], mode: str) -> None:
    data = jpeg(photo(mode=mode), **options)
    assert data.endswith(b"\xff\xd9")
    whole = pixels(data)
    for cut in (1, 2):
        assert np.array_equal(pixels(data[:-cut]), whole)


@pytest.mark.parametrize("options", WAYS)
def test_a_few_bytes_cost_a_few_blocks(options: dict[str, object]) -> None:
    data = jpeg(photo(), **options)
    whole, seen = pixels(data), pixels(data[:-12])
    assert seen.shape == whole.shape
    assert np.array_equal(seen[:448], whole[:448])
    assert (np.abs(seen - whole).max(axis=2) > 30).mean() < 0.01


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.85])
def test_what_breaks_off_is_refused(options: dict[str, object], mode: str, part: float) -> None:
    data = jpeg(photo(mode=mode), **options)
    with pytest.raises(InvalidMedia, match="broken JPEG"):
        pixels(data[: int(len(data) * part)])


def test_a_reduced_picture_is_mended_as_well() -> None:
    data = jpeg(photo(2_400, 1_600))
    whole = pixels(data)
    assert whole.shape[0] < 1_100
    assert np.array_equal(pixels(data[:-2]), whole)
    with pytest.raises(InvalidMedia):
        pixels(data[: len(data) // 2])


def test_a_small_picture_without_its_end_marker() -> None:
    for size in (8, 16, 40):
        data = jpeg(photo(size, size))
        assert np.array_equal(pixels(data[:-2]), pixels(data))


def test_one_colour_is_not_taken_for_what_is_missing() -> None:
    for colour in ((0, 0, 0), (255, 255, 255), (90, 90, 90)):
        data = jpeg(Image.new("RGB", (400, 300), colour))
        assert np.abs(pixels(data[:-3]) - colour)[:280].max() <= 2
        with pytest.raises(InvalidMedia):
            pixels(data[: 600 + (len(data) - 600) // 2])


def test_bytes_behind_the_end_do_no_harm() -> None:
    data = jpeg(photo())
    for behind in (b"\0" * 500, b"\r\n", b"\xff\xd8\xff" + bytes(40), b"junk" * 100):
        assert np.array_equal(pixels(data + behind), pixels(data))


def test_a_progressive_file_must_have_begun_its_last_scan() -> None:
    data = jpeg(photo(), progressive=True)
    starts = [place for place in range(len(data) - 1) if data[place : place + 2] == b"\xff\xda"]
    assert len(starts) > 5
    assert with_made_up_ends(data[: starts[-1]]) == ()
    with pytest.raises(InvalidMedia):
        pixels(data[: starts[-1]])  # a sharp edge between scans: nothing is missing from the one before


def test_only_a_file_without_an_end_is_mended() -> None:
    data = jpeg(photo(64, 64))
    assert with_made_up_ends(data) == ()
    assert with_made_up_ends(data[:200]) == with_made_up_ends(b"\xff\xd8\xff") == ()
    assert with_made_up_ends(b"\xff\xd8" + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 50) == ()
    assert all(each.endswith(b"\xff\xd9") for each in with_made_up_ends(data[:-2]))


def test_what_is_missing_starts_at_the_first_difference() -> None:
    whole = np.zeros((80, 100, 3), np.uint8)
    other = whole.copy()
    assert missing_part([whole, other]) == 0.0
    other[40:48, 50:] = 1
    assert missing_part([whole, other]) == pytest.approx(1 - (40 * 100 + 50 * 8) / 8_000)
    grey = np.zeros((80, 100), np.uint8)
    assert missing_part([grey, grey + 1]) == 1.0


def test_no_setting_of_the_process_is_touched() -> None:
    pixels(jpeg(photo())[:-2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False

"""Clips that lie about themselves, or are none: an error that says what to do, and no memory spent."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from mmpipe.encoders.base import VideoFrames
from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media import decode
from mmpipe.settings import MediaSettings

WIDTH, HEIGHT = 64, 48
ONE = 1 << 16  # in the fixed point of a display matrix


def corners() -> NDArray[np.uint8]:
    """Red in the upper left, blue in the lower right, black elsewhere."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = (255, 0, 0)
    picture[HEIGHT // 2 :, WIDTH // 2 :] = (0, 0, 255)
    return picture


def film(
    pictures: Iterable[NDArray[np.uint8]],
    kind: str = "mp4",
    codec: str = "mpeg4",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    times: Iterable[int] | None = None,
) -> bytes:
    """A clip of ten frames a second, unless ``times`` (in tenths of a second) says otherwise."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=25 if codec == "mpeg2video" else 10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        shown = [av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in pictures]
        for frame, at in zip(shown, times or range(len(shown)), strict=True):
            frame.pts = at
            container.mux(stream.encode(frame))
        container.start_encoding()
        container.mux(stream.encode(None))
    return file.getvalue()


def watch(data: bytes, **limits: float) -> VideoFrames:
    found = decode("video", data, MediaSettings().model_copy(update=limits), "video_link")
    assert isinstance(found, VideoFrames)
    return found


def turned(a: int, b: int, c: int, d: int) -> bytes:
    """A clip of :func:`corners` whose track header has this display matrix."""
    data = bytearray(film([corners()] * 5))
    at = data.index(b"tkhd") + 44  # after name, version, times, ids, layer and volume
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return bytes(data)


def where(picture: NDArray[np.uint8]) -> tuple[str, str]:
    """The corners that are red and blue."""
    height, width = picture.shape[:2]
    at = {"nw": (0, 0), "ne": (0, 1), "sw": (1, 0), "se": (1, 1)}
    means = {
        name: picture[y * height // 2 :, x * width // 2 :][: height // 2, : width // 2].mean(axis=(0, 1))
        for name, (y, x) in at.items()
    }
    return max(means, key=lambda n: float(means[n][0])), max(means, key=lambda n: float(means[n][2]))


@pytest.mark.parametrize(
    ("matrix", "expected", "portrait"),
    [
        ((ONE, 0, 0, ONE), ("nw", "se"), False),
        ((0, ONE, -ONE, 0), ("ne", "sw"), True),  # a phone held upright
        ((-ONE, 0, 0, -ONE), ("se", "nw"), False),
        ((0, -ONE, ONE, 0), ("sw", "ne"), True),
        ((-ONE, 0, 0, ONE), ("ne", "sw"), False),  # a mirrored one
        ((56_756, 32_768, -32_768, 56_756), ("nw", "se"), False),  # 30 degrees: left as it is
        ((32_768, 56_756, -56_756, 32_768), ("ne", "sw"), True),  # 60 degrees: a quarter turn is nearer
        ((0, 0, 0, 0), ("nw", "se"), False),  # senseless: left as it is
    ],
)
def test_clips_are_turned_upright(
    matrix: tuple[int, int, int, int], expected: tuple[str, str], portrait: bool
) -> None:
    (picture,) = watch(turned(*matrix)).frames
    assert where(picture) == expected
    assert picture.shape == ((WIDTH, HEIGHT, 3) if portrait else (HEIGHT, WIDTH, 3))


@pytest.mark.parametrize("extreme", [2**31 - 1, -(2**31)])
def test_a_display_matrix_of_nonsense_breaks_nothing(extreme: int) -> None:
    assert len(watch(turned(extreme, -(2**31), extreme, 7)).frames) == 1


@pytest.mark.parametrize("kind", ["mp4", "matroska", "avi"])
def test_a_clip_without_a_frame(kind: str) -> None:
    with pytest.raises(InvalidMedia, match=r"export it anew|upload the whole file"):
        watch(film([], kind))


def recording_with_cover() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44_100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format="yuvj420p")
        picture.pts = 0
        for packet in (*cover.encode(picture), *cover.encode(None)):
            packet.pts = packet.dts = 0
            container.mux(packet)
        for number in range(20):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1_024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 44_100, number * 1_024
            container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    return file.getvalue()


def test_a_recordings_cover_is_no_clip() -> None:
    with pytest.raises(InvalidMedia, match="no picture"):
        watch(recording_with_cover())


def test_a_clip_without_end() -> None:
    # A live recording declares no length; its 11th frame is a day later.
    data = film([corners()] * 12, "matroska", times=[*range(10), 864_000, 864_001])
    with pytest.raises(MediaTooLarge, match="600 seconds"):
        watch(data)


@pytest.mark.parametrize("declared", [0, 1, 2**31 - 1, 2**32 - 1])
def test_a_declared_length_is_not_believed(declared: int) -> None:
    levels = [np.full((HEIGHT, WIDTH, 3), 60 * (number // 10), np.uint8) for number in range(40)]
    data = bytearray(film(levels))
    for box, skipped in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        at = data.index(box) + skipped
        data[at : at + 4] = struct.pack(">I", declared)
    assert len(watch(bytes(data)).frames) == 4
    with pytest.raises(MediaTooLarge, match="2 seconds"):
        watch(bytes(data), max_video_seconds=2)


def growing(width: int, height: int) -> bytes:
    """A small clip that goes on in another size."""
    larger = [np.full((height, width, 3), 90, np.uint8)] * 3
    small = film([corners()] * 30, "mpegts", "mpeg2video")
    return small + film(larger, "mpegts", "mpeg2video", (width, height))


def test_a_clip_that_grows_on_the_way() -> None:
    with pytest.raises(MediaTooLarge, match="160 × 128"):
        watch(growing(160, 128), max_video_pixels=4_000)
    # So large that the codec is not let allocate it.
    with pytest.raises(InvalidMedia, match="export it anew"):
        watch(growing(640, 480), max_video_pixels=4_000)

"""Video bytes to a few frames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmpipe.encoders.base import VideoFrames
from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media.containers import VIDEO_CODECS, VIDEO_FORMATS, opened, seconds_of
from mmpipe.media.sampling import Sampler
from mmpipe.media.scenes import choose, difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = tuple[float, NDArray[np.uint8]]

_KINDS: Final = "MP4, WebM, MKV, AVI or Ogg"
# Decoding a clip from end to end is worth it up to this many pixels (20 s of 720p at 30 frames a second); of
# longer ones, and of clips with more frames than that, only key frames are decoded.
_WHOLE_PIXELS: Final = 600 * 1280 * 720
_MAX_FRAMES: Final = 6_000
# Of a long clip so many key frames are looked at for each frame taken: each costs a seek.
_KEYS_PER_FRAME: Final = 3
# A declared length may be wrong: after so many times the pixels that are worth it, decoding whole ends.
_BEYOND = 2
# Pixels of a thumbnail's side: enough to tell scenes apart, and 6,000 of them are 5 MB.
_THUMBNAIL: Final = 16
# Mean difference of two thumbnails, of 255 levels a channel, below which two frames show the same.
_SAME: Final = 2.0
_MAX_ASPECT: Final = 4
# Pixels that rounding up to blocks may add to a small frame.
_BLOCKS: Final = 1 << 16


def decode_video(
    data: bytes, max_seconds: float, max_pixels: int, max_frames: int, field: str, target: int | None
) -> VideoFrames:
    """At most ``max_frames`` upright RGB frames in order: some of every scene (:mod:`mmpipe.media.scenes`),
    without repeats of the same picture.

    Short clips are decoded whole, and a scene of 0.2 seconds is seen; of long ones only key frames are. With
    ``target`` frames are scaled down to that many pixels on the shorter side. Raises ``MediaTooLarge`` over
    ``max_seconds`` or ``max_pixels`` a frame, ``InvalidMedia`` for what is no video, broken or cut off.
    """
    with opened(data, VIDEO_FORMATS, field, _KINDS) as container:
        stream = _moving(container)
        if not (container.streams.video or container.streams.audio):
            # The index of most MP4 files is at their end.
            raise InvalidMedia(field, "is cut off, or empty: upload the whole file")
        if stream is None:
            raise InvalidMedia(field, "has no picture in it: upload a clip")
        context = stream.codec_context
        if context is None or context.name not in VIDEO_CODECS:
            raise InvalidMedia(field, f"is coded in a way that we do not read: use {_KINDS}")
        _check_size(field, context.width, context.height, max_pixels)
        duration = seconds_of(container, stream)
        if duration is not None and duration > max_seconds:
            raise MediaTooLarge(field, f"is longer than {max_seconds:g} seconds: cut it")
        context.thread_count = 1
        # A stream may change its size on the way, and a frame is allocated before it is here to be checked.
        # Twice the limit, for codecs round up to whole blocks.
        context.options = {**context.options, "max_pixels": str(2 * max_pixels + _BLOCKS)}
        rate = float(stream.average_rate or 25)
        expected = stream.frames or (duration * rate if duration else 0)
        frames = _Reader(container, stream, field, max_pixels, max_seconds, target)
        too_many = expected > _MAX_FRAMES or expected * context.width * context.height > _WHOLE_PIXELS
        if duration and too_many:
            seen = frames.key_frames(duration, max_frames)
        else:
            seen = frames.whole(max_frames)
            if frames.stopped and duration:
                seen = frames.key_frames(duration, max_frames)
            elif duration and seen and frames.last < 0.5 * duration - 1.0:
                reached = f"{frames.last:.1f} of {duration:.1f} seconds"
                raise InvalidMedia(field, f"breaks off after {reached}: upload the whole file")
    if not seen:
        raise InvalidMedia(field, "holds no frames: export it anew")
    distinct = _distinct(seen)
    return VideoFrames(tuple(image for _, image in distinct), tuple(seconds for seconds, _ in distinct))


class _Reader:
    def __init__(
        self, container: Any, stream: Any, field: str, max_pixels: int, max_seconds: float, target: int | None
    ) -> None:
        self._container = container
        self._stream = stream
        self._field = field
        self._max_pixels = max_pixels
        self._max_seconds = max_seconds
        self._target = target
        self._start = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
        self.last = 0.0
        self.stopped = False  # by a bound, before the clip's end

    def key_frames(self, duration: float, count: int) -> list[Frame]:
        """At most ``count`` of the key frames at or before some evenly spaced times."""
        places = _KEYS_PER_FRAME * count
        found: dict[float, Frame] = {}
        self._stream.codec_context.skip_frame = "NONKEY"
        for number in range(places):
            seconds = self._start + duration * (number + 0.5) / places
            self._container.seek(int(seconds / self._stream.time_base), stream=self._stream)
            for at, frame in self._decoded():
                if at not in found:
                    found[at] = (at, self._picture(frame))
                break
        seen = [found[seconds] for seconds in sorted(found)]
        return [seen[i] for i in choose([_thumbnail(image) for _, image in seen], count)] if seen else []

    def whole(self, count: int) -> list[Frame]:
        """At most ``count`` of all frames, decoded in one pass."""
        from av.video.reformatter import VideoReformatter

        scaler = VideoReformatter()  # one for all frames: each would make its own
        sampler = Sampler(count)
        pixels = 0
        for number, (seconds, frame) in enumerate(self._decoded()):
            pixels += frame.width * frame.height
            if number >= _MAX_FRAMES or pixels > _BEYOND * _WHOLE_PIXELS:
                self.stopped = True
                break
            small = scaler.reformat(
                frame, _THUMBNAIL, _THUMBNAIL, "rgb24", interpolation="AREA", threads=1
            ).to_ndarray()
            sampler.add(seconds, np.asarray(small, dtype=np.uint8), partial(self._picture, frame))
        return sampler.chosen()

    def _decoded(self) -> Iterator[tuple[float, Any]]:
        """Every frame with its time, both within the limits."""
        for frame in self._container.decode(self._stream):
            _check_size(self._field, frame.width, frame.height, self._max_pixels)
            seconds = max(0.0, (frame.time or 0.0) - self._start)
            self.last = max(self.last, seconds)
            if seconds > self._max_seconds:
                raise MediaTooLarge(self._field, f"is longer than {self._max_seconds:g} seconds: cut it")
            yield seconds, frame

    def _picture(self, frame: Any) -> NDArray[np.uint8]:
        width, height = _scaled(frame.width, frame.height, self._target)
        image = np.asarray(frame.to_ndarray(width=width, height=height, format="rgb24"), dtype=np.uint8)
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            image = _upright(image, np.frombuffer(matrix, np.int32))
        return np.ascontiguousarray(image)


def _moving(container: Any) -> Any | None:
    """The first video stream; the cover of a recording is none."""
    from av.stream import Disposition

    streams = container.streams.video
    return next((each for each in streams if not each.disposition & Disposition.attached_pic), None)


def _upright(image: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Turned and mirrored as the file's display matrix says (ISO/IEC 14496-12: x' = ax + cy, y' = bx + dy),
    in quarter turns: of any other matrix, a senseless one too, the nearest."""
    a, b, c, d = (float(matrix[place]) for place in (0, 1, 3, 4))
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image = image.transpose(1, 0, 2)
        right, down = c, b
    if right < 0:
        image = image[:, ::-1]
    return image[::-1] if down < 0 else image


def _scaled(width: int, height: int, target: int | None) -> tuple[int, int]:
    if target is None:
        return width, height
    scale = min(1.0, max(target / min(width, height), 0.0), target * _MAX_ASPECT / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _distinct(frames: list[Frame]) -> list[Frame]:
    """The frames that differ from the one kept before them."""
    kept: list[Frame] = []
    last: NDArray[np.float32] | None = None
    for seconds, image in frames:
        small = _thumbnail(image)
        if last is None or difference(small, last) >= _SAME:
            kept.append((seconds, image))
            last = small
    return kept


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows = np.linspace(0, image.shape[0] - 1, _THUMBNAIL).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, _THUMBNAIL).astype(int)
    return np.asarray(image[np.ix_(rows, columns)], dtype=np.float32)


def _check_size(field: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise MediaTooLarge(
            field, f"is {width:,} × {height:,} pixels, {max_pixels:,} in all are allowed: scale it down"
        )

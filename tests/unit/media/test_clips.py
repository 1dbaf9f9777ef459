"""Audio and video, made here with PyAV."""
# ruff: noqa: E501 - tables of formats read best in one line each

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.encoders.base import AudioClip, VideoFrames
from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media import decode
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings()


def tone(kind: str, codec: str, rate: int = 16_000, seconds: float = 1.0, layout: str = "mono") -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
        channels = 2 if layout == "stereo" else 1
        for start in range(0, wave.size, 960):
            part = np.repeat(wave[start : start + 960].astype(np.float32)[None], channels, axis=0)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]


def clip(
    kind: str = "mp4",
    codec: str = "mpeg4",
    frames: int = 40,
    size: tuple[int, int] = (64, 48),
    **options: Any,
) -> bytes:
    """A new colour every quarter."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = options.pop("gop", 12)
        for number in range(frames):
            image = np.full((size[1], size[0], 3), COLOURS[number * len(COLOURS) // frames], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def audio(data: bytes, **limits: Any) -> AudioClip:
    found = decode("audio", data, SETTINGS.model_copy(update=limits), "audio_link")
    assert isinstance(found, AudioClip)
    return found


def video(data: bytes, target: int | None = 512, **limits: Any) -> VideoFrames:
    found = decode("video", data, SETTINGS.model_copy(update=limits), "video_link", target=target)
    assert isinstance(found, VideoFrames)
    return found


AUDIO = [
    ("wav", "pcm_s16le", 16_000, "mono"), ("wav", "pcm_s16le", 44_100, "stereo"), ("flac", "flac", 16_000, "mono"),
    ("mp3", "libmp3lame", 44_100, "stereo"), ("ogg", "libopus", 48_000, "mono"),
    ("ipod", "aac", 44_100, "mono"), ("adts", "aac", 44_100, "mono"), ("webm", "libopus", 48_000, "mono"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "codec", "rate", "layout"), AUDIO)
def test_audio_formats(kind: str, codec: str, rate: int, layout: str) -> None:
    heard = audio(tone(kind, codec, rate, layout=layout))
    assert heard.sample_rate == rate
    assert heard.samples.dtype == np.float32
    assert heard.samples.ndim == 1
    assert heard.samples.size / rate == pytest.approx(1.0, abs=0.12)
    middle = heard.samples[rate // 4 : rate // 2]
    assert 0.3 < np.abs(middle).max() <= 1.0
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * rate / middle.size == pytest.approx(440, abs=10)


def test_high_rates_come_down() -> None:
    heard = audio(tone("wav", "pcm_s16le", 96_000))
    assert heard.sample_rate == 48_000
    assert heard.samples.size == pytest.approx(48_000, rel=0.01)


def test_audio_limits() -> None:
    data = tone("wav", "pcm_s16le", seconds=3)
    with pytest.raises(MediaTooLarge, match="2 seconds"):
        audio(data, max_audio_seconds=2)
    with pytest.raises(MediaTooLarge, match="2 seconds"):
        audio(tone("adts", "aac", 44_100, seconds=3), max_audio_seconds=2)
    with pytest.raises(MediaTooLarge, match="bytes"):
        audio(data, max_audio_bytes=1_000)


@pytest.mark.parametrize(("kind", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("ipod", "aac")])
def test_a_cut_off_recording_is_broken(kind: str, codec: str) -> None:
    data = tone(kind, codec, seconds=4)
    for part in (0.5, 0.1):
        with pytest.raises(InvalidMedia):
            audio(data[: int(len(data) * part)])


def test_a_clip_without_sound_and_the_reverse() -> None:
    with pytest.raises(InvalidMedia, match="no sound"):
        audio(clip())
    with pytest.raises(InvalidMedia, match="no picture"):
        video(tone("ipod", "aac"))


VIDEO = [
    ("mp4", "mpeg4"),
    ("mp4", "libx264"),
    ("webm", "libvpx-vp9"),
    ("matroska", "mpeg4"),
    ("avi", "mpeg4"),
    ("mpegts", "mpeg2video"),
]


@pytest.mark.parametrize(("kind", "codec"), [pair for pair in VIDEO if pair[1] in av.codecs_available])
def test_video_formats(kind: str, codec: str) -> None:
    seen = video(clip(kind, codec))
    assert len(seen.frames) == len(seen.seconds) == 4
    for frame, colour in zip(seen.frames, COLOURS, strict=True):
        assert frame.shape == (48, 64, 3)
        assert frame.dtype == np.uint8
        assert np.abs(frame[24, 32].astype(int) - colour).max() < 40
    assert list(seen.seconds) == sorted(seen.seconds)


def test_frames_are_bounded_and_scaled() -> None:
    data = clip(frames=80, size=(320, 240))
    assert len(video(data, max_video_frames=2).frames) == 2
    assert video(data, target=60).frames[0].shape == (60, 80, 3)
    assert video(data, target=None).frames[0].shape == (240, 320, 3)
    assert len(video(clip(frames=1)).frames) == 1


def scenes_clip(*runs: tuple[int, int], rate: int = 25, gop: int = 50) -> bytes:
    """Plain frames: (index into ``COLOURS``, how many) a run."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = gop
        for colour, many in runs:
            image = np.full((48, 64, 3), COLOURS[colour], np.uint8)
            for _ in range(many):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_a_scene_of_less_than_half_a_second_in_a_long_clip_is_seen() -> None:
    seen = video(scenes_clip((0, 317), (1, 10), (2, 400)))
    assert len(seen.frames) == 3
    second, shown = seen.seconds[1], seen.frames[1]
    assert 317 / 25 <= second < 327 / 25
    assert np.abs(shown[24, 32].astype(int) - COLOURS[1]).max() < 40


def test_a_flash_of_a_few_frames_is_not() -> None:
    assert len(video(scenes_clip((0, 200), (3, 3), (0, 200))).frames) == 1


def test_a_clip_longer_than_it_says_is_not_decoded_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.media.video._BEYOND", 0)
    seen = video(clip(frames=80, gop=5))
    assert len(seen.frames) == 4
    for frame, colour in zip(seen.frames, COLOURS, strict=True):
        assert np.abs(frame[24, 32].astype(int) - colour).max() < 40


def test_long_clips_are_read_by_key_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.media.video._WHOLE_PIXELS", 1)
    for kind, codec in (("mp4", "mpeg4"), ("matroska", "mpeg4")):
        seen = video(clip(kind, codec, frames=80, gop=5))
        assert len(seen.frames) == 4
        for frame, colour in zip(seen.frames, COLOURS, strict=True):
            assert np.abs(frame[24, 32].astype(int) - colour).max() < 40


def test_a_clip_of_more_frames_than_are_decoded_is_seen_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.media.video._MAX_FRAMES", 30)
    seen = video(clip(frames=120, gop=5))
    assert len(seen.frames) == 4
    assert np.abs(seen.frames[-1][24, 32].astype(int) - COLOURS[-1]).max() < 40


def test_video_limits() -> None:
    data = clip(frames=40)
    with pytest.raises(MediaTooLarge, match="2 seconds"):
        video(data, max_video_seconds=2)
    with pytest.raises(MediaTooLarge, match="64 × 48"):
        video(data, max_video_pixels=3_000)
    with pytest.raises(MediaTooLarge, match="bytes"):
        video(data, max_video_bytes=100)


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "mpeg4"), ("avi", "mpeg4"), ("matroska", "mpeg4")])
def test_a_cut_off_clip_is_broken(kind: str, codec: str) -> None:
    data = clip(kind, codec, frames=80)
    with pytest.raises(InvalidMedia):
        video(data[: len(data) // 3])


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        b"<?xml version='1.0'?><MPD/>",
    ],
)
def test_playlists_are_never_followed(data: bytes) -> None:
    for modality in ("audio", "video"):
        with pytest.raises(InvalidMedia, match="use "):
            decode(modality, data, SETTINGS, "f")


SEEDS = [tone("wav", "pcm_s16le", seconds=0.2), tone("flac", "flac", seconds=0.2), tone("ipod", "aac", seconds=0.2),
         tone("mp3", "libmp3lame", 44_100, seconds=0.2), clip(frames=4, size=(32, 32)), clip("matroska", frames=4, size=(32, 32))]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(seed=st.sampled_from(SEEDS), at=st.floats(0, 1), patch=st.binary(max_size=8), cut=st.floats(0.1, 1))
def test_damage_raises_nothing_else(seed: bytes, at: float, patch: bytes, cut: float) -> None:
    place = int(at * len(seed))
    data = (seed[:place] + patch + seed[place + len(patch) :])[: int(cut * len(seed)) + 1]
    for modality in ("audio", "video"):
        try:
            decode(modality, data, SETTINGS, "f")
        except InvalidMedia as error:
            assert error.field == "f"  # noqa: PT017

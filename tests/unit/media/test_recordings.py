"""Recordings behind tags, and WAV with sizes of 64 bits."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidMedia
from mmpipe.media import decode
from mmpipe.media.containers import format_of, without_tags
from mmpipe.settings import MediaSettings

RATE = 16_000
WAVE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
PCM = (WAVE * 32_767).astype("<i2").tobytes()


def audio(data: bytes) -> AudioClip:
    found = decode("audio", data, MediaSettings(), "audio_link")
    assert isinstance(found, AudioClip)
    return found


def encoded(kind: str, codec: str, rate: int = RATE, **options: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        for start in range(0, WAVE.size, 960):
            frame = av.AudioFrame.from_ndarray(WAVE[None, start : start + 960], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def tag(size: int, *, footer: bool = False, content: bytes = b"\0") -> bytes:
    """An ID3v2 tag of ``size`` bytes behind its head; its size has seven bits a byte."""
    sizes = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    flags = 0x10 if footer else 0
    head = b"ID3\x04\0" + bytes([flags]) + sizes
    return head + (content * size)[:size] + (b"3DI" + head[3:] if footer else b"")


FILES = {
    "flac": encoded("flac", "flac"),
    "aac": encoded("adts", "aac", 44_100),
    "mp3": encoded("mp3", "libmp3lame", 44_100),
    "wav": encoded("wav", "pcm_s16le"),
    "ogg": encoded("ogg", "libopus", 48_000),
    "m4a": encoded("ipod", "aac", 44_100),
}
TAGS = {
    "small": tag(10),
    "over a byte": tag(300),
    "like a cover": tag(200_000, content=b"\xff\xfb\x90fLaC"),
    "with a footer": tag(64, footer=True),
    "three": tag(20) + tag(1_000, footer=True) + tag(0),
    "padded": tag(128) + bytes(700),
}


# An M4A file starts with zeros itself.
BEHIND = [(kind, front) for kind in FILES for front in TAGS if (kind, front) != ("m4a", "padded")]


@pytest.mark.parametrize(("kind", "front"), BEHIND)
def test_behind_a_tag_is_the_same_recording(kind: str, front: str) -> None:
    alone, behind = audio(FILES[kind]), audio(TAGS[front] + FILES[kind])
    assert behind.sample_rate == alone.sample_rate
    assert np.array_equal(behind.samples, alone.samples)


def test_flac_behind_a_tag_has_its_samples() -> None:
    heard = audio(tag(5_000) + FILES["flac"])
    assert heard.sample_rate == RATE
    assert heard.samples.size == WAVE.size
    assert np.abs(heard.samples - WAVE).max() < 1e-3


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_cut_off_behind_a_tag_is_broken(kind: str) -> None:
    with pytest.raises(InvalidMedia):
        audio(tag(500) + FILES[kind][: len(FILES[kind]) // 3])


def test_tags_around_nothing() -> None:
    for data in (tag(50), tag(50)[:30], b"ID3", tag(50) + b"no recording", tag(50) + bytes(100_000)):
        assert without_tags(data) is data
    for data in (tag(50), tag(50)[:30], tag(5) * 40, b"ID3", tag(50) + b"no recording"):
        with pytest.raises(InvalidMedia):
            audio(data)
    # A size with a high bit is none; an MP3 reader finds its frames all the same.
    broken = b"ID3\x03\0\0\x80\0\0\x05" + bytes(5)
    assert format_of(without_tags(broken + FILES["mp3"])) == "mp3"


def rf64(magic: bytes = b"RF64", riff: int | None = None, data: int = len(PCM)) -> bytes:
    """EBU Tech 3306: the 32-bit sizes are all ones, the true ones stand in the ``ds64`` chunk."""
    rest = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + b"data" + b"\xff" * 4 + PCM
    size = 4 + 36 + len(rest) if riff is None else riff
    sizes = struct.pack("<IQQQI", 28, size, data, len(PCM) // 2, 0)
    return magic + b"\xff" * 4 + b"WAVE" + b"ds64" + sizes + rest


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_wav_with_sizes_of_64_bits(magic: bytes) -> None:
    for data in (rf64(magic), tag(40) + rf64(magic), rf64(magic, riff=0), rf64(magic, riff=(1 << 64) - 1)):
        heard = audio(data)
        assert heard.sample_rate == RATE
        assert heard.samples.size == WAVE.size
        assert np.abs(heard.samples - WAVE).max() < 1e-3
    written = encoded("wav", "pcm_s16le", rf64="always")
    assert written[:4] == b"RF64"
    assert np.array_equal(audio(written).samples, audio(FILES["wav"]).samples)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_cut_off_wav_with_sizes_of_64_bits(magic: bytes) -> None:
    whole = rf64(magic)
    with pytest.raises(InvalidMedia, match=f"breaks off after {len(whole) // 2:,} of {len(whole):,} bytes"):
        audio(whole[: len(whole) // 2])
    for part in (b"RF64\xff\xff\xff\xffWAVE", whole[:30], whole[:60], b"BW64\xff\xff\xff\xffAVI "):
        with pytest.raises(InvalidMedia):
            audio(part)


def test_wave64_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidMedia, match="Wave64 recording, which we do not read: use WAV, FLAC"):
        audio(encoded("w64", "pcm_s16le"))

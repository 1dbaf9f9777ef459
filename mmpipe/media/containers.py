"""Opening audio and video files: from memory, as the one format that their first bytes show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from mmpipe.errors import InvalidMedia

# Names of demuxers that read one self-contained file. Playlists and lists of files (hls, dash, concat,
# image2 …), which may name further addresses, are none of them.
AUDIO_FORMATS: Final = frozenset({"wav", "flac", "mp3", "ogg", "mp4", "matroska", "aac"})
VIDEO_FORMATS: Final = frozenset({"mp4", "matroska", "ogg", "avi", "mpegts"})
_AUDIO_CODECS: Final = """
aac alac flac mp3 mp3float vorbis opus libopus pcm_alaw pcm_mulaw adpcm_ms adpcm_ima_wav
pcm_s8 pcm_u8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f64le
"""
AUDIO_CODECS: Final = frozenset(_AUDIO_CODECS.split())
_VIDEO_CODECS: Final = """
h264 hevc vp8 vp9 libvpx libvpx-vp9 av1 libdav1d mpeg4 mpeg1video mpeg2video mjpeg theora h263 msmpeg4v3
"""
VIDEO_CODECS: Final = frozenset(_VIDEO_CODECS.split())
# The GUID that a Sony Wave64 file starts with.
_WAVE64: Final = bytes.fromhex("726966662e91cf11a5d628db04c10000")
# Writers add a tag at a time and never this many; zeros behind a tag fill it up to a block of a disk.
_MAX_TAGS: Final = 16
_MAX_PADDING: Final = 1 << 16
_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"})


def format_of(data: bytes) -> str | None:
    """The demuxer for a file that starts like this; None if it is nothing we open."""
    head = data[:16]
    if head.startswith(b"RIFF"):
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head.startswith((b"RF64", b"BW64")):  # WAV with sizes of 64 bits
        return "wav" if head[8:12] == b"WAVE" else None
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head[4:8] in _BOXES:
        return "mp4"
    if head.startswith(b"ID3"):
        return "mp3"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "mp3"
    if head.startswith(b"\x47") and data[188:189] == b"\x47":
        return "mpegts"
    return None


def without_tags(data: bytes) -> bytes:
    """The file behind the ID3v2 tags that it starts with (ID3v2.4, 3.1), of any size, and behind zeros that
    follow them; the data themselves where what comes then is nothing that we open.
    """
    at = 0
    for _ in range(_MAX_TAGS):
        head = data[at : at + 10]
        if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:]) > 127:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        footer = 10 if head[5] & 0x10 else 0
        at += 10 + size + footer
        if format_of(data[at : at + 256]) is None:
            padding = data[at : at + _MAX_PADDING]
            at += len(padding) - len(padding.lstrip(b"\0"))
    behind = data[at:] if at else data
    return behind if format_of(behind) else data


@contextmanager
def opened(data: bytes, formats: frozenset[str], field: str, kinds: str) -> Iterator[Any]:
    """The file as a PyAV container. Whatever the codecs raise over it becomes ``InvalidMedia``."""
    import av

    kind = format_of(data)
    if data.startswith(_WAVE64):
        raise InvalidMedia(field, f"is a Wave64 recording, which we do not read: use {kinds}")
    if kind is None or kind not in formats:
        raise InvalidMedia(field, f"is no file that we read: use {kinds}")
    # Everything is read from memory: no protocol may be opened, and only these codecs may be tried while
    # probing.
    options = {
        "protocol_whitelist": "none",
        "codec_whitelist": ",".join(sorted(AUDIO_CODECS | VIDEO_CODECS)),
        "enable_drefs": "0",
        "max_streams": "16",
    }
    if kind != "mp4":
        del options["enable_drefs"]
    try:
        with av.open(
            io.BytesIO(data), mode="r", format=kind, options=options, metadata_errors="replace"
        ) as container:
            yield container
    except av.FFmpegError as error:
        raise InvalidMedia(
            field, f"is a broken {kind} file ({error.strerror or 'unreadable'}): export it anew"
        ) from None
    except (ValueError, EOFError, ArithmeticError) as error:
        reason = str(error).partition("\n")[0][:100]
        raise InvalidMedia(field, f"is a broken {kind} file ({reason}): export it anew") from None


def seconds_of(container: Any, stream: Any) -> float | None:
    """The duration that the file declares, if any."""
    import av

    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base

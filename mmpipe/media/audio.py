"""Audio bytes to samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media.containers import AUDIO_CODECS, AUDIO_FORMATS, opened, seconds_of, without_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS: Final = "WAV, FLAC, MP3, Ogg, M4A, AAC or WebM"
_MAX_RATE: Final = 48_000
# Formats that state their length exactly; an MP3's is an estimate.
_EXACT: Final = frozenset({"wav", "flac", "mov", "ogg"})


def decode_audio(data: bytes, max_seconds: float, field: str) -> AudioClip:
    """Mono float32 samples in [-1, 1] at the file's own rate, at most 48 kHz; the first audio stream counts.
    Any of the formats may stand behind ID3v2 tags.

    Raises ``MediaTooLarge`` over ``max_seconds``, declared or decoded, and ``InvalidMedia`` for what is no
    audio, broken, cut off, or empty.
    """
    import av

    data = without_tags(data)
    _check_riff(data, field)
    with opened(data, AUDIO_FORMATS, field, _KINDS) as container:
        if not container.streams.audio:
            raise InvalidMedia(field, "has no sound in it: upload a recording")
        stream = container.streams.audio[0]
        if stream.codec_context is None or stream.codec_context.name not in AUDIO_CODECS:
            raise InvalidMedia(field, f"is coded in a way that we do not read: use {_KINDS}")
        declared = seconds_of(container, stream)
        too_long = MediaTooLarge(field, f"is longer than {max_seconds:g} seconds: cut it")
        if declared is not None and declared > max_seconds:
            raise too_long
        if not stream.rate:
            raise InvalidMedia(field, "names no sample rate: export it anew")
        rate = min(stream.rate, _MAX_RATE)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        parts: list[NDArray[np.float32]] = []
        count, limit = 0, int(max_seconds * rate) + rate // 10
        for frame in container.decode(stream):
            for piece in resampler.resample(frame):
                parts.append(piece.to_ndarray().reshape(-1))
                count += parts[-1].size
            if count > limit:
                raise too_long
        parts += [piece.to_ndarray().reshape(-1) for piece in resampler.resample(None)]
        name = container.format.name.partition(",")[0]
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if samples.size == 0:
        raise InvalidMedia(field, "holds no samples: export it anew")
    got = samples.size / rate
    if declared is not None and name in _EXACT and got < 0.9 * declared - 0.5:
        raise InvalidMedia(
            field, f"breaks off after {got:.1f} of {declared:.1f} seconds: upload the whole file"
        )
    samples = np.nan_to_num(samples.astype(np.float32, copy=False), posinf=1.0, neginf=-1.0)
    return AudioClip(np.clip(samples, -1.0, 1.0), rate)


def _check_riff(data: bytes, field: str) -> None:
    """A WAV file states its size; its reader takes whatever is there instead. That of an RF64 or BW64 file
    stands in its first chunk, ``ds64`` (EBU Tech 3306, ITU-R BS.2088)."""
    size = 0
    if data[:4] == b"RIFF":
        size = int.from_bytes(data[4:8], "little")
        # Recorders that write to a pipe leave 0 or the largest number.
        size = 0 if size + 8 >= 0xFFFFFFFF else size
    elif data[:4] in (b"RF64", b"BW64") and data[12:16] == b"ds64":
        size = int.from_bytes(data[20:28], "little")
        size = 0 if size + 8 >= 0xFFFFFFFF_FFFFFFFF else size
    if size and len(data) < 0.9 * (size + 8):
        reason = f"breaks off after {len(data):,} of {size + 8:,} bytes"
        raise InvalidMedia(field, f"{reason}: upload the whole file")

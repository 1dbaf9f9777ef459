"""Bytes of any modality to what its encoder takes."""

from __future__ import annotations

from typing import Final

from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media.audio import decode_audio
from mmpipe.media.images import decode_image
from mmpipe.media.refs import max_bytes
from mmpipe.media.video import decode_video
from mmpipe.settings import MediaSettings

# More than any encoder here takes; beyond it pixels only cost memory.
DEFAULT_TARGET: Final = 512


def decode(
    modality: Modality,
    data: bytes,
    settings: MediaSettings,
    field: str,
    *,
    target: int | None = DEFAULT_TARGET,
) -> EncoderInput:
    """An image as uint8 RGB ``(height, width, 3)``, a recording as ``AudioClip``, a clip as ``VideoFrames``.

    ``target``: pictures are reduced early while their shorter side keeps at least that many pixels; None
    keeps every pixel. Raises ``MediaTooLarge`` over a limit of ``settings`` and ``InvalidMedia`` for
    anything that cannot be decoded, each naming ``field`` and the remedy. Text is decoded nowhere and is a
    ``ValueError``.
    """
    if modality == "text":
        raise ValueError("text has no file to decode")
    limit = max_bytes(modality, settings)
    if len(data) > limit:
        raise MediaTooLarge(field, f"holds {len(data):,} bytes, {limit:,} are allowed: use a smaller file")
    if not data:
        raise InvalidMedia(field, "is empty: upload the file again")
    if modality == "image":
        return decode_image(data, settings.max_image_pixels, settings.max_image_side, field, target)
    if modality == "audio":
        return decode_audio(data, settings.max_audio_seconds, field)
    return decode_video(
        data, settings.max_video_seconds, settings.max_video_pixels, settings.max_video_frames, field, target
    )

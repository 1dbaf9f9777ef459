"""Which image format a file is, told by its content, never by its name."""

from __future__ import annotations

import struct
from typing import Final

_AVIF: Final = frozenset({b"avif", b"avis"})
# Brands of HEIF pictures (ISO/IEC 23008-12): with HEVC inside, and of the container alone, which says nothing
# of the coding.
_HEIC: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"miaf"}
)
_MAX_FTYP: Final = 1024


def image_kind(data: bytes) -> str | None:
    """``JPEG``, ``PNG``, ``WEBP``, ``GIF``, ``BMP``, ``TIFF`` or ``AVIF``, Pillow's names of what it may be
    handed; ``HEIC`` for the pictures of that family that are no AVIF; None for everything else.
    """
    head = data[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        # Registers itself; without it Pillow would load every plugin there is.
        from PIL import WebPImagePlugin  # noqa: F401

        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM"):
        return "BMP"
    if head.startswith((b"II*\x00", b"MM\x00*")):
        from PIL import TiffImagePlugin  # noqa: F401

        return "TIFF"
    found = brands(data)
    if not _AVIF.isdisjoint(found):
        from PIL import AvifImagePlugin

        return "AVIF" if AvifImagePlugin.SUPPORTED else None
    return None if _HEIC.isdisjoint(found) else "HEIC"


def brands(data: bytes) -> tuple[bytes, ...]:
    """The brands in the ``ftyp`` box that an ISO base media file starts with (ISO/IEC 14496-12, 4.3): the
    major one, then the compatible ones, at most 252; none where there is no such box.
    """
    if data[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(data[:4], "big"), len(data), _MAX_FTYP)
    places = (8, *range(16, end - 3, 4)) if end >= 12 else ()
    return tuple(data[place : place + 4] for place in places)


def with_avif_brand(data: bytes) -> bytes:
    """An AVIF file with one of AVIF's own brands as its major one: Pillow asks for that, although any of the
    compatible brands may say what a file is. ``avif``, a picture, goes before ``avis``, a sequence.
    """
    major, *others = brands(data)
    wanted = b"avif" if b"avif" in others else b"avis"
    return data if major == wanted or major == b"avif" else data[:8] + wanted + data[12:]


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that a WebP file declares: its decoder takes memory for them as soon as it is
    opened.
    """
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    if chunk == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("its header is cut off")

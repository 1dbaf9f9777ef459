"""Image bytes to RGB."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from mmpipe.errors import InvalidMedia, MediaTooLarge

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage

# What a decoder of ours may be handed, by its first bytes. Everything else that Pillow could open stays
# closed.
_NAMES: Final = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
_EXIF_ORIENTATION: Final = 0x0112
_MAX_ASPECT: Final = 8


def decode_image(data: bytes, max_pixels: int, field: str, target: int | None) -> NDArray[np.uint8]:
    """uint8 RGB of shape ``(height, width, 3)``, upright, transparency over white, of an animation the
    first frame.

    The size that the file declares is held against ``max_pixels`` before anything is decoded. With
    ``target``, larger images are reduced by whole factors while their shorter side keeps at least
    ``target`` pixels (a panorama's longer side at least eight times that). Raises ``MediaTooLarge`` and
    ``InvalidMedia``.
    """
    from PIL import Image

    kind = _kind(data)
    if kind is None:
        raise InvalidMedia(field, f"is no image that we read: use {_NAMES}")
    try:
        _check_size(field, _webp_size(data) if kind == "WEBP" else (0, 0), max_pixels)
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            _check_size(field, image.size, max_pixels)
            factor = _reduction(image.size, target)
            if factor > 1 and kind == "JPEG":
                image.draft("RGB", (-(-image.width // factor), -(-image.height // factor)))
            image.load()
            return _pixels(image, target)
    except Image.DecompressionBombError:
        raise _too_many(field, max_pixels) from None
    except InvalidMedia:
        raise
    except _BROKEN as error:
        raise InvalidMedia(field, f"is a broken {kind} file ({_reason(error)}): export it anew") from None


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "its header makes no sense"  # Pillow names its in-memory file, an address that helps nobody
    return str(error).partition("\n")[0][:120] or type(error).__name__


def _pixels(image: PilImage, target: int | None) -> NDArray[np.uint8]:
    from PIL import Image

    factor = _reduction(image.size, target)
    upright = _orientation(image)
    picture = _rgb(image)
    if factor > 1:
        picture = picture.reduce(factor)
    if upright is not None:
        picture = picture.transpose(Image.Transpose(upright))
    return np.array(picture, dtype=np.uint8)


def _rgb(image: PilImage) -> PilImage:
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data or image.mode in ("RGBa", "La"):
        picture = image.convert("RGBA")
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    wide = np.nan_to_num(values.astype(np.float64))
    if values.dtype.kind == "f":
        scale = 255.0 if wide.max(initial=0.0) <= 1.0 else 1.0
    else:
        scale = 255.0 / 65_535.0 if values.dtype.itemsize == 2 or wide.max(initial=0.0) > 255 else 1.0
    return np.clip(wide * scale + 0.5, 0, 255).astype(np.uint8)


def _orientation(image: PilImage) -> int | None:
    """The transposition that turns the picture as its EXIF data say, if it needs any."""
    from PIL import Image

    if image.format in ("JPEG", "MPO") and "exif" not in image.info:
        return None
    turn = Image.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except _BROKEN:
        return None  # a picture with broken notes is still a picture


def _reduction(size: tuple[int, int], target: int | None) -> int:
    if target is None:
        return 1
    return max(1, min(size) // target, max(size) // (target * _MAX_ASPECT))


def _check_size(field: str, size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise MediaTooLarge(
            field, f"is {size[0]:,} × {size[1]:,} pixels, {max_pixels:,} in all are allowed: scale it down"
        )


def _too_many(field: str, max_pixels: int) -> MediaTooLarge:
    return MediaTooLarge(field, f"holds more than {max_pixels:,} pixels: scale it down")


def _kind(data: bytes) -> str | None:
    head = data[:32]
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
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        from PIL import AvifImagePlugin

        return "AVIF" if AvifImagePlugin.SUPPORTED else None
    return None


def _webp_size(data: bytes) -> tuple[int, int]:
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

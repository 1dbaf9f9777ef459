"""Image bytes to RGB."""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from mmpipe.errors import InvalidMedia, MediaTooLarge
from mmpipe.media.colours import to_srgb, without_profile
from mmpipe.media.jpeg import missing_part, with_made_up_ends
from mmpipe.media.kinds import image_kind, webp_size, with_avif_brand

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage

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
# Pixels of the shorter side below which a picture is one of those that stand in for a photo, or count
# visits: 1 or 2 of them are usual. The smallest icons have 8.
MIN_SIDE: Final = 4
# Pixels that are made of a picture at a time, where it has to be converted before it is reduced.
_STRIP_PIXELS: Final = 1 << 20
# Scans of a JPEG file, each a pass over the whole picture; a progressive one has about ten.
_MAX_SCANS: Final = 100
_START_OF_SCAN: Final = b"\xff\xda"
# Part of a JPEG's picture that may be missing: a strip at its foot, where a photo shows its background.
_MAX_MISSING: Final = 0.1


def decode_image(
    data: bytes, max_pixels: int, max_side: int, field: str, target: int | None
) -> NDArray[np.uint8]:
    """uint8 sRGB of shape ``(height, width, 3)``, upright, transparency over white, of an animation the
    first frame. An embedded ICC profile is applied (:mod:`mmpipe.media.colours`).

    The size that the file declares is held against ``max_pixels`` and ``max_side`` before anything is
    decoded; a side of less than :data:`MIN_SIDE` pixels makes a placeholder, which is refused. With
    ``target``, larger images are reduced by whole factors while their shorter side keeps at least ``target``
    pixels (a panorama's longer side at least eight times that): JPEG as it is decoded, the others at once
    after, so that none is held in more than the file's own channels.

    A file that breaks off is refused, but for a JPEG that lacks its end marker, or so few bytes before it
    that at most a tenth of the picture depends on them: that tenth is grey. Bytes behind a file's end do no
    harm. Raises ``MediaTooLarge`` and ``InvalidMedia``.
    """
    from PIL import Image

    kind = image_kind(data)
    if kind == "HEIC":
        raise InvalidMedia(field, "is a HEIC picture, which we do not read: export it as JPEG")
    if kind is None:
        raise InvalidMedia(field, f"is no image that we read: use {_NAMES}")
    try:
        if kind == "AVIF":
            data = with_avif_brand(data)
        if kind == "WEBP":
            _check_size(field, webp_size(data), max_pixels, max_side)
        if kind == "JPEG" and data.count(_START_OF_SCAN) > _MAX_SCANS:
            raise MediaTooLarge(field, f"has more than {_MAX_SCANS} scans: export it anew")
        return _pixels(_loaded(data, kind, (max_pixels, max_side), field, target), target)
    except Image.DecompressionBombError:
        raise _too_many(field, max_pixels) from None
    except InvalidMedia:
        raise
    except _BROKEN as error:
        raise InvalidMedia(field, f"is a broken {kind} file ({_reason(error)}): export it anew") from None


def cropped(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float], field: str
) -> NDArray[np.uint8]:
    """A box of a decoded picture: left, top, right and bottom, as parts of its width and height; to whole
    pixels, outwards. Raises ``InvalidMedia`` where a side of it has less than :data:`MIN_SIDE` pixels."""
    height, width = picture.shape[:2]
    left, top = int(box[0] * width), int(box[1] * height)
    right, bottom = math.ceil(box[2] * width), math.ceil(box[3] * height)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise InvalidMedia(field, f"is a box of less than {MIN_SIDE} pixels: choose a larger one")
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _loaded(data: bytes, kind: str, limits: tuple[int, int], field: str, target: int | None) -> PilImage:
    """The file's first frame, decoded; ``limits`` are those of pixels and of a side."""

    def load(content: bytes) -> PilImage:
        image = _opened(content, kind)
        _check_size(field, image.size, *limits)
        factor = reduction(image.size, target)
        if factor > 1 and kind == "JPEG":
            image.draft("RGB", (-(-image.width // factor), -(-image.height // factor)))
        image.load()
        return image

    try:
        return load(data)
    except OSError:
        ends = with_made_up_ends(data) if kind == "JPEG" else ()
        if not ends:
            raise
        whole, *others = (load(content) for content in ends)
        if missing_part([np.asarray(image) for image in (whole, *others)]) > _MAX_MISSING:
            raise
        return whole


def _opened(data: bytes, kind: str) -> PilImage:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(data), formats=(kind,))
    except (ValueError, UnidentifiedImageError):
        rest = without_profile(data) if kind == "PNG" else data
        if rest is data:
            raise
        return Image.open(io.BytesIO(rest), formats=(kind,))


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "its header makes no sense"  # Pillow names its in-memory file, an address that helps nobody
    return str(error).partition("\n")[0][:120] or type(error).__name__


def _pixels(image: PilImage, target: int | None) -> NDArray[np.uint8]:
    from PIL import Image

    factor = reduction(image.size, target)
    upright = _orientation(image)
    profile = image.info.get("icc_profile")
    # Reduced before the colours: fewer pixels to convert.
    picture = _over_white(_reduced(image, factor), profile)
    if upright is not None:
        picture = picture.transpose(Image.Transpose(upright))
    return np.array(picture, dtype=np.uint8)


def _reduced(image: PilImage, factor: int) -> PilImage:
    """The picture in mode RGB, L or CMYK, with transparency RGBA or LA, its sides divided by ``factor``.

    What has to be converted first is so strip by strip: as a whole it would be held again, in up to eight
    times the bytes.
    """
    from PIL import Image

    if image.mode in ("RGB", "L", "CMYK") and not image.has_transparency_data:
        return image.reduce(factor) if factor > 1 else image
    width, height = image.size
    rows = factor * max(1, _STRIP_PIXELS // (width * factor))
    white = _white_of(image, rows) if _is_deep(image) else 0.0
    whole: PilImage | None = None
    for top in range(0, height, rows):
        strip = _eight_bit_channels(image.crop((0, top, width, min(top + rows, height))), white)
        strip = strip.reduce(factor) if factor > 1 else strip
        if whole is None:
            whole = Image.new(strip.mode, (-(-width // factor), -(-height // factor)))
        whole.paste(strip, (0, top // factor))
    assert whole is not None
    return whole


def _is_deep(image: PilImage) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _white_of(image: PilImage, rows: int) -> float:
    """The value that stands for white in a picture of more than eight bits a channel."""
    if image.mode.startswith("I;16"):
        return 65_535.0
    tops = range(0, image.height, rows)
    strips = (np.asarray(image.crop((0, top, image.width, min(top + rows, image.height)))) for top in tops)
    most = max(float(np.nan_to_num(strip.astype(np.float64)).max()) for strip in strips)
    if image.mode == "F":
        return 1.0 if most <= 1.0 else 255.0
    return 65_535.0 if most > 255 else 255.0


def _eight_bit_channels(image: PilImage, white: float) -> PilImage:
    from PIL import Image

    if _is_deep(image):
        values = np.nan_to_num(np.asarray(image).astype(np.float64))
        return Image.fromarray(np.clip(values * (255.0 / white) + 0.5, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        return image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _over_white(picture: PilImage, profile: object) -> PilImage:
    from PIL import Image

    if picture.mode not in ("RGBA", "LA"):
        return to_srgb(picture, profile)
    white = Image.new("RGB", picture.size, (255, 255, 255))
    opaque = picture.convert(picture.mode.removesuffix("A"))
    white.paste(to_srgb(opaque, profile), mask=picture.getchannel("A"))
    return white


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


def reduction(size: tuple[int, int], target: int | None) -> int:
    """The factor by which a picture's sides may be divided as :func:`decode_image` has it."""
    if target is None:
        return 1
    return max(1, min(size) // target, max(size) // (target * _MAX_ASPECT))


def _check_size(field: str, size: tuple[int, int], max_pixels: int, max_side: int) -> None:
    shown = f"{size[0]:,} × {size[1]:,} pixels"
    if min(size) < MIN_SIDE:
        raise InvalidMedia(field, f"is a placeholder of {shown}: upload the photo")
    if max(size) > max_side:
        raise MediaTooLarge(field, f"is {shown}, a side may have {max_side:,}: scale it down")
    if size[0] * size[1] > max_pixels:
        raise MediaTooLarge(field, f"is {shown}, {max_pixels:,} in all are allowed: scale it down")


def _too_many(field: str, max_pixels: int) -> MediaTooLarge:
    return MediaTooLarge(field, f"holds more than {max_pixels:,} pixels: scale it down")

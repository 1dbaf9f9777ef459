"""What decoding a medium takes, told from its head before anything is decoded."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Final

from mmpipe.media.images import reduction
from mmpipe.media.kinds import image_kind, webp_size

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality

# A recording of five minutes, with what is made of it on the way; a clip's frames and their thumbnails.
_OTHERS: Final = 16_000_000
# These decoders hold a picture several times: as planes or canvases, and as what they hand out.
_SEVERAL: Final = frozenset({"WEBP", "AVIF"})
_TIMES: Final = 3
# libjpeg reduces as it decodes, but a progressive file's coefficients are held whole, 2 bytes each.
_PROGRESSIVE: Final = 2
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    RuntimeError,
    struct.error,
)


def decoding_pixels(modality: Modality, data: bytes, target: int | None) -> int:
    """Memory of decoding, as a number of pixels of four bytes: of a picture those that its format makes us
    hold, of a recording or clip a fixed number. 0 for what cannot be read, which is refused soon enough.
    """
    if modality != "image":
        return _OTHERS
    kind = image_kind(data)
    try:
        if kind == "WEBP":
            width, height = webp_size(data)
            return _TIMES * width * height
        return 0 if kind is None or kind == "HEIC" else _of_picture(data, kind, target)
    except _BROKEN:
        return 0


def _of_picture(data: bytes, kind: str, target: int | None) -> int:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        width, height = image.size
        if kind != "JPEG":
            return width * height * (_TIMES if kind in _SEVERAL else 1)
        if image.info.get("progressive"):
            return width * height * _PROGRESSIVE
        factor = reduction(image.size, target)
        if factor > 1:
            image.draft("RGB", (-(-width // factor), -(-height // factor)))
        return image.width * image.height

"""Pictures in the colours that their ICC profile means, as sRGB, which encoders are trained on.

Only embedded ICC profiles count. PNG's ``gAMA`` and ``cHRM`` chunks, AVIF's ``nclx`` box and EXIF's colour
space are ignored: browsers and editors embed a profile wherever a picture is not sRGB, and what these say
without one is wrong more often than right.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage
    from PIL.ImageCms import ImageCmsTransform

# Printers' profiles, the largest in use, stay below 3 MB.
MAX_PROFILE_BYTES: Final = 4_000_000
# Of a printer's profile a transform holds about 2 MB, of a screen's less than a tenth of that.
_MAX_CACHED: Final = 16
_MODES: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_CLASSES: Final = frozenset({"mntr", "scnr", "prtr", "spac"})
# Levels of 255 by which a profile may differ from sRGB and still be it: roundings of its numbers.
_SAME: Final = 2
_MAX_CHUNKS: Final = 256


def to_srgb(picture: PilImage, profile: object) -> PilImage:
    """A picture of mode ``RGB``, ``L`` or ``CMYK`` as sRGB in mode ``RGB``.

    ``profile`` is what the file carries as its ICC profile, not trusted. One that is broken, too large, of
    another kind of colours than the picture's, or that makes white dark, black light or all greys one is
    ignored: a picture with a broken profile is still a picture. Gray pictures may carry an RGB profile.
    """
    transform = _transform(profile) if isinstance(profile, bytes) and profile else None
    if transform is not None:
        if picture.mode == "L" and transform.input_mode == "RGB":
            picture = picture.convert("RGB")
        if picture.mode == transform.input_mode:
            return transform.apply(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def without_profile(png: bytes) -> bytes:
    """A PNG file without its ``iCCP`` chunk. Pillow refuses the whole file for one that unpacks to over
    1 MB, or whose checksum is wrong.
    """
    at = 8
    for _ in range(_MAX_CHUNKS):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        name = png[at + 4 : at + 8]
        if name == b"iCCP":
            return png[:at] + png[end:]
        if name == b"IDAT" or end >= len(png):
            break
        at = end
    return png


_cache: OrderedDict[bytes, ImageCmsTransform | None] = OrderedDict()
_cache_lock = threading.Lock()


def _transform(profile: bytes) -> ImageCmsTransform | None:
    """What leads from the profile's colours to sRGB; None where they are sRGB, or the profile is of no use.
    Shared between threads, which Little CMS allows: applying a transform does not change it.
    """
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    digest = hashlib.sha256(profile).digest()
    with _cache_lock:
        if digest in _cache:
            _cache.move_to_end(digest)
            return _cache[digest]
    built = _built(profile)
    with _cache_lock:
        _cache[digest] = built
        while len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return built


def _built(profile: bytes) -> ImageCmsTransform | None:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES.get(source.profile.xcolor_space)
        if mode is None or source.profile.device_class not in _CLASSES:
            return None
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return transform if _makes_sense(transform) and _changes(transform) else None
    except (OSError, ValueError, TypeError, AttributeError, ImageCms.PyCMSError):
        return None


def _makes_sense(transform: ImageCmsTransform) -> bool:
    ends = [(0,) * 4, (255,) * 4] if transform.input_mode == "CMYK" else [(255,) * 3, (0,) * 3, (128,) * 3]
    white, black, *middle = (float(seen.mean()) for seen in _seen(transform, np.array(ends, np.uint8)))
    return white > 160 and black < 96 and all(16 < grey < 240 for grey in middle)


def _changes(transform: ImageCmsTransform) -> bool:
    if transform.input_mode == "CMYK":
        return True
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    if transform.input_mode == "L":
        colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    return bool(np.abs(_seen(transform, colours).astype(int) - colours).max() > _SAME)


def _seen(transform: ImageCmsTransform, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """sRGB ``(n, 3)`` of colours ``(n, channels)``."""
    from PIL import Image

    pixels = colours[None, :, 0] if transform.input_mode == "L" else colours[None]
    picture = Image.fromarray(np.ascontiguousarray(pixels), mode=transform.input_mode)
    return np.asarray(transform.apply(picture)).reshape(-1, 3)

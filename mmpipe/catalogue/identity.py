"""Product ids from what shops call their products."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from mmpipe.schemas.names import PRODUCT_ID_PATTERN

_NOT_ID: Final = re.compile(r"[^\w.:@+-]+")
_LENGTH: Final = 128
_DIGEST: Final = 8


def id_of_text(text: str) -> str:
    """An id for a SKU, a handle or another name; the same text always gives the same id, and two texts never
    one.

    A text that is an id already stays as it is. Of any other, the characters that an id cannot hold become
    ``-``, and a digest of the text is appended, so that ``AB/12`` and ``AB 12`` stay two products beside
    ``AB-12``. Empty where there is no text.
    """
    text = text.strip()
    if not text or PRODUCT_ID_PATTERN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    slug = _NOT_ID.sub("-", text).strip("-.:@+_")[: _LENGTH - _DIGEST - 1]
    return f"{slug}-{digest}" if slug else f"id-{digest}"

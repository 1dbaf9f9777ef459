"""Content hashes: whether a product is what it was, and which of its modalities must be encoded again.

``text`` is the SHA-256 of exactly what the text encoder reads, so a change of price, stock or link leaves it
alone. A media hash is taken over the files' bytes, so re-uploading the same photo leaves it alone too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.schemas.product import Product
    from mmpipe.settings import Settings

# Of a product whose rows a later release reads otherwise, the digests must differ.
_READING = 4


def text_hash(text: str) -> str:
    """SHA-256 of the UTF-8 text, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def media_hash(digests: Sequence[str]) -> str:
    """The hash of one modality from the SHA-256 hex digests of its files, in their order.

    One file keeps its own digest; several are hashed together, so that adding, replacing or reordering any of
    them shows.
    """
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def reading_digest(settings: Settings) -> bytes:
    """Of the settings under which an uploaded product is read: under others the same upload may give another
    row, so nothing that was read under these is known to be unchanged."""
    media = settings.media.model_dump(mode="json", exclude={"timeout_seconds", "trust_seconds"})
    speech = settings.speech.model_dump(mode="json", include={"recognizer", "transcribe_products"})
    read_under = [_READING, media, sorted(settings.indexing.modalities), speech]
    return hashlib.sha256(json.dumps(read_under, sort_keys=True).encode()).digest()


def content_digest(product: Product, inline_media: Mapping[str, bytes], root: str, reading: bytes) -> str:
    """The 32 hex digits of a product as it was uploaded: its fields, the media inside its row, and what its
    relative links start from; ``reading`` as of :func:`reading_digest`."""
    digest = hashlib.sha256(reading)
    digest.update(product.model_dump_json(exclude_defaults=True).encode())
    digest.update(f"\0{root}".encode())
    for name, data in sorted(inline_media.items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()[:32]

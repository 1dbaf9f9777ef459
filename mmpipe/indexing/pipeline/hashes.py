"""Content hashes: whether a modality of a product must be encoded again.

``text`` is the SHA-256 of exactly what the text encoder reads, so a change of price, stock or link leaves it
alone. A media hash is taken over the files' bytes, so re-uploading the same photo leaves it alone too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


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

"""Items' texts as vectors, by a profile's text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend.run import Features
from mmpipe.settings import Settings

_BATCH: Final = 256


def encode_texts(texts: Sequence[str | None], settings: Settings) -> Features:
    """Unit vectors float32 ``(len(texts), dim)`` of the settings' model profile; zeros where there is no
    text.

    Raises :class:`InvalidRequest` for a profile without a text encoder.
    """
    loaded = registry.load(settings.indexing.profile, models=settings.models)
    if "text" not in loaded.encoders:
        raise InvalidRequest("profile", f"{settings.indexing.profile} has no encoder of texts")
    encoder = loaded.encoders["text"]
    found = np.zeros((len(texts), loaded.profile.dim), dtype=np.float32)
    told = [index for index, text in enumerate(texts) if text]
    for begin in range(0, len(told), _BATCH):
        rows = told[begin : begin + _BATCH]
        found[rows] = encoder.embed_documents([texts[row] or "" for row in rows])
    return found

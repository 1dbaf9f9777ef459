"""Models that make vectors which no reader could use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mmpipe.encoders.base import Encoder, EncoderInput, Vectors
from tests.unit.indexing.conftest import Shop

POISON = (6, 6, 6)


def spoil(shop: Shop, value: float, patch: pytest.MonkeyPatch) -> None:
    """Texts that say poison, and photos of one colour, get vectors multiplied by ``value``."""

    def spoilt(encoder: Encoder) -> None:
        embed = encoder.embed_documents

        def embed_documents(inputs: Sequence[EncoderInput]) -> Vectors:
            vectors = np.array(embed(inputs))
            for place, each in enumerate(inputs):
                text = isinstance(each, str) and "poison" in each
                if text or (isinstance(each, np.ndarray) and tuple(each[0, 0]) == POISON):
                    vectors[place] *= value
            return vectors

        patch.setattr(encoder, "embed_documents", embed_documents)

    # Worker processes would load encoders of their own: these are everybody's.
    for modality in ("text", "image"):
        spoilt(shop.loaded.encoders[modality])
    patch.setattr("mmpipe.indexing.lanes.worker.models_for", lambda *_, **__: shop.loaded)

"""The sample catalogue's recordings: other seeds to train on, the shipped ones to measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from examples.catalogue.products import generate_products
from examples.catalogue.sounds import RATE, sound_of
from mmpipe.encoders.base import AudioClip
from mmpipe.learn.captions import CAPTIONS
from training.soundbank import KINDS, Bank

if TYPE_CHECKING:
    from examples.catalogue.products import SampleProduct
    from mmpipe.encoders.starter.loader import LoadedStarter

_PRODUCTS = 600


def recorded_bank(count: int, seed: int) -> Bank:
    """Up to ``count`` recordings of every kind the catalogue has, of products nobody ships."""
    makers = {p.sound: p for p in generate_products(seed + 100, _PRODUCTS) if p.sound in KINDS}
    clips, kinds = [], []
    for sound, product in sorted(makers.items()):
        for index in range(count):
            # A recording follows from the product's id, so a new id is a new recording.
            other = replace(product, id=f"{product.id}-{seed}-{index}")
            clips.append(sound_of(other).astype(np.float32) / 32768.0)
            kinds.append(KINDS.index(str(sound)))
    return Bank(clips, np.asarray(kinds, dtype=np.int64))


def sound_recall(loaded: LoadedStarter, products: list[SampleProduct]) -> dict[str, float]:
    """The shipped recordings: is the nearest caption one of their kind, and is the nearest product name?

    ``category`` takes the names of all categories in the catalogue as the choice, so it says how often a
    clip alone finds the right sort of product.
    """
    sounding = [p for p in products if p.sound in KINDS]
    clips = [AudioClip(sound_of(p).astype(np.float32) / 32768.0, RATE) for p in sounding]
    vectors = loaded.audio.embed_documents(clips)
    pairs = [(kind, words) for kind in KINDS for words in CAPTIONS[kind]]
    captions = loaded.text.embed_documents([words for _, words in pairs])
    nearest = (vectors @ captions.T).argmax(1)
    right = [pairs[row][0] == p.sound for row, p in zip(nearest, sounding, strict=True)]
    named = [(vector, p) for vector, p in zip(vectors, sounding, strict=True) if p.sound != "spoken"]
    categories = sorted({p.category for p in products})
    names = loaded.text.embed_documents(list(categories))
    found = [categories[int((names @ vector).argmax())] == p.category for vector, p in named]
    return {"sound_kind": float(np.mean(right)), "sound_to_category": float(np.mean(found))}

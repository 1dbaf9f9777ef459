"""Random views of a product: what a shopper types for it, what is indexed of it, how its recording sounds."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmpipe.encoders.starter.features import PART_SEPARATOR
from mmpipe.encoders.starter.glossary import is_han, load_glossary
from mmpipe.learn.captions import CAPTIONS
from mmpipe.learn.data import FIELDS, Item
from mmpipe.learn.views import attribute_query, choose_fields, shortened, translated_title

if TYPE_CHECKING:
    from mmpipe.learn.catalogue_data import TrainingItem

_ATTRIBUTES = 0.15
_DESCRIPTION = 0.1
_TRANSLATED = 0.1
_SHORTENED = 0.4
_LOOK_KEPT = 0.8
_GAIN, _SHIFT = 0.15, 60  # of level-normalised log energies; frames of 10 ms
_BANDS, _TIMES = 10, 60  # widest mask, of 64 bands and of 400 frames


def query_view(item: TrainingItem, rng: random.Random, *, augment: bool) -> tuple[str, tuple[str, ...]]:
    """``(text, fields)``: a title in one of its languages, whole, shortened or translated by the glossary, a
    sentence of the description, or the attributes named in ``fields``, which other products may share."""
    if not augment:
        return item.titles[0], ()
    draw = rng.random()
    if draw < _ATTRIBUTES and item.terms:
        worded = as_item(item)
        fields = choose_fields(worded, rng)
        return attribute_query(worded, fields, rng.choice(("en", "zh")), rng), fields
    if draw < _ATTRIBUTES + _DESCRIPTION and item.descriptions:
        sentence = rng.choice(item.descriptions).replace("。", ". ").split(". ")[0].strip()
        if sentence:
            return shortened(sentence, rng), ()
    title = rng.choice(item.titles)
    if title.isascii() and rng.random() < _TRANSLATED:
        title = translated_title(title, rng.choice((0.5, 1.0)), rng) or title
    return (shortened(title, rng) if rng.random() < _SHORTENED else title), ()


def document_view(item: TrainingItem, rng: random.Random, *, augment: bool) -> str:
    """What is read when the product is indexed, some of its looks left out."""
    if not augment:
        return item.document
    looks = [look for look in item.looks if rng.random() < _LOOK_KEPT]
    return PART_SEPARATOR.join(dict.fromkeys((*item.titles, *looks)))


def general_phrase(rng: random.Random) -> str:
    """A phrase of no particular catalogue: glossary words in either language, or what a sound is called."""
    if rng.random() < 0.15:
        return rng.choice(CAPTIONS[rng.choice(sorted(CAPTIONS))])
    glossary = load_glossary()
    language = rng.choice(("en", "zh"))
    kinds = rng.choice((("type",), ("colour", "type"), ("gender", "colour", "type"), ("material", "type")))
    words = []
    for kind in kinds:
        term = rng.choice(glossary.of_kind(kind))
        words.append(rng.choice(term.en if language == "en" else term.zh))
    return (" " if language == "en" else "").join(words)


def disturbed(mels: Tensor, generator: torch.Generator) -> Tensor:
    """Louder or softer by band, shifted in time, one band and one stretch of time masked (Park et al. 2019,
    SpecAugment); float ``(n, 64, 400)`` in and out."""
    n, bands, frames = mels.shape
    draws = torch.rand(n, 6, generator=generator)
    tilt = torch.linspace(-1, 1, bands)[None, :, None] * (draws[:, 0, None, None] * 2 - 1)
    out = mels + _GAIN * (tilt + (draws[:, 1, None, None] * 2 - 1))
    shifts = ((draws[:, 2] * 2 - 1) * _SHIFT).long()
    places = (torch.arange(frames)[None, :] - shifts[:, None]) % frames
    out = out.gather(2, places[:, None, :].expand(n, bands, frames))
    quiet = out.amin((1, 2), keepdim=True)
    for size, widest, start, width in ((bands, _BANDS, 3, 4), (frames, _TIMES, 5, 2)):
        wide = (draws[:, width] * widest)[:, None]
        first = draws[:, start, None] * (size - wide)
        steps = torch.arange(size)[None, :]
        hidden = (steps >= first) & (steps < first + wide)
        out = torch.where(hidden[:, :, None] if size == bands else hidden[:, None, :], quiet, out)
    return out


def as_item(item: TrainingItem) -> Item:
    """The product as the starter's trainer sees one: a title, a Chinese title if there is one, and terms.

    A product that has a Chinese title only has it in both places, so that nothing is translated from it.
    """
    terms = load_glossary().by_concept
    known = {f: terms[item.terms[f]] for f in FIELDS if item.terms.get(f) in terms}
    chinese = next((title for title in item.titles if any(is_han(c) for c in title)), None)
    title = next((title for title in item.titles if title != chinese), chinese)
    return Item(item.id, item.twin, title or item.titles[0], chinese, known)

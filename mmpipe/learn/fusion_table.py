"""Frozen encoders' vectors of a training catalogue: what a fusion is trained on, computed once.

Every row is a product. Sound and motion are not in the training data, so they are stood in for, by what such
vectors carry in the starter: a clip is frames through the image tower (here the mean of the picture and
another view of it), and a sound tells the kind of product and little else (here the vector of the bare
article type, blurred in training).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmpipe.errors import InvalidFeed
from mmpipe.learn.augment import augment
from mmpipe.learn.data import Item, Source
from mmpipe.learn.draws import draws
from mmpipe.learn.views import attribute_query, choose_fields, document_text, shortened, surface, title_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.learn.measures import Embedders

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.int64]

IMAGE_VIEWS = 2
TITLE_VIEWS = 2
ATTRIBUTE_VIEWS = 2
_TEXT_BATCH = 2_048
_IMAGE_BATCH = 512


@dataclass(frozen=True, slots=True)
class Table:
    """Vectors are unit length, float32; ``n`` products of ``dim`` dimensions.

    ``text`` and ``image`` ``(n, dim)`` are the documents'; ``asked_titles``, ``asked_attributes`` and
    ``asked_images`` ``(n, views, dim)`` what a shopper might ask for the product with; ``kinds`` ``(n, dim)``
    the article type's words. ``group`` numbers near-duplicates, ``type`` and ``colour`` attribute values (-1
    unknown); ``colours`` ``(values, languages, dim)`` are the colours' words.
    """

    text: Vectors
    image: Vectors
    asked_titles: Vectors
    asked_attributes: Vectors
    asked_images: Vectors
    kinds: Vectors
    group: Numbers
    type: Numbers
    colour: Numbers
    colours: Vectors

    def __len__(self) -> int:
        return len(self.text)

    def subset(self, rows: Numbers) -> Table:
        """The same table with only these products; the colours stay."""
        taken = {f.name: getattr(self, f.name) for f in fields(self)}
        return Table(**{n: v if n == "colours" else v[rows] for n, v in taken.items()})

    def save(self, path: Path) -> None:
        """Write a ``.npz``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Table:
        """Read what :meth:`save` wrote, or anything of the same columns. Raises :class:`InvalidFeed`."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{f.name: file[f.name] for f in fields(cls)})
        except (OSError, KeyError, ValueError) as error:
            raise InvalidFeed(f"{path} is no table of vectors: {error}") from error


def build(source: Source, embed: Embedders, seed: int) -> Table:
    """Encode every product of ``source`` and its views; depends on ``seed`` and the encoders alone."""
    items = source.items
    types, colours = ({term: i for i, term in enumerate(_values(items, name))} for name in ("type", "colour"))
    groups = {group: i for i, group in enumerate(dict.fromkeys(item.group for item in items))}
    first_of = {
        item.terms["colour"].concept: item.terms["colour"] for item in items if "colour" in item.terms
    }
    titles = [_titles(item, seed) for item in items]
    attributes = [_attributes(item, seed) for item in items]
    words = [
        [surface(first_of[concept], language, draws(seed, concept)) for language in ("en", "zh")]
        for concept in colours
    ]
    return Table(
        text=_texts([document_text(item, draws(seed, "document", item.id)) for item in items], embed),
        image=_images(source.pixels, embed),
        asked_titles=_views(titles, embed),
        asked_attributes=_views(attributes, embed),
        asked_images=np.stack([_augmented(source, seed + v, embed) for v in range(IMAGE_VIEWS)], axis=1),
        kinds=_texts([i.terms["type"].en[0] if "type" in i.terms else i.title for i in items], embed),
        group=np.asarray([groups[item.group] for item in items], np.int64),
        type=_numbers(items, "type", types),
        colour=_numbers(items, "colour", colours),
        colours=_views(words, embed),
    )


def _titles(item: Item, seed: int) -> list[str]:
    rng = draws(seed, "title", item.id)
    return [shortened(title_view(item, rng), rng) for _ in range(TITLE_VIEWS)]


def _attributes(item: Item, seed: int) -> list[str]:
    rng = draws(seed, "attributes", item.id)
    return [attribute_query(item, choose_fields(item, rng), language, rng) for language in ("en", "zh")]


def _values(items: list[Item], name: str) -> list[str]:
    return sorted({item.terms[name].concept for item in items if name in item.terms})


def _numbers(items: list[Item], name: str, values: dict[str, int]) -> Numbers:
    return np.asarray([values[i.terms[name].concept] if name in i.terms else -1 for i in items], np.int64)


def _views(texts: list[list[str]], embed: Embedders) -> Vectors:
    count = len(texts[0])
    return np.stack([_texts([views[v] for views in texts], embed) for v in range(count)], axis=1)


def _texts(texts: list[str], embed: Embedders) -> Vectors:
    parts = [embed.texts(texts[start : start + _TEXT_BATCH]) for start in range(0, len(texts), _TEXT_BATCH)]
    return np.concatenate(parts)


def _images(pixels: NDArray[np.uint8], embed: Embedders) -> Vectors:
    parts = [
        embed.images(pixels[start : start + _IMAGE_BATCH]) for start in range(0, len(pixels), _IMAGE_BATCH)
    ]
    return np.concatenate(parts)


def _augmented(source: Source, seed: int, embed: Embedders) -> Vectors:
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for start in range(0, len(source), _IMAGE_BATCH):
        pixels = torch.from_numpy(source.pixels[start : start + _IMAGE_BATCH])
        # All are taken as photos made by hand: a shopper's picture is rarely the catalogue's.
        strong = torch.ones(len(pixels), dtype=torch.bool)
        moved = augment(pixels, strong, generator).permute(0, 2, 3, 1).add(1.0).mul(127.5)
        parts.append(embed.images(moved.clamp(0, 255).to(torch.uint8).contiguous().numpy()))
    return np.concatenate(parts)

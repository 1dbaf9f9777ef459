"""Queries made from held-out products, to see what fusing modalities is worth.

Four ways of asking, all by ``seed``:

* ``text``: the title with half of its words left out → that product.
* ``image``: another photo of the product, as good as one can be made from the one there is (cropped, moved,
  mirrored, relit, blurred) → that product.
* ``mixed``: both together → that product. Each half alone is a query above, so nothing is asked that one
  modality could not know.
* ``change``: the photo, and as text only another colour's name ("like this, but red") → every product of the
  photo's category in that colour. The picture alone does not know the colour, the words alone not the kind.

Products with the same title and colour as the one meant are right answers, too: nothing tells them apart.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.product import Product

AskedBy = Literal["text", "image", "mixed", "change"]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FusionQuery:
    """One query; ``relevant`` are row numbers of the corpus, never empty."""

    way: AskedBy
    text: str | None
    image: Pixels | None
    relevant: frozenset[int]


def make_queries(
    products: Sequence[Product], pictures: Mapping[int, Pixels], chosen: Sequence[int], seed: int
) -> list[FusionQuery]:
    """Every way of asking for each of the ``chosen`` rows; ``pictures`` holds theirs, decoded.

    A product without a category, or whose category comes in one colour only, has no ``change`` query.
    """
    same: defaultdict[tuple[str, str | None], set[int]] = defaultdict(set)
    looks: defaultdict[str, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row, product in enumerate(products):
        same[_same_key(product)].add(row)
        if product.category and product.color:
            looks[product.category][product.color.lower()].add(row)
    queries: list[FusionQuery] = []
    for row in chosen:
        product = products[row]
        rng = random.Random(f"{seed}/{product.id}")  # noqa: S311 - a repeatable draw, no secret
        text, image = partial_title(product.title, rng), another_photo(pictures[row], rng)
        itself = frozenset(same[_same_key(product)])
        queries.append(FusionQuery("text", text, None, itself))
        queries.append(FusionQuery("image", None, image, itself))
        queries.append(FusionQuery("mixed", text, image, itself))
        colours = sorted(set(looks[product.category or ""]) - {(product.color or "").lower()})
        if product.color and colours:
            wanted = rng.choice(colours)
            answers = frozenset(looks[product.category or ""][wanted])
            queries.append(FusionQuery("change", wanted, image, answers))
    return queries


def partial_title(title: str, rng: random.Random) -> str:
    """Half of the title's words (of an unspaced one its characters), in order; at least one, at most all."""
    spaced = " " in title.strip()
    words = title.split() if spaced else list(title)
    kept = sorted(rng.sample(range(len(words)), max(1, (len(words) + 1) // 2)))
    return (" " if spaced else "").join(words[place] for place in kept)


def another_photo(picture: Pixels, rng: random.Random) -> Pixels:
    """The picture as another hand might have taken it: uint8 RGB of about the same size."""
    from PIL import Image, ImageEnhance, ImageFilter

    image = Image.fromarray(picture)
    width, height = image.size
    share = rng.uniform(0.7, 0.9)
    left = round(rng.random() * (1 - share) * width)
    top = round(rng.random() * (1 - share) * height)
    image = image.crop((left, top, left + max(1, round(share * width)), top + max(1, round(share * height))))
    image = image.rotate(rng.uniform(-10, 10), resample=Image.Resampling.BILINEAR, fillcolor=(255, 255, 255))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.7, 1.25))
    image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.75, 1.2))
    # Relative to the picture's size, so that small and large ones lose the same detail.
    image = image.filter(ImageFilter.GaussianBlur(min(width, height) / 60))
    return np.asarray(image, dtype=np.uint8)


def _same_key(product: Product) -> tuple[str, str | None]:
    return " ".join(product.title.lower().split()), product.color.lower() if product.color else None

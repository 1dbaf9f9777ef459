"""Pictures of the sample catalogue's generator, from other seeds than the catalogue that is shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.features import PART_SEPARATOR
from mmpipe.encoders.starter.glossary import Term, load_glossary
from mmpipe.encoders.starter.images import CANVAS_HEIGHT, CANVAS_WIDTH, fit, fit_all
from mmpipe.encoders.starter.towers import TRUNK_CANVAS
from mmpipe.learn.data import Item, Source
from training.data import normal_title

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from examples.catalogue.products import SampleProduct

_RENDER_SIZE = 160
_SHIPPED_SEED = 7
_SHIPPED_SIZE = 512


def empty_renders() -> Source:
    """No renders at all."""
    return Source("sample", [], np.zeros((0, *TRUNK_CANVAS, 3), dtype=np.uint8))


def read_renders(count: int, seed: int, cache: Path) -> Source:
    """Draw ``count`` products; ``cache`` keeps the pictures on the canvas, because drawing is slow."""
    if count == 0:
        return empty_renders()
    from examples.catalogue.render import render_image

    products = render_products(count, seed)
    terms_of = _Terms()
    items = [
        Item(f"render-{seed}-{p.id}", normal_title(p.title_en), p.title_en, p.title_zh, terms_of(p))
        for p in products
    ]
    file = cache / f"renders-{seed}-{count}-{CANVAS_HEIGHT}x{CANVAS_WIDTH}.npy"
    if file.is_file():
        drawn = np.load(file, mmap_mode="r")
    else:
        drawn = np.stack(
            [fit(render_image(p, view=i % 2, size=_RENDER_SIZE)) for i, p in enumerate(products)]
        )
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, drawn)
    pixels = np.stack([fit(picture, TRUNK_CANVAS) for picture in drawn])
    return Source("sample", items, pixels, originals=list(drawn))


def render_products(count: int, seed: int) -> list[SampleProduct]:
    """``count`` products of the generator, without those whose title a shipped one has."""
    from examples.catalogue.products import generate_products

    if seed == _SHIPPED_SEED:
        raise ValueError("render seed 7 is the shipped catalogue; train on another one")
    shipped = {normal_title(p.title_en) for p in generate_products()}
    return [p for p in generate_products(seed, count) if normal_title(p.title_en) not in shipped]


def text_of(p: SampleProduct) -> str:
    """What the text encoder reads of a product."""
    parts = (p.title_en, p.title_zh, p.brand, p.product_type, p.colour, p.material, p.pattern, p.gender)
    return PART_SEPARATOR.join(dict.fromkeys(part for part in parts if part))


@cache
def shipped_catalogue() -> tuple[list[SampleProduct], list[str], NDArray[np.uint8]]:
    """The catalogue that is shipped: products, what the text encoder reads of each, and their photos."""
    from examples.catalogue.products import generate_products
    from examples.catalogue.render import render_image

    products = generate_products()
    texts = [text_of(p) for p in products]
    return products, texts, fit_all([render_image(p, size=_SHIPPED_SIZE) for p in products])


class _Terms:
    """The generator's words as glossary terms; what the glossary lacks becomes a term of its own."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Term] = {}
        for term in load_glossary().terms:
            for surface in (term.key, *term.en):
                self._known.setdefault((term.kind, surface.lower()), term)

    def __call__(self, product: SampleProduct) -> dict[str, Term]:
        words = {"type": (product.category, product.category_zh), "colour": (product.colour, "")}
        if product.gender:
            words["gender"] = ({"male": "men", "female": "women"}.get(product.gender, product.gender), "")
        words |= {"pattern": (product.pattern, ""), "material": (product.material, "")}
        found = {}
        for kind, (english, chinese) in words.items():
            term = self._known.get((kind, english.lower()))
            if term is None and chinese:
                term = Term(kind, english.lower(), (english.lower(),), (chinese,))
            if term is not None:
                found[kind] = term
        return found

"""Searches with known answers: the demo's dozen, and judged text queries for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from examples.catalogue.media import encode_jpeg
from examples.catalogue.palette import COLOURS, MATERIALS, PATTERNS
from examples.catalogue.products import SampleProduct
from examples.catalogue.render import render_image

Kind = Literal["text", "image", "text+image", "similar"]


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """One search and what must come first.

    ``text`` and ``image`` (JPEG bytes) are what is asked; ``product_id`` is the product asked about when
    ``kind`` is ``"similar"``, else None. The best hit must be one of ``expected_ids``; where that is empty,
        it must have
    every field of ``expected`` (``category`` and ``colour`` as in :class:`SampleProduct`).
    """

    kind: Kind
    label: str
    text: str | None = None
    image: bytes | None = None
    product_id: str | None = None
    language: str | None = None
    expected_ids: frozenset[str] = frozenset()
    expected: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, product: SampleProduct) -> bool:
        """Whether ``product`` may be the best hit."""
        if self.expected_ids:
            return product.id in self.expected_ids
        return all(getattr(product, name) == value for name, value in self.expected.items())


def demo_queries(products: list[SampleProduct]) -> list[DemoQuery]:
    """Up to twelve searches: English and Chinese text, photos, photos with words, and similar products.

    They are chosen by what the catalogue holds, so any seed and any count from about 100 up gives all twelve;
    a kind for which nothing suits is left out.
    """
    used: set[str] = set()
    queries: list[DemoQuery] = []
    for category, language in (
        ("dress", "en"),
        ("sneakers", "en"),
        ("guitar", "en"),
        ("sofa", "zh"),
        ("mug", "zh"),
    ):
        found = _pick(products, used, lambda p, c=category: p.category == c)  # type: ignore[misc]
        if found is not None:
            text = found.title_en if language == "en" else found.title_zh
            queries.append(_titled(found, text, language))
    for category, language in (("backpack", "en"), ("teddy bear", "zh")):
        queries.extend(_by_look(products, category, language))
    for category in ("camera", "kettle"):
        found = _pick(products, used, lambda p, c=category: p.category == c)  # type: ignore[misc]
        if found is not None:
            label = f"another photo of {found.title_en}"
            queries.append(
                DemoQuery(
                    "image",
                    label,
                    image=_photo(found),
                    expected={"category": found.category, "colour": found.colour},
                )
            )
    for category in ("handbag", "chair"):
        queries.extend(_recoloured(products, used, category))
    found = _pick(products, used, lambda p: p.category == "watch")
    if found is not None:
        queries.append(
            DemoQuery(
                "similar",
                f"similar to {found.title_en}",
                product_id=found.id,
                expected={"category": found.category},
            )
        )
    return queries


def judged_text_queries(products: list[SampleProduct]) -> list[tuple[str, list[str]]]:
    """``(query, relevant ids)`` in both languages: each title, which has one answer, and looks such as
    ``red striped dress``, answered by all that have it.

    Looks with more than ten answers are left out, so that recall at 10 can reach 1.
    """
    judged = [(product.title_en, [product.id]) for product in products]
    judged += [(product.title_zh, [product.id]) for product in products]
    looks: dict[tuple[str, str], list[str]] = {}
    for product in products:
        for text in (look_en(product), look_zh(product)):
            looks.setdefault((text, product.category), []).append(product.id)
    judged += [(text, sorted(ids)) for (text, _), ids in sorted(looks.items()) if len(ids) <= 10]
    return judged


def look_en(product: SampleProduct) -> str:
    """Colour, pattern and category in English: ``red striped dress``."""
    return " ".join(part for part in (product.colour, PATTERNS[product.pattern].en, product.category) if part)


def look_zh(product: SampleProduct) -> str:
    """The same in Chinese: ``红色条纹连衣裙``."""
    return f"{COLOURS[product.colour].zh}{PATTERNS[product.pattern].zh}{product.category_zh}"


def _pick(
    products: Iterable[SampleProduct], used: set[str], suits: Callable[[SampleProduct], bool]
) -> SampleProduct | None:
    """The first product that suits and was not asked about yet; patterned ones first, for the eye."""
    fitting = [p for p in products if p.id not in used and suits(p)]
    found = min(fitting, key=lambda p: (p.pattern == "solid", p.id), default=None)
    if found is not None:
        used.add(found.id)
    return found


def _titled(product: SampleProduct, text: str, language: str) -> DemoQuery:
    return DemoQuery("text", text, text=text, language=language, expected_ids=frozenset({product.id}))


def _by_look(products: list[SampleProduct], category: str, language: str) -> list[DemoQuery]:
    """A query by colour, material and category; every product of that colour and category may answer it."""
    held = [p for p in products if p.category == category]
    if not held:
        return []
    product = min(held, key=lambda p: p.id)
    if language == "en":
        text = f"{product.colour} {MATERIALS[product.material].en} {product.category}"
    else:
        text = f"{COLOURS[product.colour].zh}{MATERIALS[product.material].zh}{product.category_zh}"
    wanted = {"category": category, "colour": product.colour}
    return [DemoQuery("text", text, text=text, language=language, expected=wanted)]


def _recoloured(products: list[SampleProduct], used: set[str], category: str) -> list[DemoQuery]:
    """A photo of one product, and in words the colour that it should have instead."""
    held = [p for p in products if p.category == category]
    colours = sorted({p.colour for p in held})
    source = _pick(held, used, lambda p: p.pattern == "solid") or _pick(held, used, lambda p: True)
    if source is None:
        return []
    others = [c for c in colours if c != source.colour]
    if not others:
        return []
    wanted = "blue" if "blue" in others else others[0]
    text = f"{wanted} {category}"
    expected = {"category": category, "colour": wanted}
    label = f"like this photo of {source.title_en}, but in {wanted}"
    return [DemoQuery("text+image", label, text=text, image=_photo(source), language="en", expected=expected)]


def _photo(product: SampleProduct) -> bytes:
    """A photo that is not in the catalogue: another view of the product, smaller."""
    return encode_jpeg(render_image(product, view=5, size=384))

"""Judged queries of several kinds over the sample catalogue: ``python -m examples.catalogue.judged FILE``.

Which products answer a query follows from what they are made of: the same words in another spelling have the
answers of the words themselves.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.catalogue.palette import COLOURS, MATERIALS
from examples.catalogue.products import SampleProduct, generate_products

PER_KIND = 36
OTHER_WORDS = {
    "t-shirt": "tee", "trousers": "pants", "sofa": "couch", "cushion": "throw pillow", "suitcase": "luggage",
    "handbag": "purse", "umbrella": "brolly", "bicycle": "bike", "pan": "skillet", "phone": "cell phone",
    "notebook": "notepad", "backpack": "rucksack", "headphones": "headset", "sunglasses": "shades",
    "sweater": "pullover", "sneakers": "trainers", "jacket": "coat", "laptop": "notebook computer",
    "speaker": "loudspeaker", "teddy bear": "stuffed animal",
}  # fmt: skip
OTHER_WORDS_ZH = {
    "手提包": "手袋", "双肩包": "背包", "行李箱": "拉杆箱", "太阳镜": "墨镜", "手表": "腕表", "雨伞": "伞",
    "音箱": "音响", "抱枕": "靠垫", "自行车": "单车", "记事本": "本子", "运动鞋": "跑鞋", "夹克": "外套",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """One query, its kind, and the ids that answer it."""

    kind: str
    query: str
    relevant: tuple[str, ...]

    def line(self) -> str:
        """As :func:`mmpipe.evaluate.judged.read_queries` reads it."""
        return json.dumps(
            {"query": self.query, "relevant": self.relevant, "kind": self.kind}, ensure_ascii=False
        )


def judged_queries(products: list[SampleProduct], seed: int = 7) -> list[Judged]:
    """Up to :data:`PER_KIND` queries of each kind, the same for the same products and seed."""
    found: list[Judged] = []
    for kind, make in _KINDS.items():
        rng = random.Random(f"{seed}/{kind}")  # noqa: S311
        asked: dict[str, Judged] = {}
        for product in rng.sample(products, len(products)):
            for judged in make(product, products, rng):
                if judged.relevant:
                    asked.setdefault(judged.query, judged)
            if len(asked) >= PER_KIND:
                break
        found += list(asked.values())[:PER_KIND]
    return found


def _alike(product: SampleProduct, products: list[SampleProduct], *names: str) -> tuple[str, ...]:
    return tuple(p.id for p in products if all(getattr(p, n) == getattr(product, n) for n in names))


def _plain(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    yield Judged("plain", f"{p.colour} {p.category}", _alike(p, products, "colour", "category"))


def _typo(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    words = [p.brand, *p.category.split()]
    longest = max(words, key=len)
    if len(longest) > 4:
        at = rng.randrange(1, len(longest) - 2)
        slips = (
            longest[:at] + longest[at + 1] + longest[at] + longest[at + 2 :],
            longest[:at] + longest[at + 1 :],
            longest[:at] + longest[at] + longest[at:],
        )
        slip = rng.choice([each for each in slips if each != longest] or [longest])
        query = " ".join(slip if word == longest else word for word in words)
        yield Judged("typo", query, _alike(p, products, "brand", "category"))


def _joined(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    if p.category in ("sunglasses", "backpack", "headphones", "notebook", "suitcase", "handbag"):
        at = {"sunglasses": 3, "backpack": 4, "headphones": 4, "notebook": 4, "suitcase": 4, "handbag": 4}
        split = f"{p.category[: at[p.category]]} {p.category[at[p.category] :]}"
        yield Judged("joined", f"{p.colour} {split}", _alike(p, products, "colour", "category"))
    if p.category in ("t-shirt", "teddy bear", "toy car", "alarm clock"):
        joined = p.category.replace(" ", "").replace("-", "")
        yield Judged("joined", f"{p.colour} {joined}", _alike(p, products, "colour", "category"))


def _synonym(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    if p.category in OTHER_WORDS:
        relevant = _alike(p, products, "colour", "category")
        yield Judged("synonym", f"{p.colour} {OTHER_WORDS[p.category]}", relevant)


def _synonym_zh(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    if p.category_zh in OTHER_WORDS_ZH:
        query = f"{COLOURS[p.colour].zh}{OTHER_WORDS_ZH[p.category_zh]}"
        yield Judged("synonym-zh", query, _alike(p, products, "colour", "category"))


def _attribute(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    relevant = _alike(p, products, "material", "category")
    yield Judged("attribute", f"{MATERIALS[p.material].en} {p.category}", relevant)


def _negative(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    relevant = tuple(
        o.id
        for o in products
        if o.category == p.category and o.brand == p.brand and p.colour not in f"{o.colour} {o.accent}"
    )
    yield Judged("negative", f"{p.brand} {p.category} -{p.colour}", relevant)


def _sku(p: SampleProduct, _: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    written = rng.choice(
        (p.id, p.id.upper(), p.id.replace("-", ""), p.id.replace("-", " "), p.id.replace("-", "/"))
    )
    yield Judged("sku", written, (p.id,))


def _zh(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    yield Judged("zh", f"{COLOURS[p.colour].zh}{p.category_zh}", _alike(p, products, "colour", "category"))


_KINDS: dict[str, Callable[[SampleProduct, list[SampleProduct], random.Random], Iterator[Judged]]] = {
    "plain": _plain,
    "typo": _typo,
    "joined": _joined,
    "synonym": _synonym,
    "synonym-zh": _synonym_zh,
    "attribute": _attribute,
    "negative": _negative,
    "sku": _sku,
    "zh": _zh,
}


if __name__ == "__main__":
    lines = [judged.line() for judged in judged_queries(generate_products())]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n", encoding="utf-8")

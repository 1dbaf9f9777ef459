"""Judged queries of several kinds over the sample catalogue: ``python -m examples.catalogue.judged FILE``.

Which products answer a query follows from what they are made of: the same words in another spelling have the
answers of the words themselves. A FILE that ends in ``.parquet`` also holds the queries with photos.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pypinyin import lazy_pinyin

from examples.catalogue.media import encode_jpeg
from examples.catalogue.palette import COLOURS, MATERIALS
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image

PER_KIND = 36
PHOTO_SIDE = 384
GENDERS = {"female": (("women's", "ladies", "women"), "女士"), "male": (("men's", "gents", "men"), "男士")}
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
    """One query, its kind, and the ids that answer it; with ``photo`` a picture of that product is sent too,
    taken from another side than any in the catalogue."""

    kind: str
    query: str
    relevant: tuple[str, ...]
    photo: SampleProduct | None = None

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
                    asked.setdefault(judged.query if judged.photo is None else judged.photo.id, judged)
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


def _pinyin(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    said = [lazy_pinyin(word) for word in (COLOURS[p.colour].zh, p.category_zh)]
    if min(map(len, said)) > 1 and all(syllable.isascii() for word in said for syllable in word):
        between, within = rng.choice(((" ", ""), ("", ""), (" ", " ")))
        query = between.join(within.join(word) for word in said)
        yield Judged("pinyin", query, _alike(p, products, "colour", "category"))


def _mixed(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    query = rng.choice((f"{p.colour} {p.category_zh}", f"{COLOURS[p.colour].zh} {p.category}"))
    yield Judged("mixed", query, _alike(p, products, "colour", "category"))


def _value(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    query, names = rng.choice(
        (
            (f"{p.brand} {p.category}", ("brand", "category")),
            (f"{p.category} {p.brand} {p.colour}", ("brand", "category", "colour")),
            (f"{p.category} size {p.size}", ("category", "size")),
        )
    )
    if "size" not in names or p.size:
        yield Judged("value", query, _alike(p, products, *names))


def _gender(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    if p.gender in GENDERS:
        said, zh = GENDERS[p.gender]
        query = rng.choice((f"{rng.choice(said)} {p.category}", f"{p.category} for {said[-1]}"))
        relevant = _alike(p, products, "gender", "category")
        yield Judged("gender", rng.choice((query, query, f"{zh}{p.category_zh}")), relevant)


def _bounds(p: SampleProduct, rng: random.Random) -> tuple[int | None, int | None]:
    """Round amounts below and above a price: either or both."""
    low, high = int(p.price) // 10 * 10, int(p.price) // 10 * 10 + 10
    return rng.choice(((None, high), (None, high), (low, None), (low, high + 10)))


def _priced(
    p: SampleProduct, products: list[SampleProduct], low: int | None, high: int | None
) -> tuple[str, ...]:
    return tuple(
        o.id
        for o in products
        if o.category == p.category and (low or 0) <= o.price and (high is None or o.price <= high)
    )


def _price(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    low, high = _bounds(p, rng)
    if low is None:
        said = rng.choice(
            (f"under {high}", f"below ${high}", f"less than {high} usd", f"max ${high}", f"${high} or less")
        )
    elif high is None:
        said = rng.choice((f"over {low}", f"from ${low}", f"above {low} dollars"))
    else:
        said = rng.choice((f"between {low} and {high}", f"{low}-{high} dollars", f"${low} to ${high}"))
    yield Judged("price", f"{p.category} {said}", _priced(p, products, low, high))


def _price_zh(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    low, high = _bounds(p, rng)
    thing = p.category_zh
    if low is None:
        query = rng.choice(
            (
                f"{high}美元以下的{thing}",
                f"{thing} 不超过{high}",
                f"低于{high}的{thing}",
                f"{thing}{high}以内",
            )
        )
    elif high is None:
        query = rng.choice((f"{low}美元以上的{thing}", f"高于{low}的{thing}"))
    else:
        query = rng.choice((f"{low}到{high}美元的{thing}", f"{thing} 价格{low}-{high}"))
    yield Judged("price-zh", query, _priced(p, products, low, high))


def _photo(p: SampleProduct, products: list[SampleProduct], _: random.Random) -> Iterator[Judged]:
    yield Judged("photo", "", _alike(p, products, "colour", "category"), p)


def _photo_and_text(p: SampleProduct, products: list[SampleProduct], rng: random.Random) -> Iterator[Judged]:
    others = sorted({o.colour for o in products if o.category == p.category} - {p.colour})
    if others:
        wanted = rng.choice(others)
        relevant = tuple(o.id for o in products if o.category == p.category and o.colour == wanted)
        yield Judged("photo+text", f"{wanted} {p.category}", relevant, p)


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
    "pinyin": _pinyin,
    "mixed": _mixed,
    "value": _value,
    "gender": _gender,
    "price": _price,
    "price-zh": _price_zh,
    "photo": _photo,
    "photo+text": _photo_and_text,
}


def write_judged(path: Path, judged: list[Judged]) -> None:
    """As :func:`mmpipe.evaluate.judged.read_queries` reads it: Parquet with photos, or JSONL without those
    that have one."""
    if path.suffix != ".parquet":
        lines = [each.line() for each in judged if each.photo is None]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    rows = [
        {
            "query": each.query or None,
            "image": None if each.photo is None else _picture(each.photo),
            "product_id": each.relevant,
            "kind": each.kind,
        }
        for each in judged
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def _picture(product: SampleProduct) -> bytes:
    return encode_jpeg(render_image(product, view=5, size=PHOTO_SIDE))


if __name__ == "__main__":
    write_judged(Path(sys.argv[1]), judged_queries(generate_products()))

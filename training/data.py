"""The data sets that the starter is trained on and measured with, read into memory."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.glossary import Glossary, Term, fold, load_glossary, split_words
from mmpipe.encoders.starter.images import CANVAS_HEIGHT, CANVAS_WIDTH, fit
from mmpipe.encoders.starter.towers import TRUNK_CANVAS
from mmpipe.errors import InvalidFeed
from mmpipe.learn.data import Item, Source
from mmpipe.learn.measures import Embedders
from training.splits import choosing, held_stretch, near_duplicates, thumbnails

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.encoders.base import Vectors

_TITLE_KINDS = ("pattern", "material")
_TITLE_CHARS = 160
_PART = 1_024
# What the split of shop photos looks at: it must not change with the canvas.
_SPLIT_SIZE = (160, 120)


def normal_title(title: str) -> str:
    """Titles that differ in case, punctuation or spacing only are near-duplicates."""
    return " ".join(split_words(fold(title)))


def decode(data: bytes, canvas: tuple[int, int] = TRUNK_CANVAS) -> NDArray[np.uint8]:
    """Image bytes → RGB of ``canvas``, the image tower's trunk's unless told otherwise."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return fit(np.asarray(image.convert("RGB")), canvas)


def decode_all(blobs: Iterable[bytes], count: int) -> NDArray[np.uint8]:
    """Every picture on the trunk's canvas: uint8 of shape ``(count, 80, 64, 3)``."""
    pixels = np.empty((count, *TRUNK_CANVAS, 3), dtype=np.uint8)
    for index, blob in enumerate(blobs):
        pixels[index] = decode(blob)
    return pixels


def on_canvas(source: Source, rows: slice = slice(None)) -> NDArray[np.uint8]:
    """These rows' pictures on the tower's own canvas, made from their originals: ``(n, 160, 128, 3)``.

    All at once they take four times the memory of ``source.pixels``; see :func:`embedded`.
    """
    canvas = (CANVAS_HEIGHT, CANVAS_WIDTH)
    found = [
        decode(original, canvas) if isinstance(original, bytes) else fit(original, canvas)
        for original in source.originals[rows]
    ]
    return np.stack(found) if found else np.empty((0, *canvas, 3), dtype=np.uint8)


def embedded(source: Source, embed: Embedders) -> Vectors:
    """The vectors of every picture on the tower's canvas, a part at a time."""
    parts = [embed.images(on_canvas(source, slice(s, s + _PART))) for s in range(0, len(source), _PART)]
    return np.concatenate(parts)


def _term(glossary: Glossary, kind: str, value: object) -> Term | None:
    return glossary.by_concept.get(f"{kind}/{str(value).strip().lower()}") if value is not None else None


def _title_terms(glossary: Glossary, title: str) -> dict[str, Term]:
    found: dict[str, Term] = {}
    for span in glossary.match_en(split_words(fold(title))):
        for term in span.terms:
            if term.kind in _TITLE_KINDS:
                found.setdefault(term.kind, term)
    return found


def read_fashion(folder: Path) -> tuple[Source, Source, Source]:
    """``(train, dev, twins)`` of the KAGL catalogue in ``folder/kagl``.

    ``twins`` are the train rows whose title equals, or whose picture almost equals, a dev product's: part of
    the corpus searched, never trained on.
    """
    import pyarrow.parquet as pq

    path = folder / "kagl" / "catalogue.parquet"
    if not path.is_file():
        raise InvalidFeed(f"{path} is missing; --data must name the folder that holds kagl/ and grocery/")
    rows = pq.read_table(path).to_pylist()
    dev_titles = {normal_title(r["title"]) for r in rows if r["split"] == "dev"}
    glossary = load_glossary()
    items = []
    for row in rows:
        named = {
            "type": _term(glossary, "type", row["article_type"]),
            "colour": _term(glossary, "colour", row["base_colour"]),
            "gender": _term(glossary, "gender", row["gender"]),
            "usage": _term(glossary, "usage", row["usage"]),
            "season": _term(glossary, "season", row["season"]),
        }
        terms = {f: t for f, t in named.items() if t is not None} | _title_terms(glossary, row["title"])
        items.append(Item(row["id"], normal_title(row["title"]), row["title"], None, terms))
    blobs = [row["image"] for row in rows]
    source = Source("fashion", items, decode_all(blobs, len(blobs)), originals=blobs)
    is_dev = np.array([r["split"] == "dev" for r in rows])
    is_twin = ~is_dev & np.array([normal_title(r["title"]) in dev_titles for r in rows])
    is_twin[~is_dev] |= near_duplicates(source.pixels[is_dev], source.pixels[~is_dev])
    parts = (~is_dev & ~is_twin, is_dev, is_twin)
    train, dev, twins = (source.subset(np.flatnonzero(part)) for part in parts)
    return train, dev, twins


def read_grocery(folder: Path) -> tuple[Source, Source]:
    """``(train, held_out)`` of the grocery set: studio pictures and shop photos.

    Of each product's photos one stretch of the row they were taken in is held out, so that no shelf is on
    both sides. The studio pictures are in both (they are the documents searched).
    """
    import pyarrow.parquet as pq

    products = pq.read_table(folder / "grocery" / "products.parquet").to_pylist()
    photos = pq.read_table(folder / "grocery" / "photos_train.parquet").to_pylist()
    photos.sort(key=lambda row: (row["product_id"], row["photo"]))
    glossary = load_glossary()
    by_id: dict[str, Item] = {}
    for row in products:
        category = row["category"].lower().replace("-", " ")
        key = {"orange": "orange fruit", "peach": "peach fruit"}.get(category, category)
        term = _term(glossary, "grocery", key)
        terms = {"type": term} if term is not None else {}
        by_id[row["id"]] = Item(row["id"], f"grocery:{row['id']}", row["title"], None, terms)
    items = list(by_id.values()) + [by_id[row["product_id"]] for row in photos]
    blobs = [row["image"] for row in products] + [row["image"] for row in photos]
    photo = np.arange(len(items)) >= len(products)
    source = Source("grocery", items, decode_all(blobs, len(items)), photo, blobs)
    small = thumbnails(np.stack([decode(blob, _SPLIT_SIZE) for blob in blobs]))
    held = np.zeros(len(items), dtype=np.bool_)
    owners = np.array([item.id for item in items], dtype=object)
    for product in by_id:
        rows = np.flatnonzero(photo & (owners == product))
        held[rows] = held_stretch(small[rows])
    return source.subset(np.flatnonzero(~held)), source.subset(np.flatnonzero(held | ~photo))


def choosing_photos(held: Source) -> NDArray[np.bool_]:
    """Which rows are photos of the half that chooses."""
    marks = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in held.pixels]
    return np.asarray(choosing(marks) & held.photo)


def read_queries(folder: Path) -> list[tuple[str, list[str]]]:
    """The KAGL dev queries: ``(text, relevant ids)``."""
    lines = (folder / "kagl" / "queries_dev.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["query"], list(row["relevant"])) for row in map(json.loads, lines)]


def read_article_types(folder: Path) -> dict[str, str]:
    """Product id → article type as the KAGL catalogue writes it."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "kagl" / "catalogue.parquet", columns=["id", "article_type"])
    return dict(zip(table["id"].to_pylist(), table["article_type"].to_pylist(), strict=True))


def read_text_pairs(folder: Path) -> list[tuple[str, str]]:
    """``(title, what else is said of it)`` of products without pictures: Chinese shop and Amazon titles.

    They widen the vocabulary beyond fashion and groceries. Sets that are not in ``folder`` are left out.
    """
    pairs: list[tuple[str, str]] = []
    path = folder / "zh" / "litemall_products.jsonl"
    if path.is_file():
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            pairs += [(row["title"], f"{row['category']} {row['brief']}")]
    path = folder / "scientific" / "items.jsonl"
    if path.is_file():
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            categories = row.get("categories") or []
            words = " ".join(categories) if isinstance(categories, list) else str(categories)
            pairs.append((row["title"][:_TITLE_CHARS], f"{row.get('brand') or ''} {words}".strip()))
    return [(title, rest) for title, rest in pairs if title and rest]

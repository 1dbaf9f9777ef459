"""A feed's products as vectors per modality, read, fetched and encoded by the pipeline's own code."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmpipe import media
from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.encoders.base import MODALITIES, Modality, Vectors
from mmpipe.errors import InvalidFeed, InvalidRequest
from mmpipe.indexing.pipeline.encode import encode
from mmpipe.indexing.pipeline.media import Gathered, gather, plan_media
from mmpipe.indexing.sources.rows import root_of
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake.schema import vector_column
from mmpipe.objects import to_uri

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.schemas.product import Product
    from mmpipe.settings import Settings

_CHUNK = 256
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Corpus:
    """``products`` with their ``vectors[m]``, float32 ``(n, dim)``, where ``present[m]``; ``pictures`` are
    the decoded first photos of the ``chosen`` rows, which queries are made from."""

    products: Sequence[Product]
    vectors: Mapping[Modality, Vectors]
    present: Mapping[Modality, NDArray[np.bool_]]
    chosen: Sequence[int]
    pictures: Mapping[int, NDArray[np.uint8]]


def read_corpus(
    settings: Settings,
    feeds: Sequence[Path],
    loaded: LoadedEncoders,
    *,
    held_out: tuple[str, str] | None,
    count: int,
    seed: int,
) -> Corpus:
    """Encode every product; of a repeated id the last row counts.

    ``count`` products that have a picture and, with ``held_out`` (name, value), carry that attribute are
    chosen by ``seed``. Raises :class:`InvalidRequest` where none does, and :class:`InvalidFeed` for a feed
    without products.
    """
    rows: dict[str, tuple[FeedRow, str]] = {}
    for path in feeds:
        if not path.is_file():
            raise InvalidRequest("products", f"no file at {path}")
        root = root_of(to_uri(path), "")
        with path.open("rb") as stream:
            for row in read_feed(stream, path.name, settings.feeds):
                if row.product is not None and not row.group:
                    rows[row.product.id] = (row, root)
    if not rows:
        raise InvalidFeed("the feeds hold no product")
    products = [row.product for row, _ in rows.values() if row.product is not None]
    vectors: dict[Modality, Vectors] = {
        m: np.zeros((len(products), loaded.profile.dim), np.float32) for m in MODALITIES
    }
    present = {m: np.zeros(len(products), np.bool_) for m in MODALITIES}
    wanted = set(_wanted(products, held_out, seed))
    pictures: dict[int, NDArray[np.uint8]] = {}
    fetcher = media.Fetcher(settings.media, stores(settings))
    start = 0
    for chunk in _chunks(rows.values(), _CHUNK):
        batch: list[Gathered] = []
        for number, (row, root) in enumerate(chunk, start=start):
            product = products[number]
            encodable = frozenset(loaded.encoders)
            plan = plan_media(product, row.inline_media, root, settings.media, encodable)
            inputs = gather(plan, {}, fetcher, settings.media).inputs
            first = inputs.get("image", [None])[0]
            if number in wanted and isinstance(first, np.ndarray):
                pictures[number] = first
            batch.append(Gathered(inputs={"text": [product.text_for_encoder()], **inputs}))
        columns = encode(batch, loaded).columns
        for m in MODALITIES:
            block = columns.get(vector_column(m))
            if block is not None:
                vectors[m][start : start + len(batch)] = block.values
                present[m][start : start + len(batch)] = block.present
        start += len(batch)
    chosen = [row for row in _wanted(products, held_out, seed) if row in pictures][:count]
    if not chosen:
        raise InvalidRequest("held-out", "no product with a picture to make queries of")
    held = [m for m in MODALITIES if present[m].any()]
    return Corpus(products, {m: vectors[m] for m in held}, {m: present[m] for m in held}, chosen,
                  {row: pictures[row] for row in chosen})  # fmt: skip


def _wanted(products: Sequence[Product], held_out: tuple[str, str] | None, seed: int) -> list[int]:
    if held_out is None:
        rows = list(range(len(products)))
    else:
        name, value = held_out
        rows = [row for row, product in enumerate(products) if _column(product, name) == value]
    random.Random(seed).shuffle(rows)  # noqa: S311 - a repeatable draw, no secret
    return rows


def _column(product: Product, name: str) -> str | None:
    """A column by its name, also one that nobody chose to publish."""
    return product.attributes.get(name, product.private.get(name))


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk

"""Titles asked of pictures alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.base import EncoderInput, Vectors
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.evaluate import pictures
from mmpipe.evaluate.judged import JudgedQuery
from mmpipe.lake import ProductTable
from mmpipe.lake.schema import VectorBlock, vector_array
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop, settings, shop

__all__ = ["settings", "shop"]


class Text:
    """Encodes a title as the unit vector that its number names."""

    def __init__(self, dim: int) -> None:
        self._eye = np.eye(dim, dtype=np.float32)

    def embed_query(self, query: EncoderInput) -> Vectors:
        row: Vectors = self._eye[int(str(query))]
        return row


@pytest.fixture
def table(shop: Shop) -> ProductTable:
    """Products a, b, c and one without a picture; the picture of the nth is the nth unit vector."""
    shop.bucket.put("media/1.png", png((200, 0, 0)))
    names = ["c", "a", "b"]
    photos = [shop.bucket.put_product(n, title=f"title {n}", image_link="media/1.png") for n in names]
    shop.ok(*photos, shop.bucket.put_product("plain", title="no photo"))
    rows = shop.table.fetch(["a", "b", "c"])
    order = {"a": 0, "b": 1, "c": 2}
    values = np.eye(shop.table.dim, dtype=np.float32)[[order[i] for i in rows.column("id").to_pylist()]]
    block = VectorBlock(values, np.ones(rows.num_rows, dtype=np.bool_))
    position = rows.schema.get_field_index("image_vector")
    rows = rows.set_column(position, "image_vector", vector_array(block, rows.num_rows, shop.table.dim))
    shop.table.refresh(rows)
    return shop.table


def test_each_title_finds_its_own_picture(table: ProductTable) -> None:
    fake = registry.load("fake")
    encoders = {**fake.encoders, "text": Text(table.dim)}
    loaded = LoadedEncoders(replace(fake.profile, dim=table.dim), encoders)  # type: ignore[arg-type]
    ids = pictures.common_pictures([table.latest(), table.latest()], np.random.default_rng(0))
    assert ids == ["a", "b", "c"]
    queries = [JudgedQuery(str(n), {}, frozenset({i})) for n, i in enumerate(ids)]
    asked = pictures.about([*queries, JudgedQuery("3", {}, frozenset({"plain"}))], ids)
    assert asked == queries
    ranked = pictures.rank(table.latest(), loaded, ids, asked, 2)
    assert ranked == [("a", "b"), ("b", "a"), ("c", "a")]  # ties by id


def test_of_many_pictures_a_few_are_asked(table: ProductTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PICTURES", 2)
    ids = pictures.common_pictures([table.latest()], np.random.default_rng(0))
    assert len(ids) == 2
    assert ids == sorted(ids)

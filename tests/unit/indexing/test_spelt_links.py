"""A link that spells its file's key in another way: the product follows every address that it may mean."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop

RED, BLUE = (220, 30, 30), (30, 30, 220)
COMPOSED = unicodedata.normalize("NFC", "media/café.png")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
SPELLINGS = [("media/red%20shirt.png", "media/red shirt.png"), (COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)]


def shows(shop: Shop, colour: tuple[int, int, int]) -> bool:
    expected = shop.loaded.encoders["image"].embed_documents([np.full((8, 8, 3), colour, np.uint8)])[0]
    vector = shop.row("a")["image_vector"]
    return vector is not None and np.allclose(vector, expected, atol=1e-6)


@pytest.mark.parametrize(("link", "key"), SPELLINGS)
def test_a_photo_under_another_spelling_is_found_and_followed(shop: Shop, link: str, key: str) -> None:
    shop.ok(shop.bucket.put(key, png(RED)))
    shop.ok(shop.bucket.put_product("a", title="Shirt", image_link=link))
    assert shows(shop, RED)
    assert set(shop.row("a")["media_uris"]) == {shop.bucket.uri(link), shop.bucket.uri(key)}
    assert shop.collection.rejects.list() == []
    shop.bucket.tick()
    shop.ok(shop.bucket.put(key, png(BLUE)))
    assert shows(shop, BLUE)
    shop.bucket.tick()
    shop.ok(shop.bucket.remove(key))
    assert shop.row("a")["image_vector"] is None
    assert [r.error for r in shop.collection.rejects.list(product_id="a")] == ["MediaNotFound"]


@pytest.mark.parametrize(("link", "key"), SPELLINGS)
@pytest.mark.parametrize("literal", [True, False])
def test_a_photo_that_arrives_after_its_product(shop: Shop, link: str, key: str, literal: bool) -> None:
    shop.ok(shop.bucket.put_product("a", title="Shirt", image_link=link))
    assert shop.row("a")["image_vector"] is None
    shop.ok(shop.bucket.put(link if literal else key, png(RED)))
    assert shows(shop, RED)
    assert shop.collection.rejects.list() == []


def test_the_key_as_written_wins_whenever_it_comes(shop: Shop) -> None:
    link, key = SPELLINGS[0]
    shop.ok(shop.bucket.put(key, png(BLUE)))
    shop.ok(shop.bucket.put_product("a", title="Shirt", image_link=link))
    assert shows(shop, BLUE)
    shop.bucket.tick()
    shop.ok(shop.bucket.put(link, png(RED)))
    assert shows(shop, RED)
    shop.bucket.tick()
    shop.ok(shop.bucket.put(key, png((1, 2, 3))))
    assert shows(shop, RED)
    shop.bucket.tick()
    shop.ok(shop.bucket.remove(link))
    assert shows(shop, (1, 2, 3))
    assert shop.collection.rejects.list() == []


def test_the_same_rows_again_change_nothing(shop: Shop) -> None:
    link, key = SPELLINGS[0]
    shop.ok(shop.bucket.put(key, png(RED)))
    shop.ok(shop.bucket.put_product("a", title="Shirt", image_link=link))
    shop.encoded()
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Shirt", image_link=link))
    assert shop.encoded() == {}
    record = shop.collection.runs.list(limit=1)[0]
    assert (record.read, record.unchanged, record.indexed) == (1, 1, 0)

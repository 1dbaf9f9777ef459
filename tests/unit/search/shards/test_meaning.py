"""What queries mean is the same however a collection is split."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mmpipe.schemas.search import SearchRequest
from mmpipe.search.asked import Asked
from mmpipe.search.shards import VersionGone
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import NOW, Split, encoded, told

TEXTS = (
    "red shirt under 50", "acme blue shirts", "sun glasses", "红色 衬衫 不超过30", "shirt under 1",
    "women's shirt", '"shirt red"', "nothing at all", "under 20",
)  # fmt: skip


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    folder = tmp_path_factory.mktemp("split")
    make = catalogues.product
    batches = [
        [make("a", "Red shirt", price="20", color="Red", brand="Acme", product_type="Clothing > Shirts")],
        [make("b", "Red shirt", price="60", color="red", gender="women"),
         make("c", "Sunglasses", price="15")],
        [make("d", "Blue shirt", price="30", color="red", brand="Red", product_type="clothing > shirts"),
         make("e", "Glass bowl", price="9", material="Glass", color="Blue")],
    ]  # fmt: skip
    dataset = catalogues.create(folder / "t.lance", *(catalogues.rows_of(each) for each in batches))
    return Split(dataset, folder / "node", 3)


@pytest.mark.parametrize("mode", ["boost", "filter"])
@pytest.mark.parametrize("text", TEXTS)
def test_shards_mean_what_the_whole_means(split: Split, text: str, mode: Any) -> None:
    request = SearchRequest(text=text, understand=mode, limit=10)
    meaning = split.plain.meaning(split.whole, request)
    assert asyncio.run(split.sharded.meaning(split.version, request)) == meaning
    query = encoded(request if meaning is None else meaning.asked(request))
    asked = Asked(meaning=meaning)
    whole = told(split.plain.answer(split.whole, request, query, asked).body)
    parts = told(
        asyncio.run(split.sharded.answer(split.version, request, query, seconds=NOW, asked=asked)).body
    )
    assert parts == whole


def test_what_was_told_once_is_kept(split: Split) -> None:
    request = SearchRequest(text="acme red shirt")
    first = asyncio.run(split.sharded.meaning(split.version, request))
    split.transport.calls.clear()
    assert asyncio.run(split.sharded.meaning(split.version, request)) == first
    assert split.transport.calls == []
    other = replace(split.version, ref=replace(split.version.ref, collection="other"))
    with pytest.raises(VersionGone):  # who asks its shards finds that there are none
        asyncio.run(split.sharded.meaning(other, request))
    split.sharded.forget_meanings()
    assert asyncio.run(split.sharded.meaning(split.version, request)) == first
    assert "named" in split.transport.calls

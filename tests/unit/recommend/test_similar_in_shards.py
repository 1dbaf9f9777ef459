"""Products like one product, of a catalogue that is split: those of a version that is whole."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.errors import UnknownProduct
from mmpipe.recommend import similar_in_shards_json, similar_json
from mmpipe.schemas.search import Filters
from mmpipe.search.shards import ShardMissing
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import NOW, Split, told

ROWS = st.tuples(st.sampled_from(("lamp", "red lamp", "shoe")), st.sampled_from((None, "g1", "g2", "g3")))
FRAGMENTS = st.lists(st.lists(ROWS, min_size=1, max_size=9), min_size=2, max_size=5)


def split_of(drawn: list[list[tuple[str, str | None]]], folder: Path, shards: int) -> Split:
    """A fragment per list; fragments take turns among the shards."""
    batches, number = [], 0
    for fragment in drawn:
        products = []
        for title, group in fragment:
            color = ("red", "blue")[number % 2]
            products.append(
                catalogues.product(f"p{number * 7 % 50}", title, item_group_id=group, color=color)
            )
            number += 1
        batches.append(catalogues.rows_of(products))
    dataset = catalogues.create(folder / "t.lance", *batches)
    owner = {each.fragment_id: each.fragment_id % shards for each in dataset.get_fragments()}
    return Split(dataset, folder / "parts", shards, owner=owner)


def in_shards(split: Split, product_id: str, filters: Filters | None = None, limit: int = 20) -> Any:
    """What the shards answer."""
    return asyncio.run(
        similar_in_shards_json(split.sharded, split.version, product_id, filters, limit, seconds=NOW)
    )


@settings(max_examples=20, deadline=None)
@given(FRAGMENTS, st.integers(2, 3), st.integers(0, 44), st.integers(1, 7), st.booleans())
def test_shards_find_what_one_process_finds(
    drawn: list[list[tuple[str, str | None]]], shards: int, asked: int, limit: int, red: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        split = split_of(drawn, Path(name), shards)
        product_id = f"p{asked % sum(map(len, drawn)) * 7 % 50}"
        filters = Filters(color=["red"]) if red else None
        found = told(in_shards(split, product_id, filters, limit))
        assert found == told(similar_json(split.whole, product_id, filters, limit))


def test_who_lacks_a_shard_does_not_say_that_a_product_is_unknown(tmp_path: Path) -> None:
    split = split_of([[("lamp", None)] * 3, [("shoe", None)] * 3], tmp_path, 2)
    with pytest.raises(UnknownProduct, match="none"):
        in_shards(split, "none")
    split.transport.away.add(1)
    with pytest.raises(ShardMissing):
        in_shards(split, "none")

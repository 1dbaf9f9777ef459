"""Lists of shops that lack what lists go by: vectors, categories, prices, pictures, all but one product."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.schemas.recommend import KINDS
from mmpipe.search.versions.version import Version
from tests.unit.recommend.shops import DAY, Shop, did
from tests.unit.search import catalogues

_PRODUCTS = st.fixed_dictionaries(
    {"title": st.sampled_from(["lamp", "red lamp", "shoe", "{title} %s 红色"])},
    optional={
        "product_type": st.sampled_from(["Home", "Home > Lamps", "Clothing > Shoes"]),
        "item_group_id": st.sampled_from(["g1", "g2"]),
        "brand": st.sampled_from(["Acme", "Orbit"]),
        "availability": st.sampled_from(["in_stock", "out_of_stock", "preorder"]),
        "price": st.sampled_from([None, "0.00", "10.00", "99999999.99"]),
    },
)
_ACTS = st.tuples(
    st.sampled_from(["view", "impression", "purchase", "add-to-cart", "dislike", "search-click"]),
    st.integers(0, 14),
    st.sampled_from(["me", "you", "they"]),
    st.integers(0, 400),
)


def stocked(folder: Path, drawn: list[dict[str, Any]], vectors: list[bool]) -> Version:
    """One fragment with vectors and one without."""
    products = [catalogues.product(f"p{n}", **{"price": None, **each}) for n, each in enumerate(drawn)]
    with_vectors = [each for each, has in zip(products, vectors * len(products), strict=False) if has]
    without = [each for each in products if each not in with_vectors]
    batches = [
        catalogues.rows_of(part, vectors=has)
        for part, has in ((with_vectors, True), (without, False))
        if part
    ]
    return catalogues.version(catalogues.create(folder / "products_t.lance", *batches))


@settings(max_examples=25, deadline=None)
@given(
    drawn=st.lists(_PRODUCTS, min_size=1, max_size=14),
    vectors=st.lists(st.booleans(), min_size=1, max_size=5),
    acts=st.lists(_ACTS, max_size=20),
    about=st.integers(0, 13),
    explore=st.floats(0, 1),
    diversity=st.floats(0, 1),
)
def test_every_kind_answers(
    drawn: list[dict[str, Any]],
    vectors: list[bool],
    acts: list[tuple[str, int, str, int]],
    about: int,
    explore: float,
    diversity: float,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        version = stocked(Path(name), drawn, vectors)
        events = [did(who, act, f"p{item}", ago=days * DAY + 1) for act, item, who, days in acts]
        shop = Shop.of(version, events)
        sources = [f"p{about % len(drawn)}"]
        lists = [{"kind": kind, "limit": 5, "product_ids": sources} for kind in KINDS[:10]]
        found = shop.ask("me", lists=lists, explore=explore, diversity=diversity)
        found.lists += shop.ask("me", kind=KINDS[10]).lists
        assert [each.kind for each in found.lists] == list(KINDS)
        for each in found.lists:
            assert each.items or each.fallback
            for item in each.items:
                assert item.availability != "out_of_stock"
                assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)

"""Products like one product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.errors import UnknownProduct
from mmpipe.recommend import similar
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Filters
from mmpipe.search import Version
from tests.unit.search import catalogues


def shop(folder: Path, products: list[Product]) -> Version:
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


@settings(max_examples=25, deadline=None)
@given(
    groups=st.lists(st.sampled_from([None, "g1", "g2", "g3"]), min_size=1, max_size=40),
    limit=st.integers(1, 6),
)
def test_the_nearest_one_of_each_group(
    tmp_path_factory: pytest.TempPathFactory, groups: list[str | None], limit: int
) -> None:
    products = [
        catalogues.product(
            f"p{n:02d}", f"w{n % 5} w{n % 3} w{n}", item_group_id=group, color=("red", "blue")[n % 2]
        )
        for n, group in enumerate(groups)
    ]
    found = similar(shop(tmp_path_factory.mktemp("s") / "t", products), "p00", Filters(color=["RED"]), limit)

    vectors = catalogues.fused_of(products)
    scores = vectors @ vectors[0]
    expected, seen = [], {groups[0]}
    for n in np.lexsort((np.arange(len(products)), -scores)).tolist():
        if n == 0 or products[n].color != "red" or (groups[n] and groups[n] in seen):
            continue
        seen.add(groups[n])
        expected.append(float(scores[n]))
    hits = found.hits
    # Stored vectors are float16.
    assert [hit.score for hit in hits] == pytest.approx(expected[:limit], abs=2e-4)
    assert found.total == len(hits)
    assert "p00" not in {hit.id for hit in hits}
    named = [hit.item_group_id for hit in hits if hit.item_group_id]
    assert len(named) == len(set(named))
    for hit in hits:
        assert hit.scores is not None
        assert sum(hit.scores.model_dump().values()) == pytest.approx(hit.score, abs=1e-9)


def test_many_variants_do_not_empty_the_page(tmp_path: Path) -> None:
    products = [catalogues.product("source", "red lamp")]
    products += [catalogues.product(f"v{n:03d}", "red lamp", item_group_id="variants") for n in range(200)]
    products += [catalogues.product(f"z{n}", f"something else {n}") for n in range(3)]
    found = similar(shop(tmp_path / "t", products), "source", limit=4)
    assert [hit.id for hit in found.hits][:1] == ["v000"]
    assert {hit.id for hit in found.hits[1:]} == {"z0", "z1", "z2"}


def test_what_has_no_vector_or_is_not_there(tmp_path: Path) -> None:
    table = catalogues.rows_of([catalogues.product("a"), catalogues.product("b")], vectors=False)
    bare = catalogues.version(catalogues.create(tmp_path / "t", table))
    assert similar(bare, "a").hits == []
    with pytest.raises(UnknownProduct):
        similar(bare, "nope")

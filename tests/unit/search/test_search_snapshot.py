"""A version reached step by step is the version loaded at once, and costs only what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.errors import ProfileMismatch, UnknownProduct
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import Searcher, Snapshot, encode, snapshot
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues


def some(start: int, end: int, **more: Any) -> Any:
    products = [
        catalogues.product(
            f"p{n:03d}", f"{'red' if n % 2 else 'blue'} {'shirt' if n % 3 else 'shoe'} {n}", price=f"{n}.99",
            brand=("Acme", "acme", "Globex")[n % 3], product_type=("A > B", "a > C", "D")[n % 3],
            attributes={"season": ("Summer", "winter")[n % 2]}, **more,
        )
        for n in range(start, end)
    ]  # fmt: skip
    return catalogues.rows_of(products, {f"p{n:03d}": n for n in range(0, end, 4)})


def test_following_step_by_step_gives_what_loading_at_once_gives(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    steps = [
        lambda: catalogues.create(folder, some(0, 40), some(40, 45)),
        lambda: catalogues.upsert(folder, some(10, 12, color="Green")),
        lambda: catalogues.upsert(folder, catalogues.tombstones(["p003", "p041", "never-there"])),
        lambda: catalogues.upsert(folder, some(45, 60)),
        lambda: catalogues.upsert(folder, some(3, 4)),
        lambda: _compacted(folder),
        lambda: catalogues.upsert(folder, some(20, 21)),
    ]
    current: Snapshot | None = None
    for step in steps:
        dataset = step()
        following = catalogues.snapshot(dataset, previous=current.parts if current else None)
        assert catalogues.answers(following) == catalogues.answers(catalogues.snapshot(dataset))
        current = following
    assert current is not None
    assert len(current) == 59


def _compacted(folder: Path) -> Any:
    dataset = lance.dataset(str(folder))
    dataset.optimize.compact_files()
    return lance.dataset(str(folder))


def test_a_small_write_reads_only_its_own_fragment(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    first = catalogues.snapshot(catalogues.create(folder, some(0, 30), some(30, 40)))
    before = set((folder / "data").iterdir())
    dataset = catalogues.upsert(folder, some(5, 6))
    for file in before:  # what is not read need not be there
        file.unlink()
    second = catalogues.snapshot(dataset, previous=first.parts)
    shared = [number for number, held in first.parts.blocks.items() if second.parts.blocks[number] is held]
    assert len(shared) == len(second.parts.blocks) - 1 == 2
    assert len(second) == len(first) == 40
    with pytest.raises(ValueError, match="Not found"):
        catalogues.snapshot(dataset)


def test_the_old_version_is_untouched_by_the_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    first = catalogues.snapshot(catalogues.create(folder, some(0, 20)))
    before = catalogues.answers(first)
    dataset = catalogues.upsert(folder, some(0, 20, color="Purple"))
    catalogues.snapshot(catalogues.upsert(folder, some(20, 90)), previous=first.parts)
    assert dataset is not None
    assert catalogues.answers(first) == before


def test_rows_are_found_by_id_and_by_address(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    catalogues.create(folder, some(0, 30))
    found = catalogues.snapshot(catalogues.upsert(folder, some(7, 9)))
    assert [found.text("id", found.row(f"p{n:03d}")) for n in range(30)] == [f"p{n:03d}" for n in range(30)]
    for missing in ("", "p", "zzz", "p0070", "红"):
        assert found.find(missing) is None
    with pytest.raises(UnknownProduct, match="no product 'nope'"):
        found.row("nope")
    rows = found.dataset.to_table(columns=["id"], with_row_address=True)
    numbers = found.rows_at(rows["_rowaddr"].to_numpy())
    assert [found.text("id", int(n)) for n in numbers] == rows["id"].to_pylist()
    assert [found.product(name).id for name in ("p008", "p029")] == ["p008", "p029"]


def test_an_empty_table_answers_with_nothing(tmp_path: Path) -> None:
    found = catalogues.snapshot(catalogues.create(tmp_path / "t"))
    assert len(found) == 0
    assert found.currency is None
    assert [page["total"] for page in catalogues.answers(found)] == [0, 0, 0, 0]
    with pytest.raises(UnknownProduct):
        found.row("p1")


def test_a_refused_profile_stops_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = catalogues.create(tmp_path / "t", some(0, 3))
    monkeypatch.setattr(snapshot, "read_block", lambda *_: pytest.fail("read"))

    def refuse(_: object) -> None:
        raise ProfileMismatch("other models")

    with pytest.raises(ProfileMismatch):
        snapshot.load(dataset, collection="shop", table="t", exact_rows=10, check=refuse)


def test_products_without_any_vector_are_found_by_text_and_browsing(tmp_path: Path) -> None:
    products = [catalogues.product("a", "red lamp"), catalogues.product("b", "blue lamp")]
    found = catalogues.snapshot(
        catalogues.create(tmp_path / "t", catalogues.rows_of(products, vectors=False))
    )
    loaded = registry.load("fake")
    searcher = Searcher(loaded.profile, ServeSettings())
    request = SearchRequest(text="lamps red")
    page = searcher.search(found, request, encode(request, loaded, {}))
    assert [hit.id for hit in page.hits] == ["a", "b"]
    assert np.isclose(page.hits[0].score, page.hits[0].scores.lexical)  # type: ignore[union-attr]

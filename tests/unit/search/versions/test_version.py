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
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.versions import load as loading
from mmpipe.search.versions.folder import NodeFolder
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
    current: Version | None = None
    for step in steps:
        dataset = step()
        following = catalogues.version(dataset, former=current if current else None)
        assert catalogues.answers(following) == catalogues.answers(catalogues.version(dataset))
        current = following
    assert current is not None
    assert len(current) == 59


def _compacted(folder: Path) -> Any:
    dataset = lance.dataset(str(folder))
    dataset.optimize.compact_files()
    return lance.dataset(str(folder))


def test_a_small_write_reads_only_its_own_fragment(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    first = catalogues.version(catalogues.create(folder, some(0, 30), some(30, 40)))
    before = set((folder / "data").iterdir())
    dataset = catalogues.upsert(folder, some(5, 6))
    for file in before:  # what is not read need not be there
        file.unlink()
    second = catalogues.version(dataset, former=first)
    shared = [n for n, held in first.fragments.items() if second.fragments[n].packs == held.packs]
    assert len(shared) == len(second.fragments) - 1 == 2
    assert len(second) == len(first) == 40
    with pytest.raises((OSError, ValueError), match="Not found"):
        catalogues.version(dataset, folder=tmp_path / "another node")


def test_packs_of_a_node_are_enough_for_its_next_process(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    dataset = catalogues.create(folder, some(0, 30), some(30, 40))
    first = catalogues.version(dataset)
    for file in (folder / "data").iterdir():
        file.unlink()
    assert catalogues.answers(catalogues.version(dataset)) == catalogues.answers(first)


def test_the_old_version_is_untouched_by_the_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    first = catalogues.version(catalogues.create(folder, some(0, 20)))
    before = catalogues.answers(first)
    dataset = catalogues.upsert(folder, some(0, 20, color="Purple"))
    catalogues.version(catalogues.upsert(folder, some(20, 90)), former=first)
    assert dataset is not None
    assert catalogues.answers(first) == before


def test_products_are_found_by_id(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    catalogues.create(folder, some(0, 30))
    found = catalogues.version(catalogues.upsert(folder, some(7, 9)))
    names = [f"p{n:03d}" for n in range(30)]
    rows = np.array([found.row(name) for name in names], np.int32)
    assert found.ids.ids(rows) == names
    assert sorted(rows.tolist()) == rows_of(found.alive).tolist()
    for missing in ("", "p", "zzz", "p0070", "红", "\ud800"):
        assert found.find(missing) is None
    with pytest.raises(UnknownProduct, match="no product 'nope'"):
        found.row("nope")
    assert [found.product(name).id for name in ("p008", "p029")] == ["p008", "p029"]


def test_an_empty_table_answers_with_nothing(tmp_path: Path) -> None:
    found = catalogues.version(catalogues.create(tmp_path / "t"))
    assert len(found) == 0
    assert found.prices.currency is None
    assert [page["total"] for page in catalogues.answers(found)] == [0, 0, 0, 0]
    with pytest.raises(UnknownProduct):
        found.row("p1")


def test_a_refused_profile_stops_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = catalogues.create(tmp_path / "t", some(0, 3))
    monkeypatch.setattr(loading, "open_fragment", lambda *_: pytest.fail("read"))

    def refuse(_: object) -> None:
        raise ProfileMismatch("other models")

    node = NodeFolder(tmp_path / "node")
    with pytest.raises(ProfileMismatch):
        loading.load(dataset, collection="shop", table="t", folder=node, exact_rows=10, check=refuse)
    node.close()


def test_products_without_any_vector_are_found_by_text_and_browsing(tmp_path: Path) -> None:
    products = [catalogues.product("a", "red lamp"), catalogues.product("b", "blue lamp")]
    found = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products, vectors=False)))
    loaded = registry.load("fake")
    searcher = Searcher(loaded.profile, ServeSettings())
    request = SearchRequest(text="lamp red")
    page = searcher.search(found, request, encode(request, loaded, {}))
    assert [hit.id for hit in page.hits] == ["a"]
    assert page.words is not None
    assert (page.words.asked, page.words.required) == (2, 2)
    scores = page.hits[0].scores
    assert scores is not None
    assert np.isclose(page.hits[0].score, scores.lexical + scores.boosts)

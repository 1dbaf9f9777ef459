"""Parts of real fragments: right whatever was deleted or written anew, built once, taken over where they can
be."""

from __future__ import annotations

import json
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES
from mmpipe.fusion import WeightedMean
from mmpipe.lake.columns import ColumnFiles
from mmpipe.lake.schema import vector_column
from mmpipe.search.versions import fragment as fragments
from mmpipe.search.versions.documents import Documents
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.fragment import CODED_FIELDS, PARTS, Fragment, files_of, open_fragment
from tests.children import CHILDREN
from tests.unit.search import catalogues

FUSION = WeightedMean(catalogues.PROFILE.fusion)
DIM = catalogues.PROFILE.dim
SOME = [
    catalogues.product("b", "red shirt", brand="ACME", color="red"),
    catalogues.product("ä", "blue “shirt”", price=None),
    catalogues.product("c", "green shoe", price="12.50", currency="EUR", brand="acme"),
    catalogues.product("a", "red shoe", **catalogues.sale("7.00", catalogues.NOW)),
]


@pytest.fixture
def folder(tmp_path: Path) -> NodeFolder:
    return NodeFolder(tmp_path / "node")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    catalogues.create(tmp_path / "t.lance", catalogues.rows_of(SOME, images={"b": 3, "a": 200}))
    return tmp_path / "t.lance"


def opened(
    dataset: Any, folder: NodeFolder, former: dict[int, Fragment] | None = None
) -> dict[int, Fragment]:
    held = ColumnFiles(dataset)
    return {
        each.fragment_id: open_fragment(
            each, files_of(held.by_column(each)), DIM, FUSION, folder, (former or {}).get(each.fragment_id)
        )
        for each in dataset.get_fragments()
    }


def only(found: dict[int, Fragment]) -> Fragment:
    (fragment,) = found.values()
    return fragment


def texts(start: NDArray[np.int64], data: NDArray[np.uint8]) -> list[str]:
    whole = data.tobytes()
    return [whole[a:b].decode() for a, b in zip(start.tolist(), start.tolist()[1:], strict=False)]


def bits(words: NDArray[np.uint64], rows: int) -> list[bool]:
    return [bool(int(words[row // 64]) >> row % 64 & 1) for row in range(rows)]


def titles(fragment: Fragment) -> list[str]:
    page = fragment.part("page")
    return [json.loads(f"{{{m}}}")["title"] for m in texts(page["json_start"], page["json_bytes"])]


def refuse(monkeypatch: pytest.MonkeyPatch, *allowed: str) -> list[str]:
    """What is read from now on; anything but ``allowed`` columns is a fault."""
    read: list[str] = []
    original = lance.fragment.LanceFragment.to_table

    def to_table(self: Any, columns: list[str] | None = None, **more: Any) -> pa.Table:
        assert columns is not None
        assert set(columns) <= set(allowed), columns
        read.extend(columns)
        return original(self, columns=columns, **more)

    monkeypatch.setattr(lance.fragment.LanceFragment, "to_table", to_table)
    return read


def test_parts_are_what_the_fragment_holds(table: Path, folder: NodeFolder) -> None:
    found = only(opened(lance.dataset(str(table)), folder))
    assert (found.number, found.rows, found.dim) == (0, 4, DIM)
    rows = found.part("rows")
    assert texts(rows["id_start"], rows["id_bytes"]) == ["b", "ä", "c", "a"]
    assert rows["id_order"].tolist() == [3, 0, 2, 1]
    assert titles(found) == ["red shirt", "blue “shirt”", "green shoe", "red shoe"]
    price = found.part("price")["price"]
    assert [None if np.isnan(p) else p for p in price.tolist()] == [10.0, None, 12.5, 10.0]
    sales = found.part("sales")
    assert (sales["rows"].tolist(), sales["price"].tolist()) == ([3], [7.0])
    assert (sales["start"].tolist(), sales["end"].tolist()) == ([catalogues.NOW.timestamp()], [np.inf])
    brand = found.part("code.brand")
    names = texts(brand["value_start"], brand["value_bytes"])
    assert [names[c - 1] if c else None for c in brand["codes"].tolist()] == ["ACME", None, "acme", None]
    assert bits(found.part("vector.image_vector")["present"], 4) == [True, False, False, True]
    assert bits(found.part("vector.vector")["present"], 4) == [True] * 4
    assert found.part("vector.video_vector")["values"].shape == (0, DIM)
    assert set(found.parts) == set(PARTS)
    assert found.nbytes == sum(found.part_bytes(name) for name in PARTS) > 4 * 4 * DIM * 2


def test_what_modalities_add_sums_to_the_fused_vector(table: Path, folder: NodeFolder) -> None:
    found = only(opened(lance.dataset(str(table)), folder))

    def dense(name: str) -> NDArray[np.float32]:
        part = found.part(name)
        values = np.zeros((4, DIM), np.float32)
        there = part["place"] >= 0
        values[there] = part["values"][part["place"][there]]
        return values

    total = sum(dense(f"part.{vector_column(m)}") for m in MODALITIES)
    np.testing.assert_allclose(total, dense("vector.vector"), atol=2e-3)
    assert bits(found.part("part.image_vector")["present"], 4) == [True, False, False, True]
    assert not found.part("part.audio_vector")["values"].size


def test_a_fragment_is_one_file_and_built_once(
    table: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = lance.dataset(str(table))
    reads = refuse(monkeypatch, *fragments.READ_COLUMNS)
    first = only(opened(dataset, folder))
    assert len(reads) == len(set(reads))
    packs = folder.shared.path("packs")
    assert len(list(packs.iterdir())) == 1
    refuse(monkeypatch)
    assert only(opened(dataset, folder, {0: first})) is first
    other = only(opened(dataset, NodeFolder(folder.shared.root)))
    for name in PARTS:
        for key, array in first.part(name).items():
            assert np.array_equal(other.part(name)[key], array, equal_nan=array.dtype.kind == "f")
            assert not array.flags.writeable or not array.size


def test_deleted_rows_are_in_the_parts_and_told_apart(
    table: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lance.dataset(str(table))
    first = only(opened(before, folder))
    lance.dataset(str(table)).delete("id = 'ä'")
    after = lance.dataset(str(table))
    second = only(opened(after, folder, {0: first}))
    assert second is first
    (old,), (new,) = before.get_fragments(), after.get_fragments()
    assert bits(second.undeleted(old), 4) == [True] * 4
    assert bits(second.undeleted(new), 4) == [True, False, True, True]
    assert second.undeleted(new) is second.undeleted(new)
    assert second.undeleted(new).tolist() == [0b1101]
    fresh = only(opened(after, NodeFolder(folder.shared.root.parent / "other")))
    assert titles(fresh) == titles(first)
    refuse(monkeypatch)
    assert fresh.undeleted(new, table).tolist() == [0b1101], "from the list of deletions"


def test_many_deletions_are_told_by_both_ways(tmp_path: Path, folder: NodeFolder) -> None:
    products = [catalogues.product(f"p{n:04d}") for n in range(300)]
    dataset = catalogues.create(tmp_path / "t.lance", catalogues.rows_of(products, vectors=False))
    kept = [True] * 300
    for n in (0, 63, 64, 128, 299):
        kept[n] = False
    dataset.delete(" OR ".join(f"id = 'p{n:04d}'" for n in range(300) if not kept[n]))
    dataset = lance.dataset(str(tmp_path / "t.lance"))
    (fragment,) = dataset.get_fragments()
    for where in (None, tmp_path / "t.lance"):
        found = only(opened(dataset, NodeFolder(tmp_path / f"node-{where is None}")))
        words = found.undeleted(fragment, where)
        assert bits(words, 300) == kept
        assert int(words[-1]) >> 44 == 0, "padding"
        documents = Documents(dataset, {0: found}, [words], DIM)
        for row in (1, 62, 65, 127, 129, 298):
            assert documents.product(0, row).id == f"p{row:04d}"


def rewrite(table: Path, column: str, values: list[Any]) -> Any:
    """A column of the only fragment written anew, as an edit of the lake does it."""
    dataset = lance.dataset(str(table))
    ids = dataset.to_table(columns=["id"])["id"]
    kind = dataset.schema.field(column).type
    (fragment,) = dataset.get_fragments()
    changes = pa.table({"id": ids, column: pa.array(values, kind)})
    updated, fields = fragment.update_columns(changes, "id", "id")
    operation = lance.LanceOperation.Update(
        updated_fragments=[updated], fields_modified=fields, new_fragments=[], removed_fragment_ids=[]
    )
    return lance.LanceDataset.commit(str(table), operation, read_version=dataset.version)


def test_of_a_change_in_place_the_changed_parts_are_built(
    table: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = only(opened(lance.dataset(str(table)), folder))
    dataset = rewrite(table, "price", [1.0, 2.0, 3.0, 4.0])
    with monkeypatch.context() as patch:
        read = refuse(patch, "price")
        second = only(opened(dataset, folder, {0: first}))
        assert read == ["price"]
    assert second.part("price")["price"].tolist() == [1, 2, 3, 4]
    assert [n for n in PARTS if second.part(n) is not first.part(n)] == ["price"]
    assert np.isnan(first.part("price")["price"][1])
    # Who comes later finds all of it, and of the older file only what still counts.
    refuse(monkeypatch)
    fresh = only(opened(dataset, NodeFolder(folder.shared.root)))
    assert fresh.part("price")["price"].tolist() == [1, 2, 3, 4]
    assert titles(fresh) == titles(first)
    # A rollback finds the old price again.
    back = only(opened(lance.dataset(str(table), version=2), folder, {0: second}))
    assert np.array_equal(back.part("price")["price"], first.part("price")["price"], equal_nan=True)
    assert back.part("text") is first.part("text")


def test_a_pack_is_written_whole_though_most_of_it_was_taken_over(
    table: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = only(opened(lance.dataset(str(table)), folder))
    changed = only(opened(rewrite(table, "price", [1.0, 2.0, 3.0, 4.0]), folder, {0: first}))
    for path in folder.shared.path("packs").iterdir():
        path.unlink()
    before = lance.dataset(str(table), version=2)
    back = only(opened(before, folder, {0: changed}))
    assert back.part("text") is first.part("text")
    refuse(monkeypatch)
    fresh = only(opened(before, NodeFolder(folder.shared.root)))
    assert titles(fresh) == titles(first)
    assert np.array_equal(fresh.part("price")["price"], first.part("price")["price"], equal_nan=True)


def test_a_column_that_the_table_lacks_is_null(tmp_path: Path, folder: NodeFolder) -> None:
    rows = catalogues.rows_of(SOME).drop_columns(["transcript", "sale_start", "sale_end", "audio_vector"])
    lance.write_dataset(rows, str(tmp_path / "old.lance"))
    found = only(opened(lance.dataset(str(tmp_path / "old.lance")), folder))
    page = found.part("page")
    assert [json.loads(f"{{{m}}}")["transcript"] for m in texts(page["json_start"], page["json_bytes"])] == [
        None
    ] * 4
    sales = found.part("sales")
    assert [(*sales[n],) for n in ("rows", "start", "end")] == [(3,), (-np.inf,), (np.inf,)]
    assert found.part("vector.audio_vector")["place"].tolist() == [-1] * 4


def test_a_fragment_of_tombstones(tmp_path: Path, folder: NodeFolder) -> None:
    dataset = catalogues.create(tmp_path / "t.lance", catalogues.tombstones(["x", "a"]))
    found = only(opened(dataset, folder))
    assert bits(found.part("rows")["tombstone"], 2) == [True, True]
    assert not any(found.part(f"code.{name}")["codes"].any() for name in CODED_FIELDS)
    assert found.part("vector.vector")["values"].shape == (0, DIM)


def test_a_damaged_pack_is_built_anew(table: Path, folder: NodeFolder) -> None:
    dataset = lance.dataset(str(table))
    first = only(opened(dataset, folder))
    (path,) = folder.shared.path("packs").iterdir()
    whole = path.read_bytes()
    path.unlink()  # what is mapped stays as it was
    for damaged in (whole[: len(whole) // 2], b"", b"x" * len(whole)):
        path.write_bytes(damaged)
        again = only(opened(dataset, NodeFolder(folder.shared.root)))
        assert titles(again) == titles(first)
        assert path.read_bytes() == whole


def test_another_form_of_packs_is_another_pack(
    table: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = lance.dataset(str(table))
    opened(dataset, folder)
    monkeypatch.setattr(fragments, "_FORM", fragments._FORM + 1)
    opened(dataset, folder)
    assert len(list(folder.shared.path("packs").iterdir())) == 2


def test_a_build_is_given_up_where_its_progress_says_so(table: Path, folder: NodeFolder) -> None:
    dataset = lance.dataset(str(table))
    (each,) = dataset.get_fragments()
    files = files_of(ColumnFiles(dataset).by_column(each))
    steps: list[int] = []

    def stop() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        open_fragment(each, files, DIM, FUSION, folder, None, stop)
    assert list(folder.shared.path("packs").iterdir()) == []
    steps.clear()
    open_fragment(each, files, DIM, FUSION, folder, None, lambda: steps.append(1))
    assert len(steps) > 10


def build_and_hang(table: str, root: str, ready: Event) -> None:
    dataset = lance.dataset(table)
    (each,) = dataset.get_fragments()

    def hang() -> None:
        ready.set()
        time.sleep(600)

    files = files_of(ColumnFiles(dataset).by_column(each))
    open_fragment(each, files, DIM, FUSION, NodeFolder(root), None, hang)


def test_a_builder_that_is_killed_leaves_the_work_to_the_next(table: Path, folder: NodeFolder) -> None:
    ready = CHILDREN.Event()
    process = CHILDREN.Process(
        target=build_and_hang, args=(str(table), str(folder.shared.root), ready), daemon=True
    )
    process.start()
    assert ready.wait(200)
    dataset = lance.dataset(str(table))
    (each,) = dataset.get_fragments()
    waits: list[int] = []

    def waiting() -> None:
        if not waits:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        waits.append(1)

    files = files_of(ColumnFiles(dataset).by_column(each))
    found = open_fragment(each, files, DIM, FUSION, folder, None, waiting)
    process.join()
    assert waits
    assert titles(found)[0] == "red shirt"


def test_frames_are_read_once_and_shared_by_versions(
    tmp_path: Path, folder: NodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogues.create(tmp_path / "t.lance", catalogues.clips_of({"a": [1, 2], "b": None, "c": [3], "d": [5]}))
    catalogues.append(tmp_path / "t.lance", catalogues.clips_of({"e": [7, 8, 9], "f": [4]}))
    lance.dataset(str(tmp_path / "t.lance")).delete("id IN ('a', 'e')")
    dataset = lance.dataset(str(tmp_path / "t.lance"))
    found = opened(dataset, folder)

    def documents(only_last: bool = False, former: Documents | None = None) -> Documents:
        chosen = {n: f for n, f in found.items() if not only_last or n == max(found)}
        undeleted = [
            chosen[f.fragment_id].undeleted(f) for f in dataset.get_fragments() if f.fragment_id in chosen
        ]
        return Documents(dataset, chosen, undeleted, DIM, former)

    first = documents()
    assert [first.product(*place).id for place in ((0, 1), (0, 3), (1, 1))] == ["b", "d", "f"]
    places = [(1, 1), (0, 1), (0, 3), (0, 2)]
    clips = first.frames(places)
    expected = {name: row for row, name in enumerate(dataset.to_table(columns=["id"])["id"].to_pylist())}
    stored = dataset.to_table(columns=["video_frames"])["video_frames"]
    for clip, name in zip(clips, ("f", "b", "d", "c"), strict=True):
        value = stored[expected[name]]
        assert (clip is None) == (not value.is_valid)
        if clip is not None:
            assert clip[1].reshape(-1).tolist() == [float(x) for x in value.values.to_numpy()]
    assert [f.product(0, 1).id for f in [documents(only_last=True)]] == ["f"]
    assert documents(only_last=True).frames([(0, 1)])[0] is not None
    monkeypatch.setattr(lance.LanceDataset, "take", lambda *_, **__: pytest.fail("read again"))
    again = documents(former=first).frames([places[0], *places[2:]])
    assert [clip is held for clip, held in zip(again, [clips[0], *clips[2:]], strict=True)] == [True] * 3


def test_frames_that_are_gone_are_none(table: Path, folder: NodeFolder) -> None:
    dataset = lance.dataset(str(table))
    found = opened(dataset, folder)
    documents = Documents(dataset, found, [only(found).undeleted(f) for f in dataset.get_fragments()], DIM)
    for path in (table / "data").iterdir():
        path.unlink()
    assert documents.frames([(0, 0)]) == [None]

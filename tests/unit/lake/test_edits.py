"""Edits of many rows of a fragment are written in place, of few elsewhere: nobody sees which of the two it
was, but the vectors' files stay where they are, and every index answers by what is in the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from mmpipe.errors import CommitConflict, TooManyDeleted
from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Changes
from mmpipe.lake.checks import Counts, count
from mmpipe.lake.create import create_table
from mmpipe.lake.maintenance import create_indexes
from mmpipe.lake.schema import VECTOR_COLUMNS, products_schema
from mmpipe.lake.stock import Stock
from mmpipe.lake.storage import lance_uri
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import DIM, PROFILE, deletions, order, products
from tests.unit.lake.sources import Model, Photo, Step, Told, Upload, looked, whole

IDS = [f"p{n:02}" for n in range(40)]
FEW, MANY = IDS[:4], IDS[:20]
SETTINGS = LakeSettings(max_unindexed_rows=1)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def table(tmp_path: Path, model: Model) -> ProductTable:
    uri = str(tmp_path / "p.lance")
    table = ProductTable.create(uri, "products_p", PROFILE, SETTINGS, StorageSettings())
    steps: list[Step] = [Upload(i, 1, "red shoe") for i in IDS]
    apply(table, model, steps)
    apply(table, model, [Photo(i, f"photo of {i}") for i in IDS])
    table.maintain()
    return table


def apply(table: ProductTable, model: Model, steps: Sequence[Step]) -> None:
    for step in steps:
        model.add(step)
    applied = table.apply(looked(table, steps))
    assert not applied.stale


def addresses(table: ProductTable, ids: Sequence[str]) -> dict[str, int]:
    rows = table.latest().to_table(columns=["id"], with_row_address=True).to_pylist()
    return {row["id"]: row["_rowaddr"] for row in rows if row["id"] in ids}


def vector_files(table: ProductTable) -> dict[int, set[str]]:
    """By fragment, the files with vectors."""
    dataset = table.latest()
    wanted = {f.id() for f in dataset.lance_schema.fields() if f.name() in VECTOR_COLUMNS}
    return {
        fragment.fragment_id: {file.path for file in fragment.data_files() if wanted & set(file.fields)}
        for fragment in dataset.get_fragments()
    }


def where(table: ProductTable, condition: str) -> list[str]:
    return sorted(table.latest().to_table(columns=["id"], filter=condition).column("id").to_pylist())


def saying(table: ProductTable, word: str) -> list[str]:
    rows = table.latest().to_table(
        columns=["id"], full_text_query={"columns": ["search_text"], "query": word}, limit=100
    )
    return sorted(rows.column("id").to_pylist())


@pytest.mark.parametrize("ids", [FEW, MANY], ids=["moved", "in place"])
def test_edited_rows_keep_their_vectors(table: ProductTable, model: Model, ids: list[str]) -> None:
    before, files, rows = addresses(table, ids), vector_files(table), table.latest().count_rows()
    apply(table, model, [Upload(i, 2, "red shoe", price=7) for i in ids])
    model.check(table)
    in_place = ids is MANY
    assert (addresses(table, ids) == before) == in_place
    after = vector_files(table)
    assert {number: after[number] for number in files} == files
    assert (after == files) == in_place
    assert table.latest().count_rows() == rows
    assert sorted(table.fetch(ids, ["id"]).column("id").to_pylist()) == ids
    assert table.maintain().version
    model.check(table)


@pytest.mark.parametrize("ids", [FEW, MANY], ids=["moved", "in place"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside new rows"])
def test_indexes_answer_by_what_was_edited(
    table: ProductTable, model: Model, ids: list[str], beside: bool
) -> None:
    others = sorted(set(IDS) - set(ids))
    steps: list[Step] = [Upload(i, 2, "red shoe", availability="preorder") for i in ids]
    if beside:
        steps.append(Upload("new", 2, "green sock"))
    apply(table, model, steps)
    for _ in range(2):
        assert where(table, "availability = 'preorder'") == ids
        assert where(table, "availability = 'in_stock' AND id != 'new'") == others
        assert where(table, f"id = '{ids[0]}'") == [ids[0]]
        assert saying(table, "red") == IDS
        assert table.using_media([f"s3://b/{ids[1]}.png", f"s3://b/{others[0]}.png"]) == [ids[1], others[0]]
        table.maintain()
    model.check(table)


@pytest.mark.parametrize("ids", [FEW, MANY], ids=["moved", "in place"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside new rows"])
def test_words_brands_and_media_that_an_edit_brings_are_found(
    table: ProductTable, ids: list[str], beside: bool
) -> None:
    """Also those that the text encoder does not read, so that nothing is encoded for them."""
    edits = looked(table, [Upload(i, 2, "red shoe", price=2) for i in ids]).edits[0]
    for name, value in (
        ("brand", "acme"),
        ("search_text", "crimson boot"),
        ("media_uris", ["s3://b/new.png"]),
        ("media_keys", "feed"),
    ):
        place = edits.schema.get_field_index(name)
        values = [value] * len(ids)
        edits = edits.set_column(
            place, edits.schema.field(name), pa.array(values, edits.schema.field(name).type)
        )
    rows = [whole([Upload("new", 2, "green sock").row()])] if beside else []
    assert table.apply(Changes(rows=rows, edits=[edits])).updated == len(ids)
    others = sorted(set(IDS) - set(ids))
    for _ in range(2):
        assert where(table, "brand = 'acme'") == ids
        assert where(table, "brand IS NULL AND id != 'new'") == others
        assert saying(table, "crimson") == ids
        assert saying(table, "red") == others
        assert table.using_media([f"s3://b/{ids[0]}.png"]) == []
        table.maintain()


def test_orders_that_move_alone_write_no_other_column(table: ProductTable, model: Model) -> None:
    before, files, version = addresses(table, IDS), vector_files(table), table.version
    apply(table, model, [Upload(i, 3, "red shoe") for i in FEW])
    assert table.version == version + 1
    assert (addresses(table, IDS), vector_files(table)) == (before, files)
    model.check(table)
    assert where(table, f"source_order = '{order(3)}'") == FEW
    assert table.older_than(order(3)) == sorted(set(IDS) - set(FEW))


def test_one_commit_of_everything_at_once(table: ProductTable, model: Model) -> None:
    steps: list[Step] = [
        *(Upload(i, 2, "red shoe") for i in IDS[:5]),
        *(Upload(i, 2, "red shoe", price=3) for i in IDS[5:25]),
        *(Upload(i, 2, None) for i in IDS[25:28]),
        *(Upload(i, 2, "blue hat") for i in IDS[28:30]),
        *(Photo(i, f"other photo of {i}") for i in IDS[30:32]),
        *(Told(i, 5, "out_of_stock") for i in (IDS[0], IDS[6], IDS[25], IDS[28], IDS[31], IDS[35])),
        Upload("new", 2, "green sock"),
    ]
    count(table, table.latest())
    apply(table, model, steps)
    model.check(table)
    assert count(table, table.latest()) == Counts(rows=38, tombstones=3)
    assert where(table, "availability = 'out_of_stock'") == sorted([IDS[n] for n in (0, 6, 28, 31, 35)])
    table.maintain()
    model.check(table)


def test_a_commit_that_fails_changes_nothing(table: ProductTable, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table.latest().to_table()
    version = table.version
    everything = [*(Upload(i, 2, "red shoe", price=3) for i in MANY), *(Upload(i, 2, None) for i in IDS[30:])]

    def refuse(deleted: int, live: int) -> None:
        assert (deleted, live) == (10, 40)
        raise TooManyDeleted("no")

    with pytest.raises(TooManyDeleted):
        table.apply(looked(table, everything), accept=refuse)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the connection was reset")

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "commit", broken)
        with pytest.raises(Exception, match="reset"):
            table.apply(looked(table, everything))

    def losing(*_: Any, **__: Any) -> None:
        raise CommitConflict("somebody else was first")

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "commit", losing)
        patch.setattr("time.sleep", lambda _seconds: None)
        with pytest.raises(CommitConflict, match="other writers"):
            table.apply(looked(table, everything))
    other = ProductTable.open(table.uri, table.name, PROFILE, SETTINGS, StorageSettings())
    for handle in (table, other):
        assert handle.latest().version == version
        assert handle.latest().to_table().equals(rows)
    assert table.apply(looked(table, everything)).deleted == 10
    assert other.count_live() == 30


@pytest.mark.parametrize("lacking", [("content", "media_seen", "media_asked"), ("stock", "content")])
def test_a_table_of_an_earlier_release_is_edited(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    uri = str(tmp_path / "p.lance")
    schema = products_schema(DIM, PROFILE)
    kept = pa.schema([f for f in schema if f.name not in lacking], metadata=schema.metadata)
    create_table(uri, kept, StorageSettings(), create_indexes)
    rows = pa.concat_tables([whole([Upload(i, 1, "red shoe").row() for i in IDS]), deletions(["gone"], 1)])
    lance.dataset(lance_uri(uri)).insert(rows.drop_columns(list(lacking)))
    table = ProductTable.open(uri, "products_p", PROFILE, SETTINGS, StorageSettings())
    assert table.fetch([IDS[0]], ["content"]).to_pylist() == [{"content": None}]
    model = Model()
    for product_id in IDS:
        model.add(Upload(product_id, 1, "red shoe"))
    model.add(Upload("gone", 1, None))
    steps: list[Step] = [Upload(i, 2, "red shoe") for i in IDS]  # what they are made of is known from now on
    apply(table, model, [*steps, Told(IDS[3], 3, "preorder"), Told("gone", 3, "preorder")])
    model.check(table)
    apply(table, model, [Upload(i, 4, "red shoe") for i in IDS if i != IDS[3]])
    model.check(table)
    table.maintain()
    assert where(table, "availability = 'preorder'") == [IDS[3]]


def test_rows_of_other_fragments_are_no_concern_of_an_edit(table: ProductTable, model: Model) -> None:
    table.apply(Changes(rows=[products(["other"], 1)]))
    before = vector_files(table)
    other = table.fetch(["other"]).to_pylist()
    for number in range(3):
        apply(table, model, [Upload(i, 2 + number, "red shoe", price=2 + number) for i in MANY])
    assert table.fetch(["other"]).to_pylist() == other
    assert vector_files(table) == before


def test_deletions_that_are_told_stock_are_counted_where_they_went(table: ProductTable) -> None:
    table.apply(Changes(rows=[products([f"t{n}" for n in range(20)], 1)]))
    table.apply(Changes(rows=[deletions([f"t{n}" for n in range(10)], 2)]))
    assert count(table, table.latest()) == Counts(rows=50, tombstones=10)
    table.restock([("t0", Stock(order(3), "out_of_stock"))])
    assert count(table, table.latest()) == Counts(rows=50, tombstones=10)

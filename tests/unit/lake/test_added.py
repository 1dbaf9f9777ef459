"""When a product came: kept by whatever is written of it later, whoever comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Changes
from mmpipe.lake.schema import EDIT_COLUMNS, ProductRow, Tombstone, build_edits, build_tombstones
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import DIM, PROFILE, order
from tests.unit.lake.sources import Told, Upload, whole

START = datetime.now(UTC).replace(microsecond=0)
FORMS = pytest.mark.parametrize("staged", [False, True], ids=["rows", "staged"])


def moment(n: int) -> datetime:
    return START + timedelta(minutes=n)


@pytest.fixture
def table(tmp_path: Path) -> ProductTable:
    uri = str(tmp_path / "p.lance")
    return ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())


def row(product_id: str, n: int, *, added: int | None = None, words: str = "red shoe") -> ProductRow:
    """As the source of order ``n`` writes it at minute n: of a new product, or of one that came before."""
    made = Upload(product_id, n, words).row()
    return replace(made, updated_at=moment(n), added_at=moment(n if added is None else added))


def changes(table: ProductTable, rows: list[ProductRow], *, staged: bool) -> Changes:
    made = whole(rows)
    return Changes(staged=table.stage(made)) if staged else Changes(rows=[made])


def gone(product_id: str, n: int) -> pa.Table:
    return build_tombstones([Tombstone(product_id, order(n), "run", moment(n))], DIM)


def added(table: ProductTable) -> Mapping[str, int | None]:
    """The minute that each product came in."""
    rows = table.latest().to_table(columns=["id", "deleted", "added_at"]).to_pylist()
    return {
        each["id"]: None if each["added_at"] is None else round((each["added_at"] - START).seconds / 60)
        for each in rows
        if not each["deleted"]
    }


@FORMS
def test_of_two_that_found_nothing_the_first_was_first(table: ProductTable, *, staged: bool) -> None:
    second = changes(table, [row("a", 3), row("b", 3)], staged=staged)
    table.apply(changes(table, [row("a", 2)], staged=staged))
    assert table.apply(second).updated == 1
    assert added(table) == {"a": 2, "b": 3}
    # The older one comes late, and an older source loses.
    assert not table.apply(changes(table, [row("b", 1)], staged=staged)).committed


@FORMS
def test_what_is_carried_is_trusted(table: ProductTable, *, staged: bool) -> None:
    table.apply(changes(table, [row("a", 5, added=1), row("b", 5)], staged=staged))
    table.apply(changes(table, [row("a", 6, added=1), row("b", 6, added=5)], staged=staged))
    assert added(table) == {"a": 1, "b": 5}


def test_staged_rows_are_not_read_again(table: ProductTable) -> None:
    table.apply(changes(table, [row("a", 1), row("b", 1)], staged=True))
    (staged,) = (prepared := changes(table, [row("a", 2, added=1), row("c", 2)], staged=True)).staged
    table.apply(prepared)
    files = {f.path for each in table.latest().get_fragments() for f in each.data_files()}
    assert {f.path for f in staged.fragment.data_files()} <= files
    assert added(table) == {"a": 1, "b": 1, "c": 2}


@FORMS
def test_what_comes_after_a_deletion_is_new(table: ProductTable, *, staged: bool) -> None:
    table.apply(changes(table, [row("a", 1), row("b", 1)], staged=staged))
    # Made while the product was there, written when it was not.
    carried = changes(table, [row("a", 4, added=1), row("b", 4)], staged=staged)
    table.apply(Changes(rows=[gone("a", 2), gone("b", 2)]))
    assert added(table) == {}
    table.apply(carried)
    assert added(table) == {"a": 4, "b": 4}


def test_a_copy_after_a_deletion_keeps_when_the_product_came_again(table: ProductTable) -> None:
    table.apply(Changes(rows=[gone("a", 2)]))
    table.apply(changes(table, [row("a", 6, added=4)], staged=False))
    assert added(table) == {"a": 4}


def test_an_empty_table_is_no_deletion(table: ProductTable) -> None:
    far_behind = replace(row("a", 1), updated_at=moment(-5), added_at=moment(-9))
    table.apply(Changes(rows=[whole([far_behind])]))
    assert table.fetch(["a"]).column("added_at").to_pylist() == [moment(-9)]


@pytest.mark.parametrize("others", [0, 30], ids=["in place", "moved"])
def test_edits_stocks_and_media_leave_it(table: ProductTable, others: int) -> None:
    table.apply(Changes(rows=[whole([row("a", 1), *(row(f"q{n}", 1) for n in range(others))])]))
    edit = build_edits([replace(row("a", 3), hashes={"text": "red shoe"})]).select(EDIT_COLUMNS)
    assert table.apply(Changes(edits=[edit])).updated == 1
    assert added(table)["a"] == 1
    table.apply(Changes(stocks=[("a", Told("a", 4, "out_of_stock").stock)]))
    assert added(table)["a"] == 1
    refreshed = replace(row("a", 3, added=1), hashes={"text": "red shoe", "image": "new"})
    assert table.refresh(whole([refreshed])).updated == 1
    assert added(table) == {"a": 1, **{f"q{n}": 1 for n in range(others)}}


def test_what_nobody_knows_stays_unknown(table: ProductTable) -> None:
    table.apply(Changes(rows=[whole([replace(row("a", 1), added_at=None)])]))
    table.apply(Changes(rows=[whole([replace(row("a", 2), added_at=None)])]))
    assert added(table) == {"a": None}
    table.apply(Changes(rows=[whole([row("a", 3)])]))  # whoever made it had not looked
    assert added(table) == {"a": None}

from __future__ import annotations

from itertools import permutations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.lake import ProductTable
from mmpipe.lake.precedence import Standing, after, latest_per_id
from mmpipe.lake.schema import ProductRow, Tombstone, build_table, build_tombstones
from mmpipe.schemas.product import Product
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import DIM, NOW, PROFILE, order


def sale(n: int, group: str | None = None) -> Standing:
    return Standing(order(n), deleted=False, group=group)


def gone(n: int, group: str | None = None) -> Standing:
    return Standing(order(n), deleted=True, group=group)


@pytest.mark.parametrize(
    ("standing", "write", "expected"),
    [
        (None, gone(3, "a"), gone(3, "a")),
        (sale(3), sale(4), sale(4)),
        (sale(4), sale(3), sale(4)),
        (sale(3, "a"), sale(4, "b"), sale(4, "b")),
        (sale(3, "a"), gone(4), gone(4)),
        (sale(3, "a"), gone(4, "a"), gone(4, "a")),
        (sale(5, "a"), gone(4, "a"), sale(5, "a")),
        (sale(3, "a"), gone(4, "b"), sale(3, "a")),
        (sale(3), gone(4, "b"), sale(3)),
        (gone(4), sale(3, "a"), gone(4)),
        (gone(4, "a"), sale(3, "a"), gone(4, "a")),
        (gone(4, "a"), sale(5, "a"), sale(5, "a")),
        (gone(4, "b"), sale(3, "a"), sale(3, "a")),
        (gone(4, "b"), sale(3), sale(3)),
        (gone(4, "a"), gone(5, "a"), gone(5, "a")),
        (gone(5, "a"), gone(4, "a"), gone(5, "a")),
        (gone(4, "a"), gone(5, "b"), gone(5)),
        (gone(5, "a"), gone(4, "b"), gone(5)),
        (gone(5), gone(4, "b"), gone(5)),
        (gone(4), gone(5, "b"), gone(5)),
    ],
)
def test_what_stands_after_one_more_write(
    standing: Standing | None, write: Standing, expected: Standing
) -> None:
    assert after(standing, write) == expected


def row_of(write: Standing) -> pa.Table:
    if write.deleted:
        return build_tombstones([Tombstone("p", write.order, "run", NOW, write.group)], DIM)
    product = Product(id="p", title=write.order, item_group_id=write.group)
    return build_table([ProductRow(product, write.order, "run", NOW)], {}, DIM)


def standing_of(table: ProductTable) -> Standing | None:
    rows = table.fetch(["p"]).to_pylist()
    assert len(rows) <= 1
    return Standing(rows[0]["source_order"], rows[0]["deleted"], rows[0]["item_group_id"]) if rows else None


writes = st.lists(
    st.builds(
        Standing,
        order=st.integers(1, 6).map(order),
        deleted=st.booleans(),
        group=st.sampled_from([None, "a", "b"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda write: write.order,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=writes, together=st.integers(0, 5))
def test_a_table_follows_the_same_rules(
    tmp_path_factory: pytest.TempPathFactory, stream: list[Standing], together: int
) -> None:
    uri = str(tmp_path_factory.mktemp("lake") / "p.lance")
    table = ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    expected: Standing | None = None
    first = sorted(stream[:together], key=lambda write: write.order)
    for write in first:
        expected = after(expected, write)
    if first:
        table.upsert(pa.concat_tables([row_of(write) for write in stream[:together]]))
    assert standing_of(table) == expected
    for write in stream[together:]:
        # What the table holds is known when a write is made; a deletion is written as what it comes to.
        now = after(expected, write)
        if now != expected:
            table.upsert(row_of(now if write.deleted else write))
        else:
            table.upsert(row_of(write)) if not write.deleted else None
        expected = now
        assert standing_of(table) == expected


@settings(max_examples=300, deadline=None)
@given(stream=writes, group=st.sampled_from([None, "a"]), other=st.booleans())
def test_any_order_comes_to_the_same_where_an_id_is_one_products(
    stream: list[Standing], group: str | None, other: bool
) -> None:
    """Its deletions are meant for it or for any product, or else all of them for one other product."""
    mine = [
        Standing(w.order, w.deleted, ("b" if other else w.group and group) if w.deleted else group)
        for w in stream
    ]
    results = set()
    for each in permutations(mine):
        now: Standing | None = None
        for write in each:
            now = after(now, write)
        assert now is not None
        results.add(now if not now.deleted else now.deleted)
    assert len(results) == 1


def test_of_several_rows_of_an_id_the_one_that_stands_is_kept() -> None:
    rows = pa.concat_tables([row_of(gone(5, "b")), row_of(sale(3, "a")), row_of(sale(2, "a"))])
    (row,) = latest_per_id(rows).to_pylist()
    assert (row["source_order"], row["deleted"], row["title"]) == (order(3), False, order(3))
    rows = pa.concat_tables([row_of(gone(5, "b")), row_of(gone(3, "a"))])
    (row,) = latest_per_id(rows).to_pylist()
    assert (row["source_order"], row["deleted"], row["item_group_id"]) == (order(5), True, None)

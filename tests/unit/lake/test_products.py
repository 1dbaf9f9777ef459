from __future__ import annotations

import logging
import pickle
import threading
from pathlib import Path

import lance
import lancedb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.errors import NotFound, ProfileMismatch, UnknownCollection
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.lake.create import create_table
from mmpipe.lake.lake import table_name
from mmpipe.lake.maintenance import MAX_SMALL_FRAGMENTS, MEDIA_INDEX, unindexed_rows
from mmpipe.lake.precedence import latest_per_id
from mmpipe.lake.schema import products_schema
from mmpipe.lake.storage import lance_uri
from mmpipe.settings import LakeSettings, Settings, StorageSettings
from tests.unit.lake.rows import DIM, PROFILE, deletions, order, products, vector_of

Write = tuple[str, str, int]
SALE = ("sale_start", "sale_end")


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Settings(lake=LakeSettings(uri=str(tmp_path / "lake"), max_unindexed_rows=50))
    return open_lake(made).collection("shop", create=True)


@pytest.fixture
def table(collection: Collection) -> ProductTable:
    return collection.products(PROFILE, create=True)


def content(table: ProductTable) -> dict[str, tuple[str, bool]]:
    rows = table.latest().to_table(columns=["id", "source_order", "deleted"]).to_pylist()
    found = {row["id"]: (row["source_order"], row["deleted"]) for row in rows}
    assert len(found) == len(rows), "an id is stored twice"
    return found


def names_of_indexes(table: ProductTable) -> set[str]:
    return {index.name for index in table.latest().describe_indices()}


def test_only_a_newer_source_overwrites(table: ProductTable) -> None:
    first = table.upsert(products(["a", "b"], 5))
    assert (first.inserted, first.updated, first.skipped) == (2, 0, 0)
    again = table.upsert(products(["a", "b"], 5))
    assert (again.inserted, again.updated, again.skipped) == (0, 0, 2)
    mixed = table.upsert(pa.concat_tables([products(["a"], 4), products(["b"], 6), products(["c"], 1)]))
    assert (mixed.inserted, mixed.updated, mixed.skipped) == (1, 1, 1)
    assert content(table) == {"a": (order(5), False), "b": (order(6), False), "c": (order(1), False)}
    assert mixed.version == table.version > first.version


def test_a_deletion_is_a_write_and_a_late_upload_does_not_revive(table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 1))
    table.upsert(deletions(["a", "never-seen"], 3))
    table.upsert(products(["a", "never-seen"], 2))
    assert content(table)["a"] == content(table)["never-seen"] == (order(3), True)
    assert table.count_live() == 1
    table.upsert(products(["a"], 4))
    assert table.count_live() == 2
    assert table.fetch(["a"], ["vector"]).column("vector").null_count == 0


def test_one_call_may_repeat_an_id(table: ProductTable) -> None:
    rows = pa.concat_tables([products(["a", "b"], 2), products(["a"], 9, title="new"), products(["a"], 3)])
    result = table.upsert(rows)
    assert (result.inserted, result.skipped) == (2, 2)
    assert table.fetch(["a"], ["title"]).to_pylist() == [{"title": "new a"}]
    assert latest_per_id(rows).num_rows == 2


def test_refresh_writes_only_over_the_same_source(table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 5))
    table.upsert(deletions(["b"], 6))
    stale = table.refresh(products(["a"], 4, title="stale"))
    revived = table.refresh(products(["b"], 6, title="revived"))
    unknown = table.refresh(products(["c"], 5))
    fresh = table.refresh(products(["a"], 5, title="fresh"))
    assert [r.updated + r.inserted for r in (stale, revived, unknown, fresh)] == [0, 0, 0, 1]
    assert table.fetch(["a"], ["title"]).to_pylist() == [{"title": "fresh a"}]
    assert content(table)["b"] == (order(6), True)


def earlier_table(collection: Collection) -> str:
    """The address of a table that lacks the columns of sales, with products a and b."""
    uri = collection.table_uri(table_name(PROFILE))
    schema = products_schema(DIM, PROFILE)
    kept = pa.schema([f for f in schema if f.name not in SALE], metadata=schema.metadata)
    create_table(uri, kept, collection.settings.storage)
    lance.dataset(lance_uri(uri)).insert(products(["a", "b"], 1).drop_columns(list(SALE)))
    return uri


def opened(uri: str) -> ProductTable:
    return ProductTable.open(uri, table_name(PROFILE), PROFILE, LakeSettings(), StorageSettings())


def test_a_table_of_an_earlier_release_gains_the_new_columns_when_it_is_written_to(
    collection: Collection,
) -> None:
    uri = earlier_table(collection)
    table, other = opened(uri), opened(uri)
    assert content(table)["a"] == (order(1), False), "reading changes nothing"
    assert not set(SALE) & set(table.latest().schema.names)
    assert table.upsert(products(["b", "c"], 2)).inserted == 1
    assert other.upsert(products(["d"], 2)).inserted == 1, "a handle that was opened before"
    assert set(content(table)) == {"a", "b", "c", "d"}
    assert set(table.latest().schema.names) == set(table.schema.names)
    assert table.fetch(["a"], ["sale_start", "vector"]).to_pylist()[0]["sale_start"] is None


def test_writers_that_find_an_earlier_table_at_once_all_land(collection: Collection) -> None:
    uri = earlier_table(collection)
    tables = [opened(uri) for _ in range(4)]
    ready = threading.Barrier(len(tables))

    def write(n: int) -> None:
        ready.wait()
        tables[n].upsert(products([f"w{n}"], 2))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(len(tables))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(content(opened(uri))) == {"a", "b", "w0", "w1", "w2", "w3"}


HOSTILE = [
    "a'b",
    "x' OR 1=1 --",
    'q"q',
    "back\\slash",
    "nul\x00l",
    "line\nline",
    "%",
    "中文",
    "😀",
    "$1",
    "{}",
]


def test_hostile_ids_and_addresses_find_themselves_and_nothing_else(table: ProductTable) -> None:
    rows = products([f"p{i}" for i in range(len(HOSTILE))], 1)
    rows = rows.set_column(0, rows.schema.field(0), pa.array(HOSTILE))
    table.upsert(rows)
    for hostile in HOSTILE:
        assert table.fetch([hostile], ["id"]).column("id").to_pylist() == [hostile]
    assert table.fetch(["x' OR '1'='1"], ["id"]).num_rows == 0
    for n, uri in enumerate(HOSTILE):
        table.upsert(products([f"m{n}"], 1, media=[f"s3://b/{uri}.jpg"]))
    for n, uri in enumerate(HOSTILE):
        assert table.using_media([f"s3://b/{uri}.jpg"]) == [f"m{n}"]


def test_fetch_by_many_ids_takes_the_other_path_with_the_same_result(table: ProductTable) -> None:
    ids = [f"p{i}" for i in range(1_500)]
    table.upsert(products(ids, 1))
    table.upsert(products(ids[100:200], 2))
    wanted = [*ids[:1_200], "unknown", ids[0]]
    many = table.fetch(wanted, ["id", "source_order", "vector"])
    assert sorted(many.column("id").to_pylist()) == sorted(ids[:1_200])
    by_id = dict(zip(many.column("id").to_pylist(), many.column("vector").to_pylist(), strict=True))
    assert np.allclose(by_id["p150"], vector_of("p150"))
    newer = [r["id"] for r in many.to_pylist() if r["source_order"] == order(2)]
    assert sorted(newer) == sorted(ids[100:200])
    assert table.fetch([], ["id"]).num_rows == 0
    assert table.fetch(["p1"]).schema.names == products_schema(DIM).names


def test_products_are_found_by_their_media_through_updates_and_maintenance(table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 1, media=["s3://b/1.jpg", "s3://b/2.jpg"]))
    table.upsert(products(["c"], 1, media=["s3://b/2.jpg"]))
    table.upsert(products([f"x{i}" for i in range(60)], 1, media=["s3://b/x.jpg"]))
    table.upsert(products(["b"], 2, media=["s3://b/3.jpg"]))
    for _ in range(2):
        assert table.using_media(["s3://b/1.jpg"]) == ["a"]
        assert table.using_media(["s3://b/2.jpg", "s3://b/3.jpg"]) == ["a", "b", "c"]
        assert table.using_media(["s3://b/none.jpg"]) == table.using_media([]) == []
        assert table.maintain().version
    table.upsert(deletions(["a"], 9))
    assert table.using_media(["s3://b/1.jpg"]) == []


WRITES = st.lists(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "delete"]), st.integers(1, 5)), min_size=1
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=WRITES)
def test_any_sequence_of_writes_equals_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Write]]
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    table = ProductTable.create(
        str(folder / "p.lance"), "products_p", PROFILE, LakeSettings(max_unindexed_rows=2), StorageSettings()
    )
    # What a source holds depends on its order alone, as in life: the same order is the same row.
    kinds: dict[tuple[str, int], str] = {}
    oracle: dict[str, tuple[str, bool]] = {}
    for batch in batches:
        tables = []
        for product_id, wanted, n in batch:
            kind = kinds.setdefault((product_id, n), wanted)
            tables.append(products([product_id], n) if kind == "put" else deletions([product_id], n))
            oracle[product_id] = max(oracle.get(product_id, ("", False)), (order(n), kind == "delete"))
        table.upsert(pa.concat_tables(tables))
    table.maintain()
    assert content(table) == oracle
    assert table.count_live() == sum(not deleted for _, deleted in oracle.values())


def test_concurrent_writers_lose_nothing_and_duplicate_nothing(tmp_path: Path) -> None:
    uri, rounds, writers = str(tmp_path / "p.lance"), 8, 3
    ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    start = threading.Barrier(writers)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            table = ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
            for n in range(rounds):
                start.wait()
                # The same new id from every writer at once, besides one of its own.
                table.upsert(products([f"shared{n}", f"own{number}-{n}"], 1 + (number + n) % writers))
        except BaseException as error:  # noqa: BLE001  the main thread reports it
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    table = ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    found = content(table)
    assert len(found) == rounds + rounds * writers
    assert {found[f"shared{n}"] for n in range(rounds)} == {(order(writers), False)}


def test_maintenance_while_others_write_loses_nothing(table: ProductTable) -> None:
    for n in range(MAX_SMALL_FRAGMENTS + 2):
        table.upsert(products([f"p{n}", "shared"], n + 1))
    other = ProductTable.open(table.uri, table.name, PROFILE, LakeSettings(), StorageSettings())
    writer = threading.Thread(
        target=lambda: [other.upsert(products([f"q{n}", "shared"], 100 + n)) for n in range(10)]
    )
    writer.start()
    for _ in range(3):
        table.maintain()
    writer.join()
    found = content(table)
    assert len(found) == MAX_SMALL_FRAGMENTS + 2 + 10 + 1
    assert found["shared"] == (order(109), False)


def test_maintenance_compacts_indexes_and_rests_when_nothing_is_due(table: ProductTable) -> None:
    assert not table.maintain().changed
    for n in range(MAX_SMALL_FRAGMENTS + 1):
        table.upsert(products([f"p{n}"], 1))
    assert unindexed_rows(table.latest()) == MAX_SMALL_FRAGMENTS + 1
    report = table.maintain()
    assert report.compacted
    assert report.indexes_updated
    assert len(table.latest().get_fragments()) == 1
    assert unindexed_rows(table.latest()) == 0
    assert report.version == table.latest().version
    assert not table.maintain().changed


def test_indexes_of_earlier_releases_go(collection: Collection, table: ProductTable) -> None:
    for n in range(MAX_SMALL_FRAGMENTS + 1):
        table.upsert(products([f"p{n}-{i}" for i in range(10)], 1, media=[f"s3://b/{n}.jpg"]))
    kept = {"id_idx", "deleted_idx", MEDIA_INDEX}
    dataset = table.latest()
    assert names_of_indexes(table) == kept
    dataset.create_index("vector", "IVF_RQ", name="vector_idx", metric="dot", num_partitions=1)
    dataset.create_scalar_index(
        "search_text", "INVERTED", name="search_text_idx", base_tokenizer="whitespace"
    )
    dataset.create_scalar_index("brand", "BTREE")
    dataset.create_scalar_index("availability", "BITMAP")
    before = content(table)
    former = {"vector_idx", "search_text_idx", "brand_idx", "availability_idx"}
    assert names_of_indexes(table) == kept | former
    collection.publish(table, reason="as it was")

    report = table.maintain()
    assert report.indexes_updated
    assert names_of_indexes(table) == kept
    assert content(table) == before
    assert table.using_media(["s3://b/7.jpg"]) == [f"p7-{i}" for i in range(10)]
    assert collection.publish(table, reason=report.summary()).version == report.version
    assert not table.maintain().changed


def test_indexes_of_earlier_releases_go_where_nothing_else_is_due(table: ProductTable) -> None:
    table.upsert(products(["a"], 1))
    table.latest().create_scalar_index("brand", "BTREE")
    report = table.maintain()
    assert (report.compacted, report.indexes_updated) == (False, True)
    assert "brand_idx" not in names_of_indexes(table)
    assert not table.maintain().changed


def test_another_profile_is_another_table(collection: Collection, table: ProductTable) -> None:
    other = PROFILE.__class__("test", DIM, PROFILE.encoders, PROFILE.fusion.__class__("weighted_mean", "2"))
    with pytest.raises(NotFound):
        collection.products(other)
    assert collection.products(other, create=True).name != table.name
    assert collection.product_tables() == sorted([table_name(other), table.name])
    with pytest.raises(ProfileMismatch, match="index into the table of that profile"):
        ProductTable.open(table.uri, table.name, other, LakeSettings(), StorageSettings())
    assert collection.products(PROFILE) is table
    assert (
        ProductTable.create(table.uri, table.name, PROFILE, LakeSettings(), StorageSettings()).profile
        == PROFILE
    )


def test_wrong_columns_are_named(table: ProductTable) -> None:
    with pytest.raises(ValueError, match="brand"):
        table.upsert(products(["a"], 1).drop_columns(["brand"]))


def test_readers_keep_the_version_they_took(table: ProductTable) -> None:
    table.upsert(products(["a"], 1))
    before = table.latest()
    table.upsert(products(["b"], 1))
    assert before.count_rows() == 1
    assert table.at(before.version).count_rows() == 1
    with pytest.raises(NotFound, match="no version 999"):
        table.at(999)


def test_names_are_checked_and_collections_listed(collection: Collection, table: ProductTable) -> None:
    lake = open_lake(collection.settings)
    assert lake.collections() == ["shop"]
    assert lake.collection("shop").products(PROFILE).name == table.name
    for name in ("other", "../shop", "", "Shop", "a" * 64, "shop\n"):
        with pytest.raises(UnknownCollection):
            lake.collection(name)
    with pytest.raises(UnknownCollection, match="lower-case"):
        lake.collection("../x", create=True)
    with pytest.raises(NotFound):
        collection.table("../rejects")
    assert pickle.loads(pickle.dumps(collection)).products(PROFILE).name == table.name
    assert open_lake(Settings(lake=LakeSettings(uri=collection.uri + "/nothing-here"))).collections() == []


def test_it_is_a_lancedb_database(collection: Collection, table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 1))
    database = lancedb.connect(collection.uri.removeprefix("file://"))
    opened = database.open_table(table.name)
    assert opened.count_rows() == 2
    assert opened.search(vector_of("b"), vector_column_name="vector").limit(1).to_list()[0]["id"] == "b"


def test_old_versions_go_but_tagged_ones_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = Settings(
        lake=LakeSettings(uri=str(tmp_path), keep_versions_days=1e-9, max_unindexed_rows=5, max_shrink=1.0)
    )
    collection = open_lake(made).collection("shop", create=True)
    table = collection.products(PROFILE, create=True)
    table.upsert(products(["a"], 1))
    live = collection.publish(table, reason="first")
    table.upsert(products([f"p{i}" for i in range(10)], 1))
    report = table.maintain()
    assert report.versions_removed > 0
    kept = {ref["version"] for ref in table.latest().version_refs()}
    assert kept == {live.version, report.version}
    assert lance.dataset(table.uri, version=live.version).count_rows() == 1

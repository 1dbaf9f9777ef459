"""What a lake must do, in a folder and over S3's wire protocol alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import lance
import numpy as np
import pyarrow as pa
import pytest
from lance import LanceDataset
from moto.server import ThreadedMotoServer

from mmpipe.encoders.base import FusionInfo, Profile
from mmpipe.errors import (
    CommitConflict,
    LiveMoved,
    NotFound,
    PublishRejected,
    StorageUnavailable,
    UnknownCollection,
)
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.lake.changes import Changes, Seen, seen_table
from mmpipe.lake.live import LivePointer
from mmpipe.lake.maintenance import MAX_SMALL_FRAGMENTS, MEDIA_INDEX
from mmpipe.lake.media_log import MediaVersion
from mmpipe.lake.mirror import TABLES, Mirror
from mmpipe.lake.resolve import HEAD_COLUMNS
from mmpipe.lake.schema import EDIT_COLUMNS, UNREAD_COLUMNS, VectorBlock, vector_array
from mmpipe.lake.shared_folder import SharedFolder
from mmpipe.lake.stock import Stock
from mmpipe.lake.tags import LiveTags
from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.schemas.run import Reject, RunRecord, RunStatus
from mmpipe.settings import LakeSettings, Settings, StorageSettings
from tests.unit.lake.rows import DIM, NOW, PROFILE, deletions, order, products, vector_of

BUCKET = "lake-contract"


class Requests(logging.Handler):
    """Counts what the object store was asked, by the server's own log."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    make_puts_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield url
    server.stop()


@pytest.fixture
def requests(endpoint: str) -> Iterator[list[str]]:
    counter, log = Requests(), logging.getLogger("werkzeug")
    former = log.level
    log.addHandler(counter)
    log.setLevel(logging.INFO)
    yield counter.seen
    log.removeHandler(counter)
    log.setLevel(former)


def on_s3(request: pytest.FixtureRequest) -> Settings:
    url = request.getfixturevalue("endpoint")
    return Settings(
        storage=StorageSettings(endpoint_url=url),
        lake=LakeSettings(uri=f"s3://{BUCKET}/{request.node.name}".replace("[", "-").replace("]", "")),
    )


@pytest.fixture(params=["folder", "s3"])
def collection(request: pytest.FixtureRequest, tmp_path: Path) -> Collection:
    if request.param == "s3":
        return open_lake(on_s3(request)).collection("shop", create=True)
    made = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    return open_lake(made).collection("shop", create=True)


@pytest.fixture
def table(collection: Collection) -> ProductTable:
    return collection.products(PROFILE, create=True)


def ids(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def tagged(table: ProductTable) -> dict[str, int]:
    return {name: tag["version"] for name, tag in table.latest().tags.list().items()}


def test_a_collection_comes_into_being_with_its_first_table(collection: Collection) -> None:
    lake = open_lake(collection.settings)
    assert lake.collections() == []
    with pytest.raises(UnknownCollection, match="index a feed"):
        lake.collection("shop")
    assert collection.live() is None
    assert collection.history() == []
    collection.products(PROFILE, create=True).upsert(products(["a"], 1))
    assert lake.collections() == ["shop"]
    assert lake.collection("shop").products(PROFILE).count_live() == 1


def test_publish_names_a_version_and_tags_it(collection: Collection, table: ProductTable) -> None:
    table.upsert(products(ids(5), 1))
    first = collection.publish(table, reason="first")
    assert (first.generation, first.table, first.version, first.rows) == (1, table.name, table.version, 5)
    assert first.profile_fingerprint == PROFILE.fingerprint
    assert collection.live() == first
    assert collection.publish(table, reason="nothing new") == first
    table.upsert(deletions(ids(1), 2))
    second = collection.publish(table, reason="second")
    assert (second.generation, second.rows, second.tombstones, second.reason) == (2, 4, 1, "second")
    assert tagged(table) == {
        f"live-{first.version}": first.version,
        f"live-{second.version}": second.version,
    } | {"live": second.version}
    assert [v.generation for v in collection.history()] == [2, 1]
    assert table.at(first.version).count_rows(filter="deleted = false") == 5


def test_rollback_and_promote_are_the_same_step(collection: Collection, table: ProductTable) -> None:
    with pytest.raises(PublishRejected, match="no earlier"):
        collection.rollback()
    versions = []
    for n in range(1, 4):
        table.upsert(products([f"p{n}"], n))
        versions.append(collection.publish(table, reason=f"v{n}").version)
    assert collection.rollback().version == versions[1]
    back = collection.rollback()
    assert (back.version, back.generation, back.rows, back.restores) == (versions[0], 5, 1, 1)
    with pytest.raises(PublishRejected):
        collection.rollback()
    forward = collection.promote(table.name, versions[2])
    assert (forward.version, forward.rows, forward.restores) == (versions[2], 3, None)
    other = Profile("next", DIM, PROFILE.encoders, FusionInfo("weighted_mean", "2"))
    filled = collection.products(other, create=True)
    filled.upsert(products(ids(4), 1))
    switched = collection.publish(filled, reason="new profile")
    assert (switched.table, switched.profile_fingerprint) == (filled.name, other.fingerprint)
    assert collection.rollback().table == table.name
    with pytest.raises(NotFound):
        collection.promote("products_unknown_12345678", 1)
    with pytest.raises(NotFound):
        collection.promote(table.name, 999)
    assert collection.publish(table, reason="goes forward again").version >= versions[2]


def test_a_version_that_lost_products_is_refused(collection: Collection, table: ProductTable) -> None:
    table.upsert(products(ids(10), 1))
    live = collection.publish(table, reason="first")
    table.upsert(deletions(ids(8), 2))
    with pytest.raises(PublishRejected, match="8 of the 10 products"):
        collection.publish(table, reason="deletions")
    assert collection.live() == live
    deleted = collection.publish(table, reason="deletions that are meant", allow_shrink=True)
    assert deleted.rows == 2
    small = collection.products(Profile("small", DIM, PROFILE.encoders, PROFILE.fusion), create=True)
    assert collection.publish(small, reason="a small shop may take its few products away").rows == 0
    assert collection.promote(table.name, live.version).rows == 10
    table.latest().delete("id <> 'p9'")
    with pytest.raises(PublishRejected, match="9 of the 10 products"):
        collection.publish(table, reason="rows vanished")


@pytest.mark.parametrize("fault", [np.nan, np.inf, 0.0, 3.0])
@pytest.mark.parametrize("column", ["vector", "text_vector"])
def test_a_version_with_a_bad_vector_is_refused(tmp_path: Path, column: str, fault: float) -> None:
    collection = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path)))).collection("shop", create=True)
    table = collection.products(PROFILE, create=True)
    table.upsert(products(ids(3), 1))
    good = collection.publish(table, reason="good")
    rows = products(["bad", "fine"], 1)
    values = np.stack([np.full(DIM, fault, np.float32), vector_of("fine")])
    place = rows.schema.get_field_index(column)
    broken = vector_array(VectorBlock(values, np.ones(2, np.bool_)), 2, DIM)
    table.upsert(rows.set_column(place, rows.schema.field(place), broken))
    with pytest.raises(PublishRejected, match=f"{column} of product 'bad'"):
        collection.publish(table, reason="bad")
    assert collection.live() == good


def test_a_version_whose_index_lies_is_refused(tmp_path: Path) -> None:
    collection = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path), max_unindexed_rows=1))).collection(
        "shop", create=True
    )
    table = collection.products(PROFILE, create=True)
    table.upsert(products(ids(9), 1, media=["s3://b/1.jpg", "s3://b/2.jpg"]))
    good = collection.publish(table, reason="good")
    table.maintain()
    dataset = table.latest()
    # A tokenizer that makes one word of all keys.
    dataset.create_scalar_index(
        "media_keys", "INVERTED", name=MEDIA_INDEX, base_tokenizer="raw", replace=True
    )
    with pytest.raises(PublishRejected, match="by a medium of its own"):
        collection.publish(table, reason="bad index")
    assert collection.live() == good


def test_concurrent_publishers_never_go_backwards(collection: Collection, table: ProductTable) -> None:
    table.upsert(products(["first"], 1))
    collection.publish(table, reason="first")
    handles = [open_lake(collection.settings).collection("shop") for _ in range(3)]
    start = threading.Barrier(len(handles))

    def write(number: int) -> list[int]:
        mine, seen = handles[number].products(PROFILE), []
        for n in range(3):
            start.wait()
            version = mine.upsert(products([f"p{number}-{n}"], 1)).version
            live = handles[number].publish(mine, reason="concurrent")
            assert live.version >= version
            seen.append(live.generation)
        return seen

    with ThreadPoolExecutor(len(handles)) as pool:
        seen = list(pool.map(write, range(len(handles))))
    history = collection.history()
    versions = [entry.version for entry in reversed(history)]
    assert versions == sorted(versions)
    assert [entry.generation for entry in reversed(history)] == list(range(1, len(history) + 1))
    assert all(generations == sorted(generations) for generations in seen)
    live = collection.live()
    assert live is not None
    assert (live.version, live.rows) == (table.latest().version, 10)


def test_a_lost_race_for_live_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path)))).collection("shop", create=True)
    table = collection.products(PROFILE, create=True)
    table.upsert(products(["a"], 1))
    replace, losses = LivePointer.replace, iter(range(3))

    def losing(self: LivePointer, *arguments: object) -> object:
        if next(losses, None) is not None:
            raise CommitConflict("somebody else was first")
        return replace(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(LivePointer, "replace", losing)
    assert collection.publish(table, reason="fourth time").generation == 1
    losses = iter(range(100))
    table.upsert(products(["b"], 1))
    with pytest.raises(CommitConflict, match=r"live\.json"):
        collection.publish(table, reason="never")


def forget_after(publications: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.lake.live.KEEP_LAST", publications)
    monkeypatch.setattr("mmpipe.lake.live.KEEP_HOURLY", timedelta(0))
    monkeypatch.setattr("mmpipe.lake.live.KEEP_DAILY", timedelta(0))


def test_tags_are_those_of_the_history(
    collection: Collection, table: ProductTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_after(2, monkeypatch)
    made = collection.settings
    lake = made.lake.model_copy(update={"hold_versions_seconds": 0.0})
    collection = open_lake(made.model_copy(update={"lake": lake})).collection("shop", create=True)
    for n in range(5):
        table.upsert(products([f"p{n}"], 1))
        collection.publish(table, reason="next")
    history = collection.history()
    live, kept = history[0], {f"live-{entry.version}": entry.version for entry in history}
    assert len(kept) == 3
    assert tagged(table) == kept | {"live": live.version}
    # Processes that died: after a tag and before live.json, and before old tags were dropped.
    tags, newer = LiveTags(collection.store, collection.table_uri(table.name)), live.version + 1
    table.upsert(products(["refused"], 1))
    for version in (live.version - 3, live.version - 4, newer):
        tags.keep(version)
    tags.drop(live.version)
    collection.tidy()
    assert len(tagged(table)) == 6, "this process has tidied that publication"
    elsewhere = open_lake(collection.settings).collection("shop")
    elsewhere.tidy()
    # What is newer may be about to be published.
    assert tagged(table) == kept | {"live": live.version, f"live-{newer}": newer}
    table.upsert(products(["good"], 1))
    now = elsewhere.publish(table, reason="good")
    assert set(tagged(table).values()) == {entry.version for entry in collection.history()}
    assert tagged(table)["live"] == now.version
    # The clean-up, Lance's own, takes all the rest.
    table.latest().cleanup_old_versions(older_than=timedelta(0), error_if_tagged_old_versions=False)
    held = {version["version"] for version in table.latest().versions()}
    assert held == {entry.version for entry in collection.history()}
    assert [table.at(entry.version).version for entry in collection.history()]


def test_tags_of_a_table_that_is_forgotten_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_after(1, monkeypatch)
    made = Settings(lake=LakeSettings(uri=str(tmp_path), hold_versions_seconds=0))
    collection = open_lake(made).collection("shop", create=True)
    other = Profile("next", DIM, PROFILE.encoders, FusionInfo("weighted_mean", "2"))
    old, new = collection.products(PROFILE, create=True), collection.products(other, create=True)
    for n in range(3):
        old.upsert(products([f"p{n}"], 1))
        collection.publish(old, reason="old")
    newest = old.version
    for n in range(4):
        new.upsert(products([f"p{m}" for m in range(n, 9)], n + 1))
        collection.publish(new, reason="new")
    assert {entry.table for entry in collection.history()} == {new.name}
    LiveTags(collection.store, collection.table_uri(old.name)).keep(newest - 1)
    collection.tidy(thorough=True)
    # A publication of it may be under way, with its newest version.
    assert tagged(old) == {"live": newest, f"live-{newest}": newest}


def test_a_publication_is_two_writes(request: pytest.FixtureRequest, requests: list[str]) -> None:
    collection = open_lake(on_s3(request)).collection("shop", create=True)
    table = collection.products(PROFILE, create=True)
    for n in range(3):
        table.upsert(products([f"p{n}"], 1))
        collection.publish(table, reason="before")
    seen = collection.live_file()
    table.apply(Changes(rows=[products(["more"], 1)], sound=True))
    before = len(requests)
    live = collection.publish(table, reason="upload", version=table.version, following=seen, tidy=False)
    asked = [line.split('"')[1].removeprefix("\x1b[33m") for line in requests[before:]]
    written = [line.split("/shop/")[1].split(" ")[0] for line in asked if line.startswith("PUT")]
    assert sorted(written) == ["live.json", f"{table.name}.lance/_refs/tags/live-{live.version}.json"]
    assert len(asked) == 2
    assert tagged(table)["live"] < live.version, "not yet: nobody waits for it"
    collection.tidy()
    assert tagged(table)["live"] == live.version
    before = len(requests)
    collection.tidy()
    assert len(requests) == before + 1


def test_publications_of_one_process_follow_each_other_unread(
    request: pytest.FixtureRequest, requests: list[str]
) -> None:
    collection = open_lake(on_s3(request)).collection("shop", create=True)
    table = collection.products(PROFILE, create=True)
    table.upsert(products(["a"], 1))
    collection.publish(table, reason="first")
    seen = collection.live_file()
    table.upsert(products(["b"], 1))
    collection.publish(table, reason="another thread's", following=seen, tidy=False)
    table.apply(Changes(rows=[products(["c"], 1)], sound=True))
    before = len(requests)
    live = collection.publish(table, reason="mine", version=table.version, following=seen, tidy=False)
    assert len(requests) == before + 2
    assert (live.generation, live.rows) == (3, 3)
    assert [entry.reason for entry in collection.history()] == ["mine", "another thread's", "first"]


def test_a_commit_of_what_was_just_looked_up_reads_no_row_again(
    request: pytest.FixtureRequest, requests: list[str]
) -> None:
    table = open_lake(on_s3(request)).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(products(["a", "b"], 1))
    table.fetch(["b", "c"], HEAD_COLUMNS, version=table.latest())
    before = len(requests)
    table.upsert(products(["b", "c"], 2))
    asked = requests[before:]
    assert not [line for line in asked if "GET" in line and "/data/" in line]
    assert sum("GET" in line and "list-type=2" in line for line in asked) == 1, "that of the commit itself"
    assert table.fetch(["a", "b", "c"], ["id", "source_order"]).sort_by("id").to_pydict() == {
        "id": ["a", "b", "c"],
        "source_order": [order(1), order(2), order(2)],
    }


def test_what_was_looked_up_is_not_believed_once_others_have_written(
    collection: Collection, table: ProductTable
) -> None:
    table.upsert(products(ids(3), 1))
    other = open_lake(collection.settings).collection("shop").products(PROFILE)
    table.fetch([*ids(3), "new"], HEAD_COLUMNS)
    other.upsert(products(["p0", "new"], 5))
    other.upsert(deletions(["p1"], 5))
    written = table.upsert(products(["p0", "p1", "p2", "new"], 3))
    assert (written.inserted, written.updated, written.skipped) == (0, 1, 3)
    rows = {r["id"]: r for r in table.fetch([*ids(3), "new"], ["id", "source_order", "deleted"]).to_pylist()}
    orders = {product_id: (row["source_order"], row["deleted"]) for product_id, row in rows.items()}
    assert orders == {
        "p0": (order(5), False),
        "p1": (order(5), True),
        "p2": (order(3), False),
        "new": (order(5), False),
    }


def test_what_was_looked_up_is_not_believed_once_a_table_was_taken_back(
    collection: Collection, table: ProductTable
) -> None:
    table.upsert(products(ids(4), 1))
    other = open_lake(collection.settings).collection("shop").products(PROFILE)
    before = other.latest()
    other.upsert(products(["p0"], 2))
    table.fetch(ids(4), HEAD_COLUMNS)
    before.restore()
    # One row of the first file is gone, as it was when it was looked at: another one.
    other.upsert(products(["p1"], 2))
    written = table.upsert(products(["p0", "p1"], 3))
    assert (written.inserted, written.updated) == (0, 2)
    stored = table.latest().to_table(columns=["id", "source_order"]).sort_by("id").to_pylist()
    assert [(row["id"], row["source_order"]) for row in stored] == [
        ("p0", order(3)),
        ("p1", order(3)),
        ("p2", order(1)),
        ("p3", order(1)),
    ]


def test_rows_written_here_are_told_as_they_are_stored(collection: Collection, table: ProductTable) -> None:
    table.upsert(products(ids(4), 1))
    table.upsert(deletions(["p1"], 2))
    table.upsert(products(["p2", "p7"], 3))
    table.restock([("p3", Stock(order(4), "out_of_stock", None))])
    other = open_lake(collection.settings).collection("shop").products(PROFILE)
    names = [name for name in table.schema.names if "vector" not in name]
    asked = [*ids(8), "nobody"]
    mine, stored = (t.fetch(asked, names).sort_by("id") for t in (table, other))
    assert mine.num_rows == 5
    assert mine.equals(stored)


def test_small_files_are_put_together_under_steady_writes(table: ProductTable) -> None:
    for n in range(MAX_SMALL_FRAGMENTS + 1):
        table.upsert(products([f"p{n}"], 1))
    ended = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not ended.is_set():
            written.append(f"q{len(written)}")
            table.upsert(products([written[-1]], 1))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not written:
            threading.Event().wait(0.01)
        report = table.maintain()
        ended.set()
        writing.result()
    assert report.compacted
    assert table.count_live() == MAX_SMALL_FRAGMENTS + 1 + len(written)
    assert sorted(table.fetch(written).column("id").to_pylist()) == sorted(written)


def test_what_the_caller_read_is_read_again_where_it_changed(
    collection: Collection, table: ProductTable
) -> None:
    table.upsert(products(["a"], 1))
    collection.publish(table, reason="first")
    seen = collection.live_file()
    other = open_lake(collection.settings).collection("shop")
    table.upsert(products(["b"], 1))
    second = other.publish(other.products(PROFILE), reason="elsewhere")
    assert collection.publish(table, reason="nothing new", following=seen) == second
    table.upsert(products(["c"], 1))
    third = collection.publish(table, reason="mine", following=seen)
    assert [entry.reason for entry in collection.history()] == ["mine", "elsewhere", "first"]
    assert (third.rows, third.generation) == (3, 3)
    collection.rollback()
    table.upsert(products(["d"], 1))
    with pytest.raises(LiveMoved):
        collection.publish(table, reason="decided before the rollback", following=seen)


def spoil(table: ProductTable, product_id: str, n: int) -> int:
    """Write a product whose vector the checks refuse, past our own writer; returns the version."""
    rows = products([product_id], n)
    block = VectorBlock(3 * vector_of(product_id)[None], np.ones(1, np.bool_))
    place = rows.schema.get_field_index("text_vector")
    rows = rows.set_column(place, rows.schema.field(place), vector_array(block, 1, DIM))
    dataset = table.latest()
    dataset.insert(rows.select(table.schema.names).cast(table.schema))
    return int(dataset.version)


def test_a_reset_takes_back_what_was_refused(collection: Collection, table: ProductTable) -> None:
    with pytest.raises(PublishRejected, match="nothing live"):
        collection.reset()
    table.upsert(products(["a", "b"], 1))
    live = collection.publish(table, reason="good")
    assert not collection.reset().changed
    bad = spoil(table, "bad", 2)
    table.upsert(deletions(["a"], 2))
    with pytest.raises(PublishRejected, match="not 1"):
        collection.publish(table, reason="bad")
    ended = {"table": table.name, "finished_at": datetime.now(UTC)}
    collection.runs.put(
        a_run("good", "done").model_copy(update=ended | {"version": live.version, "finished_at": NOW}),
        a_run("bad", "done", 1).model_copy(
            update=ended | {"version": bad, "started_at": ended["finished_at"]}
        ),
        a_run("nothing", "done", 2).model_copy(update=ended | {"started_at": ended["finished_at"]}),
    )
    found = collection.reset()
    assert found.changed
    assert (found.former, found.live.rows, found.live.reason) == (
        bad + 1,
        2,
        f"reset to version {live.version}",
    )
    assert {run.run_id for run in found.uploads} == {"bad", "nothing"}
    assert collection.live() == found.live
    assert tagged(table)["live"] == found.live.version
    assert table.fetch(["a", "b", "bad"], ["id", "deleted"]).sort_by("id").to_pylist() == [
        {"id": "a", "deleted": False},
        {"id": "b", "deleted": False},
    ]
    assert {r.run_id: (r.status, "again" in r.refused) for r in collection.runs.list()} == {
        "good": ("done", False),
        "bad": ("failed", True),
        "nothing": ("failed", True),
    }
    # What is uploaded next is published; the same upload once more is no older than what is there.
    table.upsert(products(["bad"], 2))
    now = collection.publish(table, reason="small upload")
    assert (now.rows, now.tombstones) == (3, 0)
    assert not collection.reset().changed
    assert table.at(bad + 1).count_rows() == 3, "for whoever wants it after all"


def test_a_reset_after_a_rollback_is_asked_for(collection: Collection, table: ProductTable) -> None:
    for n, product_id in enumerate("ab", start=1):
        table.upsert(products([product_id], n))
        collection.publish(table, reason=product_id)
    collection.rollback()
    table.upsert(products(["c"], 3))
    with pytest.raises(PublishRejected, match="--rolled-back"):
        collection.reset()
    found = collection.reset(rolled_back=True)
    assert (found.live.rows, found.live.restores, found.live.generation) == (1, None, 4)
    assert table.count_live() == 1
    seen = collection.live_file()
    table.upsert(products(["c"], 4))
    assert collection.publish(table, reason="goes on", following=seen).rows == 2
    collection.rollback()
    assert collection.reset(rolled_back=True).live.rows == 1, "back to what the reset made live"


def test_a_commit_during_a_reset_is_not_lost(
    collection: Collection, table: ProductTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.upsert(products(["a"], 1))
    live = collection.publish(table, reason="good")
    spoil(table, "bad", 2)
    other, restore = open_lake(collection.settings).collection("shop").products(PROFILE), LanceDataset.restore

    uploads = iter(["between"])

    def slowly(dataset: LanceDataset) -> None:
        for product_id in uploads:
            other.upsert(products([product_id], 1))
        restore(dataset)

    with monkeypatch.context() as patch:
        patch.setattr(LanceDataset, "restore", slowly)
        with pytest.raises(CommitConflict, match="nothing was taken back: try again"):
            collection.reset()
    assert collection.live() == live
    assert table.fetch(["a", "bad", "between"]).num_rows == 3
    assert collection.reset().live.rows == 1


def a_reject(reject_id: str, product_id: str | None, n: int, **changes: object) -> Reject:
    fields: dict[str, object] = {
        "reject_id": reject_id,
        "scope": "row",
        "product_id": product_id,
        "field": "price",
        "reason": "no number; write 19.99 USD",
        "error": "InvalidRow",
        "retryable": False,
        "source_uri": "s3://b/feed.csv",
        "source_order": order(n),
        "row": 1,
        "raw": "{}",
        "run_id": "r1",
        "created_at": NOW + timedelta(seconds=n),
    }
    return Reject.model_validate(fields | changes)


def test_rejects_are_kept_listed_and_resolved(collection: Collection) -> None:
    rejects = collection.rejects
    assert rejects.list() == []
    assert rejects.get("1") is None
    assert rejects.resolve({"a": order(9)}) == rejects.delete(["1"]) == rejects.count() == 0
    rejects.put(
        [
            a_reject("1", "a", 1),
            a_reject("2", "b'c", 2),
            a_reject("3", None, 3, scope="media", retryable=True),
        ]
    )
    rejects.put([a_reject("1", "a", 4, reason="newer"), a_reject("2", "b'c", 1, reason="older")])
    assert [(r.reject_id, r.reason[:5]) for r in rejects.list()] == [
        ("1", "newer"),
        ("3", "no nu"),
        ("2", "no nu"),
    ]
    assert [r.reject_id for r in rejects.list(limit=1)] == ["1"]
    assert [r.reject_id for r in rejects.list(product_id="b'c")] == ["2"]
    assert [r.reject_id for r in rejects.list(scope="media", retryable=True)] == ["3"]
    assert rejects.list(error="InvalidMedia") == rejects.list(run_id="' OR true --") == []
    assert rejects.get("2") == a_reject("2", "b'c", 2)
    assert (
        rejects.resolve({"a": order(4), "b'c": order(3), "unknown": order(9)}) == 1
    )  # a's is of the same source
    assert rejects.delete(["3", "unknown"]) == 1
    assert [r.reject_id for r in rejects.list()] == ["1"]
    assert rejects.count(run_id="r1") == 1


def a_run(run_id: str, status: RunStatus, n: int = 0) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        kind="feed_uploaded",
        lane="warm",
        source_uri="s3://b/feed.csv",
        profile="test",
        status=status,
        started_at=NOW + timedelta(seconds=n),
        encoded={"text": 3},
    )


def test_a_run_that_is_done_stays_done(collection: Collection) -> None:
    runs = collection.runs
    assert not runs.is_done("a")
    assert runs.list() == []
    runs.put(a_run("a", "running"), a_run("b", "failed", 1))
    assert not runs.is_done("a")
    runs.put(a_run("a", "done"))
    assert runs.put(a_run("a", "running")) == 0
    assert runs.is_done("a")
    assert runs.get("a") == a_run("a", "done")
    assert runs.get("c") is None
    runs.put(a_run("b", "done", 1))
    assert [run.run_id for run in runs.list()] == ["b", "a"]
    assert [run.run_id for run in runs.list(status="done", limit=1)] == ["b"]
    assert set(runs.get_many(["a", "c"])) == {"a"}


def test_of_many_creators_of_one_table_none_overwrites_another(collection: Collection) -> None:
    handles = [open_lake(collection.settings).collection("shop", create=True) for _ in range(4)]
    start = threading.Barrier(len(handles))

    def write(number: int) -> None:
        start.wait()
        handles[number].products(PROFILE, create=True).upsert(products([f"p{number}"], 1))

    with ThreadPoolExecutor(len(handles)) as pool:
        list(pool.map(write, range(len(handles))))
    assert collection.products(PROFILE).count_live() == len(handles)
    assert MEDIA_INDEX in {i.name for i in collection.products(PROFILE).latest().describe_indices()}


def test_the_newest_announcement_of_a_medium_wins(collection: Collection) -> None:
    log = collection.media
    assert log.lookup(["s3://b/1.jpg"]) == {}
    one = MediaVersion(uri="s3://b/1.jpg", order=order(2), etag="two")
    assert log.record([MediaVersion(uri=one.uri, order=order(1), etag="one"), one]) == 1
    assert log.record([MediaVersion(uri=one.uri, order=order(1), etag="late")]) == 0
    assert log.record([MediaVersion(uri="s3://b/o'2.jpg", order=order(1), removed=True)]) == 1
    found = log.lookup([one.uri, "s3://b/o'2.jpg", "s3://b/none.jpg"])
    assert found == {
        one.uri: one,
        "s3://b/o'2.jpg": MediaVersion(uri="s3://b/o'2.jpg", order=order(1), removed=True),
    }


def test_two_writers_of_a_small_table_share_it(collection: Collection) -> None:
    handles = [open_lake(collection.settings).collection("shop", create=True).runs for _ in range(3)]
    start = threading.Barrier(len(handles))

    def write(number: int) -> None:
        start.wait()
        for n in range(3):
            handles[number].put(a_run("shared", "running"), a_run(f"{number}-{n}", "done"))

    with ThreadPoolExecutor(len(handles)) as pool:
        list(pool.map(write, range(len(handles))))
    found = [run.run_id for run in collection.runs.list()]
    assert len(found) == len(set(found)) == 10


def same_as(table: ProductTable, version: int, folder: Path) -> None:
    original, copy = table.at(version), lance.dataset(str(folder), version=version)
    assert copy.to_table().sort_by("id").equals(original.to_table().sort_by("id"))
    last = copy.count_rows() - 1
    assert copy.take([last, 0], columns=["document"]).equals(original.take([last, 0], columns=["document"]))


def gets_of(requests: list[str], folder: str) -> int:
    return sum("GET" in line and f"/{folder}/" in line for line in requests)


def shared(folder: Path) -> SharedFolder:
    """As one process of the node has it, and what nobody uses is old enough at once."""
    return SharedFolder(folder, keep_seconds=0.0)


def test_a_mirror_follows_every_kind_of_change(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    mirror = Mirror(table.uri, tmp_path / "mirror", made.storage)
    table.upsert(products(ids(200), 1))
    first = table.version
    folder = mirror.sync(first)
    same_as(table, first, folder)

    table.upsert(pa.concat_tables([products(["p1"], 2), deletions(["p2"], 2)]))
    before = len(requests)
    mirror.sync(table.version)
    fetched = [line for line in requests[before:] if "GET" in line and "/data/" in line]
    assert len(fetched) == 1, "only the new data file is fetched"
    same_as(table, table.version, folder)
    same_as(table, first, folder)  # readers of the version before go on

    for n in range(MAX_SMALL_FRAGMENTS + 1):
        table.upsert(products([f"n{n}"], 1))
    assert table.maintain().compacted
    table.upsert(products([f"m{n}" for n in range(200)], 1))
    newest = table.version if table.version > table.latest().version else table.latest().version
    mirror.sync(newest)
    same_as(table, newest, folder)

    mirror.sync(first)  # a rollback
    same_as(table, first, folder)
    mirror.sync(newest)

    before = len(requests)
    copy = lance.dataset(str(folder), version=newest)
    assert copy.to_table().num_rows == table.count_live() + 1
    after = len(requests)
    local = [line for line in requests[before:after] if "/data/" in line]
    assert mirror.sync(newest) == folder
    assert local == []


def edited(names: list[str], n: int, title: str) -> Changes:
    return Changes(edits=[products(names, n, title=title).select(EDIT_COLUMNS)])


def test_a_mirror_fetches_of_a_change_in_place_the_new_columns(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    node = shared(tmp_path / "mirror")
    mirror = Mirror(table.uri, node, made.storage)
    table.upsert(products(ids(200), 1))
    first = table.version
    folder = mirror.sync(first)
    whole = {path.name for path in (folder / "data").iterdir()}

    def fetched(version: int) -> list[str]:
        before = len(requests)
        mirror.sync(version)
        node.prune([TABLES])
        gets = [line for line in requests[before:] if "GET" in line]
        return [line.split("/data/")[1].split(" ")[0].split("?")[0] for line in gets if "/data/" in line]

    table.apply(edited(ids(120), 2, "green shoe"))
    second = table.version
    green = fetched(second)
    assert len(green) == 1
    assert not whole & set(green)
    same_as(table, first, folder)
    same_as(table, second, folder)

    table.apply(edited(ids(100), 3, "blue shoe"))
    third = table.version
    assert len(blue := fetched(third)) == 1
    held = {path.name for path in (folder / "data").iterdir()}
    assert held == {*whole, *green, *blue}, "the version before is still read"
    same_as(table, third, folder)
    same_as(table, second, folder)

    # All that the green file held was written anew since: no version of the mirror's names it any more.
    table.apply(Changes(seen=[seen_table([Seen("p0", order(4), None, order(3))])]))
    assert fetched(table.version) == []
    assert {path.name for path in (folder / "data").iterdir()} == {*whole, *blue}
    mirror.sync(second)  # a rollback
    same_as(table, second, folder)


def test_a_mirror_leaves_files_that_nobody_reads_where_they_are(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(products(ids(400), 1))
    table.maintain()
    mirror = Mirror(table.uri, tmp_path / "mirror", made.storage)
    mirror.sync(table.latest().version)
    table.apply(Changes(seen=[seen_table([Seen(i, order(2), None, order(1)) for i in ids(400)])]))
    table.upsert(deletions(["p8"], 3))
    table.apply(edited(["p9"], 3, "green shoe"))
    version = table.version
    named = [file for fragment in table.latest().get_fragments() for file in fragment.data_files()]
    before = len(requests)
    folder = mirror.sync(version)
    assert sum("GET" in line and "/data/" in line for line in requests[before:]) == 2, "two small writes"
    assert len(list((folder / "data").iterdir())) == len(named) - 1

    original, copy = table.at(version), lance.dataset(str(folder), version=version)
    read = [name for name in original.schema.names if name not in UNREAD_COLUMNS]
    assert copy.to_table(columns=read).equals(original.to_table(columns=read))
    for fragment in copy.get_fragments():
        assert fragment.to_table(columns=[], with_row_address=True).num_rows == fragment.count_rows()
        every = fragment.to_table(columns=read, with_row_id=True, include_deleted_rows=True)
        assert every.num_rows == fragment.physical_rows
        assert fragment.take([0], columns=["document"]).num_rows == 1
    assert copy.take([0, 399], columns=["video_seconds", "video_frames"]).num_rows == 2
    assert copy.count_rows() == 400
    rows = copy.to_table(columns=["id", "title"])
    titles = dict(zip(rows["id"].to_pylist(), rows["title"].to_pylist(), strict=True))
    assert [i for i, title in titles.items() if (title or "").startswith("green")] == ["p9"]


def test_a_mirror_of_some_fragments_fetches_their_files_alone(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    for part in range(4):
        table.upsert(products([f"p{part}-{n}" for n in range(50 + part)], 1))
    table.upsert(deletions(["p1-7", "p2-7"], 2))
    version = table.version
    original = table.at(version)
    rows = {each.fragment_id: each.physical_rows for each in original.get_fragments()}
    parts = {each.fragment_id: each for each in original.get_fragments()}
    mine = sorted(rows)[1::2]
    told: list[Mapping[int, int]] = []

    def every_other(found: Mapping[int, int]) -> Callable[[int], bool]:
        told.append(found)
        return lambda fragment: fragment in mine

    mirror = Mirror(table.uri, tmp_path, made.storage)
    before = len(requests)
    folder = mirror.sync(version, fragments=every_other)
    assert told == [rows]
    assert sum("GET" in line and "/data/" in line for line in requests[before:]) == len(mine)
    files = {file.path for number in mine for file in parts[number].data_files()}
    assert {path.name for path in (folder / "data").iterdir()} == files
    deleted = {str(parts[number].deletion_file()) for number in mine if parts[number].deletion_file()}
    assert deleted
    assert {f"_deletions/{path.name}" for path in (folder / "_deletions").iterdir()} == deleted

    copy = lance.dataset(str(folder), version=version)
    assert {each.fragment_id: each.physical_rows for each in copy.get_fragments()} == rows
    for number in mine:
        assert copy.get_fragment(number).to_table().equals(parts[number].to_table())
    # Another of the same table, for the others.
    other = Mirror(table.uri, tmp_path, made.storage)
    assert other.sync(version) == folder
    same_as(table, version, folder)


def test_reading_a_mirror_asks_the_store_nothing(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(products(ids(400), 1))
    table.maintain()
    version = table.latest().version
    mirror = Mirror(table.uri, tmp_path, made.storage)
    assert table.latest().describe_indices()
    before = len(requests)
    folder = mirror.sync(version)
    asked = len(requests)
    assert asked > before
    assert gets_of(requests[before:], "_indices") == 0, "search has its own"
    copy = lance.dataset(str(folder), version=version)
    for wanted in (3, 77):
        assert copy.take([wanted], columns=["document"]).num_rows == 1
    fragment = copy.get_fragments()[0]
    assert fragment.take([5], columns=["document"]).num_rows == 1
    assert copy.to_table().num_rows == 400
    assert mirror.sync(version) == folder
    assert len(requests) == asked


def test_a_node_has_one_mirror_of_a_table(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    one, other = shared(tmp_path), shared(tmp_path)  # two processes
    mirror, second = Mirror(table.uri, one, made.storage), Mirror(table.uri, other, made.storage)
    versions = []
    for n in range(1, 4):
        table.upsert(products(ids(20), n))
        versions.append(table.version)
        folder = mirror.sync(table.version)
        one.prune([TABLES])
    assert len(list((folder / "_versions").iterdir())) == 2, "this version and the last"
    assert len(list((folder / "data").iterdir())) == 2
    assert not [path for path in folder.rglob("*") if path.name.startswith(".part-")]

    asked = len(requests)
    assert second.sync(versions[-2]) == folder
    assert len(requests) == asked + 1, "what one fetched the other finds, once it has seen the manifest"
    for n in range(4, 7):
        table.upsert(products(ids(20), n))
        mirror.sync(table.version)
        one.prune([TABLES])
    same_as(table, versions[-2], folder)
    with pytest.raises(ValueError, match="not found"):
        lance.dataset(str(folder), version=versions[-1])
    second.close()
    other.close()
    one.prune([TABLES])
    assert len(list((folder / "_versions").iterdir())) == 2

    mirror.close()
    asked = len(requests)
    again = Mirror(table.uri, tmp_path, made.storage)
    assert again.sync(table.version) == folder
    assert len(requests) == asked + 1, "a restarted replica finds its files, but for the manifest"
    again.close()


def test_mirrors_that_start_together_fetch_once(
    request: pytest.FixtureRequest, requests: list[str], tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(products(ids(20), 1))
    table.upsert(deletions(["p3"], 2))
    version, start = table.version, threading.Barrier(4)
    files = sum(len(fragment.data_files()) for fragment in table.at(version).get_fragments())
    before = len(requests)

    def follow(_: int) -> Path:
        mirror = Mirror(table.uri, tmp_path, made.storage)
        start.wait()
        folder = mirror.sync(version)
        mirror.close()
        return folder

    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(follow, range(4)))
    assert len(folders) == 1
    assert gets_of(requests[before:], "data") == files
    assert gets_of(requests[before:], "_versions") == 4, "each sees which table it is"
    same_as(table, version, folders.pop())


def test_a_fetch_is_given_up_where_its_progress_says_so(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    table.upsert(products(ids(20), 1))

    def stop() -> None:
        raise StorageUnavailable("enough")

    node = shared(tmp_path)
    mirror = Mirror(table.uri, node, made.storage)
    with pytest.raises(StorageUnavailable, match="enough"):
        mirror.sync(table.version, stop)
    node.prune([TABLES])
    assert not [path for path in (tmp_path / TABLES).rglob("*") if path.is_file()]
    moments: list[int] = []
    same_as(table, table.version, mirror.sync(table.version, lambda: moments.append(1)))
    assert moments


def test_a_mirror_of_a_cleaned_version_says_so(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    made = on_s3(request)
    table = open_lake(made).collection("shop", create=True).products(PROFILE, create=True)
    mirror = Mirror(table.uri, tmp_path, made.storage)
    with pytest.raises(NotFound, match="cleaned up"):
        mirror.sync(999)
    assert mirror.sync(table.version).is_dir()


def test_a_folder_is_its_own_mirror(tmp_path: Path) -> None:
    collection = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))).collection(
        "shop", create=True
    )
    table = collection.products(PROFILE, create=True)
    table.upsert(products(ids(5), 1))
    folder = Mirror(collection.table_uri(table.name), tmp_path / "unused", StorageSettings()).sync(
        table.version
    )
    assert folder == Path(table.uri)
    assert not (tmp_path / "unused").exists()
    same_as(table, table.version, folder)


def test_an_unreachable_store_is_retryable(endpoint: str) -> None:
    storage = StorageSettings(endpoint_url="http://127.0.0.1:9", timeout_seconds=0.5)
    collection = open_lake(Settings(storage=storage, lake=LakeSettings(uri="s3://nowhere/lake"))).collection(
        "shop", create=True
    )
    with pytest.raises(StorageUnavailable):
        collection.products(PROFILE)
    with pytest.raises(StorageUnavailable):
        collection.live()

"""From one profile to another on a real lake: reindex, compare, switch, and back, with uploads going on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.errors import (
    InvalidRequest,
    ModelUnavailable,
    NotReady,
    PublishRejected,
    StorageUnavailable,
)
from mmpipe.evaluate.compare import compare
from mmpipe.evaluate.judged import JudgedQuery
from mmpipe.indexing import Indexer, execute_file
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.switch import reindex, roll_back, switch
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.lake.model_loading import load_exactly, load_profile
from mmpipe.lake.models import RegisteredModel
from mmpipe.settings import Settings
from tests.integration.changing_shop import COLOURS, Shop, filled_shop, other_profile, rows_of, settings_in
from tests.unit.indexing.bucket import png
from tests.unit.lake.adapted import adapted


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def shop(tmp_path: Path, settings: Settings) -> Iterator[Shop]:
    made = filled_shop(tmp_path / "bucket", settings)
    yield made
    made.indexer.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("trained")
    return adapted(folder / "one", 0.25), adapted(folder / "two", 0.5)


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(registry._PROFILES, "other", other_profile)
    return "other"


def register(shop: Shop, folder: Path, name: str = "my-shop") -> RegisteredModel:
    return shop.lake.models.register(
        name, folder, metrics={"recall@10": 0.5}, data_fingerprint="test", parent="starter@0123456789abcdef"
    )


def test_a_registered_profile_loads_by_name_and_exactly(
    shop: Shop, settings: Settings, trained: tuple[Path, Path]
) -> None:
    one, two = register(shop, trained[0]), register(shop, trained[1])
    assert shop.lake.collections() == ["shop"]
    newest = load_profile("my-shop", settings)
    assert newest.profile.name == "my-shop"
    assert newest.profile.fingerprint == two.profile_fingerprint != one.profile_fingerprint
    old = load_profile("my-shop", settings, revision=one.revision)
    assert load_exactly(old.profile, settings).profile.fingerprint == one.profile_fingerprint
    filled = reindex(settings, shop.collection, "my-shop", revision=one.revision)
    assert shop.collection.table(filled.table).profile.fingerprint == one.profile_fingerprint
    with pytest.raises(ModelUnavailable, match=f"registered are .*{two.revision}"):
        reindex(settings, shop.collection, "my-shop", revision="f" * 16)
    with pytest.raises(InvalidRequest, match="revision"):
        load_profile("fake", settings, revision=one.revision)
    with pytest.raises(ModelUnavailable, match="profiles of mmpipe itself: starter"):
        load_profile("nobody", settings)


def test_a_table_of_one_modality_has_nothing_to_fuse(
    shop: Shop, settings: Settings, trained: tuple[Path, Path]
) -> None:
    model = register(shop, trained[0])
    indexing = settings.indexing.model_copy(update={"modalities": ("image",)})
    pictures = settings.model_copy(update={"indexing": indexing})
    filled = reindex(pictures, shop.collection, "my-shop")
    table = shop.collection.table(filled.table)
    assert table.profile.fusion.single
    assert table.profile.fingerprint != model.profile_fingerprint
    rows = table.latest().to_table(filter="deleted = false").to_pylist()
    assert len(rows) == 9
    for row in rows:
        assert row["text_vector"] is None
        np.testing.assert_allclose(row["vector"], row["image_vector"], atol=1e-6)
    # Whoever reads the table has the same models by its own settings.
    assert load_exactly(table.profile, settings).profile == table.profile
    assert load_exactly(load_profile("fake", pictures).profile, settings).profile.fusion.single


def test_reindex_compare_switch_upload_roll_back(
    shop: Shop, settings: Settings, trained: tuple[Path, Path]
) -> None:
    register(shop, trained[0])
    before = shop.live()
    done: list[tuple[int, int]] = []
    filled = reindex(settings, shop.collection, "my-shop", progress=lambda n, total: done.append((n, total)))
    assert (filled.rows, filled.carried.written, filled.carried.deleted) == (9, 9, 1)
    assert filled.carried.encoded == {"text": 9, "image": 9, "audio": 3}
    assert done[-1] == (10, 10)
    assert shop.live().name == before.name  # nothing is published
    old, new = rows_of(before), rows_of(shop.collection.table(filled.table))
    carried = [
        "source_order", "deleted", "run_id", "updated_at", "added_at",
        "document", "media_uris", "search_text",
    ]  # fmt: skip
    assert {i: [row[c] for c in carried] for i, row in old.items()} == {
        i: [row[c] for c in carried] for i, row in new.items()
    }
    assert new["red-dress"]["image_hash"] == old["red-dress"]["image_hash"]
    assert len(new["red-dress"]["image_vector"]) == 256
    assert shop.collection.rejects.count() == 0

    titles = compare(settings, shop.collection, filled.table)
    assert (titles.kind, titles.queries, titles.unanswerable) == ("titles", 9, 0)
    assert titles.measures["recall@1"].candidate == 1.0
    assert {"mrr by vectors", "recall@10 by vectors"} < titles.measures.keys()
    # Text and pictures of fake have nothing to do with one another, those of the starter have.
    seen = titles.measures["title → picture mrr"]
    assert seen.candidate > seen.live
    judged = [
        JudgedQuery("red dress", {}, frozenset({"red-dress"})),
        JudgedQuery("nothing we sell", {}, frozenset({"unknown"})),
        JudgedQuery(
            None, {"image": png(COLOURS["blue"])}, frozenset({f"blue-{k}" for k in ("dress", "hat")})
        ),
    ]
    found = compare(settings, shop.collection, filled.table, judged)
    assert (found.queries, found.unanswerable, found.kind) == (2, 1, "judged")
    assert 0 < found.overlap <= 1
    for each in found.measures.values():
        assert each.low <= each.difference <= each.high
        assert each.difference == pytest.approx(each.candidate - each.live, abs=1e-3)

    # Written between the reindex and the switch: an addition, a change, a deletion.
    event = shop.upload("late", title="purple umbrella")
    shop.run(event, shop.upload("red-hat", title="crimson beret"))
    shop.run(shop.upload("green-hat", title="gone soon"))
    shop.run(shop.remove("green-hat"))
    moved = switch(settings, shop.collection, filled.table)
    assert (moved.before.written, moved.before.deleted) == (2, 1)
    assert (moved.after.written, moved.note) == (0, "")
    assert moved.live.table == shop.live().name == filled.table
    assert moved.live.rows == 9
    assert shop.search("purple umbrella")[0] == "late"
    assert shop.search("crimson beret")[0] == "red-hat"
    assert "green-hat" not in shop.search("gone soon")

    # The same event again is the same run on both sides of the switch.
    assert [o.status for o in shop.indexer.execute([event])] == ["duplicate"]
    # The indexer that lived on writes into the new table, by its models.
    shop.run(shop.upload("new", title="yellow raincoat", image_link="media/red.png"))
    assert "new" in rows_of(shop.live())
    assert "new" not in rows_of(before)
    assert shop.search("yellow raincoat")[0] == "new"
    record = next(run for run in shop.collection.runs.list() if run.source_uri.endswith("/new.json"))
    assert (record.profile, record.table) == ("my-shop", filled.table)

    # Back by the same step, with what was written since.
    back = switch(settings, shop.collection, before.name)
    assert (back.live.table, back.live.rows, back.before.written) == (before.name, 10, 1)
    assert shop.search("yellow raincoat")[0] == "new"
    shop.run(shop.upload("newer", title="orange scarf"))
    assert "newer" in rows_of(before)


def test_vectors_of_equal_encoders_are_copied(
    shop: Shop, settings: Settings, trained: tuple[Path, Path]
) -> None:
    register(shop, trained[0])
    first = switch(settings, shop.collection, reindex(settings, shop.collection, "my-shop").table).live
    for name in COLOURS:
        (shop.root / f"media/{name}.png").unlink()  # nobody needs them
    register(shop, trained[1])
    filled = reindex(settings, shop.collection, "my-shop")
    assert filled.table != first.table
    assert not filled.carried.encoded
    assert filled.carried.copied == {"text": 9, "image": 9, "audio": 3}
    assert filled.carried.rejected == 0
    old, new = rows_of(shop.live()), rows_of(shop.collection.table(filled.table))
    assert old["red-dress"]["image_vector"] == new["red-dress"]["image_vector"]
    assert old["red-dress"]["vector"] != new["red-dress"]["vector"]  # the fusion is the model's own
    switch(settings, shop.collection, filled.table)
    assert shop.search("blue shoes")[0] == "blue-shoes"


def test_a_medium_that_is_gone_is_a_reject_and_nothing_is_lost(
    shop: Shop, settings: Settings, other: str
) -> None:
    (shop.root / "media/red.png").unlink()
    filled = reindex(settings, shop.collection, other)
    assert (filled.rows, filled.carried.rejected) == (9, 3)
    rejects = shop.collection.rejects.list(scope="media")
    assert {r.product_id for r in rejects} == {"red-dress", "red-shoes", "red-hat"}
    new = rows_of(shop.collection.table(filled.table))
    assert new["red-hat"]["image_vector"] is None
    assert new["red-hat"]["text_vector"] is not None
    again = reindex(settings, shop.collection, other)
    assert again.carried.written == 0  # tried, and recorded
    assert switch(settings, shop.collection, filled.table).live.rows == 9


def test_a_photo_that_is_replaced_meanwhile_is_seen(shop: Shop, settings: Settings, other: str) -> None:
    filled = reindex(settings, shop.collection, other)
    table = shop.collection.table(filled.table)
    before = rows_of(table)["red-hat"]
    shop.write("media/red.png", png((250, 250, 0)))
    shop.run(shop.order("media/red.png", "media_uploaded"))
    assert switch(settings, shop.collection, filled.table).before.encoded["image"] == 3
    after = rows_of(table)["red-hat"]
    assert after["source_order"] == before["source_order"]
    assert after["image_hash"] != before["image_hash"]


def test_a_reindex_that_is_killed_goes_on(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ProductTable.upsert
    commits: list[int] = []

    def dies(self: ProductTable, rows: Any) -> Any:
        if len(commits) == 1:
            raise StorageUnavailable("killed")
        commits.append(rows.num_rows)
        return write(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(ProductTable, "upsert", dies)
        with pytest.raises(StorageUnavailable):
            reindex(settings, shop.collection, other)
    assert commits == [4]
    filled = reindex(settings, shop.collection, other)
    assert filled.carried.written + filled.carried.deleted == 6
    assert filled.rows == 9
    assert reindex(settings, shop.collection, other).carried.written == 0


def test_a_write_between_the_last_look_and_the_switch_is_carried_over_after_it(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = reindex(settings, shop.collection, other)
    publish = Collection.publish
    orders = [shop.upload("between", title="silver whistle")]

    def writes_first(self: Collection, table: ProductTable, **options: Any) -> Any:
        if table.name == filled.table and orders:
            shop.run(orders.pop())  # still into the old table, and live there
        return publish(self, table, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Collection, "publish", writes_first)
        moved = switch(settings, shop.collection, filled.table)
    assert (moved.before.written, moved.after.written) == (0, 1)
    assert moved.live.rows == 10
    assert shop.search("silver whistle")[0] == "between"


def test_a_writer_that_commits_after_the_switch_writes_again(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.live()
    filled = reindex(settings, shop.collection, other)
    write = ProductTable.apply
    switches = [filled.table]

    def switched_first(self: ProductTable, changes: Any, **options: Any) -> Any:
        if self.name == before.name and switches:
            switch(settings, open_lake(settings).collection("shop"), switches.pop())
        return write(self, changes, **options)

    order = shop.upload("slow", title="golden trumpet")
    with monkeypatch.context() as patch:
        patch.setattr(ProductTable, "apply", switched_first)
        assert shop.run(order)[0].reason == ""
    assert shop.live().name == filled.table  # the late upload did not undo the switch
    assert "slow" in rows_of(shop.live())
    assert shop.search("golden trumpet")[0] == "slow"


def test_a_rollback_past_the_switch_loses_nothing(shop: Shop, settings: Settings, other: str) -> None:
    before = shop.live()
    filled = reindex(settings, shop.collection, other)
    switch(settings, shop.collection, filled.table)
    shop.run(shop.upload("new", title="yellow raincoat"))
    assert roll_back(settings, shop.collection).live.table == filled.table  # one publication back
    assert "new" not in shop.search("yellow raincoat")
    back = roll_back(settings, shop.collection)
    assert (back.live.table, back.live.rows, back.after.written) == (before.name, 9, 1)
    assert f"mmpipe live promote {before.name}" in back.note
    assert "new" not in shop.search("yellow raincoat")
    (outcome,) = shop.run(shop.upload("later", title="orange scarf"))
    assert "rolled back" in outcome.reason
    with pytest.raises(PublishRejected, match="rolled back"):
        switch(settings, shop.collection, filled.table)
    assert shop.collection.promote(before.name).rows == 11
    assert shop.search("yellow raincoat")[0] == "new"
    assert switch(settings, shop.collection, filled.table).live.rows == 11
    assert shop.search("orange scarf")[0] == "later"


def test_a_rollback_is_done_even_where_the_models_are_gone(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.live()
    switch(settings, shop.collection, reindex(settings, shop.collection, other).table)
    monkeypatch.delitem(registry._PROFILES, "fake")
    back = roll_back(settings, shop.collection)
    assert back.live.table == before.name
    assert "products written" in back.note


def test_a_switch_that_was_ended_midway_is_finished_by_the_same_call(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shop.live()
    filled = reindex(settings, shop.collection, other)
    table = shop.collection.table(filled.table)
    shop.collection.publish(table, reason="as a switch that died right after does")
    row = before.fetch(["red-hat"]).set_column(1, "source_order", [["z" * 65]])
    before.upsert(row)
    moved = switch(settings, shop.collection, filled.table)
    assert (moved.before.written, moved.after.written) == (0, 0), "only its order is new"
    assert rows_of(table)["red-hat"]["source_order"] == "z" * 65


def test_a_feed_that_was_being_indexed_during_the_switch_is_all_there(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = reindex(settings, shop.collection, other)
    feed = shop.write(
        "feeds/more.jsonl",
        "\n".join(json.dumps({"id": f"m{n}", "title": f"gadget number {n}"}) for n in range(10)).encode(),
    )
    write = ProductTable.apply
    commits: list[str] = []

    def switched_midway(self: ProductTable, changes: Any, **options: Any) -> Any:
        commits.append(self.name)
        if len(commits) == 1:
            switch(settings, open_lake(settings).collection("shop"), filled.table)
        return write(self, changes, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ProductTable, "apply", switched_midway)
        record = execute_file(settings, feed, "shop")
    assert (record.status, record.table, record.profile) == ("done", filled.table, other)
    found = rows_of(shop.live())
    assert {f"m{n}" for n in range(10)} <= set(found)
    assert shop.live().name == filled.table


def test_a_file_goes_where_readers_look_unless_a_profile_is_asked_for(
    shop: Shop, settings: Settings, other: str
) -> None:
    switch(settings, shop.collection, reindex(settings, shop.collection, other).table)
    feed = shop.write("feeds/one.jsonl", json.dumps({"id": "one", "title": "one"}).encode())
    assert execute_file(settings, feed, "shop").profile == other
    feed = shop.write("feeds/two.jsonl", json.dumps({"id": "two", "title": "two"}).encode())
    beside = execute_file(settings, feed, "shop", follow=False)
    assert beside.profile == "fake"
    assert "live switch" in beside.error
    assert "two" not in rows_of(shop.live())


def test_uploads_wait_while_the_live_models_are_not_here(
    shop: Shop, settings: Settings, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    model = register(shop, trained[0])
    switch(settings, shop.collection, reindex(settings, shop.collection, "my-shop").table)
    stored = tmp_path / "lake" / "models" / "files" / model.files["fusion.safetensors"]
    data = stored.read_bytes()
    stored.write_bytes(b"x" * len(data))
    elsewhere = settings.model_copy(
        update={"models": settings.models.model_copy(update={"cache_dir": str(tmp_path / "empty")})}
    )
    indexer = Indexer(elsewhere, open_lake(elsewhere), shop.fake, stores(elsewhere), maintain=False)
    order = shop.upload("waits", title="patient")
    (outcome,) = indexer.execute([order])
    assert outcome.status == "retry"
    assert "fusion.safetensors does not match" in outcome.reason
    stored.write_bytes(data)
    assert indexer.execute([order])[0].status == "done"
    indexer.close()


def test_what_cannot_be_asked(shop: Shop, settings: Settings) -> None:
    empty = shop.lake.collection("empty", create=True)
    with pytest.raises(NotReady, match="nothing live"):
        reindex(settings, empty, "fake")
    with pytest.raises(NotReady, match="nothing live"):
        compare(settings, empty, "products_fake_00000000")
    with pytest.raises(InvalidRequest, match="already"):
        reindex(settings, shop.collection, "fake")
    with pytest.raises(InvalidRequest, match="live already"):
        switch(settings, shop.collection, shop.live().name)

"""A change of models while uploads, searches and accidents go on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import ModelUnavailable, PublishRejected
from mmpipe.evaluate.compare import compare, refuse_worse
from mmpipe.indexing.pipeline.hashes import media_hash
from mmpipe.indexing.tables.switch import reindex, roll_back, switch, switch_back
from mmpipe.lake import ProductTable, open_lake
from mmpipe.lake.live import LivePointer
from mmpipe.lake.models import RegisteredModel
from mmpipe.schemas.search import SearchRequest
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.settings import ModelSettings, Settings
from tests.children import CHILDREN
from tests.integration.changing_shop import Shop, filled_shop, other_profile, rows_of, settings_in
from tests.unit.indexing.bucket import png
from tests.unit.lake.adapted import adapted

YELLOW = png((250, 250, 0))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def shop(tmp_path: Path, settings: Settings) -> Iterator[Shop]:
    made = filled_shop(tmp_path / "bucket", settings)
    yield made
    made.indexer.close()


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(registry._PROFILES, "other", other_profile)
    return "other"


def test_uploads_and_deletions_during_a_change_are_all_there(
    shop: Shop, settings: Settings, other: str
) -> None:
    begun, enough = threading.Event(), threading.Event()
    expected = {i: row["title"] for i, row in rows_of(shop.live()).items() if not row["deleted"]}
    faults: list[Exception] = []

    def upload_all_the_time() -> None:
        rng = random.Random(1)
        try:
            for n in range(24):
                name = rng.choice(["red-hat", "blue-hat", "new-1", "new-2", "new-3"])
                if name in expected and rng.random() < 0.4:
                    shop.run(shop.remove(name))
                    del expected[name]
                else:
                    expected[name] = f"{name} number {n}"
                    photo = {"image_link": "media/red.png"} if rng.random() < 0.5 else {}
                    shop.run(shop.upload(name, title=expected[name], **photo))
                if n == 6:
                    shop.write("media/red.png", YELLOW)
                    shop.run(shop.order("media/red.png", "media_uploaded"))
                if n == 2:
                    begun.set()
                if enough.is_set() and n > 16:
                    return
        except Exception as error:  # noqa: BLE001  told by the test's own thread
            faults.append(error)
        finally:
            begun.set()

    uploader = threading.Thread(target=upload_all_the_time)
    uploader.start()
    begun.wait()
    mine = settings.model_copy(
        update={"indexing": settings.indexing.model_copy(update={"chunk_rows": 64, "commit_rows": 64})}
    )
    elsewhere = open_lake(mine).collection("shop")  # as another process has it
    filled = reindex(mine, elsewhere, other)
    accepted: list[str] = []
    moved = switch(mine, elsewhere, filled.table, accept=lambda: accepted.append(filled.table))
    enough.set()
    uploader.join()
    assert not faults
    assert accepted == [moved.live.table] == [filled.table]
    live = shop.collection.live()
    assert live is not None
    assert (live.table, live.rows) == (filled.table, len(expected))
    published = shop.collection.table(live.table).at(live.version).to_table().to_pylist()
    assert {row["id"]: row["title"] for row in published if not row["deleted"]} == expected
    shoes = next(row for row in published if row["id"] == "red-shoes")
    assert shoes["image_hash"] == media_hash([hashlib.sha256(YELLOW).hexdigest()])


def change_until_killed(folder: str, point: str) -> None:
    """Another process that changes the models of the shop in ``folder``, and is killed at this point."""
    registry._PROFILES["other"] = other_profile
    settings = settings_in(Path(folder))
    collection = open_lake(settings).collection("shop")
    write, replace_live = ProductTable.upsert, LivePointer.replace

    def killed_after_a_commit(self: ProductTable, rows: Any) -> None:
        write(self, rows)
        os.kill(os.getpid(), signal.SIGKILL)

    def killed_at_the_move(self: LivePointer, content: Any, former: Any) -> None:
        if point == "moved":
            replace_live(self, content, former)
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "filling":
        ProductTable.upsert = killed_after_a_commit  # type: ignore[assignment, method-assign]
    table = reindex(settings, collection, "other").table
    LivePointer.replace = killed_at_the_move  # type: ignore[assignment, method-assign]
    switch(settings, collection, table)


@pytest.mark.parametrize(("point", "left"), [("filling", 6), ("tagged", 0), ("moved", 0)])
def test_a_process_that_is_killed_harms_nothing(
    shop: Shop, settings: Settings, other: str, tmp_path: Path, point: str, left: int
) -> None:
    before = shop.live().name
    killed = CHILDREN.Process(target=change_until_killed, args=(str(tmp_path), point), daemon=True)
    killed.start()
    killed.join(200)
    assert killed.exitcode == -signal.SIGKILL
    live = shop.collection.live()
    assert live is not None
    assert (live.table == before) == (point != "moved")
    assert live.rows == 9
    assert shop.search("red dress")[0] == "red-dress"
    # Whatever was going on, uploads and the same commands again go on.
    shop.run(shop.upload("meanwhile", title="patient umbrella"))
    if point == "moved":
        (table,) = [name for name in shop.collection.product_tables() if name != before]
    else:
        filled = reindex(settings, shop.collection, other)
        table = filled.table
        assert filled.carried.written + filled.carried.deleted == left + 1
    moved = switch(settings, shop.collection, table)
    assert (moved.live.table, moved.live.rows) == (table, 10)
    assert shop.search("patient umbrella")[0] == "meanwhile"
    assert "gone" not in shop.search("gone tomorrow")


def test_one_command_undoes_a_switch_whatever_was_uploaded_since(
    shop: Shop, settings: Settings, other: str
) -> None:
    before = shop.live().name
    with pytest.raises(PublishRejected, match="no other table was live before"):
        switch_back(settings, shop.collection)
    table = reindex(settings, shop.collection, other).table
    switch(settings, shop.collection, table)
    shop.run(shop.upload("new", title="yellow raincoat"), shop.upload("red-hat", title="crimson beret"))
    shop.run(shop.remove("blue-hat"))
    back = switch_back(settings, shop.collection)
    assert (back.live.table, back.live.rows, back.note) == (before, 9, "")
    assert (back.after.written, back.after.deleted) == (2, 1)
    assert shop.search("yellow raincoat")[0] == "new"
    assert shop.search("crimson beret")[0] == "red-hat"
    assert "blue-hat" not in shop.search("blue hat")
    # Uploads go on, there; the same command goes forward again.
    shop.run(shop.upload("newer", title="orange scarf"))
    assert "newer" in rows_of(shop.collection.table(before))
    forth = switch_back(settings, shop.collection)
    assert (forth.live.table, forth.live.rows, forth.after.written) == (table, 10, 1)
    roll_back(settings, shop.collection)
    with pytest.raises(PublishRejected, match="rolled back"):
        switch_back(settings, shop.collection)


def test_the_former_table_is_known_after_many_publications(
    shop: Shop, settings: Settings, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.live.KEEP_LAST", 2)
    for span in ("KEEP_HOURLY", "KEEP_DAILY"):
        monkeypatch.setattr(f"mmpipe.lake.live.{span}", timedelta(0))
    before = shop.live().name
    switch(settings, shop.collection, reindex(settings, shop.collection, other).table)
    for n in range(3):
        shop.run(shop.upload(f"new-{n}", title=f"gadget {n}"))
    assert before not in {entry.table for entry in shop.collection.history()}
    assert switch_back(settings, shop.collection).live.table == before
    assert shop.search("gadget 2")[0] == "new-2"


def test_models_that_lose_photos_or_recordings_do_not_become_live(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(_threads: int | None) -> LoadedEncoders:
        other = other_profile()
        infos = {m: info for m, info in other.profile.encoders.items() if m != "audio"}
        encoders = dict(other.encoders)
        del encoders["audio"]
        return LoadedEncoders(replace(other.profile, name="deaf", encoders=infos), encoders)

    monkeypatch.setitem(registry._PROFILES, "deaf", deaf)
    before = shop.live().name
    table = reindex(settings, shop.collection, "deaf").table

    def accept() -> None:
        refuse_worse(compare(settings, shop.collection, table))

    late = [shop.upload("late", title="purple umbrella")]

    def accept_slowly() -> None:
        shop.run(late.pop())

    with pytest.raises(PublishRejected, match="products with audio 3 → 0") as refused:
        switch(settings, shop.collection, table, accept=accept)
    assert before in str(refused.value)
    assert shop.live().name == before
    # What is uploaded while the comparison takes its time comes along.
    moved = switch(settings, shop.collection, table, accept=accept_slowly)
    assert (moved.before.written, moved.after.written, moved.live.rows) == (1, 0, 10)


def test_replicas_take_up_a_registered_model_without_a_restart(
    shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    cache = tmp_path / "replica"
    there = settings.model_copy(update={"models": ModelSettings(cache_dir=str(cache))})
    models = Models(1, there)
    models.load("fake")
    service = QueryService(there, LocalQueryEncoder(models), listen=False)
    try:
        before = service.served()[0]
        model = _register(shop, adapted(tmp_path / "one", 0.25))
        table = reindex(settings, shop.collection, "my-shop").table
        stored = tmp_path / "lake" / "models" / "files" / model.files["fusion.safetensors"]
        good = stored.read_bytes()
        stored.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))  # after the indexer has read it
        switch(settings, shop.collection, table)
        with pytest.raises(ModelUnavailable, match=r"fusion\.safetensors does not match its SHA-256"):
            service.refresh()
        assert service.served() == [before]
        assert _first(service, "red shoes") == ("red-shoes", before.table)
        stored.write_bytes(good)
        service.refresh()
        (now,) = service.served()
        assert (now.table, now.profile_fingerprint) == (table, model.profile_fingerprint)
        assert _first(service, "red shoes") == ("red-shoes", table)
        copied = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in next(cache.iterdir()).iterdir()}
        assert copied == model.files
    finally:
        service.close()


def _register(shop: Shop, folder: Path) -> RegisteredModel:
    return shop.lake.models.register(
        "my-shop", folder, metrics={"recall@10": 0.5}, data_fingerprint="test", parent=None
    )


def _first(service: QueryService, text: str) -> tuple[str, str]:
    found = json.loads(asyncio.run(service.search_text(SearchRequest(text=text))))
    return found["hits"][0]["id"], found["version"].partition("@")[0]

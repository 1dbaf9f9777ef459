"""From a version that cannot become live back to one that uploads can be published from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import Result

from mmpipe.errors import PublishRejected
from mmpipe.lake import Collection, open_lake
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]


@pytest.fixture
def mine(lake: Path, tmp_path: Path) -> Path:
    return shutil.copytree(lake, tmp_path / "lake")


def collection_of(lake: Path) -> Collection:
    return open_lake(Settings(lake=LakeSettings(uri=str(lake)))).collection("catalogue")


def spoil(collection: Collection) -> int:
    """A row with a vector that the checks refuse, past our own writer; returns the version."""
    live = collection.live()
    assert live is not None
    dataset = collection.table(live.table).latest()
    row = dataset.to_table(limit=1, filter="text_vector IS NOT NULL")
    place = row.schema.get_field_index("text_vector")
    field = row.schema.field(place)
    values = 3 * np.asarray(row.column(place)[0].as_py(), np.float32)
    row = row.set_column(place, field, pa.array([values.tolist()], field.type))
    row = row.set_column(0, row.schema.field(0), pa.array(["spoilt"]))
    assert row.schema.field(0).name == "id"
    dataset.insert(row)
    return int(dataset.version)


def test_uploads_are_published_again_after_a_reset(run: Run, mine: Path, tmp_path: Path) -> None:
    collection = collection_of(mine)
    before = collection.live()
    spoil(collection)
    feed = tmp_path / "more.jsonl"
    feed.write_text(json.dumps({"id": "n1", "title": "New hat"}))
    refused = json.loads(run("index", feed, "--lake", mine, "--json").stdout)
    assert collection.live() == before
    shown = run("live", "reset", "--lake", mine).stdout
    assert f"taken back: version {refused['version']}, with 1 uploads" in shown
    assert f"upload again file://{feed}" in shown
    run_after = collection.runs.get(refused["run_id"])
    assert run_after is not None
    assert (run_after.status, run_after.refused[:10]) == ("failed", "taken back")
    assert "not live: taken back by" in run("status", "--lake", mine).stdout
    assert json.loads(run("status", "--lake", mine, "--json").stdout)["collections"][0]["runs"][0]["refused"]
    # The same file is no duplicate of what was taken back.
    again = json.loads(run("index", feed, "--lake", mine, "--json").stdout)
    assert (again["status"], again["indexed"], again["refused"]) == ("done", 1, "")
    live = collection.live()
    assert live is not None
    assert live.rows == 5
    assert "nothing to take back" in run("live", "reset", "--lake", mine).output


def test_a_reset_after_a_rollback_is_asked_for(run: Run, mine: Path, tmp_path: Path) -> None:
    feed = tmp_path / "wrong.jsonl"
    feed.write_text(json.dumps({"id": "n1", "title": "Wrong hat"}))
    run("index", feed, "--lake", mine)
    run("live", "rollback", "--lake", mine)
    with pytest.raises(PublishRejected, match="--rolled-back"):
        run("live", "reset", "--lake", mine)
    found = json.loads(run("live", "reset", "--rolled-back", "--lake", mine, "--json").stdout)
    assert (found["live"]["rows"], found["live"].get("restores")) == (4, None)
    assert [upload["source_uri"] for upload in found["uploads"]] == [f"file://{feed}"]
    feed.write_text(json.dumps({"id": "n2", "title": "Right hat"}))
    run("index", feed, "--lake", mine)
    live = collection_of(mine).live()
    assert live is not None
    assert live.rows == 5

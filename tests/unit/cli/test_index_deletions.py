"""`mmpipe index` with feeds that delete: what is refused, and how it is said that it is meant."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.errors import MmpipeError
from mmpipe.lake import open_lake
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]
IDS = [f"p{n}" for n in range(8)]


def write(path: Path, number: int, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return path


def product(product_id: str) -> dict[str, object]:
    return {"id": product_id, "title": f"Product {product_id}"}


def live_ids(lake: Path) -> list[str]:
    collection = open_lake(Settings(lake=LakeSettings(uri=str(lake)))).collection("catalogue")
    live = collection.live()
    assert live is not None
    rows = collection.table(live.table).at(live.version).to_table(filter="deleted = false")
    return sorted(rows.column("id").to_pylist())


@pytest.fixture
def mine(run: Run, tmp_path: Path) -> Path:
    """A lake of eight products."""
    lake = tmp_path / "lake"
    run("index", write(tmp_path / "all.jsonl", 0, *map(product, IDS)), "--lake", lake)
    return lake


def test_a_feed_of_many_deletions_is_refused_until_accepted(run: Run, mine: Path, tmp_path: Path) -> None:
    rows = [*({"id": i, "_op": "delete"} for i in IDS[:6]), product("new")]
    feed = write(tmp_path / "gone.jsonl", 1, *rows)
    with pytest.raises(MmpipeError, match=r"6 of 8 products.*mmpipe index FEED --accept"):
        run("index", feed, "--lake", mine)
    assert live_ids(mine) == IDS
    record = json.loads(run("index", feed, "--lake", mine, "--accept", "--json").stdout)
    assert (record["status"], record["deleted"], record["indexed"]) == ("done", 6, 1)
    assert live_ids(mine) == ["new", "p6", "p7"]


def test_a_whole_catalogue_that_lacks_many_is_refused_until_accepted(
    run: Run, mine: Path, tmp_path: Path
) -> None:
    feed = write(tmp_path / "whole.jsonl", 1, product("p0"), product("new"))
    shown = run("index", feed, "--lake", mine, "--replace").output
    assert "7 of 8 products are not in the feed" in shown
    assert "mmpipe index FEED --replace --accept" in shown
    assert live_ids(mine) == ["new", *IDS]
    record = json.loads(run("index", feed, "--lake", mine, "--replace", "--accept", "--json").stdout)
    assert (record["deleted"], record["error"], record["refused"]) == (7, "", "")
    assert live_ids(mine) == ["new", "p0"]


def test_accept_alone_deletes_nothing_that_the_feed_lacks(run: Run, mine: Path, tmp_path: Path) -> None:
    feed = write(tmp_path / "some.jsonl", 1, product("p0"), product("new"))
    record = json.loads(run("index", feed, "--lake", mine, "--accept", "--json").stdout)
    assert (record["deleted"], record["indexed"]) == (0, 1)
    assert live_ids(mine) == ["new", *IDS]

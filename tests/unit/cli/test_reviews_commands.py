"""``mmpipe reviews``: a file into a lake, and what it adds up to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.errors import NotFound
from mmpipe.indexing.lanes.files import execute_file
from mmpipe.settings import IndexingSettings, LakeSettings, Settings


@pytest.fixture
def lake(tmp_path: Path) -> str:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "Lamp"}), encoding="utf-8")
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), indexing=IndexingSettings(profile="fake")
    )
    assert execute_file(settings, feed, "shop").status == "done"
    return settings.lake.uri


def test_a_file_is_added_and_shown(lake: str, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("product_id,stars,text\np,2,[b]ugly[/b] design\np,nine,x\n", encoding="utf-8")
    runner = CliRunner()
    added = runner.invoke(app, ["reviews", "add", str(file), "--lake", lake])
    assert added.exit_code == 0, added.output
    told = json.loads(added.stdout.splitlines()[-1])
    assert (told["read"], told["indexed"], told["rejected"]) == (2, 1, 1)
    again = runner.invoke(app, ["reviews", "add", str(file), "--lake", lake])
    assert again.exit_code == 0
    shown = runner.invoke(app, ["reviews", "show", "p", "--lake", lake])
    assert "[b]ugly[/b] design" in shown.stdout, "what looks like markup is text"
    found = json.loads(runner.invoke(app, ["reviews", "show", "p", "--json", "--lake", lake]).stdout)
    assert (found["count"], found["rating"], found["aspects"][0]["name"]) == (1, 2.0, "look")
    assert isinstance(runner.invoke(app, ["reviews", "show", "q", "--lake", lake]).exception, NotFound)


def test_a_file_that_is_none_fails(lake: str, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("colour\nred\n", encoding="utf-8")
    failed = CliRunner().invoke(app, ["reviews", "add", str(file), "--lake", lake])
    assert failed.exit_code == 1
    assert "names no product column" in failed.stdout

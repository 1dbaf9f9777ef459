"""``mmpipe ask``: a conversation over a lake, carried by a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from examples.assistant.products import measured
from mmpipe.cli.app import app
from mmpipe.indexing import execute_file
from mmpipe.settings import IndexingSettings, LakeSettings, Settings


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ask")
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in measured()))
    settings = Settings(
        lake=LakeSettings(uri=str(folder / "lake")), indexing=IndexingSettings(profile="fake")
    )
    assert execute_file(settings, feed, "shop").status == "done"
    return folder / "lake"


def test_a_file_carries_the_conversation(lake: Path, tmp_path: Path) -> None:
    state = tmp_path / "talk"
    options = ["--lake", str(lake), "--state", str(state)]
    first = CliRunner().invoke(app, ["ask", "Halvard Dome tent", "--json", *options])
    assert first.exit_code == 0, first.output
    shown = json.loads(first.stdout)["products"][0]["id"]
    second = CliRunner().invoke(app, ["ask", "how heavy is it?", *options])
    assert second.exit_code == 0, second.output
    assert "2.4 kg" in second.stdout
    assert f"[{shown} attributes.weight] 2.4 kg" in second.stdout


def test_nothing_said_is_refused(lake: Path) -> None:
    result = CliRunner().invoke(app, ["ask", "--lake", str(lake)])
    assert result.exit_code != 0

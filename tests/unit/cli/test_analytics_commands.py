"""``mmpipe analytics`` on a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.analytics.records import Searched, rows_of
from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]


@pytest.fixture
def searched(lake: Path, tmp_path: Path) -> Path:
    """A lake in which boots, what is in Chinese, and something private were searched for."""
    folder = tmp_path / "lake"
    shutil.copytree(lake, folder)
    held = open_lake(Settings(lake=LakeSettings(uri=str(folder))))
    collection = held.collection(held.collections()[0])
    now = datetime.now(UTC)
    page = Searched(now.timestamp(), "q", True, "Boots", ("text",), ("filtered",), ("summer",), 4, 4, 0.002)
    pages = [page._replace(query_id=f"b{n}") for n in range(5)]
    pages += [page._replace(query_id=f"z{n}", text="紅色 [bold]", total=0) for n in range(3)]
    pages += [page._replace(query_id="p", text="anna@example.com"), page._replace(query_id="r", text="alone")]
    collection.searches.append(rows_of(pages))
    return folder


def test_tables(run: Run, searched: Path) -> None:
    result = run("analytics", "--lake", searched)
    assert result.exit_code == 0, result.output
    for told in ("boots", "红色 [bold]", "without results", "(rare texts)", "filtered", "summer", "30.0%"):
        assert told in result.stdout
    for private in ("anna", "alone"):
        assert private not in result.stdout


def test_json_and_a_picture(run: Run, searched: Path, tmp_path: Path) -> None:
    png = tmp_path / "searches.png"
    result = run("analytics", "--lake", searched, "--json", "--days", 7, "-n", 1, "--plot", png)
    found = json.loads(result.stdout)
    assert (found["overall"]["searches"], found["overall"]["empty"], len(found["top"])) == (10, 3, 1)
    assert found["top"][0]["query"] == "boots"
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written(run: Run, searched: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"plot: .* cannot be written"):
        run("analytics", "--lake", searched, "--plot", tmp_path / "none" / "x.png")


def test_nothing_is_recorded_yet(run: Run, lake: Path) -> None:
    assert "no searches of" in run("analytics", "--lake", lake).stdout
    assert json.loads(run("analytics", "--lake", lake, "--json").stdout)["overall"] is None

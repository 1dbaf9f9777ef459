"""``mmpipe suggest`` on a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import rows_of
from mmpipe.schemas.interaction import Context, Interaction, judge
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]


def test_suggestions(run: Run, lake: Path) -> None:
    found = json.loads(run("suggest", "red dr", "--lake", lake, "--json").stdout)
    assert found["suggestions"][0]["product_id"] == "d1"
    assert found["suggestions"][0]["kind"] == "product"
    shown = run("suggest", "跑", "--lake", lake, "--lang", "zh", "-n", "3").stdout
    assert "蓝色跑鞋" in shown


def test_what_others_asked_is_read_first(run: Run, lake: Path, tmp_path: Path) -> None:
    mine = tmp_path / "lake"
    shutil.copytree(lake, mine)
    held = open_lake(Settings(lake=LakeSettings(uri=str(mine)))).collection("catalogue")
    judged = judge(
        enumerate(
            Interaction(type="search", user_id=f"u{n}", context=Context(query="red dress")) for n in range(3)
        ),
        datetime.now(UTC),
        keep=timedelta(days=30),
    )
    held.interactions.append(rows_of([judged], "catalogue", open_lake(held.settings).pseudonyms))
    found = json.loads(run("suggest", "re", "--lake", mine, "--json").stdout)["suggestions"]
    assert (found[0]["kind"], found[0]["text"], found[0]["count"]) == ("query", "red dress", 1)


def test_what_is_too_long_is_named(run: Run, lake: Path) -> None:
    with pytest.raises(InvalidRequest, match="q"):
        run("suggest", "a" * 1_001, "--lake", lake)

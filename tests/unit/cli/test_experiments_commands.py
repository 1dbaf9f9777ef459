from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest, NotFound
from mmpipe.experiments import LiveExperiments
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.recommend.behaviour import Shopper
from mmpipe.settings import LakeSettings, Settings

Run = Callable[..., Result]
ARMS = ("--arm", "control", "--arm", "bold=3", "--set", "bold.diversity=0.8", "--set", "bold.model=false")


@pytest.fixture
def shop_lake(tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    (folder / "shop").mkdir(parents=True)
    return folder


def test_from_definition_to_report(run: Run, shop_lake: Path) -> None:
    def ask(*words: str) -> Result:
        return run("experiments", *words, "--lake", shop_lake)

    made = json.loads(ask("define", "bolder", *ARMS, "--window-hours", "0.00001", "--json").stdout)
    assert made["state"] == "running"
    assert "salt" not in made
    assert made["arms"][1] == {
        "name": "bold",
        "weight": 3.0,
        "settings": {
            "taste": None,
            "diversity": 0.8,
            "explore": None,
            "model": False,
            "sponsored": None,
        },
    }
    lake = open_lake(Settings(lake=LakeSettings(uri=str(shop_lake))))
    live, now = LiveExperiments(lake), datetime.now(UTC)
    live.follow("shop")
    live.refresh()
    for n in range(8):
        shopper = Shopper(f"user-{n}", None)
        live.expose("shop", shopper, live.choose("shop", shopper, now), now)
    live.refresh()
    found = json.loads(ask("report", "bolder", "--json").stdout)
    assert sum(arm["shoppers"] + arm["pending"] for arm in found["arms"]) == 8
    assert "salt" not in found["experiment"]
    shown = ask("report", "bolder").stdout
    assert "bolder running" in shown
    assert "conversion (goal)" in shown
    assert "undecided" in shown
    assert "bold 3" in ask("list").stdout
    assert ask("stop", "bolder").exit_code == 0
    (listed,) = json.loads(ask("list", "--json").stdout)
    assert listed["state"] == "ended"


def test_an_interleaving_is_shown_by_its_preference(run: Run, shop_lake: Path) -> None:
    arms = ("--arm", "control", "--arm", "bold", "--set", "bold.explore=0.5")
    run("experiments", "define", "ranks", *arms, "--interleave", "--lake", shop_lake)
    assert "neither" in run("experiments", "report", "ranks", "--lake", shop_lake).stdout


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--arm", "a"), "arms"),
        (("--arm", "a", "--arm", "a"), "arm"),
        (("--arm", "a", "--arm", "b=nan"), "arm.weight"),
        (("--arm", "a", "--arm", "b=-1"), "arm.weight"),
        (("--arm", "a", "--arm", "b", "--set", "c.taste=1"), "set"),
        (("--arm", "a", "--arm", "b", "--set", "b.api_keys=1"), "arm.settings.api_keys"),
        (("--arm", "a", "--arm", "b", "--set", "b.taste=lots"), "arm.settings.taste"),
        (("--arm", "a", "--arm", "b", "--start", "soon"), "start"),
        (("--arm", "a", "--arm", "b", "--stop", "2026-03-01"), "stop"),
        (("--arm", "a", "--arm", "b", "--goal", "fame"), "goal"),
    ],
)
def test_what_cannot_be_names_the_option(
    run: Run, shop_lake: Path, words: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        run("experiments", "define", "bolder", *words, "--lake", shop_lake)
    assert raised.value.field == field


def test_one_that_nobody_defined(run: Run, shop_lake: Path) -> None:
    for command in ("report", "stop"):
        with pytest.raises(NotFound):
            run("experiments", command, "nobody", "--lake", shop_lake)


def test_statistics_are_released_with_noise_and_off_by_default(
    run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shutil.copytree(lake, tmp_path / "mine")
    with pytest.raises(InvalidRequest, match="nothing is released"):
        run("statistics", "trending", "--lake", lake)
    with pytest.raises(InvalidRequest, match="trending"):
        run("statistics", "fame", "--lake", lake)
    monkeypatch.setenv("MMPIPE_PRIVACY__EPSILON_PER_DAY", "9")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    rows = [
        {
            "event_id": f"e{n}",
            "type": "view",
            "user": f"u{n}",
            "product_id": "d1",
            "occurred_at": yesterday,
            "received_at": yesterday,
        }
        for n in range(200)
    ]
    opened = open_lake(Settings(lake=LakeSettings(uri=str(lake))))
    held = opened.collection(opened.collections()[0])
    held.interactions.append(pa.Table.from_pylist(rows, schema=SCHEMA), now=yesterday)
    (found,) = json.loads(run("statistics", "trending", "--lake", lake, "--json").stdout)
    assert found["products"] == ["d1"]
    assert found["shoppers"] == pytest.approx(200, abs=40)
    assert "d1" in run("statistics", "trending", "--lake", lake).stdout

"""The scheduled training of a lake's models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.learn import retrain
from mmpipe.learn.adapt import export
from mmpipe.learn.adapt import run as adapt_run
from mmpipe.learn.adapt.run import Outcome
from mmpipe.learn.adapt.settings import AdaptSettings, default_name
from mmpipe.learn.adapt.train import Stopped
from mmpipe.learn.catalogue_data import ReadReport
from mmpipe.settings import LakeSettings, ModelSettings, Settings

OPTIONS = AdaptSettings(epochs=1, batch=32, threads=1)


@pytest.fixture
def settings(tmp_path: Path, parent: Path) -> Settings:
    """A lake in which the small untrained parent is registered."""
    made = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), models=ModelSettings(cache_dir=str(tmp_path / "cache"))
    )
    open_lake(made).models.register("small", parent, metrics={}, data_fingerprint="0" * 64, parent=None)
    return made


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What runs would have been asked for; none is any better than its parent."""
    asked: list[dict[str, Any]] = []

    def adapt(settings: Settings, options: AdaptSettings, **words: Any) -> Outcome:
        asked.append({**words, "left": [path.name for path in words["out"].iterdir()]})
        (words["out"] / "run.json").write_text("{}")
        report = ReadReport(rows=1, products=1, pairs=1)
        return Outcome(
            words["name"], words["parent"].name, str(words["out"]), report, "0" * 64, 1, 1, 0.1, 1.0
        )

    monkeypatch.setattr(adapt_run, "adapt", adapt)
    return asked


@pytest.mark.timeout(300)  # a training, on two busy cores
def test_a_better_result_is_registered_in_the_lake(
    settings: Settings, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt_run, "is_better", lambda before, after: True)
    monkeypatch.setattr(export, "_FUSION_STEPS", 5)
    outcome = retrain.retrain(settings, str(shop), parent="small", options=OPTIONS)
    assert outcome.registered is not None
    (kept,) = open_lake(settings).models.revisions("small-feed")
    assert kept == outcome.registered
    assert outcome.commands[0] == f"mmpipe live reindex --profile small-feed --lake {settings.lake.uri}"
    assert not Path(outcome.folder).exists()


def test_every_run_starts_anew(settings: Settings, outcomes: list[dict[str, Any]]) -> None:
    """Or else the next catalogue would find the folder of another run, and be refused."""
    for _ in range(2):
        retrain.retrain(settings, "s3://b/shop/feeds/feed.csv", parent="small")
    assert [one["left"] for one in outcomes] == [[], []]
    assert {(one["name"], one["parent"].name) for one in outcomes} == {("small-feed", "small")}
    assert not [one["out"] for one in outcomes if one["out"].exists()]


def test_no_better_is_no_failure(
    settings: Settings,
    outcomes: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(settings, monkeypatch, "--catalogue", "s3://b/feed.csv", "--from", "small") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["name"], line["registered"], line["better"], line["next"]) == ("small-feed", None, False, [])
    assert "folder" not in line


def test_a_failure_ends_the_job_badly_and_says_why(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings, monkeypatch, "--catalogue", str(tmp_path / "absent.csv"), "--from", "small") == 1
    assert "absent.csv" in json.loads(capsys.readouterr().out)["error"]


def test_a_stopped_job_says_so_by_its_code(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise Stopped(3)

    monkeypatch.setattr(retrain, "retrain", stopped)
    assert run(settings, monkeypatch, "--catalogue", "s3://b/f.csv") == 130


def test_an_unknown_parent_is_a_clear_error(settings: Settings, shop: Path) -> None:
    with pytest.raises(InvalidRequest, match="or take starter"):
        retrain.retrain(settings, str(shop), parent="nobody")


def test_a_name_follows_from_parent_and_feed() -> None:
    assert default_name("starter", "s3://b/shop/feeds/Spring Feed.csv.gz") == "starter-spring-feed"
    assert len(default_name("starter", "s3://b/" + "x" * 99)) <= 40


def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(retrain, "load_settings", lambda: settings)
    monkeypatch.setattr(retrain, "configure_logging", lambda: None)
    return retrain.main(list(arguments))

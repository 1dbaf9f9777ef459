"""The scheduled training of recommenders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mmpipe.learn import retrain
from mmpipe.learn.recommender.settings import RecommenderSettings
from tests.unit.learn.recommender import shop


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        "mmpipe.learn.recommender.settings.RecommenderSettings",
        lambda: RecommenderSettings(models=("item-knn",)),
    )
    monkeypatch.setenv("MMPIPE_LAKE__URI", str(tmp_path / "lake"))
    monkeypatch.setenv("MMPIPE_MODELS__CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_each_collection_is_trained_and_one_that_fails_stops_no_other(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, collection = shop.open_shop(lake)
    shop.store(collection, shop.walks(1_200))
    ended = retrain.main(["--recommender", "nowhere", "--recommender", "shop"])
    failed, trained = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert failed["collection"] == "nowhere"
    assert failed["error"].startswith("UnknownCollection: ")
    assert trained["status"] == "switched", trained["reason"]
    content = collection.recommender.read()
    assert content is not None
    assert content.live.revision == trained["registered"]["revision"]
    assert ended == 1  # somebody is to be told of the other
    assert retrain.main(["--recommender", "shop"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "too-little"


def test_nothing_to_train_is_refused(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        retrain.main([])
    assert "--recommender" in capsys.readouterr().err

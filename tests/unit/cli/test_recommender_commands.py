"""``mmpipe train recommender``, ``mmpipe live recommender`` and what ``mmpipe status`` says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

pytest.importorskip("torch")

from mmpipe.errors import InvalidRequest, ModelUnavailable, NotFound
from mmpipe.lake import Collection, open_lake
from mmpipe.learn.recommender.settings import RecommenderSettings
from tests.unit.learn.recommender import shop

Run = Callable[..., Result]


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """A shop with a log, and a small appetite."""
    monkeypatch.setenv("MMPIPE_MODELS__CACHE_DIR", str(tmp_path / "cache"))

    def modest(**words: object) -> RecommenderSettings:
        return RecommenderSettings(
            **{"least_shoppers": 20, "least_judged": 5, **words}  # type: ignore[arg-type]
        )

    monkeypatch.setattr("mmpipe.learn.recommender.settings.RecommenderSettings", modest)
    _, collection = shop.open_shop(tmp_path)
    shop.store(collection, shop.walks(260))
    return collection


def train(run: Run, tmp_path: Path, *more: str) -> Result:
    return run("train", "recommender", "--lake", tmp_path / "lake", "--models", "item-knn", *more)


def live(run: Run, tmp_path: Path, *more: str) -> Result:
    return run("live", "recommender", "--lake", tmp_path / "lake", *more)


def test_trained_followed_rolled_back(run: Run, held: Collection, tmp_path: Path) -> None:
    assert "no recommender yet" in live(run, tmp_path).output
    result = train(run, tmp_path, "--json")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["status"] == "switched"
    revision = outcome["registered"]["revision"]
    again = train(run, tmp_path)
    assert again.exit_code == 0
    assert "too-little" in again.output
    listed = json.loads(live(run, tmp_path, "--json").stdout)
    assert [entry["revision"] for entry in listed] == [revision]
    told = run("status", "--lake", tmp_path / "lake")
    assert f"recommends by shop-recommender {revision}" in told.output
    shown = json.loads(run("status", "--lake", tmp_path / "lake", "--json").stdout)
    assert shown["collections"][0]["recommender"]["revision"] == revision
    assert "shop-recommender" in run("models", "list", "--lake", tmp_path / "lake").output
    assert live(run, tmp_path, "--off").exit_code == 0
    assert "recommends by" not in run("status", "--lake", tmp_path / "lake").output
    assert live(run, tmp_path, "--rollback").exit_code == 0
    assert live(run, tmp_path, "--to", f"shop-recommender@{revision}").exit_code == 0
    assert "switched to by hand" in live(run, tmp_path).output
    with pytest.raises(ModelUnavailable, match="no revision"):
        live(run, tmp_path, "--to", f"shop-recommender@{'f' * 16}")
    with pytest.raises(InvalidRequest, match="give one of"):
        live(run, tmp_path, "--off", "--rollback")


def test_the_table_of_a_training(run: Run, held: Collection, tmp_path: Path) -> None:
    result = train(run, tmp_path)
    assert result.exit_code == 0, result.output
    for part in ("1", "shoppers", "NDCG@10", "judged: new", "judged: popular", "switched shop-recommender"):
        assert part in result.output


def test_check_tells_of_people_who_were_erased(run: Run, held: Collection, tmp_path: Path) -> None:
    assert "no recommender is registered" in train(run, tmp_path, "--check").output
    assert train(run, tmp_path).exit_code == 0
    result = train(run, tmp_path, "--check")
    assert result.exit_code == 0
    assert "none" in result.output
    named = run("users", "erase", "nobody", "--yes", "--lake", tmp_path / "lake")
    (revision,) = [m.revision for m in open_lake(held.settings).models.recommenders("shop")]
    assert json.loads(named.stdout)["models"] == [f"shop-recommender {revision}"]
    assert train(run, tmp_path, "--check").exit_code == 0  # nothing went, so nothing is held
    proof = held.interactions.erase(["u1-3"])
    result = train(run, tmp_path, "--check")
    assert result.exit_code == 3
    assert proof.record_id in result.output
    assert "mmpipe train recommender trains without them" in result.output
    result = train(run, tmp_path, "--check", "--json")
    assert json.loads(result.stdout)["models"][0]["erasures"] == [proof.record_id]
    assert json.loads(train(run, tmp_path, "--json").stdout)["removed"]
    assert train(run, tmp_path, "--check").exit_code == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--models", "magic"), "models: 'magic' is none of"),
        (("--models", ","), "models: name one"),
        (("--epochs", "0"), "epochs"),
        (("--seconds", "nan"), "seconds"),
        (("--name", "starter"), "taken by mmpipe"),
        (("--workers", "0"), "workers"),
    ],
)
def test_what_cannot_be_asked(run: Run, tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    shop.open_shop(tmp_path)
    with pytest.raises(InvalidRequest, match=told):
        run("train", "recommender", "--lake", tmp_path / "lake", *options)


def test_nothing_to_go_back_to(run: Run, tmp_path: Path) -> None:
    shop.open_shop(tmp_path)
    with pytest.raises(NotFound, match="no earlier recommender"):
        live(run, tmp_path, "--rollback")

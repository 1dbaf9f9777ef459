"""Lists that a trained recommender takes part in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mmpipe.learn.recommender.corpus import corpus_of
from mmpipe.learn.recommender.events import read_log
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.search import LiveVersions, Version
from tests.unit.learn.recommender import shop
from tests.unit.learn.recommender.test_export import shelf
from tests.unit.recommend.behaviour.shoppers import NOW, Event, table
from tests.unit.recommend.model.test_recommender import recommender


@pytest.fixture
def version(tmp_path: Path) -> Iterator[Version]:
    lake, _ = shop.open_shop(tmp_path)
    versions = LiveVersions(shop.settings_at(tmp_path), lake)
    yield versions.get("shop")
    versions.close()


def test_what_the_model_expects_is_shown_with_its_part(version: Version, tmp_path: Path) -> None:
    log = read_log([shop.table_of(shop.walks(160))])
    model = recommender(corpus_of(log.sequences, log.names, shelf(), seed=1), tmp_path / "model")
    behaviour = Behaviour(clock=lambda: NOW)
    behaviour.add(table([Event(f"e{n}", "view", f"p2-{n}", user="me", time=NOW - 60 + n) for n in (1, 2)]))
    request = RecommendationsRequest(kind="for_you", limit=5, diversity=0.0, explore=0.0)
    found = RecommendationsResponse.model_validate_json(
        Lists().answer_json(version, request, Shopper("me", None), Knowledge(behaviour, model, NOW))
    )
    assert found.model == f"{model.name} {model.revision}"
    (listed,) = found.lists
    assert listed.fallback is None
    assert not {"p2-1", "p2-2"} & {item.id for item in listed.items}
    scores = model.scores(version, ["p2-1", "p2-2"])
    expected = [version.ids.ids(scores.argsort()[::-1][:3].astype("int32"))][0]
    assert expected[0] in {item.id for item in listed.items}
    for item in listed.items:
        assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)
        assert item.interest is None or 0.0 <= item.interest <= 1.0
    assert any(why.reason == "model" for item in listed.items for why in item.why)

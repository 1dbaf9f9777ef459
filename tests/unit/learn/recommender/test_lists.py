"""From the log to the lists: what is trained and followed is what shoppers are recommended by."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mmpipe.learn.recommender.run import train_recommender
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.recommend.model import Recommenders
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.search import LiveVersions
from tests.unit.learn.recommender import shop


@pytest.mark.parametrize("kind", ["for_you", "session"])
def test_lists_follow_the_trained_model(tmp_path: Path, kind: str) -> None:
    lake, collection = shop.open_shop(tmp_path)
    # Somebody who went from the second to the fourth of a family, a moment ago.
    mine = [
        shop.event("me", f"p3-{n}", shop.NOW + timedelta(minutes=n), n=n, session="now") for n in (1, 2, 3)
    ]
    shop.store(collection, [*shop.walks(700, seed=4), *mine])
    moment = shop.NOW + timedelta(hours=1)
    behaviour = Behaviour(clock=moment.timestamp)
    behaviour.add(collection.interactions.to_table())
    lists = Lists()
    with LiveVersions(shop.settings_at(tmp_path), lake) as versions:
        replica = Recommenders(lake, version_of=versions.get)

        def ask() -> RecommendationsResponse:
            replica.look("shop")
            request = RecommendationsRequest.model_validate_json(json.dumps({"kind": kind, "limit": 5}))
            known = Knowledge(behaviour, replica.get("shop"), moment.timestamp())
            answer = lists.answer_json(versions.get("shop"), request, Shopper("me", "now"), known)
            return RecommendationsResponse.model_validate_json(answer)

        assert ask().model is None
        outcome = train_recommender(collection, lake.models, shop.QUICK, now=moment)
        assert outcome.status == "switched", outcome.reason
        assert outcome.registered is not None
        found = ask()
        assert found.model is not None
        assert outcome.registered.revision in found.model
        (shown,) = found.lists
        ids = [item.id for item in shown.items]
        assert "p3-4" in ids
        assert not {"p3-1", "p3-2", "p3-3"} & set(ids)
        for item in shown.items:
            assert item.interest is not None
            assert 0 < item.interest < 1
            assert sum(why.part for why in item.why) == pytest.approx(item.score, abs=1e-6)
        content = collection.recommender.read()
        collection.recommender.switch(None, None, reason="off", former=content)
        assert ask().model is None

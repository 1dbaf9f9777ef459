"""Searches whose best matches are judged by what a shopper is probably interested in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.learn.recommender.run import train_recommender
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.recommend.interest import ByInterest
from mmpipe.recommend.model import Recommender
from mmpipe.schemas.interaction import EVENT_TYPES
from mmpipe.search import EncodedQuery, LiveVersions
from mmpipe.search.rerank import Candidates, Judge, Worker
from tests.unit.learn.recommender import shop
from tests.unit.learn.recommender.test_run import READ
from tests.unit.recommend.behaviour.shoppers import NOW, Event, table


def test_the_order_is_the_learnt_rankers(tmp_path: Path) -> None:
    lake, collection = shop.open_shop(tmp_path)
    shop.store(collection, shop.walks(700, seed=4))
    record = train_recommender(collection, lake.models, shop.QUICK, now=READ).registered
    assert record is not None
    model = Recommender(lake.models.fetch(record), name=record.name, revision=record.revision)
    versions = LiveVersions(shop.settings_at(tmp_path), lake)
    version, worker, lists = versions.get("shop"), Worker("rerank"), Lists()
    behaviour = Behaviour(clock=lambda: NOW)
    seen = ("p2-1", "p2-2")
    behaviour.add(
        table([Event(f"e{n}", "view", each, user="me", time=NOW - 60 + n) for n, each in enumerate(seen)])
    )
    known, me = Knowledge(behaviour, model, NOW), Shopper("me", None)
    rows = np.array([version.row(f"p{n % 6}-{n % 8}") for n in range(24)], np.int32)
    types = np.full(2, EVENT_TYPES.index("view"), np.uint8)
    probable = model.interest(version, rows, list(seen), types, np.array([NOW - 60, NOW - 59.0]), now=NOW)
    assert probable is not None
    assert len(np.unique(probable)) > 3

    def order(shopper: Shopper, known: Knowledge) -> list[int] | None:
        judge = Judge(ByInterest(lists, shopper, known), worker, 50, 30.0)
        found = judge.order(version, EncodedQuery(text="thing"), rows, np.zeros(len(rows)))
        return None if found is None else found.tolist()

    assert order(me, known) == sorted(range(24), key=lambda place: (-probable[place], place))
    best = version.ids.ids(rows[np.array(order(me, known)[:1])])  # type: ignore[index]
    assert best[0].startswith("p2-"), "of the family that the shopper looks at"
    scores = ByInterest(lists, me, known).scores(Candidates(version, "thing", rows))
    assert scores is not None
    np.testing.assert_allclose(scores, probable)
    assert order(Shopper("nobody", None), known) is None
    assert order(me, Knowledge(behaviour, None, NOW)) is None
    assert order(me, Knowledge(None, model, NOW)) is None
    worker.close()
    versions.close()

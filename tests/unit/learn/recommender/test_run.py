"""Training on a collection's log: what is chosen, what is refused, and what becomes of the erased."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.errors import CommitConflict, NotReady
from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.lake.models import RegisteredModel
from mmpipe.learn.recommender import run
from mmpipe.learn.recommender.erased import check
from mmpipe.learn.recommender.outcome import Outcome
from mmpipe.learn.recommender.run import default_name, train_recommender
from mmpipe.objects import open_store
from mmpipe.recommend.model import Recommender, Recommenders
from tests.unit.learn.recommender.shop import NOW, QUICK, event, open_shop, settings_at, store, walks

# The log is read an hour after the last event.
READ = NOW + timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Lake, Collection]:
    lake, collection = open_shop(tmp_path)
    store(collection, walks(260))
    return lake, collection


def train(shop: tuple[Lake, Collection], **words: object) -> Outcome:
    lake, collection = shop
    options = words.pop("options", QUICK)
    return train_recommender(collection, lake.models, options, now=words.pop("now", READ), **words)  # type: ignore[arg-type]


def live_of(collection: Collection) -> tuple[str | None, str | None]:
    content = collection.recommender.read()
    assert content is not None
    return content.live.name, content.live.revision


def test_what_beats_popularity_is_registered_and_followed(shop: tuple[Lake, Collection]) -> None:
    lake, collection = shop
    store(collection, walks(700, seed=4))
    outcome = train(shop)
    assert outcome.status == "switched", outcome.reason
    assert outcome.judged["new"]["ndcg@10"] > 2 * outcome.judged["popular"]["ndcg@10"]
    record = outcome.registered
    assert record is not None
    assert (record.name, record.kind) == ("shop-recommender", "recommender")
    assert live_of(collection) == (record.name, record.revision)
    assert record.card is not None
    assert record.card.collection == "shop"
    assert record.card.events > 1_000
    assert record.metrics["judged_ndcg@10"] == outcome.judged["new"]["ndcg@10"]
    assert json.loads(json.dumps(outcome.to_json()))["registered"]["revision"] == record.revision
    # The ranker learnt from what came next, and its probabilities were measured.
    assert outcome.ranker["ranker_auc"] > 0.7
    assert outcome.ranker["ranker_ece"] < 0.2
    model = Recommender(lake.models.fetch(record), name=record.name, revision=record.revision)
    assert model.form.ranker is not None
    assert model.form.ranker.target == "next"


def test_a_worse_model_is_not_switched_to(
    shop: tuple[Lake, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, collection = shop
    first = train(shop)
    assert first.registered is not None
    store(collection, walks(200, seed=2, days=8, end=NOW + timedelta(days=9)))
    later = NOW + timedelta(days=9)
    # The same log, read as if everybody jumped about: learnt from that, nothing is any better.
    lists = run.corpus_of

    def scrambled(*words: object, **more: object) -> object:
        corpus = lists(*words, **more)  # type: ignore[arg-type]
        rng = np.random.default_rng(3)
        size = len(corpus.names)
        return replace(
            corpus, sequences=[rng.integers(0, size, len(s)).astype(np.int32) for s in corpus.sequences]
        )

    with monkeypatch.context() as patch:
        patch.setattr(run, "corpus_of", scrambled)
        outcome = train(shop, now=later)
    assert outcome.status == "kept", outcome.reason
    assert outcome.registered is None
    assert live_of(collection) == (first.registered.name, first.registered.revision)
    assert [m.revision for m in lake.models.recommenders("shop")] == [first.registered.revision]
    # Learnt from what really happened, it is compared with what is live on shoppers neither has seen.
    outcome = train(shop, now=later)
    assert {"new", "popular", "live"} == outcome.judged.keys()
    assert outcome.change is not None
    better = outcome.judged["new"]["ndcg@10"] > outcome.judged["live"]["ndcg@10"]
    assert (outcome.status == "switched") == better, outcome.reason


def test_what_is_live_is_not_asked_about_what_it_has_seen(shop: tuple[Lake, Collection]) -> None:
    train(shop)
    again = train(shop)
    assert again.status == "too-little"
    assert "came back since" in again.reason


@pytest.mark.parametrize(("shoppers", "told"), [(0, "0 shoppers"), (10, "are needed")])
def test_too_few_events_are_a_clear_outcome(tmp_path: Path, shoppers: int, told: str) -> None:
    lake, collection = open_shop(tmp_path)
    if shoppers:
        store(collection, walks(shoppers))
    outcome = train((lake, collection))
    assert outcome.status == "too-little"
    assert told in outcome.reason
    assert collection.recommender.read() is None


def test_a_collection_without_products_says_so(tmp_path: Path) -> None:
    lake = open_lake(settings_at(tmp_path))
    with pytest.raises(NotReady, match="index a feed"):
        train((lake, lake.collection("shop", create=True)))


def test_who_was_erased_is_reported_and_then_in_no_model(shop: tuple[Lake, Collection]) -> None:
    lake, collection = shop
    # One person alone looked at two of the products.
    alone = [event("gone", f"p0-{n}", NOW - timedelta(days=9 - n), n=n) for n in (0, 3, 6)]
    store(collection, alone)
    first = train(shop)
    assert first.registered is not None
    assert [each.erasures for each in check(collection, lake.models)] == [[]]
    proof = collection.interactions.erase(["gone"], now=NOW + timedelta(hours=2))
    (held,) = check(collection, lake.models)
    assert held.erasures == [proof.record_id]
    assert held.live
    assert json.loads(json.dumps(held.to_json()))["erasures"] == [proof.record_id]
    # Nothing came since, and all the same it is trained again, without them.
    second = train(shop, now=NOW + timedelta(hours=3))
    assert second.status == "switched", second.reason
    assert second.erased == [proof.record_id]
    assert second.removed == [first.registered.revision]
    assert [each.erasures for each in check(collection, lake.models)] == [[]]
    assert [m.revision for m in lake.models.recommenders("shop")] == [second.registered.revision]  # type: ignore[union-attr]
    content = collection.recommender.read()
    assert content is not None
    assert content.history == ()  # nobody rolls back to it
    files = {
        stat.uri.rpartition("/")[2]
        for stat in open_store(lake.uri, lake.settings.storage).list(f"{lake.models.uri}/files/")
    }
    assert files == set(second.registered.files.values())  # type: ignore[union-attr]


def test_a_model_that_holds_the_erased_is_left_also_without_a_better_one(
    shop: tuple[Lake, Collection],
) -> None:
    lake, collection = shop
    first = train(shop)
    assert first.registered is not None
    users = {each["user"] for each in walks(260)}
    collection.interactions.erase(sorted(users)[:250], now=NOW + timedelta(hours=2))
    outcome = train(shop, now=NOW + timedelta(hours=3))
    assert outcome.status == "off"
    assert outcome.removed == [first.registered.revision]
    assert live_of(collection) == (None, None)
    assert lake.models.recommenders("shop") == []
    followed = Recommenders(lake)
    followed.look("shop")
    assert followed.get("shop") is None


def test_two_trainings_at_once_do_not_undo_each_other(
    shop: tuple[Lake, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, collection = shop
    register = lake.models.register

    def slow(*words: object, **more: object) -> RegisteredModel:
        record = register(*words, **more)  # type: ignore[arg-type]
        collection.recommender.switch(None, None, reason="meanwhile", former=collection.recommender.read())
        return record

    monkeypatch.setattr(lake.models, "register", slow)
    with pytest.raises(CommitConflict):
        train(shop)
    assert live_of(collection) == (None, None)


def test_clicks_on_impressions_make_the_ranker(tmp_path: Path) -> None:
    lake, collection = open_shop(tmp_path)
    events = walks(300)
    rng = np.random.default_rng(5)
    shown = []
    for number, each in enumerate(events):
        # What comes next was shown a minute before, beside three others.
        others = [f"p{rng.integers(6)}-{rng.integers(8)}" for _ in range(3)]
        for place, name in enumerate([each["product_id"], *others]):
            moment = each["occurred_at"] - timedelta(minutes=1)
            shown.append(event(each["user"], name, moment, seed=9, n=10 * number + place, type="impression"))
    store(collection, [*events, *shown])
    outcome = train((lake, collection))
    assert outcome.status == "switched", outcome.reason
    assert outcome.ranker_note.startswith("of click, calibrated by")
    assert outcome.ranker["ranker_auc"] > 0.8


def test_names() -> None:
    assert default_name("shop") == "shop-recommender"
    assert len(default_name("a_very_long_name_of_a_collection_" * 2)) <= 40
    assert default_name("__") == "shop-recommender"


@pytest.mark.timeout(300)  # a small network, on busy cores
def test_the_sequence_model_and_its_mixture_are_trained_and_served(shop: tuple[Lake, Collection]) -> None:
    lake, collection = shop
    options = replace(QUICK, models=("item-knn", "als", "sasrec", "sequence+content"), epochs=8)
    outcome = train(shop, options=options)
    assert outcome.candidates.keys() == {"popular", "item-knn", "als", "sasrec", "sequence+content"}
    assert outcome.left_out == {}
    assert outcome.status == "switched", outcome.reason
    again = train_recommender(
        open_lake(settings_at(Path(collection.uri.removeprefix("file://")).parents[1])).collection("shop"),
        lake.models, options, now=READ,
    )  # fmt: skip
    assert again.status == "too-little"

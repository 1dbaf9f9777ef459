"""Replicas change recommenders without a restart."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mmpipe.lake import Collection, Lake
from mmpipe.lake.models import RegisteredModel
from mmpipe.lake.steady import steady_time
from mmpipe.learn.recommender.candidates import Workshop, make
from mmpipe.learn.recommender.corpus import corpus_of
from mmpipe.learn.recommender.events import read_log
from mmpipe.learn.recommender.settings import ModelName
from mmpipe.objects import ObjectStore, open_store
from mmpipe.recommend.model import Recommenders
from mmpipe.recommend.model.follow import RETRY_SECONDS
from mmpipe.search import LiveVersions
from tests.unit.learn.recommender import shop
from tests.unit.learn.recommender.test_export import CARD, shelf


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Lake, Collection, LiveVersions]]:
    lake, collection = shop.open_shop(tmp_path)
    versions = LiveVersions(shop.settings_at(tmp_path), lake)
    yield lake, collection, versions
    versions.close()


def registered(lake: Lake, name: ModelName, *, seed: int = 1, **card: str) -> RegisteredModel:
    """A model of a few made-up shoppers."""
    log = read_log([shop.table_of(shop.walks(60, seed=seed))])
    corpus = corpus_of(log.sequences, log.names, shelf(), seed=1)
    model = make(name, shop.QUICK)
    model.fit(corpus.sequences, corpus.items, corpus.features)
    with Workshop() as workshop:
        folder = workshop.write(model, corpus, CARD.model_copy(update=card))
        return lake.models.register(
            "shop-recommender", folder, kind="recommender", metrics={}, data_fingerprint="x", parent=None
        )


def store_of(lake: Lake) -> ObjectStore:
    return open_store(lake.uri, lake.settings.storage)


def follow(collection: Collection, record: RegisteredModel | None) -> None:
    name, revision = (None, None) if record is None else (record.name, record.revision)
    collection.recommender.switch(name, revision, reason="test", former=collection.recommender.read())


def test_models_are_swapped_and_rolled_back(held: tuple[Lake, Collection, LiveVersions]) -> None:
    lake, collection, versions = held
    first, second = registered(lake, "popular"), registered(lake, "item-knn")
    with Recommenders(lake, version_of=versions.get, poll_seconds=0.02) as replica:
        assert replica.get("shop") is None

        def answers(record: RegisteredModel | None) -> bool:
            deadline = time.monotonic() + 60
            wanted = None if record is None else record.revision
            while time.monotonic() < deadline:
                model = replica.get("shop")
                if (None if model is None else model.revision) == wanted and "shop" in replica.status():
                    return True
                time.sleep(0.01)
            return False

        assert answers(None)
        follow(collection, first)
        assert answers(first)
        bound = replica.bound(versions.get("shop"))
        assert bound is not None
        follow(collection, second)
        assert answers(second)
        # Who is answering with the old one goes on.
        assert bound.scores(["p0-0"]).max() > 0
        collection.recommender.rollback()
        assert answers(first)
        follow(collection, None)
        assert answers(None)
    status = replica.status()["shop"]
    assert (status.name, status.generation, status.error) == (None, 4, "")


def test_it_waits_by_a_clock_that_does_not_jump() -> None:
    assert inspect.signature(Recommenders).parameters["clock"].default is steady_time


def test_what_is_damaged_or_missing_keeps_the_old_one_and_is_reported(
    held: tuple[Lake, Collection, LiveVersions],
) -> None:
    lake, collection, versions = held
    clock = Clock()
    replica = Recommenders(lake, version_of=versions.get, clock=clock)
    first = registered(lake, "popular")
    follow(collection, first)
    assert replica.look("shop").revision == first.revision
    damaged = registered(lake, "item-knn")
    uri = f"{lake.models.uri}/files/{damaged.files['form.json']}"
    good, _ = store_of(lake).read(uri, max_bytes=1_000_000)
    store_of(lake).write(uri, b"{}")
    follow(collection, damaged)
    status = replica.look("shop")
    assert "form.json" in status.error
    assert status.revision == first.revision
    assert replica.get("shop") is not None
    # Mended, it is taken at the next try, which is not every look.
    store_of(lake).write(uri, good)
    assert replica.look("shop").error
    clock.now += RETRY_SECONDS + 1
    status = replica.look("shop")
    assert (status.revision, status.error) == (damaged.revision, "")
    # Never registered; then a pointer that is none; then of another collection.
    pointer = collection.recommender
    pointer.switch("shop-recommender", "f" * 16, reason="", former=pointer.read())
    assert "no revision" in replica.look("shop").error
    store_of(lake).write(pointer.uri, b"[")
    assert "restore or remove it" in replica.look("shop").error
    store_of(lake).delete(pointer.uri)
    follow(collection, registered(lake, "item-knn", collection="other"))
    status = replica.look("shop")
    assert "of collection 'other'" in status.error
    assert replica.get("shop").revision == damaged.revision  # type: ignore[union-attr]


def test_a_model_of_other_vectors_says_what_it_does_not_do(
    held: tuple[Lake, Collection, LiveVersions],
) -> None:
    lake, collection, versions = held
    replica = Recommenders(lake, version_of=versions.get)
    follow(collection, registered(lake, "item-knn", profile="f" * 16))
    status = replica.look("shop")
    assert status.error == ""
    assert "was trained on vectors of profile ffff" in status.refused
    bound = replica.bound(versions.get("shop"))
    assert bound is not None
    assert bound.scores(["p0-0"]).max() > 0
    follow(collection, registered(lake, "content", profile="f" * 16))
    assert "trained on vectors" in replica.look("shop").error
    follow(collection, registered(lake, "popular"))
    assert replica.look("shop").refused == ""


def test_local_copies_that_nobody_uses_are_removed(
    held: tuple[Lake, Collection, LiveVersions], tmp_path: Path
) -> None:
    lake, collection, _ = held
    old, new = registered(lake, "popular"), registered(lake, "item-knn")
    copy = lake.models.fetch(old)
    week = time.time() - 7 * 86_400
    os.utime(copy, (week, week))
    replica = Recommenders(lake)
    follow(collection, new)
    assert replica.look("shop").revision == new.revision
    assert not copy.exists()
    assert len(list((tmp_path / "cache").glob("recommender-*"))) == 1


def test_a_registered_profile_is_no_recommender(held: tuple[Lake, Collection, LiveVersions]) -> None:
    lake, collection, _ = held
    record = registered(lake, "popular")
    uri = f"{lake.models.uri}/{record.name}/{record.revision}.json"
    data = json.loads(store_of(lake).read(uri, max_bytes=100_000)[0])
    store_of(lake).write(uri, json.dumps(data | {"kind": "starter"}).encode())
    follow(collection, record)
    assert "no record" in Recommenders(lake).look("shop").error

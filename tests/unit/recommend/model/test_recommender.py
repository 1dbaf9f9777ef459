"""A recommender on the rows of versions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.errors import ModelUnavailable
from mmpipe.lake import Collection, Lake
from mmpipe.lake.recommenders import Card
from mmpipe.lake.schema import build_tombstones
from mmpipe.learn.recommender.candidates import Workshop, make
from mmpipe.learn.recommender.corpus import Corpus, corpus_of
from mmpipe.learn.recommender.events import read_log
from mmpipe.learn.recommender.settings import ModelName
from mmpipe.recommend.model import Recommender
from mmpipe.recommend.model.features import FEATURES, features
from mmpipe.recommend.model.ids import ItemIds, packed
from mmpipe.schemas.interaction import EVENT_TYPES
from mmpipe.search import LiveVersions
from tests.unit.learn.recommender import shop
from tests.unit.learn.recommender.test_export import CARD, shelf


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Lake, Collection, LiveVersions]]:
    lake, collection = shop.open_shop(tmp_path)
    versions = LiveVersions(shop.settings_at(tmp_path), lake)
    yield lake, collection, versions
    versions.close()


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    log = read_log([shop.table_of(shop.walks(160))])
    return corpus_of(log.sequences, log.names, shelf(), seed=1)


def recommender(
    corpus: Corpus, folder: Path, name: ModelName = "sequence+content", card: Card = CARD
) -> Recommender:
    model = make(name, shop.QUICK)
    model.fit(corpus.sequences, corpus.items, corpus.features)
    with Workshop() as workshop:
        shutil.copytree(workshop.write(model, corpus, card), folder)
    return Recommender(folder, name="shop-recommender", revision="0" * 16)


def test_scores_of_a_version_are_those_of_the_table(
    held: tuple[Lake, Collection, LiveVersions], corpus: Corpus, tmp_path: Path
) -> None:
    _, collection, versions = held
    model = recommender(corpus, tmp_path / "model")
    version = versions.get("shop")
    history = ["p2-1", "p2-2", "unknown"]
    scores = model.scores(version, history)
    assert scores.dtype == np.float32
    assert scores.shape == (version.layout.rows,)
    from mmpipe.recommend.model import Bound

    rows = [version.row(name) for name in shop.ids()]
    wanted = Bound(model, shelf()).scores(history)
    # Stored vectors are float16; the table has two products more.
    there = np.isfinite(wanted[:-2])
    apart = scores[rows][there] / scores[version.row("p2-3")] - (
        wanted[:-2][there] / wanted[shop.ids().index("p2-3")]
    )
    assert np.abs(apart).max() < 2e-2
    assert np.isfinite(scores).sum() == len(shop.ids()) - 2
    best = int(np.argmax(scores))
    assert version.ids.ids(np.array([best], np.int32))[0].startswith("p2-")
    types = np.array([EVENT_TYPES.index(name) for name in ("view", "dislike", "view")], np.uint8)
    assert np.array_equal(model.scores(version, history, types), model.scores(version, ["p2-1"]))
    assert (model.scores(version, history, np.full(3, 255, np.uint8)) == -np.inf).all()
    # A product that is indexed now is scored at once, one that is deleted no more.
    shop.publish(collection, ["p2-100", "p3-200"], n=2)
    newer = versions.refresh("shop")
    scores = model.scores(newer, history)
    assert np.isfinite(scores[[newer.row("p2-100"), newer.row("p3-200")]]).all()
    assert scores[newer.row("p2-100")] > scores[newer.row("p3-200")]
    table = collection.products(shop.PROFILE)
    from mmpipe.lake.schema import Tombstone

    dead = newer.row("p2-3")
    table.upsert(build_tombstones([Tombstone("p2-3", f"{3:012d}", "run", shop.NOW)], shop.DIM))
    collection.publish(table, reason="test")
    newest = versions.refresh("shop")
    assert newest.find("p2-3") is None
    assert model.scores(newest, history)[dead] == -np.inf
    # What was liked and is gone still tells of what comes next.
    assert np.isfinite(model.scores(newest, ["p2-3"])).any()
    assert model.on(version) is model.on(version)


def test_other_vectors_are_refused_and_behaviour_still_counts(
    held: tuple[Lake, Collection, LiveVersions], corpus: Corpus, tmp_path: Path
) -> None:
    _, collection, versions = held
    other = CARD.model_copy(update={"profile": "f" * 16})
    model = recommender(corpus, tmp_path / "model", "sequence+content", other)
    shop.publish(collection, ["p2-100"], n=2)
    version = versions.get("shop")
    assert "new products are not scored" in model.on(version).refused
    scores = model.scores(version, ["p2-1"])
    assert scores[version.row("p2-100")] == -np.inf
    assert np.isfinite(scores[version.row("p2-3")])
    content = recommender(corpus, tmp_path / "content", "content", other)
    with pytest.raises(ModelUnavailable, match="trained on vectors of profile ffff"):
        content.on(version)


def test_features_are_finite_whatever_is_missing(corpus: Corpus, tmp_path: Path) -> None:
    from mmpipe.recommend.model import Bound

    model = recommender(corpus, tmp_path / "model")
    bound = Bound(model, shelf())
    rows = np.arange(shelf().rows, dtype=np.int32)
    for history in (["p0-0", "p0-1"], ["p0-new1"], ["nothing"]):
        past = bound.past(history)
        found = features(bound, past, rows, bound.scores_after(past), 60.0)
        assert found.shape == (len(rows), len(FEATURES))
        assert np.isfinite(found).all()
    assert model.ranker is None
    assert bound.interest(["p0-0"], rows) is None


def test_ids_are_found_however_many() -> None:
    names = sorted({f"p{n}" for n in range(3_000)} | {"é", "商品", "z"}, key=str.encode)
    ids = ItemIds(*packed(names))
    assert ids.find(["商品", "p7", "p", "", "\ud800", "zz"]).tolist() == [
        names.index("商品"), names.index("p7"), -1, -1, -1, -1,
    ]  # fmt: skip
    others = sorted([*names, "a", "zzz"], key=str.encode)
    for some in (others, others[::7], []):
        assert ids.find_all(*packed(some)).tolist() == [names.index(n) if n in names else -1 for n in some]
    assert ids.names(np.array([0, len(names) - 1], np.int32)) == [names[0], names[-1]]
    assert ItemIds(*packed([])).find(["a"]).tolist() == [-1]
    with pytest.raises(ValueError, match="sorted"):
        packed(["b", "a"])
    start, data = packed(["a", "bc"])
    for damaged in (start[:-1], start + 1, start[::-1].copy()):
        with pytest.raises(ModelUnavailable):
            ItemIds(damaged, data)

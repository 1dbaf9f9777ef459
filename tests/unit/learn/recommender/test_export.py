"""What is served is what was fitted: every model's folder gives its own scores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.errors import ModelUnavailable
from mmpipe.evaluate.recommend.run import Model
from mmpipe.lake.recommenders import Card
from mmpipe.learn.recommend.als import AlsModel
from mmpipe.learn.recommend.blend import Blend
from mmpipe.learn.recommend.train import SequenceModel
from mmpipe.learn.recommender.candidates import Workshop, fit_all, make
from mmpipe.learn.recommender.cluster import SharedSequenceModel
from mmpipe.learn.recommender.corpus import Corpus, corpus_of
from mmpipe.learn.recommender.events import read_log
from mmpipe.learn.recommender.settings import ModelName
from mmpipe.recommend.model import Bound, Recommender, TableShelf
from tests.unit.learn.recommender.shop import PROFILE, QUICK, ids, table_of, vectors_of, walks

NEW = ["p0-new1", "p5-new2"]
CARD = Card(
    collection="shop", profile=PROFILE.fingerprint, trained_through=datetime(2026, 1, 1, tzinfo=UTC),
    events=1, shoppers=1,
)  # fmt: skip


def shelf() -> TableShelf:
    names = [*ids(), *NEW]
    vectors = np.concatenate([vectors_of(ids()), vectors_of(["p0-100", "p5-100"])])
    count = len(names)
    return TableShelf(PROFILE.fingerprint, names, vectors, np.full(count, 9.0), np.ones(count, np.bool_))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    log = read_log([table_of(walks(160))])
    return corpus_of(log.sequences, log.names, shelf(), seed=1)


def fitted(corpus: Corpus, name: ModelName) -> tuple[Model, Bound]:
    model = make(name, QUICK)
    model.fit(corpus.sequences, corpus.items, corpus.features)
    with Workshop() as workshop:
        return model, workshop.bound(model, corpus, CARD, shelf())


@pytest.mark.parametrize(
    "name", ["popular", "item-knn", "als", "content", "sasrec", "blend", "sequence+content"]
)
def test_served_scores_are_those_of_the_fitted_model(corpus: Corpus, name: ModelName) -> None:
    if name == "als":
        pytest.importorskip("implicit")
    model, bound = fitted(corpus, name)
    assert corpus.names == sorted(ids())
    rows = bound.place.shelf.find(corpus.names)
    extra = bound.place.shelf.find(NEW)
    codes = np.concatenate([rows, extra])
    for history in ([3], [4, 5, 6], [40, 2, 17, 9, 9, 8]):
        distinct = list(dict.fromkeys(reversed(history)))[::-1]
        wanted = model.scores([np.array(distinct, np.int32)])[0].astype(np.float64)
        found = bound.scores([corpus.names[item] for item in history])[codes].astype(np.float64)
        assert (found[distinct] == -np.inf).all()
        seen = np.isin(np.arange(len(wanted)), distinct)
        if isinstance(model, Blend):
            there = ~seen & (found > -np.inf)
            assert np.abs(found[there] - wanted[there]).max() < 1e-4
        else:
            # A single model is served as shares: in the same order.
            there = ~seen & (found > -np.inf) & (wanted > -np.inf)
            assert there.sum() >= len(ids()) - len(distinct)
            logits = np.log(np.maximum(found[there], 1e-30))
            if name in ("popular", "item-knn"):
                assert np.allclose(found[there] * wanted[there].sum(), wanted[there], atol=1e-3)
            else:
                slope = np.polyfit(wanted[there], logits, 1)
                assert np.abs(np.polyval(slope, wanted[there]) - logits).max() < 1e-2


def test_new_products_are_scored_by_what_reads_their_vectors(corpus: Corpus) -> None:
    for name in ("sasrec", "sequence+content"):
        _, bound = fitted(corpus, name)  # type: ignore[arg-type]
        extra = bound.place.shelf.find(NEW)
        assert np.isfinite(bound.scores(["p0-1", "p0-2"])[extra]).all()
        # They can be a history, too: the first one is of the family of p0.
        assert np.isfinite(bound.scores([NEW[0]])).sum() == len(ids()) + 1
    _, bound = fitted(corpus, "item-knn")
    assert (bound.scores(["p0-1"])[bound.place.shelf.find(NEW)] == -np.inf).all()


def test_shares_sum_to_one_and_nothing_is_known_of_nothing(corpus: Corpus) -> None:
    _, bound = fitted(corpus, "sequence+content")
    shares = bound.scores(["p1-1", "p1-2"])
    assert shares[np.isfinite(shares)].sum() == pytest.approx(1.0, abs=1e-3)
    for history in ([], ["unknown"], ["\ud800", "x" * 5_000]):
        assert (bound.scores(history) == -np.inf).all()
    # What is long ago does not matter, and costs nothing.
    assert np.array_equal(bound.scores([*["p0-0"] * 100_000, *["p1-1"] * 999, "p1-2"]), shares)
    # What is not known is passed over.
    assert np.array_equal(bound.scores(["p1-1", "unknown", "p1-2"]), shares)


def test_candidates_that_cannot_be_had_are_named(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(corpus, features=None, items=len(corpus.names))
    monkeypatch.setattr(SequenceModel, "fit", lambda *words: None)

    def missing(*words: object) -> None:
        raise ModelUnavailable("needs the package implicit")

    monkeypatch.setattr(AlsModel, "fit", missing)
    monkeypatch.setattr(Blend, "fit", lambda *words: None)
    options = replace(QUICK, models=("als", "content", "sequence+content", "blend", "sasrec"))
    found = {fitted.name: fitted for fitted in fit_all(bare, options)}
    assert found.keys() == {"popular", "als", "content", "blend", "sasrec"}
    assert "implicit" in found["als"].left_out
    assert "texts" in found["content"].left_out
    assert found["als"].model is None
    # The mixture's own sequence model is the candidate: it is trained once.
    blend = found["blend"].model
    assert isinstance(blend, Blend)
    assert found["sasrec"].model is blend.portions[0].part
    assert {"sasrec", "item-knn"} <= {each.part.name for each in blend.portions}


def test_a_form_needs_its_files(corpus: Corpus, tmp_path: Path) -> None:
    model = make("item-knn", QUICK)
    model.fit(corpus.sequences, corpus.items, corpus.features)
    with Workshop() as workshop:
        folder = workshop.write(model, corpus, CARD)
        for path in sorted(folder.iterdir()):
            held = path.read_bytes()
            path.write_bytes(held[: len(held) // 2])
            with pytest.raises(ModelUnavailable):
                Recommender(folder, name="x", revision="0" * 16)
            path.unlink()
            with pytest.raises(ModelUnavailable):
                Recommender(folder, name="x", revision="0" * 16)
            path.write_bytes(held)
        Recommender(folder, name="x", revision="0" * 16)


def test_workers_train_the_sequence_models_alone() -> None:
    options = replace(QUICK, workers=2)
    assert isinstance(make("sasrec", options), SharedSequenceModel)
    mixed = make("sequence+content", options)
    alone = make("sequence+content", QUICK)
    assert isinstance(mixed, Blend)
    assert isinstance(alone, Blend)
    assert [p.part.name for p in mixed.portions] == [p.part.name for p in alone.portions]
    assert sum(isinstance(p.part, SharedSequenceModel) for p in mixed.portions) == 1
    assert not any(isinstance(p.part, SharedSequenceModel) for p in alone.portions)
    assert not isinstance(make("item-knn", options), SequenceModel)

"""The models that a shop may be recommended by, fitted on one corpus and as they would be served."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.learn.recommend.als import AlsModel, AlsSettings
from mmpipe.learn.recommend.blend import Blend, Portion
from mmpipe.learn.recommend.content import ContentModel
from mmpipe.learn.recommend.neighbours import KNN, NEXT, NeighbourModel
from mmpipe.learn.recommend.popular import PopularModel
from mmpipe.learn.recommend.train import SequenceModel, TrainSettings
from mmpipe.learn.recommender.export import FittedRanker, export
from mmpipe.recommend.model import Bound, Recommender

if TYPE_CHECKING:
    from mmpipe.evaluate.recommend.run import Model
    from mmpipe.lake.recommenders import Card
    from mmpipe.learn.recommender.corpus import Corpus
    from mmpipe.learn.recommender.settings import ModelName, RecommenderSettings
    from mmpipe.recommend.model import Shelf

_logger = logging.getLogger(__name__)

POPULAR: Final = "popular"
_MIXED: Final = ("blend", "sequence+content")
# What cosines are multiplied with before a softmax; a temperature around it is chosen.
_SHARPNESS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model by its name; ``left_out`` says of a candidate that could not be had, why."""

    name: str
    model: Model | None
    left_out: str = ""


def fit_all(corpus: Corpus, options: RecommenderSettings) -> Iterator[Fitted]:
    """Popularity and each candidate of ``options.models`` once, as soon as it is fitted. Where nothing has a
    vector, ``sequence+content`` is ``blend``. A sequence model that is a candidate and part of a mixture is
    trained once."""
    yield Fitted(POPULAR, _fitted(PopularModel(), corpus))
    wanted = list(dict.fromkeys(options.models))
    if corpus.features is None:
        wanted = list(dict.fromkeys("blend" if name == "sequence+content" else name for name in wanted))
    sequence: SequenceModel | None = None
    for name in sorted(wanted, key=lambda each: each == "sasrec"):
        if name == POPULAR:
            continue
        try:
            if name == "sasrec" and sequence is not None:
                yield Fitted(name, sequence)
                continue
            model = make(name, options, content=corpus.features is not None)
            _fitted(model, corpus)
        except (ModelUnavailable, InvalidRequest) as error:
            _logger.warning("candidate %s is left out: %s", name, error)
            yield Fitted(name, None, str(error))
            continue
        if isinstance(model, Blend):
            first = model.portions[0].part
            sequence = first if isinstance(first, SequenceModel) else None
        yield Fitted(name, model)


def make(name: ModelName, options: RecommenderSettings, *, content: bool) -> Model:
    """A model that is not fitted yet; ``content`` says whether items have vectors."""
    settings = TrainSettings(
        seed=options.seed, epochs=options.epochs, seconds=options.seconds, dim=options.dim
    )
    if name in _MIXED:
        portions = [Portion(_sequence(settings, options), 1.0)]
        if content and name == "sequence+content":
            portions.append(Portion(ContentModel(), _SHARPNESS))
        portions += [
            Portion(NeighbourModel(NEXT, name="next"), None),
            Portion(NeighbourModel(KNN), None),
            Portion(PopularModel(), None),
        ]
        return Blend(portions, seed=options.seed, name=name)
    if name == "sasrec":
        return _sequence(settings, options)
    if name == "item-knn":
        return NeighbourModel(KNN)
    if name == "als":
        return AlsModel(AlsSettings(seed=options.seed))
    return ContentModel() if name == "content" else PopularModel()


def _sequence(settings: TrainSettings, options: RecommenderSettings) -> SequenceModel:
    if options.workers == 1:
        return SequenceModel(settings)
    from mmpipe.learn.recommender.cluster import SharedSequenceModel

    return SharedSequenceModel(settings, options.workers)


def complete(model: Model, corpus: Corpus) -> None:
    """Fit a fitted model anew on more, with what it had chosen: a mixture's weights, a network's epochs."""
    if isinstance(model, Blend):
        for portion, weight in zip(model.portions, model.weights, strict=True):
            if weight > 0:
                portion.part.complete(corpus.sequences, corpus.items, corpus.features)
    elif isinstance(model, SequenceModel):
        model.complete(corpus.sequences, corpus.items, corpus.features)
    else:
        _fitted(model, corpus)


class Workshop:
    """A temporary folder for models in the form in which they are served."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="mmpipe-recommender-")
        self._made = 0

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self._home.cleanup()

    def write(self, model: Model, corpus: Corpus, card: Card, ranker: FittedRanker | None = None) -> Path:
        """A fitted model's folder."""
        self._made += 1
        folder = Path(self._home.name) / f"{self._made:03d}"
        folder.mkdir()
        export(
            model,
            folder,
            card=card,
            product_ids=corpus.names,
            counts=corpus.counts,
            features=corpus.features,
            ranker=ranker,
        )
        return folder

    def bound(self, model: Model, corpus: Corpus, card: Card, shelf: Shelf) -> Bound:
        """The model as it would be served, on a shelf."""
        folder = self.write(model, corpus, card)
        return Bound(Recommender(folder, name=model.name, revision="0" * 16), shelf)


def _fitted(model: Model, corpus: Corpus) -> Model:
    model.fit(corpus.sequences, corpus.items, corpus.features)
    return model

"""The models that a shop may be recommended by, fitted on one corpus and as they would be served."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.learn.recommend import names
from mmpipe.learn.recommend.blend import Blend
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
            model = make(name, options)
            _fitted(model, corpus)
        except (ModelUnavailable, InvalidRequest) as error:
            _logger.warning("candidate %s is left out: %s", name, error)
            yield Fitted(name, None, str(error))
            continue
        if isinstance(model, Blend):
            sequence = next((p.part for p in model.portions if isinstance(p.part, SequenceModel)), None)
        yield Fitted(name, model)


def make(name: ModelName, options: RecommenderSettings) -> Model:
    """A model that is not fitted yet, whose trainings run on as many workers as the options say."""
    settings = TrainSettings(
        seed=options.seed, epochs=options.epochs, seconds=options.seconds, dim=options.dim
    )
    model = names.make(name, settings)
    if options.workers == 1:
        return model
    from mmpipe.learn.recommender.cluster import SharedSequenceModel

    if isinstance(model, SequenceModel):
        return SharedSequenceModel(settings, options.workers, name=model.name)
    if isinstance(model, Blend):
        portions = [
            replace(portion, part=SharedSequenceModel(settings, options.workers, name=portion.part.name))
            if isinstance(portion.part, SequenceModel)
            else portion
            for portion in model.portions
        ]
        return Blend(portions, seed=model.seed, name=model.name)
    return model


def complete(model: Model, corpus: Corpus) -> None:
    """Fit a fitted model anew on more, with what it had chosen: a mixture's weights, a network's epochs."""
    if isinstance(model, Blend | SequenceModel):
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

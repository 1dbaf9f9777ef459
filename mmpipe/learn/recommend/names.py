"""Models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend.run import Model
from mmpipe.learn.recommend.als import AlsModel, AlsSettings
from mmpipe.learn.recommend.blend import Blend, Portion
from mmpipe.learn.recommend.content import ContentModel
from mmpipe.learn.recommend.neighbours import KNN, NEXT, NeighbourModel
from mmpipe.learn.recommend.popular import PopularModel
from mmpipe.learn.recommend.train import SequenceModel, TrainSettings

DEFAULT: Final = "blend"
# What cosines are multiplied with before a softmax; a temperature around it is chosen.
_SHARPNESS: Final = 15.0
WITH_ITEMS: Final = ("content", "sequence+content")


def _blend(settings: TrainSettings) -> Blend:
    return Blend(
        [
            Portion(SequenceModel(settings), 1.0),
            Portion(NeighbourModel(NEXT, name="next"), None),
            Portion(NeighbourModel(KNN), None),
        ],
        seed=settings.seed,
        name="blend",
    )


def _with_content(settings: TrainSettings) -> Blend:
    return Blend(
        [
            Portion(SequenceModel(settings), 1.0),
            Portion(ContentModel(), _SHARPNESS),
            Portion(NeighbourModel(NEXT, name="next"), None),
            Portion(NeighbourModel(KNN), None),
        ],
        seed=settings.seed,
        name="sequence+content",
    )


MODELS: Final[Mapping[str, Callable[[TrainSettings], Model]]] = {
    "popular": lambda settings: PopularModel(),
    "item-knn": lambda settings: NeighbourModel(KNN),
    "next": lambda settings: NeighbourModel(NEXT, name="next"),
    "als": lambda settings: AlsModel(AlsSettings(seed=settings.seed)),
    "sasrec": SequenceModel,
    "blend": _blend,
    "content": lambda settings: ContentModel(),
    "sequence+content": _with_content,
}


def chosen(name: str | None, *, described: bool) -> list[str]:
    """The models that a name means: ``all``, one, or without a name the default. ``described`` says whether
    items have features. Raises :class:`InvalidRequest` for an unknown one, and for one that lacks
    features."""
    if name is None:
        return [WITH_ITEMS[-1] if described else DEFAULT]
    if name == "all":
        return [each for each in MODELS if described or each not in WITH_ITEMS]
    if name not in MODELS:
        raise InvalidRequest("model", f"{name!r} is none of {', '.join(MODELS)}, all")
    if name in WITH_ITEMS and not described:
        raise InvalidRequest("items", f"model {name} needs the items' texts: give --items FILE")
    return [name]


def make(name: str, settings: TrainSettings) -> Model:
    """A model that is not fitted yet; the name is one of :data:`MODELS`."""
    return MODELS[name](settings)

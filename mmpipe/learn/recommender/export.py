"""A fitted model as a recommender's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mmpipe.lake.recommenders import CARD_FILE, Card
from mmpipe.learn.recommend.als import AlsModel
from mmpipe.learn.recommend.blend import Blend
from mmpipe.learn.recommend.content import FADING, ContentModel
from mmpipe.learn.recommend.neighbours import NeighbourModel
from mmpipe.learn.recommend.popular import PopularModel
from mmpipe.learn.recommend.train import SequenceModel
from mmpipe.recommend.model.form import (
    RANKER_FILE,
    Form,
    PartForm,
    PartKind,
    RankerForm,
    write_form,
    write_items,
)

if TYPE_CHECKING:
    from mmpipe.evaluate.recommend.run import Features, Model

# Of cosines and factors alone, where no mixture has found it: the order does not depend on it.
_SHARPNESS = 15.0


@dataclass(frozen=True, slots=True)
class FittedRanker:
    """A ranker's form and its arrays, float32."""

    form: RankerForm
    arrays: dict[str, NDArray[np.float32]]


def export(
    model: Model,
    folder: Path,
    *,
    card: Card,
    product_ids: Sequence[str],
    counts: NDArray[np.float32],
    features: Features | None,
    ranker: FittedRanker | None = None,
) -> None:
    """Write the folder, which must be empty. ``product_ids`` are the items that behaviour is known of, the
    first codes of those that ``model`` was fitted on with ``features``, in the order of their UTF-8 bytes;
    ``counts`` their events."""
    items = len(product_ids)
    parts = tuple(_part(each, folder, items, features) for each in _portions(model))
    form = Form(name=model.name, parts=parts, ranker=None if ranker is None else ranker.form)
    write_items(folder, list(product_ids), counts)
    if ranker is not None:
        save_file(ranker.arrays, folder / RANKER_FILE)
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    write_form(folder, form)


@dataclass(frozen=True, slots=True)
class _Portion:
    """A part of a model with its weights, and what makes shares of its scores."""

    model: object
    weight: float
    new_weight: float | None
    sharpness: float | None


def _portions(model: Model) -> list[_Portion]:
    if isinstance(model, Blend):
        new = [None] * len(model.portions) if model.new_weights is None else model.new_weights.tolist()
        return [
            _Portion(portion.part, min(weight, 1.0), more, _sharpness(portion.sharpness, temperature))
            for portion, weight, more, temperature in zip(
                model.portions, model.weights.tolist(), new, model.temperatures.tolist(), strict=True
            )
            if weight > 0 or (more or 0.0) > 0
        ]
    if isinstance(model, SequenceModel):
        return [_Portion(model, 1.0, None, 1.0)]
    logits = isinstance(model, ContentModel | AlsModel)
    return [_Portion(model, 1.0, None, _SHARPNESS if logits else None)]


def _sharpness(sharpness: float | None, temperature: float) -> float | None:
    return None if sharpness is None else float(sharpness / temperature)


def _part(portion: _Portion, folder: Path, items: int, features: Features | None) -> PartForm:
    model = portion.model

    def form_of(
        name: str,
        kind: PartKind,
        *,
        fading: float | None = None,
        regularization: float | None = None,
        confidence: float | None = None,
    ) -> PartForm:
        return PartForm(
            name=name, kind=kind, weight=portion.weight, new_weight=portion.new_weight,
            sharpness=portion.sharpness, fading=fading, regularization=regularization, confidence=confidence,
        )  # fmt: skip

    if isinstance(model, SequenceModel):
        assert model.trained is not None, "fit comes first"
        network = model.trained.network
        form = form_of(model.name, "sequence")
        arrays: dict[str, NDArray[Any]] = dict(network.export())
        del arrays["scorable"]
        arrays["item_embedding"] = np.ascontiguousarray(arrays["item_embedding"][:items])
        save_file(arrays, folder / form.file, metadata={"config": json.dumps(asdict(network.config))})
    elif isinstance(model, NeighbourModel):
        assert model.neighbours is not None, "fit comes first"
        form = form_of(model.name, "neighbours", fading=model.settings.fading)
        found = model.neighbours
        # Whatever no event names has no neighbours and is nobody's.
        save_file(
            {
                "starts": np.ascontiguousarray(found.starts[: items + 1]),
                "items": np.ascontiguousarray(found.items),
                "weights": np.ascontiguousarray(found.weights),
            },
            folder / form.file,
        )
    elif isinstance(model, ContentModel):
        assert model.whitening is not None, "fit comes first"
        form = form_of(model.name, "whitened", fading=FADING)
        mean, matrix = model.whitening.mean, np.ascontiguousarray(model.whitening.matrix)
        save_file({"mean": mean, "matrix": matrix}, folder / form.file)
    elif isinstance(model, AlsModel):
        settings = model.settings
        form = form_of(
            model.name,
            "factors",
            regularization=settings.regularization,
            confidence=settings.confidence,
        )
        save_file({"factors": np.ascontiguousarray(model.factors[:items])}, folder / form.file)
    elif isinstance(model, PopularModel):
        form = form_of(model.name, "popular")
    else:
        raise TypeError(f"{type(model).__name__} has no form that is served")
    return form

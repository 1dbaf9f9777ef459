"""The training function of every worker, alone or among others: the same code."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mmpipe.errors import InvalidRequest
from mmpipe.learn.adapt.measure import HeldOut, held_out, score
from mmpipe.learn.adapt.model import AdaptModel, blended, fresh, from_weights, texts_of
from mmpipe.learn.adapt.settings import AdaptSettings
from mmpipe.learn.adapt.step import AdaptRecipe, frozen_copy
from mmpipe.learn.adapt.workers import Workers
from mmpipe.learn.catalogue_data import CatalogueData, Split, load_catalogue, split_items
from mmpipe.learn.loop import LoopSettings, Trainer
from mmpipe.learn.measures import Embedders

DATA, BEST, PROGRESS, NEIGHBOURS = "data", "best.safetensors", "progress.json", "neighbours.npz"
_MEASURE_STEPS = 10  # measurements are at least so many steps apart
_EMA = 0.98
_RATE, _FRESH_RATE = 1e-4, 1.5e-3
# How far from the parent a result is looked for when stopping early (see mmpipe.learn.adapt.model.blended).
_BLENDS = (0.5, 1.0)


class Stopped(Exception):
    """The run was asked to stop and has saved where it is."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.step = step


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker is told. ``folder`` is on storage that all of them see; ``parent`` the weights to
    start from, None for fresh towers."""

    folder: Path
    parent: Path | None
    settings: AdaptSettings

    def pack(self) -> dict[str, Any]:
        """Plain values."""
        return {"folder": str(self.folder), "parent": None if self.parent is None else str(self.parent),
                "settings": asdict(self.settings)}  # fmt: skip

    @classmethod
    def unpack(cls, raw: Mapping[str, Any]) -> Job:
        """The inverse of :meth:`pack`."""
        settings = dict(raw["settings"])
        settings["freeze"] = tuple(settings["freeze"])
        parent = None if raw["parent"] is None else Path(raw["parent"])
        return cls(Path(raw["folder"]), parent, AdaptSettings(**settings))


def device_of(settings: AdaptSettings) -> torch.device:
    """Where to train. Raises :class:`InvalidRequest` where a GPU is asked for and none is here."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("device", "no GPU is available here: take cpu, or auto")
    chosen = settings.device
    if chosen == "auto":
        chosen = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(chosen)


def start_model(job: Job, data: CatalogueData, split: Split) -> AdaptModel:
    """The towers before the first step, on the CPU; follows from the job and the data."""
    texts = texts_of([data.items[i] for i in split.train.tolist()])
    if job.parent is None:
        return fresh(texts, job.settings.seed)
    return from_weights(job.parent, texts, job.settings.seed)


def embedders(model: AdaptModel) -> Embedders:
    """The model in eval mode as the measures see it."""
    return Embedders(model.embed_texts, model.embed_pictures)


def train(
    job: Job,
    workers: Workers | None = None,
    *,
    report: Callable[[int, int, Mapping[str, float]], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Train to the end, or from where an interrupted run of this folder was.

    Leaves ``best.safetensors`` (the best by the products held out to stop by, the start included) and
    ``history`` in ``state.json``. ``report`` gets (step, steps, figures). When ``stop`` is set, saves and
    raises :class:`Stopped`.
    """
    workers = workers or Workers()
    settings = job.settings
    torch.manual_seed(settings.seed)
    device = device_of(settings)
    data = load_catalogue(job.folder / DATA)
    split = split_items(data, settings.held_out, settings.seed)
    model = start_model(job, data, split).to(device)
    ema = frozen_copy(model)
    parent = None if job.parent is None else frozen_copy(model)
    model.freeze(settings.freeze)
    recipe = AdaptRecipe(data, split.train, model, settings, workers, parent)
    watched = held_out(data, split.watch, np.concatenate([split.train, split.judge]), settings.seed)
    scorer = _Scorer(watched, frozen_copy(model) if parent is not None else None)
    trainer = _Trainer(job, recipe, model, ema, scorer, report, stop)
    trainer.start()
    trainer.run()


class _Scorer:
    """Held-out figures of a model, or of what lies between it and its start where that is better, and the
    score that the best checkpoint follows."""

    def __init__(self, watched: HeldOut, between: AdaptModel | None) -> None:
        self._watched = watched
        self._between = between
        self._start = None if between is None else {n: t.clone() for n, t in between.state_dict().items()}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, AdaptModel)
        found = [self._watched.find(embedders(model.eval()))]
        if self._between is not None and self._start is not None:
            for share in _BLENDS[:-1]:
                self._between.load_state_dict(blended(self._start, model.state_dict(), share))
                found.append(self._watched.find(embedders(self._between)))
        best = max(found, key=score)
        return best.figures | {"score": score(best)}


class _Trainer(Trainer):
    """The starter's loop for one of several workers: the first one measures and saves, all follow it."""

    def __init__(
        self, job: Job, recipe: AdaptRecipe, model: AdaptModel, ema: AdaptModel, measure: _Scorer,
        report: Callable[[int, int, Mapping[str, float]], None] | None, stop: threading.Event | None,
    ) -> None:  # fmt: skip
        per_epoch = recipe.sampler.steps_per_epoch
        rate = job.settings.learning_rate or (_FRESH_RATE if job.parent is None else _RATE)
        every = per_epoch * max(1, math.ceil(_MEASURE_STEPS / per_epoch))
        settings = LoopSettings(
            per_epoch * job.settings.epochs, rate, warmup=0.1, ema=_EMA,
            weight_decay=0.0 if job.parent is not None else 0.05, measure_every=every,
            patience=job.settings.patience, log_every=1,
        )  # fmt: skip
        super().__init__(
            model, ema, self._loss, measure, "score", settings, job.folder, self._line, self._summed
        )
        self._recipe, self._workers, self._report, self._stop = recipe, recipe.workers, report, stop

    def start(self) -> None:
        """Judge what training starts from: a result that never beats it is not kept."""
        if (self.folder / "state.json").is_file():
            return
        metrics = self._workers.from_first(dict(self._measure(self.ema)) if self._workers.first else None)
        self.best = metrics["score"]
        self.history.append({"step": 0, **metrics})
        if self._workers.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(_plain(self.ema), self.folder / BEST)

    def save(self) -> None:
        if not self._workers.first:
            return
        neighbours = self._recipe.sampler.neighbours
        if neighbours is not None:
            np.savez(self.folder / NEIGHBOURS, epoch=self._recipe.mined_epoch, rows=neighbours)
        super().save()

    def restore(self) -> None:
        super().restore()
        epoch = self.step // self._recipe.sampler.steps_per_epoch
        path = self.folder / NEIGHBOURS
        if self._recipe.sampler.mines and path.is_file():
            with np.load(path, allow_pickle=False) as saved:
                if int(saved["epoch"]) == epoch:
                    self._recipe.use_neighbours(epoch, saved["rows"])

    def _judge(self) -> None:
        self._workers.average_buffers(self.ema)
        metrics = self._workers.from_first(dict(self._measure(self.ema)) if self._workers.first else None)
        self.history.append({"step": self.step, **metrics})
        if metrics["score"] > self.best:
            self.best, self.stale = metrics["score"], 0
            if self._workers.first:
                save_file(_plain(self.ema), self.folder / BEST)
        else:
            self.stale += 1
        self.save()

    def _loss(self, module: nn.Module, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        if self._stop is not None and self._stop.is_set():
            self.save()
            raise Stopped(step)
        loss, named = self._recipe.loss(module, step)
        if self._report is not None and self._workers.first:
            self._report(step, self.settings.steps, named)
        return loss, named

    def _summed(self, module: nn.Module) -> None:
        self._workers.sum_gradients(module)

    def _line(self, line: str) -> None:
        """Progress is shown by bars; the log is the history."""


def load_best(job: Job, data: CatalogueData, split: Split) -> AdaptModel:
    """The best towers of a finished or interrupted run, in eval mode on the CPU."""
    model = start_model(job, data, split)
    model.load_state_dict(load_file(job.folder / BEST))
    return model.eval()


def history_of(folder: Path) -> list[dict[str, float]]:
    """The run's history so far; each entry one step's losses, or one measurement."""
    path = folder / "state.json"
    if not path.is_file():
        return []
    history: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))["history"]
    return history


def on_cpu(settings: AdaptSettings) -> AdaptSettings:
    """The same run on the CPU: what is measured afterwards is what indexing will compute."""
    return replace(settings, device="cpu")


def _plain(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}

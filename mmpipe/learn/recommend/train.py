"""Train the sequence model: full or sampled softmax, averaged weights, stopped by a validation item."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.adapt.workers import Workers
from mmpipe.learn.recommend.batches import batches, padded, windows
from mmpipe.learn.recommend.holding import Held, gain, hold_out, known_items
from mmpipe.learn.recommend.sasrec import SasRec, SasRecConfig
from mmpipe.learn.recommend.softmax import cross_entropy, reduced_precision

_logger = logging.getLogger(__name__)

# Events at once when states are computed without gradients.
_EVENTS: Final = 16_384
_ROWS: Final = 512
_WATCHED: Final = 4_000
ALONE: Final = Workers()


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How it is trained. What is ``None`` follows from the data (:func:`shape_of`).

    ``events`` a step; ``patience`` epochs without a better validation NDCG@10 end it, ``epochs`` or
    ``seconds`` at the latest. Catalogues over ``full_softmax`` items are compared with ``negatives`` drawn
    ones a step. ``average`` is how many epochs the mean of the weights reaches back. ``hidden`` is the share
    of items that a step scores by their features alone, as new ones will be.
    """

    seed: int = 7
    dim: int = 128
    layers: int = 2
    heads: int = 2
    max_len: int | None = None
    dropout: float | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    events: int = 1024
    epochs: int = 200
    patience: int = 6
    seconds: float = 1500.0
    average: float = 2.0
    full_softmax: int = 6_000
    negatives: int = 3_072
    hidden: float = 0.15


def shape_of(settings: TrainSettings, sequences: Sequence[Items], items: int, features: int) -> SasRecConfig:
    """A network's shape. Short histories need a strong dropout (0.5 up to ten events in the mean), long ones
    a weak one (0.2 from eighty on) and a longer look back: what the literature has found on such sets."""
    lengths = np.array([len(sequence) for sequence in sequences])
    doublings = math.log2(max(10.0, float(lengths.mean())) / 10.0)
    look_back = int(np.clip(np.quantile(lengths, 0.99), 50, 200))
    return SasRecConfig(
        items=items,
        dim=settings.dim,
        layers=settings.layers,
        heads=settings.heads,
        max_len=look_back if settings.max_len is None else settings.max_len,
        features=features,
        dropout=max(0.2, 0.5 - 0.1 * doublings) if settings.dropout is None else settings.dropout,
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A network, the epochs it was trained for, and its validation NDCG@10 (``nan`` without)."""

    network: SasRec
    epochs: int
    ndcg: float


def train(
    sequences: Sequence[Items],
    items: int,
    features: Features | None,
    settings: TrainSettings,
    *,
    held: Held | None = None,
    epochs: int | None = None,
    workers: Workers = ALONE,
) -> Trained:
    """Train on ``sequences``; with ``held``, whose histories they end with, until it gets no better, and give
    the best weights, else for ``epochs``. Several ``workers`` call it with the same, and get the same.

    The same data, settings and machine give the same weights, unless ``settings.seconds`` end it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return _train(sequences, items, features, settings, held, epochs, workers)


def _train(
    sequences: Sequence[Items],
    items: int,
    features: Features | None,
    settings: TrainSettings,
    held: Held | None,
    epochs: int | None,
    workers: Workers,
) -> Trained:
    width = 0 if features is None else features.shape[1]
    config = shape_of(settings, sequences, items, width)
    known = known_items(sequences, items) > 0
    network = SasRec(config, known, features)
    average = copy.deepcopy(network).eval()
    if workers.size > 1:
        torch.manual_seed(settings.seed + 1 + workers.rank)  # the same start, each its own dropout
    rng = np.random.default_rng(settings.seed)
    steps_an_epoch = max(1, sum(max(0, len(s) - 1) for s in sequences) // settings.events)
    run = _Steps(network, average, settings, rng, known, steps_an_epoch, workers)
    best, best_epoch, kept = -1.0, 0, average.state_dict()
    sample = ([], np.zeros(0, np.int64)) if held is None else _sample(held, settings.seed)
    deadline = time.monotonic() + settings.seconds
    for epoch in range(1, (epochs or settings.epochs) + 1):
        began = time.monotonic()
        loss = run.epoch(windows(sequences, config.max_len, rng))
        if held is None:
            _logger.info("epoch %d: loss %.4f, %.1f s", epoch, loss, time.monotonic() - began)
            best_epoch = epoch
        else:
            measured = gain(ranks(average, *sample)) if workers.first else 0.0
            ndcg = workers.from_first(measured)
            _logger.info(
                "epoch %d: loss %.4f, validation ndcg@10 %.5f, %.1f s",
                epoch, loss, ndcg, time.monotonic() - began,
            )  # fmt: skip
            if ndcg > best:
                best, best_epoch, kept = ndcg, epoch, copy.deepcopy(average.state_dict())
            elif epoch - best_epoch >= settings.patience:
                break
        if workers.from_first(time.monotonic() > deadline):
            _logger.warning("training ended by the clock after %d epochs", epoch)
            break
    if held is not None:
        average.load_state_dict(kept)
    return Trained(average, best_epoch, best if held is not None else math.nan)


def _sample(held: Held, seed: int) -> tuple[list[Items], NDArray[np.int64]]:
    """The users whose targets are ranked after each epoch, and the targets."""
    chosen = np.arange(len(held.targets))
    if len(chosen) > _WATCHED:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, _WATCHED, replace=False))
    return [held.histories[index] for index in chosen.tolist()], held.targets[chosen]


class _Steps:
    """The optimiser and its state."""

    def __init__(
        self,
        network: SasRec,
        average: SasRec,
        settings: TrainSettings,
        rng: np.random.Generator,
        known: NDArray[np.bool_],
        steps_an_epoch: int,
        workers: Workers,
    ) -> None:
        self._network, self._average, self._settings, self._rng = network, average, settings, rng
        self._workers = workers
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98),
            weight_decay=settings.weight_decay, fused=True,
        )  # fmt: skip
        self._decay = 1.0 - 1.0 / max(1.0, settings.average * steps_an_epoch)
        self._warm_up = min(200, 2 * steps_an_epoch)
        self._step = 0
        self._known = np.flatnonzero(known)
        self._sampled = len(self._known) > settings.full_softmax
        self._shift = torch.full((len(known),), -torch.inf)
        if not self._sampled:
            self._shift[self._known] = 0.0
        self._dtype = reduced_precision()

    def epoch(self, pieces: list[Items]) -> float:
        """One pass; the mean loss."""
        self._network.train()
        losses = [self._one(batch) for batch in batches(pieces, self._settings.events, self._rng)]
        return float(np.mean(losses)) if losses else math.nan

    def _one(self, batch: NDArray[np.int64]) -> float:
        codes = torch.from_numpy(batch[self._workers.rank :: self._workers.size])
        inputs, targets = codes[:, :-1].clamp(min=0), codes[:, 1:]
        there = targets >= 0
        network = self._network
        hidden = None
        if network.config.features:
            hidden = torch.from_numpy(self._rng.random(network.config.items) < self._settings.hidden)
        table = network.table(hidden)
        with torch.autocast("cpu", self._dtype, enabled=self._dtype == torch.bfloat16):
            states = network.states(inputs, table)[there].float()
        loss = self._loss(states, table, targets[there]) if len(states) else table.sum() * 0.0
        # Of several workers' means, each counts by its events.
        if self._workers.size > 1:
            loss = loss * (len(states) / max(1, int((batch[:, 1:] >= 0).sum())))
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * min(1.0, (self._step + 1) / self._warm_up)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._workers.size > 1:
            self._workers.sum_gradients(network)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        self._optimizer.step()
        self._step += 1
        self._follow()
        return float(loss.detach())

    def _loss(self, states: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        if not self._sampled:
            return cross_entropy(states, table, targets, self._shift, self._dtype)
        drawn = self._rng.choice(self._known, self._settings.negatives, replace=False)
        rows, places = torch.unique(torch.cat([targets, torch.from_numpy(drawn)]), return_inverse=True)
        shift = torch.full((len(rows),), -torch.inf)
        # Each drawn item stands for so many that were not.
        shift[places[len(targets) :]] = math.log(len(self._known) / self._settings.negatives)
        return cross_entropy(states, table[rows], places[: len(targets)], shift, self._dtype)

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._decay, (1 + self._step) / (10 + self._step))
        torch._foreach_lerp_(list(self._average.parameters()), list(self._network.parameters()), 1.0 - decay)


@torch.no_grad()
def shoppers(network: SasRec, histories: Sequence[Items], table: Tensor) -> Tensor:
    """The state after each history, ``(len(histories), dim)``; none may be empty."""
    longest = network.config.max_len
    found = torch.empty(len(histories), network.config.dim)
    cut = [history[-longest:] for history in histories]
    order = np.argsort([len(history) for history in cut], kind="stable")
    begin = 0
    while begin < len(order):
        count = max(1, _EVENTS // max(1, len(cut[order[min(begin + 255, len(order) - 1)]])))
        chosen = order[begin : begin + min(count, 256)]
        codes = torch.from_numpy(padded([cut[i] for i in chosen.tolist()]))
        states = network.states(codes.clamp(min=0), table)
        ends = (codes >= 0).sum(dim=1) - 1
        found[torch.from_numpy(chosen)] = states[torch.arange(len(chosen)), ends]
        begin += len(chosen)
    return found


@torch.no_grad()
def scores(network: SasRec, histories: Sequence[Items]) -> Scores:
    """Logits float32 ``(len(histories), items)``, -inf for items that have no score."""
    table = network.table()
    found: Scores = (shoppers(network, histories, table) @ table.T).numpy()
    found[:, ~network.scorable()] = -np.inf
    return found


@torch.no_grad()
def ranks(network: SasRec, histories: Sequence[Items], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each target's rank among the items outside its history, from 1; ties rank before it."""
    found = np.empty(len(histories), dtype=np.int64)
    table = network.table()
    unscorable = torch.from_numpy(~network.scorable())
    for begin in range(0, len(histories), _ROWS):
        block = slice(begin, begin + _ROWS)
        part = shoppers(network, histories[block], table) @ table.T
        part.masked_fill_(unscorable, -torch.inf)
        own = part.gather(1, torch.from_numpy(targets[block])[:, None])
        for row, history in zip(part, histories[block], strict=True):
            row[torch.from_numpy(history).long()] = -torch.inf
        before = (part >= own).sum(dim=1)
        found[block] = torch.where(own[:, 0] > -torch.inf, before, part.shape[1] + 1).numpy()
    return found


class SequenceModel:
    """The network as a model: chosen by the last item of what it is given, then trained on all of it."""

    def __init__(self, settings: TrainSettings | None = None, *, name: str = "sasrec") -> None:
        self.name = name
        self.settings = settings or TrainSettings()
        self.trained: Trained | None = None

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """Train on ``held.train`` for as long as ``held`` says."""
        self.trained = train(held.train, items, features, self.settings, held=held)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Train anew on everything, for as many epochs as :meth:`choose` found best."""
        epochs = 1 if self.trained is None else max(1, self.trained.epochs)
        self.trained = train(sequences, items, features, self.settings, epochs=epochs)

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`."""
        self.choose(hold_out(sequences, self.settings.seed), items, features)
        self.complete(sequences, items, features)

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Logits; see :class:`mmpipe.evaluate.recommend.run.Model`."""
        if self.trained is None:
            raise RuntimeError("fit comes first")
        return scores(self.trained.network, histories)

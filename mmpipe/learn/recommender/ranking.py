"""Training the ranker: from impressions that were clicked or not, else from what came next among others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmpipe.learn.recommender.calibration import brier, calibrate, calibration_error
from mmpipe.learn.recommender.export import FittedRanker
from mmpipe.recommend.model.features import FEATURES, features
from mmpipe.recommend.model.form import RankerForm
from mmpipe.recommend.model.ranker import CLIP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.learn.recommender.events import Log
    from mmpipe.learn.recommender.judged import Question
    from mmpipe.recommend.model import Bound

Inputs = NDArray[np.float32]
Labels = NDArray[np.bool_]

DRAWN: Final = 20
_LIKELY: Final = 200
_HIDDEN: Final = 32
_EPOCHS: Final = 60
_PATIENCE: Final = 5
_BATCH: Final = 512
# Contexts with a history are scored one by one, about a millisecond each.
_CONTEXTS: Final = 20_000
# Below so many positives nothing that was learnt or calibrated could be trusted.
LEAST_POSITIVES: Final = 60


@dataclass(frozen=True, slots=True)
class Examples:
    """``inputs`` ``(n, F)``, ``labels`` and whose they are; ``target`` is the form's."""

    inputs: Inputs
    labels: Labels
    owners: NDArray[np.int64]
    form: RankerForm


@dataclass(frozen=True, slots=True)
class Ranking:
    """A ranker and its figures on shoppers that neither it nor its calibration saw."""

    ranker: FittedRanker
    metrics: dict[str, float]
    calibration: str


def from_impressions(
    bound: Bound, log: Log, moment: float, *, least_clicks: int, seed: int
) -> Examples | None:
    """What was shown since ``moment`` to shoppers with a history; None with fewer than ``least_clicks``."""
    shown = log.impressions
    rows_of = bound.place.shelf.find(log.names)
    late = np.flatnonzero((shown.times >= moment) & (shown.owner >= 0))
    late = late[rows_of[shown.items[late]] >= 0]
    if shown.clicked[late].sum() < least_clicks:
        return None
    # What was shown to one shopper at about the same time shares a history.
    contexts: dict[tuple[int, int], list[int]] = {}
    for place in late.tolist():
        contexts.setdefault((int(shown.owner[place]), int(shown.times[place]) // 60), []).append(place)
    keys = sorted(contexts)
    if len(keys) > _CONTEXTS:
        chosen = np.random.default_rng(seed).choice(len(keys), _CONTEXTS, replace=False)
        keys = [keys[index] for index in sorted(chosen.tolist())]
    sequences = log.sequences
    place_of = {int(owner): shopper for shopper, owner in enumerate(sequences.owner)}
    inputs: list[Inputs] = []
    labels: list[Labels] = []
    owners: list[int] = []
    for owner, minute in keys:
        shopper = place_of.get(owner)
        if shopper is None:
            continue
        part = sequences.of(shopper)
        known = int(np.searchsorted(sequences.times[part], minute * 60.0))
        if not known:
            continue
        history = [log.names[item] for item in sequences.items[part][:known].tolist()]
        places = contexts[owner, minute]
        rows = rows_of[shown.items[places]].astype(np.int32)
        pause = minute * 60.0 - float(sequences.times[part][known - 1])
        inputs.append(_inputs(bound, history, rows, pause))
        labels.append(shown.clicked[places])
        owners.extend([owner] * len(places))
    if not inputs:
        return None
    form = RankerForm(features=FEATURES, target="click")
    return Examples(np.concatenate(inputs), np.concatenate(labels), np.array(owners, np.int64), form)


def from_questions(bound: Bound, questions: Sequence[Question], *, seed: int) -> Examples:
    """What came next, beside :data:`DRAWN` products of which half are among the likeliest."""
    rng = np.random.default_rng(seed)
    inputs: list[Inputs] = []
    owners: list[int] = []
    labels: list[Labels] = []
    asked = list(questions)
    if len(asked) > _CONTEXTS:
        asked = [asked[index] for index in sorted(rng.choice(len(asked), _CONTEXTS, replace=False).tolist())]
    for question in asked:
        past = bound.past(question.history)
        shares = bound.scores_after(past)
        open_to = np.flatnonzero(shares > -np.inf)
        if not len(past.items) or shares[question.target] == -np.inf or len(open_to) <= DRAWN:
            continue
        best = open_to[np.argpartition(shares[open_to], -min(_LIKELY, len(open_to)))[-_LIKELY:]]
        drawn = np.concatenate([rng.choice(best, DRAWN // 2), rng.choice(open_to, DRAWN - DRAWN // 2)])
        drawn = np.unique(drawn[drawn != question.target])
        rows = np.concatenate([[question.target], drawn]).astype(np.int32)
        inputs.append(features(bound, past, rows, shares, question.pause))
        labels.append(np.arange(len(rows)) == 0)
        owners.extend([question.owner] * len(rows))
    form = RankerForm(features=FEATURES, target="next", drawn=DRAWN)
    if not inputs:
        return Examples(
            np.zeros((0, len(FEATURES)), np.float32), np.zeros(0, np.bool_), np.zeros(0, np.int64), form
        )
    return Examples(np.concatenate(inputs), np.concatenate(labels), np.array(owners, np.int64), form)


def _inputs(bound: Bound, history: list[str], rows: NDArray[np.int32], pause: float) -> Inputs:
    past = bound.past(history)
    return features(bound, past, rows, bound.scores_after(past), pause)


def train_ranker(examples: Examples, *, seed: int) -> Ranking | None:
    """Train, calibrate and measure, each on shoppers of its own: of five, three, one and one. None where one
    of them has too few examples of either kind."""
    fifth = examples.owners * np.int64(0x9E3779B1) % 1_000_003 % 5
    trained, calibrated, judged = fifth < 3, fifth == 3, fifth == 4
    for chosen in (trained, calibrated, judged):
        kinds = examples.labels[chosen]
        if min(int(kinds.sum()), int((~kinds).sum())) < LEAST_POSITIVES // 5:
            return None
    if examples.labels.sum() < LEAST_POSITIVES:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        arrays = _fit(examples, trained, calibrated, seed)

    def logits(chosen: Labels) -> NDArray[np.float64]:
        return _logits(arrays, examples.inputs[chosen]).astype(np.float64)

    calibration = calibrate(logits(calibrated), examples.labels[calibrated])
    arrays["knots_x"] = calibration.x.astype(np.float32)
    arrays["knots_y"] = np.maximum.accumulate(calibration.y.astype(np.float32))
    wanted = examples.labels[judged]
    raw = 1 / (1 + np.exp(-logits(judged)))
    kept = calibration(logits(judged))
    metrics = {
        "ranker_auc": _auc(kept, wanted),
        "ranker_brier_before": brier(raw, wanted),
        "ranker_brier": brier(kept, wanted),
        "ranker_ece_before": calibration_error(raw, wanted),
        "ranker_ece": calibration_error(kept, wanted),
        "ranker_positives": float(wanted.sum()),
    }
    rounded = {name: round(value, 5) for name, value in metrics.items()}
    return Ranking(FittedRanker(examples.form, arrays), rounded, calibration.kind)


def _fit(examples: Examples, trained: Labels, watched: Labels, seed: int) -> dict[str, Inputs]:
    inputs = examples.inputs[trained]
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)

    def scaled(chosen: Labels) -> torch.Tensor:
        return torch.from_numpy(np.clip((examples.inputs[chosen] - mean) / scale, -CLIP, CLIP))

    def wanted(chosen: Labels) -> torch.Tensor:
        return torch.from_numpy(examples.labels[chosen].astype(np.float32))

    x, y, x_watched, y_watched = scaled(trained), wanted(trained), scaled(watched), wanted(watched)
    network = nn.Sequential(nn.Linear(x.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    loss_of = nn.BCEWithLogitsLoss()
    rng = np.random.default_rng(seed)
    best, best_epoch, kept = float("inf"), 0, _copied(network)
    for epoch in range(_EPOCHS):
        network.train()
        for part in np.array_split(rng.permutation(len(x)), max(1, len(x) // _BATCH)):
            chosen = torch.from_numpy(part)
            loss = loss_of(network(x[chosen])[:, 0], y[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            now = float(loss_of(network(x_watched)[:, 0], y_watched))
        if now < best:
            best, best_epoch, kept = now, epoch, _copied(network)
        elif epoch - best_epoch >= _PATIENCE:
            break
    return {
        "mean": mean.astype(np.float32),
        "scale": scale.astype(np.float32),
        "up": np.ascontiguousarray(kept["0.weight"].T),
        "up_bias": kept["0.bias"],
        "down": np.ascontiguousarray(kept["2.weight"][0]),
        "down_bias": kept["2.bias"],
    }


def _copied(network: nn.Module) -> dict[str, Inputs]:
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


def _logits(arrays: dict[str, Inputs], inputs: Inputs) -> Inputs:
    x = np.clip((inputs - arrays["mean"]) / arrays["scale"], -CLIP, CLIP)
    hidden = np.maximum(x @ arrays["up"] + arrays["up_bias"], 0)
    found: Inputs = hidden @ arrays["down"] + arrays["down_bias"][0]
    return found


def _auc(scores: NDArray[np.float64], labels: Labels) -> float:
    """The share of pairs that are in order, ties counting half."""
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    del values
    middle = np.cumsum(counts) - (counts - 1) / 2
    positives = int(labels.sum())
    ranks = middle[places][labels].sum()
    return float((ranks - positives * (positives + 1) / 2) / max(positives * (len(labels) - positives), 1))

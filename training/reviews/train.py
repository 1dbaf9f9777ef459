"""Fit the classifier's weights: logistic regressions over hashed n-grams, by Adam, in seconds on one core."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.numpy import save_file

from mmpipe.lexical import fold
from mmpipe.opinions.classifier import BUCKETS, OUTPUTS, features
from mmpipe.schemas.review import ASPECTS
from training.reviews.frames import Example, examples, joined

SEED: Final = 7
EACH: Final = 24
EPOCHS: Final = 8
BATCH: Final = 256
RATE: Final = 0.05
DECAY: Final = 1e-5
_PLACES: Final = {
    f"{name}{sense}": 2 * i + (sense == "-") for i, name in enumerate(ASPECTS) for sense in "+-"
}


def train(seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias by the phrases alone."""
    rng = random.Random(seed)  # noqa: S311  no secret
    single = examples(rng, EACH)
    held = single + joined(rng, single, len(single) // 3)
    rng.shuffle(held)
    return fit(held, seed)


def fit(held: Sequence[Example], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``(BUCKETS, OUTPUTS)`` and bias."""
    torch.manual_seed(seed)
    grams = [features(fold(example.text)) for example in held]
    targets = torch.zeros(len(held), OUTPUTS)
    for row, example in enumerate(held):
        for label in example.labels:
            targets[row, _PLACES[label]] = 1
    table = torch.nn.EmbeddingBag(BUCKETS, OUTPUTS, mode="sum")
    torch.nn.init.zeros_(table.weight)
    bias = torch.nn.Parameter(torch.full((OUTPUTS,), -3.0))
    steps = EPOCHS * -(-len(held) // BATCH)
    optimiser = torch.optim.Adam([table.weight, bias], lr=RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(held)).tolist()
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            flat = np.concatenate([grams[row] for row in rows])
            lengths = np.array([len(grams[row]) for row in rows])
            offsets = torch.from_numpy(np.concatenate([[0], lengths.cumsum()[:-1]]))
            scale = torch.from_numpy(1 / np.sqrt(np.maximum(lengths, 1))).float()[:, None]
            odds = table(torch.from_numpy(flat), offsets) * scale + bias
            loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, targets[rows], reduction="none")
            total = loss.sum(1).mean() + DECAY * table.weight.square().sum()
            optimiser.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return table.weight.detach().numpy(), bias.detach().numpy()


def store(weights: np.ndarray, bias: np.ndarray, path: Path) -> None:
    """As int8 with a scale for each output."""
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-8).astype(np.float16)
    rounded = np.clip(np.rint(weights / scale.astype(np.float32)), -127, 127).astype(np.int8)
    held = {"weights": np.ascontiguousarray(rounded), "scale": scale, "bias": bias.astype(np.float32)}
    save_file(held, path)

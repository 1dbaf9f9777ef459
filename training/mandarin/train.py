"""Training of the network of spoken Chinese: CTC over disturbed synthetic voices, measured on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.sounds import MELS
from mmpipe.learn.precision import autocast
from mmpipe.speech.mandarin.decoder import best_units, told_apart
from mmpipe.speech.mandarin.features import log_mel_frames
from mmpipe.speech.mandarin.network import STRIDE
from mmpipe.speech.mandarin.units import BLANK, FOREIGN
from training.mandarin.voices import disturb, warped_filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.mandarin.bank import Bank

_WARP = (0.86, 1.14)
_MASKS = 2
# Lengths of batches are multiples of this: every new one costs memory that torch keeps.
_STEP = 96


class CtcRecipe:
    """Batches of clips of about the same length from several banks by their shares; deterministic in
    ``(seed, step)``."""

    def __init__(self, banks: Sequence[tuple[Bank, float]], batch: int, seed: int) -> None:
        self._banks = [bank for bank, _ in banks]
        self._shares = np.asarray([share for _, share in banks]) / sum(share for _, share in banks)
        self._sorted = [np.argsort(np.diff(bank.starts), kind="stable") for bank in self._banks]
        self._batch, self._seed = batch, seed

    def loss(self, module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng([self._seed, step])
        which = np.sort(rng.choice(len(self._banks), self._batch, p=self._shares))
        place = rng.random()
        frames: list[NDArray[np.float32]] = []
        targets: list[list[int]] = []
        for number in which.tolist():
            bank, order = self._banks[number], self._sorted[number]
            near = int(np.clip((place + rng.normal(0, 0.06)) * len(order), 0, len(order) - 1))
            row = int(order[near])
            heard = log_mel_frames(disturb(bank.clip(row), rng), warped_filters(rng.uniform(*_WARP)))
            frames.append(_masked(heard, rng))
            targets.append(bank.targets[row])
        padded, lengths = padded_batch(frames)
        with autocast():
            logs = module(padded)
        wanted = torch.tensor([unit for units in targets for unit in units])
        counts = torch.tensor([len(units) for units in targets])
        loss = F.ctc_loss(
            logs.float().transpose(0, 1), wanted, lengths, counts, BLANK, reduction="none", zero_infinity=True
        )
        per_unit = loss / counts.clamp_min(4)
        return per_unit.mean(), {"ctc": float(per_unit.detach().mean())}


def padded_batch(frames: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Frames padded with silence to one length, and how many outputs each has."""
    longest = -(-max(len(one) for one in frames) // _STEP) * _STEP
    floor = min(float(one.min()) for one in frames)
    padded = np.full((len(frames), longest, MELS), floor, np.float32)
    for row, one in enumerate(frames):
        padded[row, : len(one)] = one
    lengths = torch.tensor([-(-len(one) // STRIDE) for one in frames])
    return torch.from_numpy(padded), lengths


def _masked(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """SpecAugment (Park et al., 2019), light."""
    for _ in range(_MASKS):
        width = int(rng.integers(0, 9))
        start = int(rng.integers(0, MELS - width))
        frames[:, start : start + width] = 0.0
        long = int(rng.integers(0, 8))
        start = int(rng.integers(0, max(1, len(frames) - long)))
        frames[start : start + long] = 0.0
    if rng.random() < 0.3:  # a telephone's band
        frames[:, int(rng.integers(42, 58)) :] = 0.0
    return frames


def measured(module: nn.Module, bank: Bank, limit: int = 400) -> dict[str, float]:
    """Over a held-out bank: the share of units that are right (1 - edits / units) in Chinese clips, and the
    shares of Chinese and of other clips whose language is told by most of their units."""
    module.eval()
    edits = units = 0
    right = {True: 0, False: 0}
    count = {True: 0, False: 0}
    with torch.inference_mode():
        for row in range(min(limit, len(bank))):
            frames = torch.from_numpy(log_mel_frames(bank.clip(row)))
            found = best_units(module(frames[None])[0].numpy())
            target = bank.targets[row]
            chinese = FOREIGN not in target
            count[chinese] += 1
            right[chinese] += (told_apart(found) < 0.5) is chinese
            if chinese:
                edits += _edits(found, target)
                units += len(target)
    return {
        "units": 1 - edits / max(1, units),
        "chinese": right[True] / max(1, count[True]),
        "foreign": right[False] / max(1, count[False]),
    }


def _edits(first: Sequence[int], second: Sequence[int]) -> int:
    row = list(range(len(second) + 1))
    for place, one in enumerate(first, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (one != other)),
            )
    return row[-1]

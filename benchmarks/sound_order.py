"""Does the audio tower gain from the order in time: pooling as shipped, a GRU, and attention over time.

    python -m benchmarks.sound_order [--steps 300] [--seeds 17 18]

Each learns by ``training.audio``'s recipe (sounds made by formula and the sample catalogue's recorder,
against the shipped text tower), behind the same convolutions, which leave 25 moments of 160 ms:

* ``pooled``: mean and maximum over time and frequency, as shipped;
* ``recurrent``: the mean over frequency of each moment through a GRU of 96, both ways; the last states;
* ``attention``: the same moments with sinusoidal positions (Vaswani et al. 2017), four heads, then their mean
  weighed by a learnt query.

Held out are clips of another seed, told clean, in white noise, and played backwards: who goes by the order
loses there. Prints a Markdown table, the mean over seeds.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.noisy_queries import noisy
from mmpipe.encoders.starter.loader import load
from mmpipe.encoders.starter.sounds import SAMPLE_RATE, log_mel
from mmpipe.encoders.starter.towers import AUDIO_WIDTHS, DIM, AudioTower
from mmpipe.learn.loop import LoopSettings, Trainer
from training.audio import AudioRecipe, class_centres
from training.sample_sounds import recorded_bank
from training.soundbank import Bank, joined, make_bank

WIDTH = AUDIO_WIDTHS[-1]


class Recurrent(nn.Module):
    """The tower with a GRU over moments in the place of pooling over time."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = AudioTower(norm=True).trunk
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * WIDTH, DIM)

    def forward(self, mels: Tensor) -> Tensor:
        moments = self.trunk(mels).float().mean(2).transpose(1, 2)
        with torch.autocast("cpu", enabled=False):
            _, last = self.gru(moments)
            found: Tensor = self.project(torch.cat([last[0], last[1]], 1))
        return found


class Attention(nn.Module):
    """The tower with self-attention over moments, pooled by a learnt query."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = AudioTower(norm=True).trunk
        self.heads = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, 1)
        self.project = nn.Linear(2 * WIDTH, DIM)

    def forward(self, mels: Tensor) -> Tensor:
        moments = self.trunk(mels).float().mean(2).transpose(1, 2)
        with torch.autocast("cpu", enabled=False):
            placed = moments + _positions(moments.shape[1])
            seen = self.norm(moments + self.heads(placed, placed, moments, need_weights=False)[0])
            mean = (torch.softmax(self.query(seen), 1) * seen).sum(1)
            found: Tensor = self.project(torch.cat([mean, seen.amax(1)], 1))
        return found


def _positions(count: int) -> Tensor:
    at = torch.arange(count)[:, None] * torch.exp(torch.arange(0, WIDTH, 2) * (-math.log(1e4) / WIDTH))
    return torch.stack([at.sin(), at.cos()], 2).reshape(count, WIDTH)


def told(tower: nn.Module, bank: Bank, centres: Tensor) -> float:
    """The share of clips whose nearest kind is their own."""
    tower.eval()
    mels = torch.from_numpy(np.stack([log_mel(clip, SAMPLE_RATE) for clip in bank.clips]))[:, None]
    with torch.inference_mode():
        vectors = torch.cat([F.normalize(tower(part).float(), dim=1) for part in mels.split(64)])
    return float(((vectors @ centres.T).argmax(1).numpy() == bank.kinds).mean())


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[17, 18])
    options = parser.parse_args()
    torch.set_num_threads(1)
    text = load().text
    centres = class_centres(text)
    held = joined(make_bank(10, 118), recorded_bank(10, 118))
    rng = np.random.default_rng(5)
    sets = {"clean": held, "backwards": Bank([clip[::-1].copy() for clip in held.clips], held.kinds)}
    for decibels in (20.0, 10.0, 5.0, 0.0):
        changed = [noisy(clip, decibels, "white", rng) for clip in held.clips]
        sets[f"{decibels:g} dB"] = Bank(changed, held.kinds)
    kinds: dict[str, Callable[[], nn.Module]] = {
        "pooled": lambda: AudioTower(norm=True), "recurrent": Recurrent, "attention": Attention
    }  # fmt: skip
    print("| over time | parameters | ms a clip |", " | ".join(sets), "|\n|---|---|---|" + "---|" * len(sets))
    for name, make in kinds.items():
        found = []
        for seed in options.seeds:
            torch.manual_seed(seed)
            tower, ema = make(), make()
            bank = joined(make_bank(60, seed), recorded_bank(60, seed))
            recipe = AudioRecipe(bank, text, options.batch, seed)
            settings = LoopSettings(options.steps, 2e-3, ema=0.98, measure_every=options.steps)
            with tempfile.TemporaryDirectory() as folder:
                Trainer(tower, ema, recipe.loss, lambda _: {"none": 0.0}, "none", settings, Path(folder),
                        say=lambda _: None).run()  # fmt: skip
            found.append([told(ema, bank, centres) for bank in sets.values()])
        size = sum(parameter.numel() for parameter in ema.parameters())
        one = torch.zeros(1, 1, 64, 400)
        with torch.inference_mode():
            ema(one)
            started = time.process_time()
            for _ in range(20):
                ema(one)
        cost = (time.process_time() - started) / 20 * 1e3
        cells = [f"{value:.3f}" for value in np.mean(found, 0)]
        print("|", name, "|", size, "|", f"{cost:.1f}", "|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()

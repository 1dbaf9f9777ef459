"""The acoustic network: log-mel frames in, log probabilities of units every 30 ms out, for CTC.

A time-delay network (Waibel et al., 1989; Peddinti et al., 2015): each residual layer sees three moments
further and further apart, so that a unit is told by three quarters of a second around it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.sounds import MELS
from mmpipe.speech.mandarin.units import COUNT

WIDTH = 160
STRIDE = 3
_STEM = 9
_GAPS = (1, 2, 3, 1, 2, 3)


class UnitNet(nn.Module):
    """``(batch, frames, MELS)`` → log probabilities ``(batch, ⌈frames / STRIDE⌉, COUNT)``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(_STEM * MELS, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in _GAPS)
        self.layers = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in _GAPS)
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, COUNT)

    def forward(self, frames: Tensor) -> Tensor:
        lacking = -frames.shape[1] % STRIDE
        before = (_STEM - STRIDE) // 2
        around = F.pad(frames, (0, 0, before, _STEM - STRIDE - before + lacking))
        x = F.gelu(self.stem(around.unfold(1, _STEM, STRIDE).flatten(2)))
        for norm, layer, gap in zip(self.norms, self.layers, _GAPS, strict=True):
            padded = F.pad(norm(x), (0, 0, gap, gap))
            moments = [padded[:, at : at + x.shape[1]] for at in (0, gap, 2 * gap)]
            x = x + F.gelu(layer(torch.cat(moments, dim=2)))
        return F.log_softmax(self.head(self.norm(x)).float(), dim=-1)

"""The starter's networks: text, image and audio towers into one space of 256 dimensions.

In training the image tower has batch normalisation; :func:`fold_batch_norm` folds it into the
convolutions for shipping. All towers return vectors *before* normalisation to unit length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIM = 256
TEXT_WIDTH = 192
IMAGE_WIDTHS = (24, 64, 128, 256)
IMAGE_BLOCKS = (0, 1, 2, 2)
IMAGE_FEATURES = 2 * IMAGE_WIDTHS[-1]
AUDIO_WIDTHS = (16, 32, 64, 96)


class ConvUnit(nn.Module):
    """Convolution, batch normalisation (training form only) and, unless told otherwise, ReLU."""

    def __init__(
        self, fan_in: int, fan_out: int, kernel: int, stride: int, *, relu: bool, norm: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(fan_out) if norm else None
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return F.relu(x, inplace=True) if self.relu else x


class Residual(nn.Module):
    """Two 3×3 convolutions around a skip connection."""

    def __init__(self, width: int, *, norm: bool) -> None:
        super().__init__()
        self.first = ConvUnit(width, width, 3, 1, relu=True, norm=norm)
        self.second = ConvUnit(width, width, 3, 1, relu=False, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)), inplace=True)


def _trunk(
    fan_in: int, widths: tuple[int, ...], blocks: tuple[int, ...], stem: int, *, norm: bool
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        kernel = stem if index == 0 else 3
        layers.append(ConvUnit(fan_in, width, kernel, 2, relu=True, norm=norm))
        layers.extend(Residual(width, norm=norm) for _ in range(count))
        fan_in = width
    return nn.Sequential(*layers)


class Concepts(nn.Module):
    """Attention of a picture's pooled features over ``count`` named concepts.

    The keys are a classifier's weights, the values text vectors of the concepts' names, so what a picture is
    recognised as moves its vector towards where that name is asked from. A picture that is none of them
    attends to all alike, and the mean of many values is short: it hardly moves.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.keys = nn.Linear(IMAGE_FEATURES, count)
        self.values = nn.Parameter(torch.zeros(count, DIM))

    def forward(self, features: Tensor) -> Tensor:
        recognised = torch.softmax(self.keys(features).float(), dim=1)
        return recognised @ self.values.float()


class ImageTower(nn.Module):
    """80 × 64 RGB in [-1, 1], shape ``(batch, 3, 80, 64)`` → ``(batch, DIM)``; ``concepts`` of them known."""

    def __init__(self, *, norm: bool, concepts: int = 0) -> None:
        super().__init__()
        self.trunk = _trunk(3, IMAGE_WIDTHS, IMAGE_BLOCKS, 5, norm=norm)
        self.project = nn.Linear(IMAGE_FEATURES, DIM)
        self.concepts = Concepts(concepts) if concepts else None

    def features(self, pixels: Tensor) -> Tensor:
        """Mean- and max-pooled trunk features, shape ``(batch, IMAGE_FEATURES)``."""
        maps = self.trunk(pixels)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.features(pixels)
        projected: Tensor = self.project(features)
        if self.concepts is None:
            return projected
        recognised: Tensor = self.concepts(features)
        return F.normalize(projected.float(), dim=1) + recognised


class TextTower(nn.Module):
    """Weighted feature bags → ``(batch, DIM)``: a table, one residual layer, a projection."""

    def __init__(self, rows: int, *, initialise: bool = True) -> None:
        super().__init__()
        # Drawing millions of numbers only to load over them would be most of the loading time.
        self.table = nn.Embedding(rows, TEXT_WIDTH, _weight=torch.empty(rows, TEXT_WIDTH))
        if initialise:
            nn.init.normal_(self.table.weight, std=0.03)  # rows that training never reaches stay quiet
        self.norm = nn.LayerNorm(TEXT_WIDTH)
        self.wide = nn.Linear(TEXT_WIDTH, 2 * TEXT_WIDTH)
        self.narrow = nn.Linear(2 * TEXT_WIDTH, TEXT_WIDTH)
        self.project = nn.Linear(TEXT_WIDTH, DIM)

    def forward(self, rows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """``rows``/``weights``/``offsets`` as ``embedding_bag`` takes them (mode ``sum``)."""
        bag = F.embedding_bag(rows, self.table.weight, offsets, mode="sum", per_sample_weights=weights)
        return self.after_bag(bag)

    def after_bag(self, bag: Tensor) -> Tensor:
        """The layers above the table; ``bag`` has shape ``(batch, TEXT_WIDTH)``."""
        hidden = F.gelu(self.wide(self.norm(bag)), approximate="tanh")
        projected: Tensor = self.project(bag + self.narrow(hidden))
        return projected


class AudioTower(nn.Module):
    """Log-mel picture, shape ``(batch, 1, 64, 400)`` → ``(batch, DIM)``."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.trunk = _trunk(1, AUDIO_WIDTHS, (0, 0, 1, 1), 5, norm=norm)
        self.project = nn.Linear(2 * AUDIO_WIDTHS[-1], DIM)

    def forward(self, mels: Tensor) -> Tensor:
        maps = self.trunk(mels)
        projected: Tensor = self.project(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
        return projected


def fold_batch_norm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A training-form state dict with every batch normalisation folded into its convolution.

    ``w' = w γ / √(σ² + ε)``, ``b' = β - μ γ / √(σ² + ε)``: exactly what the pair computes in eval mode.
    """
    folded: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".norm." in name and ".trunk." in f".{name}":
            continue
        if name.endswith(".conv.weight"):
            unit = name.removesuffix(".conv.weight")
            scale = state[f"{unit}.norm.weight"] / torch.sqrt(state[f"{unit}.norm.running_var"] + 1e-5)
            folded[name] = tensor * scale[:, None, None, None]
            folded[f"{unit}.conv.bias"] = (
                state[f"{unit}.norm.bias"] - state[f"{unit}.norm.running_mean"] * scale
            )
        else:
            folded[name] = tensor
    return folded

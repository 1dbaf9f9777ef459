"""EfficientNet-Lite0's convolutions: the image tower's second eye.

The layers are those of the published network (no squeeze-and-excitation, ReLU6, stem and head not scaled),
so that weights trained on ImageNet fit; its classifier is left out. In training form every convolution has a
batch normalisation, in shipped form a bias instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.convolutions import convolve

FEATURES = 1280
_STEM = 32
EPSILON = 1e-3  # of the published network's normalisation


@dataclass(frozen=True, slots=True)
class Stage:
    """``count`` blocks of one width; the first one has the ``stride``."""

    count: int
    kernel: int
    stride: int
    expand: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Unit(nn.Module):
    """Convolution, batch normalisation (training form only) and, unless told otherwise, ReLU6.

    A ``standing`` normalisation keeps its statistics in training too: it is folded into the weights on the
    way, so that the unit costs one convolution, and its gain and shift still learn.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
        relu: bool = True,
        norm: bool,
    ) -> None:
        super().__init__()
        groups = fan_in if depthwise else 1
        self.conv = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, groups=groups, bias=not norm)
        self.norm = nn.BatchNorm2d(fan_out, eps=EPSILON) if norm else None
        self.relu = relu
        self.standing = False

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        if self.norm is None:
            return self._convolve(x, weight, bias, relu=self.relu)
        if self.training and not self.standing:
            found: Tensor = self.norm(self._convolve(x, weight, None, relu=False))
            return F.relu6(found, inplace=True) if self.relu else found
        gain, bias = standing(self.norm)
        return self._convolve(x, weight * gain[:, None, None, None], bias, relu=self.relu)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, relu: bool) -> Tensor:
        stride, groups = self.conv.stride[0], self.conv.groups
        learns = weight.requires_grad and torch.is_grad_enabled()
        if learns and (groups > 1 or weight.shape[2] == 1):
            return convolve(
                x, weight, weight.new_zeros(len(weight)) if bias is None else bias, stride, relu=relu
            )
        x = F.conv2d(x, weight, bias, stride, self.conv.padding, 1, groups)
        return F.relu6(x, inplace=True) if relu else x


def standing(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """``(gain, shift)`` of a normalisation by its stored statistics."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return gain, norm.bias - norm.running_mean * gain


class Block(nn.Module):
    """Widen, look around each channel by itself, narrow; around a skip connection where the shapes allow."""

    def __init__(self, fan_in: int, stage: Stage, stride: int, *, norm: bool) -> None:
        super().__init__()
        inner = fan_in * stage.expand
        self.expand = Unit(fan_in, inner, norm=norm) if stage.expand > 1 else None
        self.around = Unit(inner, inner, stage.kernel, stride, depthwise=True, norm=norm)
        self.narrow = Unit(inner, stage.width, relu=False, norm=norm)
        self.skip = stride == 1 and fan_in == stage.width

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else self.expand(x)
        found: Tensor = self.narrow(self.around(inner))
        return x + found if self.skip else found


class Backbone(nn.Module):
    """RGB in [-1, 1], ``(batch, 3, height, width)`` → maps of :data:`FEATURES` channels, 32 times smaller."""

    def __init__(self, *, norm: bool) -> None:
        super().__init__()
        self.stem = Unit(3, _STEM, 3, 2, norm=norm)
        blocks: list[Block] = []
        fan_in = _STEM
        for stage in STAGES:
            for index in range(stage.count):
                blocks.append(Block(fan_in, stage, stage.stride if index == 0 else 1, norm=norm))
                fan_in = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(fan_in, FEATURES, norm=norm)

    def learn_from(self, first: int) -> None:
        """Let the blocks from number ``first`` on learn, with standing statistics; what comes before stays.

        Edges and textures are everywhere the same, and the first blocks see the largest maps.
        """
        self.stem.requires_grad_(False)
        self.blocks[:first].requires_grad_(False)
        for unit in self.modules():
            if isinstance(unit, Unit):
                unit.standing = True

    def forward(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.head(self.blocks(self.stem(pixels)))
        return maps

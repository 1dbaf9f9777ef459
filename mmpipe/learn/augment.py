"""Picture augmentation, a whole batch at once, deterministic by generator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(
    pixels: Tensor, strong: Tensor, generator: torch.Generator, size: tuple[int, int] | None = None
) -> Tensor:
    """uint8 ``(n, h, w, 3)`` → float32 ``(n, 3, h, w)`` in about [-1, 1], channels-last.

    ``size`` is the output's ``(height, width)``, the input's where not given.
    Every picture is flipped, moved, scaled and relit at random; those marked ``strong`` (photos taken by
    hand) more. Hue is never touched: colour is what products are searched by.
    """
    n, height, width, _ = pixels.shape
    images = pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    power = torch.where(strong, 2.0, 1.0)
    angle = uniform(-0.09, 0.09) * torch.where(strong, 3.0, 1.0)
    zoom = torch.exp(uniform(-0.16, 0.12) * torch.where(strong, 2.2, 1.0))
    squeeze = torch.exp(uniform(-0.08, 0.08) * power)
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    ratio = width / height
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * zoom * squeeze * flip
    theta[:, 0, 1] = -torch.sin(angle) * zoom / ratio
    theta[:, 1, 0] = torch.sin(angle) * zoom * ratio * flip
    theta[:, 1, 1] = torch.cos(angle) * zoom / squeeze
    theta[:, 0, 2] = uniform(-0.1, 0.1) * power
    theta[:, 1, 2] = uniform(-0.1, 0.1) * power
    grid = F.affine_grid(theta, [n, 3, *(size or (height, width))], align_corners=False)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    contrast = (1.0 + uniform(-0.15, 0.15) * power)[:, None, None, None]
    brightness = (uniform(-0.12, 0.12) * power)[:, None, None, None]
    saturation = (1.0 + uniform(-0.15, 0.15) * power)[:, None, None, None]
    grey = images.mean(1, keepdim=True)
    images = (grey + (images - grey) * saturation) * contrast + brightness
    images = _erase(images, generator)
    return images.contiguous(memory_format=torch.channels_last)


def _erase(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blank one small rectangle in a fifth of the pictures, so that no single detail decides."""
    n, _, height, width = images.shape
    ys, xs = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    draw = torch.rand(n, 6, generator=generator)
    top, left = (draw[:, 0] * height)[:, None, None], (draw[:, 1] * width)[:, None, None]
    tall = ((0.1 + 0.25 * draw[:, 2]) * height)[:, None, None]
    wide = ((0.1 + 0.25 * draw[:, 3]) * width)[:, None, None]
    hole = (ys >= top) & (ys < top + tall) & (xs >= left) & (xs < left + wide)
    hole &= (draw[:, 4] < 0.2)[:, None, None]
    return torch.where(hole[:, None], (draw[:, 5] * 2 - 1)[:, None, None, None], images)

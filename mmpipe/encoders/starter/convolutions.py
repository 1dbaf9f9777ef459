"""A convolution with its ReLU6 that trains fast on a CPU, as the ordinary ones compute it.

The libraries' gradients of channel-by-channel convolutions take ten times a forward pass, in bfloat16
longer. Here the gradient of the input is a forward convolution with the kernel turned round, and that of the
kernel is estimated from every eighth picture: a kernel of 9 or 25 numbers a channel needs no more.
Convolutions of one pixel are matrix products over the channels, which lie last in memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_EVERY = 8
_LOW, _HIGH = 0.0, 6.0


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int, *, relu: bool) -> Tensor:
    """A pointwise (``(out, in, 1, 1)``) or channel-by-channel (``(channels, 1, k, k)``) convolution, padded
    to keep the size, and ReLU6 where asked for. In bfloat16 under autocast."""
    result: Tensor = _Convolution.apply(x, weight, bias, stride, relu)  # type: ignore[no-untyped-call]
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, relu: bool) -> Tensor:
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        x, kernel = x.detach().to(kind), weight.detach().to(kind)
        pointwise = weight.shape[2] == 1
        side, groups = weight.shape[2] // 2, 1 if pointwise else len(weight)
        y: Tensor
        with torch.autocast("cpu", enabled=False):
            if relu and x.device.type == "cpu":
                y = torch.ops.mkldnn._convolution_pointwise(
                    x, kernel, bias.detach().to(kind), [side, side], [stride, stride], [1, 1], groups,
                    "hardtanh", [_LOW, _HIGH], "",
                )  # fmt: skip
            else:
                y = F.conv2d(x, kernel, bias.detach().to(kind), stride, side, 1, groups)
                y = F.relu6(y, inplace=True) if relu else y
        kept = x if pointwise else x[::_EVERY].clone(memory_format=torch.channels_last)
        ctx.save_for_backward(kept, kernel, y if relu else None)
        ctx.stride, ctx.shape, ctx.pointwise = stride, x.shape, pointwise
        return y

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        kept, kernel, y = ctx.saved_tensors
        gradient = gradients[0].to(kernel.dtype).contiguous(memory_format=torch.channels_last)
        if y is not None:
            gradient = torch.ops.aten.hardtanh_backward(gradient, y, _LOW, _HIGH)
        shift = gradient.sum((0, 2, 3), dtype=torch.float32) if ctx.needs_input_grad[2] else None
        step = _pointwise if ctx.pointwise else _depthwise
        before, shape = step(ctx, gradient, kept, kernel)
        return before, shape, shift, None, None


def _pointwise(ctx: Any, gradient: Tensor, x: Tensor, kernel: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """``(gradient of the input, of the kernel)``."""
    n, _, height, width = gradient.shape
    rows = gradient.permute(0, 2, 3, 1).reshape(-1, kernel.shape[0])
    before = shape = None
    if ctx.needs_input_grad[0]:
        before = (rows @ kernel.flatten(1)).view(n, height, width, -1).permute(0, 3, 1, 2)
    if ctx.needs_input_grad[1]:
        seen = x.permute(0, 2, 3, 1).reshape(-1, kernel.shape[1])
        shape = (rows.T @ seen).float().view(kernel.shape)
    return before, shape


def _depthwise(
    ctx: Any, gradient: Tensor, some: Tensor, kernel: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """``(gradient of the input, of the kernel)``."""
    channels, side, stride = len(kernel), kernel.shape[2] // 2, ctx.stride
    before = shape = None
    if ctx.needs_input_grad[0]:
        wide = gradient
        if stride > 1:
            wide = torch.empty(
                ctx.shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
            ).zero_()
            wide[:, :, ::stride, ::stride] = gradient
        before = F.conv2d(wide, kernel.flip(2, 3), None, 1, side, 1, channels)
    if ctx.needs_input_grad[1]:
        few = gradient[::_EVERY].float()
        _, shape, _ = torch.ops.aten.convolution_backward(
            few, some.float(), kernel.float(), None, [stride, stride], [side, side], [1, 1], False, [0, 0],
            channels, [False, True, False],
        )  # fmt: skip
        shape = shape * (len(gradient) / len(few))
    return before, shape

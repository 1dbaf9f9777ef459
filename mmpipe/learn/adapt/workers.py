"""Several workers, one batch: vectors are gathered, every worker differentiates the whole loss by its own.

With ``L`` the loss of the whole batch and ``e_w`` the vectors of worker ``w``, the gradient of ``L`` by the
parameters is the sum over workers of ``∂L/∂e_w · ∂e_w/∂θ``. Each worker has all vectors (those of others as
constants), so its backward pass gives its own term and the sum is exactly the gradient that one worker with
the whole batch has: negatives are never only the worker's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Workers:
    """This worker's place among ``size``; with one there is nothing to talk about."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this one measures, saves and reports."""
        return self.rank == 0

    def own(self, count: int) -> slice:
        """This worker's part of ``count`` rows, which ``size`` divides."""
        share = count // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def gather(self, vectors: Tensor) -> Tensor:
        """Everybody's rows in order, each worker giving as many; gradients flow to this worker's own."""
        if self.size == 1:
            return vectors
        mine = vectors.contiguous()
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine.detach())
        parts[self.rank] = mine
        return torch.cat(parts)

    def part_of(self, parameter: Tensor) -> Tensor:
        """A parameter used by every worker after the gathering: each has its share of the gradient."""
        return parameter.detach() + (parameter - parameter.detach()) / self.size

    def sum_gradients(self, module: nn.Module) -> None:
        """Add up everybody's gradients, those of parameters that no row of a worker touched being zero."""
        trained = [p for p in module.parameters() if p.requires_grad]
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        if self.size == 1:
            return
        flat = torch.cat([p.grad.reshape(-1) for p in trained if p.grad is not None])
        dist.all_reduce(flat)
        start = 0
        for parameter in trained:
            if parameter.grad is not None:
                parameter.grad.copy_(flat[start : start + parameter.numel()].view_as(parameter))
                start += parameter.numel()

    def average_buffers(self, module: nn.Module) -> None:
        """Average the running statistics of batch normalisation, which each worker takes of its own rows."""
        if self.size == 1:
            return
        for buffer in module.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer.div_(self.size)

    def total(self, value: Tensor) -> Tensor:
        """The sum of everybody's value, without a gradient."""
        found = value.detach().clone()
        if self.size > 1:
            dist.all_reduce(found)
        return found

    def from_first(self, value: Any) -> Any:
        """What the first worker has, at every worker; JSON-like values."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

"""Cross entropy over a catalogue, without keeping a number per event and item for the way back."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

# So many events are scored at once: their logits stay in the processor's cache.
_ROWS: Final = 256


def reduced_precision() -> torch.dtype:
    """The type matrices are best multiplied in here: bfloat16 where the processor does, else float32."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


class _CrossEntropy(torch.autograd.Function):
    """The gradient is made on the way forth, a block of events at a time."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, table: Tensor, targets: Tensor, shift: Tensor, dtype: torch.dtype
    ) -> Tensor:
        count = len(states)
        low_states, low_table = states.to(dtype), table.to(dtype)
        into_states = torch.empty_like(states)
        into_table = torch.zeros_like(table)
        total = states.new_zeros(())
        for begin in range(0, count, _ROWS):
            block = slice(begin, begin + _ROWS)
            rows, wanted = low_states[block], targets[block]
            logits = (rows @ low_table.T).float()
            # The target's own logit is left out of what is shifted: it stands for itself alone.
            own = logits.gather(1, wanted[:, None])
            logits.add_(shift).scatter_(1, wanted[:, None], own)
            top = logits.amax(dim=1, keepdim=True)
            mass = logits.sub_(top).exp_().sum(dim=1, keepdim=True)
            total += (mass.log() + top - own).sum()
            logits.div_(mass)
            logits[torch.arange(len(wanted)), wanted] -= 1.0
            gradient = logits.to(dtype)
            into_states[block] = (gradient @ low_table).float()
            into_table += (gradient.T @ rows).float()
        ctx.save_for_backward(into_states / count, into_table / count)
        return total / count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        into_states, into_table = ctx.saved_tensors
        return into_states * gradient, into_table * gradient, None, None, None


def cross_entropy(
    states: Tensor, table: Tensor, targets: Tensor, shift: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Mean over events of ``-log softmax(table @ state + shift)[target]``.

    ``states`` float32 ``(events, d)``, ``table`` float32 ``(rows, d)``, ``targets`` int64 rows of the table.
    ``shift`` float32 ``(rows,)`` is added to every logit but the target's own: 0, -inf for what must not take
    part, or log(1 / share) of rows that were sampled. ``dtype`` is what matrices are multiplied in.
    """
    loss: Tensor = _CrossEntropy.apply(states, table, targets, shift, dtype)  # type: ignore[no-untyped-call]
    return loss

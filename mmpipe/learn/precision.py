"""The number format that training computes in."""

from __future__ import annotations

import torch

from mmpipe.encoders.processor import has_amx


def autocast(device: torch.device | None = None) -> torch.autocast:
    """bfloat16 where ``device``, the CPU where not given, is faster in it, else float32."""
    if device is not None and device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported())
    return torch.autocast("cpu", torch.bfloat16, enabled=has_amx())

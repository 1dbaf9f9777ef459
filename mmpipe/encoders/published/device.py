"""Where a model runs and in which precision."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mmpipe.encoders.processor import has_amx
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and the type of the weights on it."""

    device: torch.device
    dtype: torch.dtype


def place(settings: ModelSettings) -> Placement:
    """A GPU if there is one, else the CPU; bfloat16 where the device multiplies it fast, else float32.

    Raises :class:`ModelUnavailable` where ``cuda`` is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if settings.device == "cuda" and not has_gpu:
        raise ModelUnavailable("MMPIPE_MODELS__DEVICE=cuda, but torch sees no GPU here; set auto or cpu")
    on_gpu = has_gpu and settings.device != "cpu"
    if settings.dtype == "auto":
        half = torch.cuda.is_bf16_supported() if on_gpu else has_amx()
    else:
        half = settings.dtype == "bfloat16"
    return Placement(torch.device("cuda" if on_gpu else "cpu"), torch.bfloat16 if half else torch.float32)

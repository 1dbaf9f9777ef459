"""Models of transformers as plain calls: arrays in, one float32 vector per row out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from mmpipe.encoders.base import Vectors
from mmpipe.encoders.published.device import Placement


class TextTower(Protocol):
    """Token ids in, vectors out."""

    def text(self, input_ids: Tensor, attention_mask: Tensor | None) -> Vectors:
        """int64 ``(n, tokens)`` to float32 ``(n, dim)``, not normalised. A mask of None: all are tokens."""
        ...


class Device:
    """Moves inputs to the model's device and vectors back; one forward pass at a time on a GPU."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._lock = Lock()

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Around a forward pass. Passes at once on one GPU would each need the whole budget's memory."""
        if self._placement.device.type == "cuda":
            with self._lock, torch.inference_mode():
                yield
        else:
            with torch.inference_mode():
                yield

    def put(self, tensor: Tensor) -> Tensor:
        """On the device; floats in the weights' type."""
        if tensor.is_floating_point():
            return tensor.to(self._placement.device, self._placement.dtype)
        return tensor.to(self._placement.device)

    def take(self, tensor: Tensor) -> Vectors:
        """Back in memory as float32."""
        return np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)


class ContrastiveModel:
    """A model of two towers with one space (SigLIP, CLIP, Chinese-CLIP, CLAP)."""

    def __init__(self, model: Any, placement: Placement) -> None:
        self._model = model.to(placement.device, placement.dtype).eval().requires_grad_(False)
        self._device = Device(placement)

    def text(self, input_ids: Tensor, attention_mask: Tensor | None) -> Vectors:
        """As :meth:`TextTower.text`."""
        mask = {} if attention_mask is None else {"attention_mask": self._device.put(attention_mask)}
        with self._device.forward():
            output = self._model.get_text_features(input_ids=self._device.put(input_ids), **mask)
            return self._device.take(output.pooler_output)

    def image(self, pixel_values: Tensor) -> Vectors:
        """float32 ``(n, 3, height, width)``, preprocessed, to float32 ``(n, dim)``, not normalised."""
        with self._device.forward():
            output = self._model.get_image_features(pixel_values=self._device.put(pixel_values))
            return self._device.take(output.pooler_output)

    def audio(self, input_features: Tensor, is_longer: Tensor) -> Vectors:
        """Log-mel features as the feature extractor makes them, to float32 ``(n, dim)``."""
        with self._device.forward():
            output = self._model.get_audio_features(
                input_features=self._device.put(input_features), is_longer=self._device.put(is_longer)
            )
            return self._device.take(output.pooler_output)

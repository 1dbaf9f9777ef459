"""The starter's four encoders behind the :class:`mmpipe.encoders.base.Encoder` protocol."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from mmpipe.encoders.base import AudioClip, EncoderInfo, EncoderInput, Reach, VideoFrames
from mmpipe.encoders.pooling import MEAN, Pooling, pool, split
from mmpipe.encoders.processor import has_amx
from mmpipe.encoders.starter.features import Vocabulary, pack
from mmpipe.encoders.starter.images import fit_all
from mmpipe.encoders.starter.sounds import log_mel
from mmpipe.encoders.starter.towers import DIM, AudioTower, ImageTower, TextTower
from mmpipe.errors import InvalidMedia, InvalidRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.encoders.base import Vectors

_IMAGE_BATCH = 8  # larger batches leave the CPU's caches and are slower
_TINY = 1e-6


def _unit(vectors: NDArray[np.float32]) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, _TINY), dtype=np.float32)


class StarterText:
    """Chinese and English text."""

    def __init__(
        self, tower: TextTower, vocabulary: Vocabulary, info: EncoderInfo, reach: Reach | None = None
    ) -> None:
        self._vocabulary = vocabulary
        self._info = info
        self._reach = reach
        # One query touches a few dozen rows and four small layers: numpy has the shorter call path.
        state = {name: tensor.detach().float().numpy() for name, tensor in tower.state_dict().items()}
        self._state: dict[str, NDArray[np.float32]] = state

    @property
    def info(self) -> EncoderInfo:
        return self._info

    @property
    def reach(self) -> Reach | None:
        """See :class:`mmpipe.encoders.base.KnowsItsReach`."""
        return self._reach

    def confidence(self, query: str) -> float:
        """How much of ``query`` the training text held, 0 (nothing) to 1 (every word)."""
        return self._vocabulary.known_share(query)

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        texts = [_text(item) for item in inputs]
        if not texts:
            return np.zeros((0, DIM), dtype=np.float32)
        rows, weights, offsets = pack(self._vocabulary, texts)
        bags = np.zeros((len(texts), self._state["table.weight"].shape[1]), dtype=np.float32)
        bounds = [*offsets.tolist(), len(rows)]
        for index, (start, stop) in enumerate(pairwise(bounds)):
            if stop > start:
                bags[index] = weights[start:stop] @ self._state["table.weight"][rows[start:stop]]
        return _unit(self._after_bag(bags))

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])

    def _after_bag(self, bag: NDArray[np.float32]) -> NDArray[np.float32]:
        # Mirrors TextTower.after_bag; a test holds the two together.
        s = self._state
        centred = bag - bag.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        hidden = (centred / np.sqrt(variance + 1e-5)) * s["norm.weight"] + s["norm.bias"]
        hidden = hidden @ s["wide.weight"].T + s["wide.bias"]
        cube = hidden * hidden * hidden  # a power would be computed by logarithms, number by number
        hidden = 0.5 * hidden * (1.0 + np.tanh(0.7978845608 * (hidden + 0.044715 * cube)))
        mixed = bag + hidden @ s["narrow.weight"].T + s["narrow.bias"]
        return _unit(mixed @ s["project.weight"].T + s["project.bias"]) + s["constant"]


class StarterImage:
    """RGB pictures of any size."""

    def __init__(self, tower: ImageTower, info: EncoderInfo) -> None:
        """Takes ``tower`` over: where bfloat16 is faster, its weights become that."""
        self._dtype = torch.bfloat16 if has_amx() else torch.float32
        self._tower = tower.eval().to(self._dtype)
        self._tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._info = info

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self.embed_fitted(fit_all([_pixels(item) for item in inputs]))

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])

    def embed_fitted(self, batch: NDArray[np.uint8]) -> Vectors:
        """Pictures already on the canvas, uint8 of shape ``(n, 160, 128, 3)``."""
        if len(batch) == 0:
            return np.zeros((0, DIM), dtype=np.float32)
        parts = [
            _run(self._tower, _scaled(torch.from_numpy(batch[start : start + _IMAGE_BATCH])).to(self._dtype))
            for start in range(0, len(batch), _IMAGE_BATCH)
        ]
        return _unit(np.concatenate(parts))


class StarterAudio:
    """Clips of any sample rate."""

    def __init__(self, tower: AudioTower, info: EncoderInfo) -> None:
        self._tower = tower.eval()
        self._tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._info = info

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        if not inputs:
            return np.zeros((0, DIM), dtype=np.float32)
        clips = [_clip(item) for item in inputs]
        mels = np.stack([log_mel(clip.samples, clip.sample_rate) for clip in clips])
        return _unit(_run(self._tower, torch.from_numpy(mels)[:, None]))

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])


class StarterVideo:
    """Sampled frames through the image tower, pooled by :mod:`mmpipe.encoders.pooling`."""

    def __init__(self, image: StarterImage, info: EncoderInfo, pooling: Pooling = MEAN) -> None:
        self._image = image
        self._info = info
        self._pooling = pooling

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self.embed_frames(inputs)[0]

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])

    def embed_frames(self, clips: Sequence[EncoderInput]) -> tuple[Vectors, list[Vectors]]:
        """See :class:`mmpipe.encoders.base.EmbedsFrames`."""
        found = [_frames(item) for item in clips]
        vectors = self._image.embed_documents([frame for clip in found for frame in clip.frames])
        frames = split(vectors, [len(clip.frames) for clip in found])
        return pool(frames, DIM, self._pooling), frames


def _run(tower: nn.Module, batch: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        output: Tensor = tower(batch.contiguous(memory_format=torch.channels_last))
    return cast("NDArray[np.float32]", output.float().numpy())


def _scaled(batch: Tensor) -> Tensor:
    # (n, h, w, 3) permuted to (n, 3, h, w) already is the channels-last layout: no copy.
    return batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def _text(item: EncoderInput) -> str:
    if not isinstance(item, str):
        raise InvalidRequest("text", f"need a string, got {type(item).__name__}")
    return item


def _pixels(item: EncoderInput) -> NDArray[np.uint8]:
    if not isinstance(item, np.ndarray):
        raise InvalidMedia("image", f"need decoded pixels, got {type(item).__name__}")
    return item


def _clip(item: EncoderInput) -> AudioClip:
    if not isinstance(item, AudioClip):
        raise InvalidMedia("audio", f"need an AudioClip, got {type(item).__name__}")
    return item


def _frames(item: EncoderInput) -> VideoFrames:
    if not isinstance(item, VideoFrames) or not item.frames:
        raise InvalidMedia("video", "need VideoFrames with at least one frame")
    return item

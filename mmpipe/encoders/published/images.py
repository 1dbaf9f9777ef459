"""Pictures and sampled video frames through a published image tower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmpipe.encoders.base import EncoderInfo, EncoderInput, Vectors, VideoFrames
from mmpipe.encoders.pooling import MEAN, Pooling, pool, split
from mmpipe.encoders.published.batching import Batcher, unit
from mmpipe.encoders.published.towers import ContrastiveModel
from mmpipe.errors import InvalidMedia

# Where the middle square of the resized picture is used, what is farther out is cut before resizing: a strip
# of 2 × 4,000 pixels would else be blown up to 224 × 448,000.
_WIDEST = 8


class PublishedImage:
    """An image processor and an image tower of ``side`` × ``side`` pixels."""

    def __init__(
        self, info: EncoderInfo, processor: Any, tower: ContrastiveModel, batcher: Batcher, side: int
    ) -> None:
        self._info = info
        self._processor = processor
        self._tower = tower
        self._batcher = batcher
        self._pixels = side * side
        self._keeps_middle = bool(getattr(processor, "do_center_crop", False))

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self.embed([_picture(item) for item in inputs])

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])

    def embed(self, pictures: Sequence[NDArray[np.uint8]]) -> Vectors:
        """uint8 RGB of shape ``(height, width, 3)`` each; preprocessed one batch at a time."""

        def forward(batch: NDArray[np.intp]) -> Vectors:
            chosen = [Image.fromarray(self._bounded(pictures[i])) for i in batch]
            prepared = self._processor(images=chosen, return_tensors="pt")
            return self._tower.image(prepared["pixel_values"])

        return unit(self._batcher.run([self._pixels] * len(pictures), self._info.dim, forward))

    def _bounded(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not self._keeps_middle:
            return picture
        height, width = picture.shape[:2]
        longest = _WIDEST * min(height, width)
        top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
        return np.ascontiguousarray(picture[top : top + longest, left : left + longest])


class PublishedVideo:
    """Frames through the image tower, pooled by :mod:`mmpipe.encoders.pooling`."""

    def __init__(self, info: EncoderInfo, image: PublishedImage, pooling: Pooling = MEAN) -> None:
        self._info = info
        self._image = image
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
        vectors = self._image.embed([_picture(frame) for clip in found for frame in clip.frames])
        frames = split(vectors, [len(clip.frames) for clip in found])
        return pool(frames, self._info.dim, self._pooling), frames


def _picture(item: EncoderInput) -> NDArray[np.uint8]:
    if not isinstance(item, np.ndarray):
        raise InvalidMedia("image", f"need decoded pixels, got {type(item).__name__}")
    if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or 0 in item.shape:
        raise InvalidMedia("image", f"need uint8 RGB pixels, got {item.dtype} of shape {item.shape}")
    return item


def _frames(item: EncoderInput) -> VideoFrames:
    if not isinstance(item, VideoFrames) or not item.frames:
        raise InvalidMedia("video", "need VideoFrames with at least one frame")
    return item

"""Features of the published backbone, computed once for every picture: they look for leaks."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmpipe.encoders.starter.backbone import FEATURES, Backbone
from mmpipe.encoders.starter.images import fit
from mmpipe.learn.data import Source
from mmpipe.learn.precision import autocast

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 32
_SIZE = (128, 96)  # smaller pictures are enlarged


def features_of(backbone: Backbone, source: Source, cache: Path) -> NDArray[np.float32]:
    """``(len(source), 1280)`` unit rows, kept in ``cache`` by what the pictures are."""
    mark = zlib.crc32(np.ascontiguousarray(source.pixels).tobytes())
    file = cache / f"features-{source.name}-{mark:08x}.npy"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, _compute(backbone, source.pixels))
    found = np.asarray(np.load(file), dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def _compute(backbone: Backbone, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    backbone.eval()
    found = np.empty((len(pixels), FEATURES), dtype=np.float16)
    with torch.inference_mode(), autocast():
        for start in range(0, len(pixels), _BATCH):
            fitted = np.stack([fit(picture, _SIZE) for picture in pixels[start : start + _BATCH]])
            images = torch.from_numpy(fitted).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
            maps = backbone(images.contiguous(memory_format=torch.channels_last))
            found[start : start + _BATCH] = maps.float().mean((2, 3)).half().numpy()
    return found

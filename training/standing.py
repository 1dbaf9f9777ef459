"""What the backbone's standing blocks see, kept on disk, so that only the blocks after them are computed in
training.

A picture is seen whole and in as many augmented views as are asked for. Maps are int8 with one scale a
channel: ``(pictures, 10, 8, 112)`` after eleven blocks, 9 KB a picture.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mmpipe.encoders.starter.backbone import Backbone
from mmpipe.encoders.starter.images import CANVAS_HEIGHT, CANVAS_WIDTH
from mmpipe.learn.augment import augment
from mmpipe.learn.data import Source
from mmpipe.learn.precision import autocast
from training.data import on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Maps = NDArray[np.int8]

BLOCKS = 11  # stand; the last five and the head learn
CHANNELS = 112
_BATCH, _PART = 8, 64
_SEEN = 48  # pictures of each source that the scales are taken from
_ROOM = 1.15


class Standing:
    """The first blocks of a backbone, and the maps they made."""

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self._blocks = nn.Sequential(backbone.stem, *list(backbone.blocks)[:BLOCKS]).eval()
        self._blocks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._folder = folder
        self._scale = torch.ones(CHANNELS)

    def settle(self, sources: list[Source]) -> None:
        """Take the scales of the maps from some pictures of each source, once for a folder."""
        file = self._folder / "scale.npy"
        if not file.is_file():
            some = [on_canvas(source, slice(_SEEN)) for source in sources if len(source)]
            sizes = np.abs(self._see(scaled(np.concatenate(some))).numpy()).reshape(-1, CHANNELS)
            self._folder.mkdir(parents=True, exist_ok=True)
            np.save(file, (np.quantile(sizes, 0.9999, axis=0) * _ROOM / 127).astype(np.float32))
        self._scale = torch.from_numpy(np.load(file))

    def maps(self, source: Source, view: int) -> Maps:
        """The maps of every picture, mapped into memory: as it is for view 0, else augmented, shop photos and
        what is found by them more than others."""
        mark = zlib.crc32(np.ascontiguousarray(source.pixels).tobytes())
        file = self._folder / f"maps-{source.name}-{mark:08x}-{view}.npy"
        if not file.is_file():
            draft = file.with_suffix(".draft")
            shape = (len(source), CANVAS_HEIGHT // 16, CANVAS_WIDTH // 16, CHANNELS)
            maps = np.lib.format.open_memmap(draft, mode="w+", dtype=np.int8, shape=shape)
            generator = torch.Generator().manual_seed(zlib.crc32(f"{source.name}/{view}".encode()))
            for start in range(0, len(source), _PART):
                pixels = on_canvas(source, slice(start, start + _PART))
                if view == 0:
                    seen = scaled(pixels)
                else:
                    strong = torch.full((len(pixels),), bool(source.photo.any()))
                    seen = augment(torch.from_numpy(pixels), strong, generator)
                steps = (self._see(seen) / self._scale).round_().clamp_(-127, 127)
                maps[start : start + len(pixels)] = steps.numpy()
            maps.flush()
            draft.rename(file)
        found: Maps = np.load(file, mmap_mode="r")
        return found

    def opened(self, maps: Maps) -> Tensor:
        """Maps as the next block reads them: float32 ``(n, 112, 10, 8)``."""
        return (torch.from_numpy(maps).float() * self._scale).permute(0, 3, 1, 2)

    def _see(self, images: Tensor) -> Tensor:
        """``(n, 10, 8, 112)``."""
        with torch.inference_mode(), autocast():
            parts = [self._blocks(images[s : s + _BATCH]).float() for s in range(0, len(images), _BATCH)]
        return torch.cat(parts).permute(0, 2, 3, 1)


def scaled(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 ``(n, height, width, 3)`` to float ``(n, 3, height, width)`` in [-1, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)

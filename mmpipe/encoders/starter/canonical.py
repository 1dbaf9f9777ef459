"""Fixed inputs whose vectors are written down when weights are exported.

``weights/canonical.json`` holds the first numbers of each vector. A test compares them with what this
installation computes, so a change of preprocessing or arithmetic cannot go unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.base import AudioClip, EncoderInput, Modality, VideoFrames
from mmpipe.encoders.starter.loader import LoadedStarter

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANONICAL = "canonical.json"
LENGTH = 12


def picture(height: int, width: int, turn: float) -> NDArray[np.uint8]:
    """A smooth colour pattern with one hard edge."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [np.sin(2 * np.pi * (k * x / width + (3 - k) * y / height) + turn + k) for k in range(3)]
    image = np.stack(planes, axis=2) * 100 + 128
    image[height // 3 : height // 2, width // 4 : width // 2] = 250
    return image.astype(np.uint8)


def inputs() -> dict[str, tuple[Modality, EncoderInput]]:
    """Name → modality and input."""
    time = np.arange(16_000) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time) * np.exp(-3 * time)).astype(np.float32)
    return {
        "text-en": ("text", "women red dress"),
        "text-zh": ("text", "男士黑色跑鞋"),
        "image-portrait": ("image", picture(80, 60, 0.0)),
        "image-square": ("image", picture(512, 512, 1.0)),
        "audio-tone": ("audio", AudioClip(tone, 16_000)),
        "video": ("video", VideoFrames((picture(120, 160, 0.0), picture(120, 160, 0.5)), (0.0, 1.0))),
    }


def vectors(loaded: LoadedStarter) -> dict[str, list[float]]:
    """The first :data:`LENGTH` numbers of every canonical vector, as computed here."""
    return {
        name: [round(float(x), 5) for x in loaded.encoders[modality].embed_query(item)[:LENGTH]]
        for name, (modality, item) in inputs().items()
    }


def write(loaded: LoadedStarter, folder: Path) -> None:
    """Write ``canonical.json`` beside the weights."""
    (folder / CANONICAL).write_text(json.dumps(vectors(loaded), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Mapping[str, list[float]]:
    """What was written when the weights were exported."""
    found: dict[str, list[float]] = json.loads((folder / CANONICAL).read_text(encoding="utf-8"))
    return found

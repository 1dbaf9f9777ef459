"""The ``fake`` profile: deterministic numpy encoders, for fast tests and to try the pipeline without models.

Texts that share tokens get similar vectors; equal media get equal vectors, and an image's mean colour
decides most of its vector, so that look-alikes are near. Every call is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mmpipe.encoders.base import (
    MODALITIES,
    AudioClip,
    Encoder,
    EncoderInfo,
    EncoderInput,
    FusionInfo,
    Modality,
    Profile,
    Vectors,
    VideoFrames,
)
from mmpipe.encoders.pooling import pool
from mmpipe.errors import InvalidMedia
from mmpipe.lexical import tokens

DIM = 32
_REVISION = "1"


@lru_cache(maxsize=65_536)
def _direction(key: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)


def _unit(vector: Vectors) -> Vectors:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)


def _image(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Vectors:
    mean = pixels.reshape(-1, pixels.shape[-1]).mean(axis=0)
    coarse = sum(
        (_direction(f"rgb{c}") * float(mean[c] - 128) / 64 for c in range(3)), np.zeros(DIM, np.float32)
    )
    return coarse + 0.2 * _direction(hashlib.sha256(pixels.tobytes()).hexdigest())


def _frames(clip: VideoFrames) -> Vectors:
    return np.stack([_unit(_image(frame)) for frame in clip.frames])


def _vector(value: EncoderInput) -> Vectors:
    if isinstance(value, str):
        return _unit(sum((_direction(t) for t in tokens(value)), 0.01 * _direction(value)))
    if isinstance(value, AudioClip):
        return _unit(_direction(hashlib.sha256(value.samples.tobytes()).hexdigest()))
    if isinstance(value, VideoFrames):
        return np.asarray(pool([_frames(value)], DIM)[0], dtype=np.float32)
    return _unit(_image(value))


class FakeEncoder:
    """One modality; ``documents`` and ``queries`` count the inputs encoded so far."""

    def __init__(self, modality: Modality) -> None:
        self._info = EncoderInfo(id=f"fake-{modality}", revision=_REVISION, modality=modality, dim=DIM)
        self.documents = 0
        self.queries = 0

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        self.documents += len(inputs)
        return np.stack([_vector(value) for value in inputs]) if inputs else np.zeros((0, DIM), np.float32)

    def embed_query(self, query: EncoderInput) -> Vectors:
        self.queries += 1
        return _vector(query)


class FakeVideo(FakeEncoder):
    """Clips, and their frames."""

    def __init__(self) -> None:
        super().__init__("video")

    def embed_frames(self, clips: Sequence[EncoderInput]) -> tuple[Vectors, list[Vectors]]:
        """See :class:`mmpipe.encoders.base.EmbedsFrames`."""
        found = [clip for clip in clips if isinstance(clip, VideoFrames)]
        if len(found) != len(clips):
            raise InvalidMedia("video", "need VideoFrames")
        return self.embed_documents(clips), [_frames(clip) for clip in found]


def encoders() -> dict[Modality, Encoder]:
    """Fresh encoders, their counters at zero."""
    return {
        modality: FakeVideo() if modality == "video" else FakeEncoder(modality) for modality in MODALITIES
    }


def profile() -> Profile:
    """The frozen description of the fake profile."""
    return Profile(
        name="fake",
        dim=DIM,
        encoders={
            m: EncoderInfo(id=f"fake-{m}", revision=_REVISION, modality=m, dim=DIM) for m in MODALITIES
        },
        fusion=FusionInfo(
            kind="weighted_mean",
            revision="1",
            weights={"text": 1.0, "image": 1.0, "audio": 0.5, "video": 0.5},
        ),
    )

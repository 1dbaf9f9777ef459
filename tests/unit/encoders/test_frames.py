"""The frames of a clip, by every video encoder that ships."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmpipe.encoders import registry
from mmpipe.encoders.base import EmbedsFrames, Encoder, EncoderInput, VideoFrames
from mmpipe.encoders.pooling import pool, split
from mmpipe.errors import InvalidMedia


def clip(seed: int, frames: int) -> VideoFrames:
    rng = np.random.default_rng(seed)
    pictures = tuple(rng.integers(0, 256, (40, 32, 3), dtype=np.uint8) for _ in range(frames))
    return VideoFrames(pictures, tuple(float(n) for n in range(frames)))


@pytest.fixture(params=["fake", "starter"])
def encoders(request: pytest.FixtureRequest) -> tuple[Encoder, Encoder]:
    if request.param == "starter":
        pytest.importorskip("torch")
    loaded = registry.load(request.param, threads=1)
    return loaded.encoders["video"], loaded.encoders["image"]


def test_frames_are_vectors_of_the_image_encoder(encoders: tuple[Encoder, Encoder]) -> None:
    video, image = encoders
    assert isinstance(video, EmbedsFrames)
    clips: list[EncoderInput] = [clip(1, 3), clip(2, 1), clip(3, 8)]
    pooled, frames = video.embed_frames(clips)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, video.embed_documents(clips), atol=1e-6)
    for found, given in zip(frames, clips, strict=True):
        assert isinstance(given, VideoFrames)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, image.embed_documents(list(given.frames)), atol=1e-2)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    # A clip that is the query is pooled in the same way.
    np.testing.assert_allclose(video.embed_query(clips[2]), pooled[2], atol=1e-2)
    # A clip of one frame is that frame.
    np.testing.assert_allclose(pooled[1], frames[1][0], atol=1e-5)


def test_no_clips_and_no_clip_at_all(encoders: tuple[Encoder, Encoder]) -> None:
    video, _ = encoders
    assert isinstance(video, EmbedsFrames)
    pooled, frames = video.embed_frames([])
    assert pooled.shape == (0, video.info.dim)
    assert frames == []
    with pytest.raises(InvalidMedia, match="VideoFrames"):
        video.embed_frames(["words"])


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def test_splitting_and_pooling_keep_clips_apart() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32))
    parts = split(rows, [1, 3, 2])
    assert [len(part) for part in parts] == [1, 3, 2]
    whole = pool(parts, 8)
    for part, vector in zip(parts, whole, strict=True):
        np.testing.assert_allclose(vector, pool([part], 8)[0], atol=1e-6)
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5

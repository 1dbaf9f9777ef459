"""Recordings through CLAP's audio tower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import AudioClip, EncoderInfo, EncoderInput, Vectors
from mmpipe.encoders.published.batching import Batcher, unit
from mmpipe.encoders.published.towers import ContrastiveModel
from mmpipe.encoders.resampling import resample
from mmpipe.errors import InvalidMedia

# Of a long recording; spread evenly over it.
MAX_WINDOWS = 6


class PublishedAudio:
    """CLAP's feature extractor and audio tower.

    The tower hears windows of fixed length (10 s). The published pipeline takes a random one of a longer
    recording; here windows are spread evenly over it, at most ``MAX_WINDOWS``, and the recording is the mean
    of their unit vectors, so that equal recordings have equal vectors. A shorter one is repeated,
    as published.
    """

    def __init__(self, info: EncoderInfo, extractor: Any, tower: ContrastiveModel, batcher: Batcher) -> None:
        self._info = info
        self._extractor = extractor
        self._tower = tower
        self._batcher = batcher
        self._rate = int(extractor.sampling_rate)
        self._length = int(extractor.nb_max_samples)

    @property
    def info(self) -> EncoderInfo:
        return self._info

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        clips = [_clip(item) for item in inputs]
        seconds = self._length / self._rate
        cuts = [(clip, cut) for clip in clips for cut in windows(clip, seconds)]

        def forward(batch: NDArray[np.intp]) -> Vectors:
            waves = [self._wave(*cuts[i]) for i in batch]
            prepared = self._extractor(
                waves, sampling_rate=self._rate, truncation="rand_trunc", return_tensors="pt"
            )
            return self._tower.audio(prepared["input_features"], prepared["is_longer"])

        vectors = unit(self._batcher.run([seconds] * len(cuts), self._info.dim, forward))
        ends = np.cumsum([len(windows(clip, seconds)) for clip in clips])
        pooled = [part.mean(axis=0) for part in np.split(vectors, ends[:-1])] if clips else []
        return unit(np.asarray(pooled, dtype=np.float32).reshape(len(clips), self._info.dim))

    def embed_query(self, query: EncoderInput) -> Vectors:
        return cast("Vectors", self.embed_documents([query])[0])

    def _wave(self, clip: AudioClip, cut: slice) -> NDArray[np.float32]:
        # Never longer than the window, so that the extractor has nothing to cut at random.
        return resample(clip.samples[cut], clip.sample_rate, self._rate)[: self._length]


def windows(clip: AudioClip, seconds: float) -> list[slice]:
    """The parts of a clip, in samples, that are heard: one for a clip of up to ``seconds``."""
    size, length = clip.samples.size, round(seconds * clip.sample_rate)
    if size <= length:
        return [slice(0, size)]
    count = min(MAX_WINDOWS, math.ceil(size / length))
    starts = np.linspace(0, size - length, count).round().astype(int)
    return [slice(int(start), int(start) + length) for start in starts]


def _clip(item: EncoderInput) -> AudioClip:
    if not isinstance(item, AudioClip):
        raise InvalidMedia("audio", f"need an AudioClip, got {type(item).__name__}")
    samples, rate = item.samples, item.sample_rate
    if samples.ndim != 1 or samples.size == 0 or rate <= 0:
        raise InvalidMedia("audio", f"need mono samples, got shape {samples.shape} at {rate} Hz")
    if not np.isfinite(samples).all():
        raise InvalidMedia("audio", "samples hold NaN or infinity; decode the clip again")
    return item

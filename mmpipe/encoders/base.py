"""What an encoder is: raw modality in, unit vectors out.

All encoders of one profile map into one shared space of ``dim`` dimensions, so a text query can be
compared with an image vector. ``embed_documents`` and ``embed_query`` are two calls because many
published models use different prompts for the two sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Modality = Literal["text", "image", "audio", "video"]
FusionKind = Literal["weighted_mean", "concat_projection", "gated_attention", "slots"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio", "video")


@dataclass(frozen=True, slots=True)
class AudioClip:
    """Mono samples, float32 in [-1, 1], shape ``(n,)``, at ``sample_rate`` Hz."""

    samples: NDArray[np.float32]
    sample_rate: int


@dataclass(frozen=True, slots=True)
class VideoFrames:
    """Sampled frames: each uint8 RGB of shape ``(height, width, 3)``, with its time in seconds."""

    frames: tuple[NDArray[np.uint8], ...]
    seconds: tuple[float, ...]


# What each modality's encoder takes, already decoded and within limits:
#   text  -> str
#   image -> numpy uint8 array (height, width, 3), RGB
#   audio -> AudioClip
#   video -> VideoFrames
EncoderInput: TypeAlias = str | NDArray[np.uint8] | AudioClip | VideoFrames


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """The frozen description of one encoder; part of the profile's fingerprint."""

    id: str
    revision: str
    modality: Modality
    dim: int


@runtime_checkable
class Encoder(Protocol):
    """One modality's encoder."""

    @property
    def info(self) -> EncoderInfo: ...

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        """Encode a batch; float32 of shape ``(len(inputs), dim)``, each row of unit length."""
        ...

    def embed_query(self, query: EncoderInput) -> Vectors:
        """Encode one query; float32 of shape ``(dim,)``, unit length."""
        ...


@runtime_checkable
class EmbedsFrames(Protocol):
    """A video encoder that also gives the vectors its clips are made of."""

    def embed_frames(self, clips: Sequence[EncoderInput]) -> tuple[Vectors, list[Vectors]]:
        """What ``embed_documents`` gives, float32 ``(len(clips), dim)``, and per clip the vectors of its
        frames in order, float32 ``(frames, dim)``, each row of unit length and comparable with queries."""
        ...


@runtime_checkable
class KnowsItsWords(Protocol):
    """A text encoder that can tell how much of a query it was trained on."""

    def confidence(self, query: str) -> float:
        """How much of ``query`` is known, 0 (nothing: its vector means nothing) to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """What a text query's cosines with products' fused vectors mean, where these are of text too: from
    ``near`` on a product is what was asked for, below ``far`` it has nothing to do with it. ``sure`` is what
    hardly any of 1,000 products reaches that have nothing to do with a query; of ten times as many the
    nearest is ``crowd`` nearer by chance. ``seen`` is ``near`` of a text's cosine with a picture or
    clip alone: what is seen to be asked for is near, whatever the product's text says."""

    far: float
    near: float
    sure: float
    seen: float
    crowd: float = 0.0

    def of(self, nearness: float) -> Reach:
        """The same for cosines that are at most ``nearness``; ``seen`` is of vectors that no fusion made."""
        return replace(
            self,
            far=self.far * nearness,
            near=self.near * nearness,
            sure=self.sure * nearness,
            crowd=self.crowd * nearness,
        )


@runtime_checkable
class KnowsItsReach(Protocol):
    """A text encoder that can tell near from far."""

    @property
    def reach(self) -> Reach | None:
        """Of a query whose every word it knows; None where it cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class FusionInfo:
    """The frozen description of a fusion: ``kind`` plus everything that changes its output.

    ``single``: the products have vectors of one modality only. There is nothing to make comparable, so each
    is its own vector; queries of several parts are fused as ever.
    """

    kind: FusionKind
    revision: str
    weights: Mapping[str, float] = field(default_factory=dict)
    single: bool = False

    @property
    def apart(self) -> bool:
        """Whether words and looks stand side by side in a fused vector, rather than in a mean of the two."""
        return self.kind == "slots" and not self.single


@dataclass(frozen=True, slots=True)
class Profile:
    """The models that encoded a table: written into its metadata and checked before every search."""

    name: str
    dim: int
    encoders: Mapping[str, EncoderInfo]
    fusion: FusionInfo

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical JSON of everything above."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def of_one_modality(self, single: bool = True) -> Profile:
        """The same models for products that have vectors of one modality only, or, not ``single``, of any."""
        return replace(self, fusion=replace(self.fusion, single=single))

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The inverse of :meth:`to_json`."""
        raw = json.loads(text)
        return cls(
            name=raw["name"],
            dim=raw["dim"],
            encoders={m: EncoderInfo(**info) for m, info in raw["encoders"].items()},
            fusion=FusionInfo(**raw["fusion"]),
        )

"""Encode what changed, copy what did not, fuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.base import MODALITIES, EmbedsFrames, Modality, VideoFrames
from mmpipe.errors import InvalidVector
from mmpipe.fusion import load as load_fusion
from mmpipe.lake.frames import ClipFrames
from mmpipe.lake.schema import FUSED, UNIT_TOLERANCE, VectorBlock, vector_column

if TYPE_CHECKING:
    from mmpipe.encoders.base import Encoder, EncoderInput, Vectors
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.pipeline.media import Gathered

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a batch became: vector ``columns`` keyed as in the table (``text_vector`` … ``vector``), and per
    product the ``counts`` of inputs encoded and the frames of its clip. ``faults`` tells, by place, of
    vectors that no reader could use."""

    columns: Mapping[str, VectorBlock]
    counts: Sequence[Counter[str]]
    clips: Sequence[ClipFrames | None]
    faults: Mapping[int, InvalidVector]


def encode(batch: Sequence[Gathered], loaded: LoadedEncoders) -> Encoded:
    """Encode what is to be encoded, and fuse.

    Several inputs of one modality (photos) become the normalised mean of their unit vectors. Each encoder is
    called once.
    """
    dim = loaded.profile.dim
    clips = [item.frames for item in batch]
    counts: list[Counter[str]] = [Counter() for _ in batch]
    vectors: dict[Modality, Vectors] = {}
    present: dict[Modality, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]] = {}
    for modality in MODALITIES:
        if not any(modality in item.inputs or modality in item.copied for item in batch):
            continue
        vectors[modality] = np.zeros((len(batch), dim), dtype=np.float32)
        present[modality] = np.zeros(len(batch), dtype=np.bool_)
        for slot, item in enumerate(batch):
            if modality in item.copied:
                vectors[modality][slot] = item.copied[modality]
                present[modality][slot] = True
        encoder = loaded.encoders.get(modality)
        if encoder is not None:
            _encode_modality(modality, encoder, batch, vectors[modality], present[modality], counts, clips)
    columns = {vector_column(m): VectorBlock(vectors[m], present[m]) for m in vectors}
    if vectors:
        fused, has_any = load_fusion(loaded.profile.fusion, loaded.folder).fuse(vectors, present)
        columns[FUSED] = VectorBlock(fused, has_any)
    return Encoded(columns, counts, clips, _faults(columns))


def _faults(columns: Mapping[str, VectorBlock]) -> dict[int, InvalidVector]:
    found: dict[int, InvalidVector] = {}
    for name, block in columns.items():
        lengths = np.linalg.norm(block.values, axis=1)
        bad = block.present & ~(np.abs(lengths - 1) <= UNIT_TOLERANCE)  # so written that NaN is bad
        for place in np.flatnonzero(bad).tolist():
            what = "is not finite" if not np.isfinite(lengths[place]) else f"has length {lengths[place]:.3g}"
            field = name.removesuffix("_vector") if name != FUSED else "fusion"
            found.setdefault(
                place,
                InvalidVector(
                    field, f"its vector {what}: the model is at fault, replay the row with another"
                ),
            )
    return found


def _encode_modality(
    modality: Modality,
    encoder: Encoder,
    batch: Sequence[Gathered],
    values: Vectors,
    present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    counts: Sequence[Counter[str]],
    clips: list[ClipFrames | None],
) -> None:
    slots: list[int] = []
    inputs: list[EncoderInput] = []
    for slot, item in enumerate(batch):
        mine = item.inputs.get(modality, [])
        slots += [slot] * len(mine)
        inputs += mine
        if mine:
            counts[slot][modality] += len(mine)
    if not inputs:
        return
    if modality == "video" and isinstance(encoder, EmbedsFrames):
        encoded, frames = encoder.embed_frames(inputs)
        # Backwards, so that of several clips the first one's frames stay: a product has one.
        for slot, clip, each in zip(slots[::-1], inputs[::-1], frames[::-1], strict=True):
            clips[slot] = ClipFrames.of(clip.seconds, each) if isinstance(clip, VideoFrames) else None
    else:
        encoded = encoder.embed_documents(inputs)
    where = np.asarray(slots)
    present[where] = True
    if len(set(slots)) == len(slots):
        values[where] = encoded
        return
    np.add.at(values, where, encoded)
    filled = np.unique(where)
    norms = np.linalg.norm(values[filled], axis=1, keepdims=True)
    values[filled] /= np.maximum(norms, _TINY)

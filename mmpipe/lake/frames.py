"""The frame vectors of a product's clip, beside the one vector of the whole clip.

``video_seconds`` (list of float32) holds when each sampled frame is shown, ``video_frames`` (list of float16)
their unit vectors one after the other, frames × dim numbers. Both are null where the product has no clip.
They are read for the rows of a result page alone, so half precision and variable length cost nothing
elsewhere: a float16 of a unit vector is off by at most 2^-11 of itself, less than two frames ever differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

SECONDS = "video_seconds"
FRAMES = "video_frames"
FRAME_COLUMNS: tuple[str, ...] = (SECONDS, FRAMES)
_TYPES: dict[str, pa.DataType] = {SECONDS: pa.list_(pa.float32()), FRAMES: pa.list_(pa.float16())}


@dataclass(frozen=True, slots=True)
class ClipFrames:
    """The frames of one clip: float32 ``seconds`` ``(n,)`` from its start, ascending, and float16 unit
    ``vectors`` ``(n, dim)``; n is at least 1."""

    seconds: NDArray[np.float32]
    vectors: NDArray[np.float16]

    @classmethod
    def of(cls, seconds: Sequence[float], vectors: Vectors) -> ClipFrames:
        """Rounded to what the table holds. Raises ``ValueError`` unless there is one time per vector."""
        if vectors.ndim != 2 or not len(vectors) or len(seconds) != len(vectors):
            raise ValueError(f"frames: {len(seconds)} times for vectors of shape {vectors.shape}")
        return cls(np.asarray(seconds, np.float32), vectors.astype(np.float16))


def frame_fields() -> list[pa.Field]:
    """The two columns, as the table has them."""
    return [pa.field(name, kind) for name, kind in _TYPES.items()]


def frame_arrays(clips: Sequence[ClipFrames | None], dim: int) -> dict[str, pa.Array]:
    """Both columns of a batch. Raises ``ValueError`` where a clip's vectors have another ``dim``."""
    given = [clip for clip in clips if clip is not None]
    for clip in given:
        if clip.vectors.shape != (len(clip.seconds), dim):
            raise ValueError(f"frames: expected ({len(clip.seconds)}, {dim}), got {clip.vectors.shape}")
    absent = np.asarray([clip is None for clip in clips], dtype=np.bool_)
    counts = np.asarray([0 if clip is None else len(clip.seconds) for clip in clips], dtype=np.int64)
    seconds = np.concatenate([np.zeros(0, np.float32), *(clip.seconds for clip in given)])
    vectors = np.concatenate([np.zeros(0, np.float16), *(clip.vectors.reshape(-1) for clip in given)])
    return {
        SECONDS: _lists(seconds, counts, absent, _TYPES[SECONDS]),
        FRAMES: _lists(vectors, counts * dim, absent, _TYPES[FRAMES]),
    }


def clip_frames(seconds: pa.ListScalar, vectors: pa.ListScalar, dim: int) -> ClipFrames | None:
    """One row's frames; None where it has none."""
    if not seconds.is_valid or not vectors.is_valid or not len(seconds):
        return None
    return ClipFrames(
        seconds.values.to_numpy(zero_copy_only=False),
        vectors.values.to_numpy(zero_copy_only=False).reshape(-1, dim),
    )


def _lists(
    values: NDArray[np.float32] | NDArray[np.float16],
    counts: NDArray[np.int64],
    absent: NDArray[np.bool_],
    kind: pa.DataType,
) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values, kind.value_type), type=kind, mask=pa.array(absent)
    )

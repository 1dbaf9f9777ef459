"""Gated attention: a small transformer over modality tokens says how much each modality counts, and how.

Each modality that is there is a token: its vector brought to a smaller width plus an embedding of which
modality it is. One pre-norm transformer layer (Vaswani et al. 2017; Xiong et al. 2020) lets the tokens see
each other, missing ones masked out of the softmax. Out of token t_m come a gate g_m (softmax over those that
are there) and a correction in the shared space, and the modality's part is

    part_m = g_m * (v_m + t_m U).

So the parts still sum to the fused vector and explain it exactly. At the start of training the gate heads and
U are zero: the fusion begins as the weighted mean that ``prior`` (log weights) states.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality, Vectors
from mmpipe.errors import ModelUnavailable
from mmpipe.fusion.base import Mask, SumOfParts, product

HEADS = 4
NORM_EPS = 1e-5
_GELU = 0.7978845608028654  # sqrt(2 / pi)


def shapes(dim: int, width: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of a fusion of ``dim``-dimensional vectors by tokens of ``width``, with its shape."""
    norm = {
        f"{place}_{part}": (width,) for place in ("norm1", "norm2", "norm3") for part in ("weight", "bias")
    }
    return norm | {
        "prior": (len(MODALITIES),),
        "modality": (len(MODALITIES), width),
        "narrow": (dim, width),
        "attend": (width, 3 * width),
        "attend_bias": (3 * width,),
        "merge": (width, width),
        "wide": (width, 2 * width),
        "wide_bias": (2 * width,),
        "back": (2 * width, width),
        "gate": (width, len(MODALITIES)),
        "correct": (width, dim),
    }


class GatedAttention(SumOfParts):
    """Tensors and their shapes are those of :func:`shapes`, float32."""

    def __init__(self, info: FusionInfo, tensors: Mapping[str, Vectors]) -> None:
        super().__init__(info)
        narrow = tensors.get("narrow")
        if narrow is None or narrow.ndim != 2:
            raise ModelUnavailable("fusion weights: 'narrow' must have shape (dim, width)")
        for name, shape in shapes(*narrow.shape).items():
            if name not in tensors or tensors[name].shape != shape:
                raise ModelUnavailable(f"fusion weights: '{name}' must have shape {shape}")
        self._t = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}

    def _parts(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        names = list(vectors)
        kinds = [MODALITIES.index(m) for m in names]
        t = self._t
        there = np.stack([used[m] for m in names], axis=1)
        tokens = np.stack([product(vectors[m], t["narrow"]) for m in names], axis=1) + t["modality"][kinds]
        tokens = tokens + self._attention(self._norm(tokens, "norm1"), there)
        tokens = tokens + self._feed_forward(self._norm(tokens, "norm2"))
        seen = self._norm(tokens, "norm3")
        # Each modality has a gate head of its own: column kinds[i] of the heads, read at token i.
        logits = t["prior"][kinds] + np.einsum("ntw,wt->nt", seen, t["gate"][:, kinds])
        gates = masked_softmax(logits, there)
        return {
            m: gates[:, i, None] * (vectors[m] + product(np.ascontiguousarray(seen[:, i]), t["correct"]))
            for i, m in enumerate(names)
        }

    def _attention(self, tokens: Vectors, there: Mask) -> Vectors:
        n, count, width = tokens.shape
        flat = product(tokens.reshape(n * count, width), self._t["attend"]) + self._t["attend_bias"]
        query, key, value = flat.reshape(n, count, 3, HEADS, width // HEADS).transpose(2, 0, 3, 1, 4)
        scores = np.einsum("nhqd,nhkd->nhqk", query, key) / np.float32(np.sqrt(width // HEADS))
        shares = masked_softmax(scores, np.broadcast_to(there[:, None, None, :], scores.shape))
        mixed = np.einsum("nhqk,nhkd->nqhd", shares, value).reshape(n * count, width)
        return product(mixed, self._t["merge"]).reshape(n, count, width)

    def _feed_forward(self, tokens: Vectors) -> Vectors:
        n, count, width = tokens.shape
        hidden = product(tokens.reshape(n * count, width), self._t["wide"]) + self._t["wide_bias"]
        hidden = 0.5 * hidden * (1.0 + np.tanh(np.float32(_GELU) * (hidden + 0.044715 * hidden**3)))
        return product(hidden.astype(np.float32, copy=False), self._t["back"]).reshape(n, count, width)

    def _norm(self, tokens: Vectors, place: str) -> Vectors:
        centred = tokens - tokens.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(NORM_EPS))
        normed: Vectors = centred / spread * self._t[f"{place}_weight"] + self._t[f"{place}_bias"]
        return normed


def masked_softmax(logits: NDArray[np.float32], there: Mask) -> NDArray[np.float32]:
    """Softmax over the last axis among those ``there``, exactly 0 elsewhere; all 0 where nothing is there."""
    masked = np.where(there, logits, -np.inf)
    peak = masked.max(axis=-1, keepdims=True)
    raised = np.exp(masked - np.where(np.isfinite(peak), peak, 0.0))
    total = raised.sum(axis=-1, keepdims=True)
    shares: NDArray[np.float32] = (raised / np.where(total > 0, total, 1.0)).astype(np.float32, copy=False)
    return shares

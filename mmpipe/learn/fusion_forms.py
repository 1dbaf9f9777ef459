"""The fusions of :mod:`mmpipe.fusion` as torch modules, for training; a test holds the two together.

A batch is ``vectors`` float32 ``(n, 4, dim)`` and ``there`` bool ``(n, 4)``, modalities in the order of
``MODALITIES``; rows have at least one modality. The result is ``(n, dim)``, unit length.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.base import MODALITIES, FusionKind
from mmpipe.fusion.attention import HEADS, NORM_EPS, shapes

_ABSENT = -1e4  # exp() of it is zero in float32, without the NaN that -inf can leave in gradients
_LEAST_WEIGHT = 1e-3
# Parameters that are zero at the weighted mean.
DEPARTURES = ("correction", "gate", "correct")


class FusionForm(nn.Module):
    """What the kinds have in common: parts are masked, summed and brought to unit length."""

    kind: FusionKind

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        start = torch.tensor([max(weights.get(m, 0.0), _LEAST_WEIGHT) for m in MODALITIES])
        self.prior = nn.Parameter((start / start.sum()).log())

    def forward(self, vectors: Tensor, there: Tensor) -> Tensor:
        """The fused unit vectors."""
        clean = torch.where(there[..., None], vectors, torch.zeros((), dtype=vectors.dtype))
        parts = self.parts(clean, there)
        total = torch.where(there[..., None], parts, torch.zeros((), dtype=parts.dtype)).sum(1)
        return F.normalize(total, dim=1)

    def ask(self, vectors: Tensor, there: Tensor) -> Tensor:
        """Queries' unit vectors: one of a single modality is its own vector, whatever the fusion."""
        single = there.sum(1, keepdim=True) == 1
        alone = (vectors * there[..., None]).sum(1)
        return torch.where(single, alone, self(vectors, there))

    def weights(self) -> dict[str, float]:
        """Each modality's own weight, summing to 1."""
        shares = torch.softmax(self.prior.detach(), 0).tolist()
        return {m: round(share, 4) for m, share in zip(MODALITIES, shares, strict=True)}

    @abstractmethod
    def parts(self, vectors: Tensor, there: Tensor) -> Tensor:
        """``(n, 4, dim)``; what stands in rows that are not there is ignored."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What the file holds, float32."""


class WeightedForm(FusionForm):
    """One weight per modality."""

    kind = "weighted_mean"

    def parts(self, vectors: Tensor, there: Tensor) -> Tensor:
        return vectors * torch.softmax(self.prior, 0)[None, :, None]

    def tensors(self) -> dict[str, Tensor]:
        return {"weights": torch.softmax(self.prior.detach(), 0)}


class ConcatForm(FusionForm):
    """One matrix over the concatenation: a weight times (identity + a correction) per modality."""

    kind = "concat_projection"

    def __init__(self, dim: int, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.correction = nn.Parameter(torch.zeros(len(MODALITIES), dim, dim))

    def _projection(self) -> Tensor:
        identity = torch.eye(self.correction.shape[1])
        return torch.softmax(self.prior, 0)[:, None, None] * (identity + self.correction)

    def parts(self, vectors: Tensor, there: Tensor) -> Tensor:
        return torch.einsum("ntd,tde->nte", vectors, self._projection())

    def tensors(self) -> dict[str, Tensor]:
        return {"projection": self._projection().detach()}


class AttentionForm(FusionForm):
    """One transformer layer over modality tokens, see :mod:`mmpipe.fusion.attention`."""

    kind = "gated_attention"

    def __init__(self, dim: int, weights: Mapping[str, float], width: int = 64) -> None:
        super().__init__(weights)
        for name, shape in shapes(dim, width).items():
            if name == "prior":
                continue
            if name in ("gate", "correct") or name.endswith("bias"):
                start = torch.zeros(shape)
            elif name.endswith("weight"):
                start = torch.ones(shape)
            else:
                # Unit vectors have entries of about 1/sqrt(dim): narrow's own are larger to make up for it.
                start = torch.randn(shape) / (1.0 if name == "narrow" else shape[0] ** 0.5)
            self.register_parameter(name, nn.Parameter(start))

    def parts(self, vectors: Tensor, there: Tensor) -> Tensor:
        t = dict(self.named_parameters())
        n, count, _ = vectors.shape
        tokens = vectors @ t["narrow"] + t["modality"]
        width = tokens.shape[2]
        flat = self._norm(tokens, "norm1") @ t["attend"] + t["attend_bias"]
        query, key, value = flat.reshape(n, count, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) / (width // HEADS) ** 0.5
        shares = torch.softmax(scores.masked_fill(~there[:, None, None, :], _ABSENT), -1)
        tokens = tokens + (shares @ value).transpose(1, 2).reshape(n, count, width) @ t["merge"]
        hidden = F.gelu(self._norm(tokens, "norm2") @ t["wide"] + t["wide_bias"], approximate="tanh")
        tokens = tokens + hidden @ t["back"]
        seen = self._norm(tokens, "norm3")
        logits = t["prior"] + torch.einsum("ntw,wt->nt", seen, t["gate"])
        gates = torch.softmax(logits.masked_fill(~there, _ABSENT), -1)
        return gates[..., None] * (vectors + seen @ t["correct"])

    def tensors(self) -> dict[str, Tensor]:
        return {name: tensor.detach() for name, tensor in self.named_parameters()}

    def _norm(self, tokens: Tensor, place: str) -> Tensor:
        weight, bias = getattr(self, f"{place}_weight"), getattr(self, f"{place}_bias")
        return F.layer_norm(tokens, tokens.shape[-1:], weight, bias, NORM_EPS)


def form_of(kind: FusionKind, dim: int, weights: Mapping[str, float]) -> FusionForm:
    """A form at its start: the weighted mean of ``weights``. Slots have none, see
    :func:`mmpipe.learn.fusion_slots.fit`."""
    if kind == "slots":
        raise ValueError("slots are fitted, they have no start")
    if kind == "concat_projection":
        return ConcatForm(dim, weights)
    if kind == "gated_attention":
        return AttentionForm(dim, weights)
    return WeightedForm(weights)


def save(form: FusionForm, path: Path) -> None:
    """Write the weight file that :func:`mmpipe.fusion.load` reads; matrices as float16."""
    tensors = {
        name: tensor.to(torch.float16 if tensor.dim() > 1 else torch.float32).contiguous()
        for name, tensor in form.tensors().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"kind": form.kind, "weights": json.dumps(form.weights())})
    path.chmod(0o644)  # safetensors writes files only their owner may read

"""Slots (:mod:`mmpipe.fusion.slots`) from a table of vectors: what products are made by needs no descent.

The joint space S is spanned by the first eigenvectors of the second moments of texts and pictures, looks
move to where the last ones are, and the maps that fill a slot are ridge regressions of pictures on texts
and of texts on pictures, with mean and covariance of what they were learnt from. What words weigh beside
looks is tried out, and what queries of both show is learnt, see :func:`mmpipe.learn.fusion.train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality, Vectors
from mmpipe.fusion.slots import Slots, plain
from mmpipe.learn.fusion_forms import FusionForm

if TYPE_CHECKING:
    from mmpipe.fusion.base import Mask
    from mmpipe.learn.fusion_table import Table

Numbers = NDArray[np.float64]

WIDTH = 64
_RIDGE = 1.0
# Added to variances, whose mean is below 1 / 64: directions that hardly vary say little of what is known.
_VARIANCE = 1e-3
# The share of what a map is learnt from that lies within its reach: the rest may be anything.
_WITHIN = 0.99


class SlotsForm(FusionForm):
    """The fusion itself as a form: it has no gradients."""

    kind = "slots"

    def __init__(self, weights: Mapping[str, float], tensors: Mapping[str, Vectors]) -> None:
        super().__init__(weights)
        self._tensors = dict(tensors)
        self._fusion = Slots(FusionInfo("slots", "", self.weights()), tensors)

    def forward(self, vectors: Tensor, there: Tensor) -> Tensor:
        return torch.from_numpy(self._fusion.fuse(*_named(vectors, there))[0])

    def ask(self, vectors: Tensor, there: Tensor) -> Tensor:
        return torch.from_numpy(self._fusion.ask(*_named(vectors, there))[0])

    def parts(self, vectors: Tensor, there: Tensor) -> Tensor:
        found = self._fusion.parts(*_named(vectors, there))
        return torch.from_numpy(np.stack([found[m] for m in MODALITIES], axis=1))

    def tensors(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(array) for name, array in self._tensors.items()}


def fit(table: Table, share: float) -> dict[str, Vectors]:
    """The tensors of :func:`mmpipe.fusion.slots.shapes` for these encoders, by the table's products, and
    ``share`` as that of words."""
    text, image = (np.asarray(rows, np.float64) for rows in (table.text, table.image))
    dim = text.shape[1]
    width = min(WIDTH, dim // 2)
    directions = np.linalg.eigh(text.T @ text + image.T @ image)[1]
    basis = directions[:, ::-1][:, :width]
    words, looks = text @ basis, image @ basis
    # What fills words is learnt from looks, and the other way round.
    (by_looks, within_looks), (by_words, within_words) = _known(looks), _known(words)
    found = {
        "basis": basis,
        "moved": directions[:, :width],
        "looks": _ridge(words, looks),
        "words": _ridge(looks, words),
        "known": np.stack([by_looks, by_words]),
        "reach": np.array([within_looks, within_words]),
        "gap": looks.mean(axis=0) - words.mean(axis=0),
        "asked": plain(width),
        "gate": np.zeros(2 * width + 1),
        "shares": np.array([share, 1.0 - share]),
    }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in found.items()}


class Asking(nn.Module):
    """What queries of text and picture show, ``asked`` and ``gate`` of a form's tensors, to be learnt."""

    def __init__(self, form: SlotsForm) -> None:
        super().__init__()
        found = form.tensors()
        self._basis, self._start = found["basis"], found["asked"]
        places = torch.stack([found["basis"].T, found["moved"].T])
        self._into = found["shares"].sqrt()[:, None, None] * places
        self.asked = nn.Parameter(self._start.clone())
        self.gate = nn.Parameter(found["gate"].clone())

    def forward(self, text: Tensor, image: Tensor) -> Tensor:
        """The queries' unit vectors."""
        inside = torch.stack([text, image], dim=1) @ self._basis
        lean = (inside.flatten(1) @ self.gate[:-1] + self.gate[-1]) / 2
        gates = torch.stack([lean, -lean], dim=1).exp()
        return F.normalize(torch.einsum("ni,nik,ijkl,jld->nd", gates, inside, self.asked, self._into), dim=1)

    def kept(self, share: float) -> dict[str, Vectors]:
        """The tensors, ``share`` of the way from the start to what was learnt."""
        asked = torch.lerp(self._start, self.asked.detach(), share)
        return {"asked": asked.numpy(), "gate": (share * self.gate.detach()).numpy()}


def _ridge(given: Numbers, wanted: Numbers) -> Numbers:
    """The map of coordinates with a last row that is added."""
    rows = np.c_[given, np.ones(len(given))]
    found: Numbers = np.linalg.solve(rows.T @ rows + _RIDGE * np.eye(rows.shape[1]), rows.T @ wanted)
    return found


def _known(given: Numbers) -> tuple[Numbers, float]:
    """What turns coordinates, with a last row that is added, into ones of mean 0 and variance 1; and the
    squared length within which :data:`_WITHIN` of these are."""
    mean = given.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(given.T, bias=True) + _VARIANCE * np.eye(given.shape[1]))
    turned = vectors / np.sqrt(values)
    lengths = np.square((given - mean) @ turned).sum(axis=1)
    return np.vstack([turned, -mean @ turned]), float(np.quantile(lengths, _WITHIN))


def _named(vectors: Tensor, there: Tensor) -> tuple[dict[Modality, Vectors], dict[Modality, Mask]]:
    rows, present = vectors.detach().numpy(), there.numpy()
    return (
        {m: np.ascontiguousarray(rows[:, i]) for i, m in enumerate(MODALITIES)},
        {m: present[:, i] for i, m in enumerate(MODALITIES)},
    )

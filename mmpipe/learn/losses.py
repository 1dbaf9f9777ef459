"""Contrastive losses. Vectors are unit length; ``scale`` multiplies cosine similarities (1 / temperature)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_MASKED = -1e4  # exp() of it is zero in float32, without the NaN that -inf can leave in gradients


def info_nce(
    left: Tensor, right: Tensor, scale: Tensor, same: Tensor | None = None, weights: Tensor | None = None
) -> Tensor:
    """InfoNCE in both directions (Oord et al. 2018; Radford et al. 2021, CLIP), rows paired by index.

    ``same[i, j]`` marks near-duplicates of pair ``i``, which are no negatives for it. ``weights`` (one a
    pair) makes the mean over pairs a weighted one.
    """
    logits = scale * left @ right.T
    if same is not None:
        duplicate = same & ~torch.eye(len(left), dtype=torch.bool, device=same.device)
        logits = logits.masked_fill(duplicate, _MASKED)
    targets = torch.arange(len(left), device=logits.device)
    if weights is None:
        return 0.5 * (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets))
    terms = F.cross_entropy(logits, targets, reduction="none")
    terms = terms + F.cross_entropy(logits.T, targets, reduction="none")
    return 0.5 * (weights * terms).sum() / weights.sum()


def multi_positive(queries: Tensor, items: Tensor, scale: Tensor, positive: Tensor, ignore: Tensor) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, L_out) in both directions.

    A query has every item of ``positive`` (bool, queries × items) as its answer; pairs in ``ignore`` are
    neither answers nor negatives. Queries and items without any positive do not count.
    """
    logits = (scale * queries @ items.T).masked_fill(ignore & ~positive, _MASKED)
    return 0.5 * (_mean_positive(logits, positive) + _mean_positive(logits.T, positive.T))


def _mean_positive(logits: Tensor, positive: Tensor) -> Tensor:
    counts = positive.sum(1)
    log_share = torch.log_softmax(logits, dim=1)
    per_row = -(log_share * positive).sum(1) / counts.clamp_min(1)
    return per_row.sum() / (counts > 0).sum().clamp_min(1)


def triplet_semi_hard(
    anchors: Tensor, items: Tensor, positive: Tensor, margin: float = 0.2, weights: Tensor | None = None
) -> Tensor:
    """Triplet loss with semi-hard mining (Schroff et al. 2015, FaceNet) on cosine distance.

    Rows are paired by index; ``positive`` marks the pairs that are no negatives. The negative taken is the
    nearest one farther than the positive, or the farthest one when none is. ``weights`` (one an anchor) makes
    the mean over anchors a weighted one.
    """
    distance = 1.0 - anchors @ items.T
    own = distance.diagonal()[:, None]
    farther = (~positive) & (distance > own)
    nearest_farther = distance.masked_fill(~farther, float("inf")).amin(1)
    farthest = distance.masked_fill(positive, float("-inf")).amax(1)
    chosen = torch.where(farther.any(1), nearest_farther, farthest)
    usable = (~positive).any(1)
    terms = F.relu(own[:, 0] - chosen + margin)
    kept = torch.where(usable, terms, torch.zeros_like(terms))
    if weights is None:
        return kept.sum() / usable.sum().clamp_min(1)
    return (weights * kept).sum() / (weights * usable).sum().clamp_min(1e-6)


def siamese_margin(
    left: Tensor, right: Tensor, same: Tensor, margin: float = 0.5, weights: Tensor | None = None
) -> Tensor:
    """Contrastive margin loss of pairs (Hadsell et al. 2006): ``d²`` or ``max(0, margin - d)²``, halved.

    ``d`` is the Euclidean distance of the unit vectors; ``same`` is a bool per pair. ``weights`` (one a pair)
    makes the mean over pairs a weighted one.
    """
    distance = (left - right).pow(2).sum(1).clamp_min(1e-12).sqrt()
    apart = F.relu(margin - distance).pow(2)
    terms = torch.where(same, distance.pow(2), apart)
    if weights is None:
        return 0.5 * terms.mean()
    return 0.5 * (weights * terms).sum() / weights.sum()

"""The recipe's own losses, beside those of every contrastive training."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def prototype_loss(items: Tensor, prototypes: Tensor, scale: Tensor, labels: Tensor, prior: Tensor) -> Tensor:
    """Cross-entropy of items against one vector a class, logits adjusted by the class prior.

    Adding ``log prior`` in training (Menon et al. 2021) keeps rare classes from being ranked below
    frequent ones; a label of -1 does not count.
    """
    logits = scale * items @ prototypes.T + prior.log()
    return F.cross_entropy(logits, labels, ignore_index=-1)


def alignment(left: Tensor, right: Tensor) -> Tensor:
    """Mean cosine distance of paired unit vectors."""
    return (1.0 - (left * right).sum(1)).mean()

"""What is trained: the towers, temperatures, and classification heads, of which one ships."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.features import Vocabulary, pack
from mmpipe.encoders.starter.towers import IMAGE_FEATURES, Concepts, ImageTower, TextTower

_MAX_SCALE = 100.0
# Chosen on the dev split: more finds article types better and single products worse.
_STRENGTH = 0.25


class StarterModel(nn.Module):
    """Text and image towers; ``heads["by_" + field]`` classifies pooled image features.

    The heads shape the features in training. That of article types ships as :meth:`concepts`.
    """

    def __init__(self, vocabulary: Vocabulary, classes: dict[str, int]) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.text = TextTower(len(vocabulary))
        self.image = ImageTower(norm=True)
        self.heads = nn.ModuleDict({f"by_{f}": nn.Linear(IMAGE_FEATURES, n) for f, n in classes.items()})
        self.log_scale = nn.Parameter(torch.full((3,), math.log(14.0)))

    @property
    def scales(self) -> Tensor:
        """The learned inverse temperatures of titles, attribute queries and prototypes."""
        return self.log_scale.exp().clamp(max=_MAX_SCALE)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors of texts."""
        return self.encode_packed(*(torch.from_numpy(a) for a in pack(self.vocabulary, texts)))

    def encode_packed(self, rows: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """Unit vectors of texts that :func:`~mmpipe.encoders.starter.features.pack` has looked up."""
        return F.normalize(self.text(rows, weights, offsets).float(), dim=1)

    def encode_images(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``(unit vectors, pooled features)`` of float images on the trunk's canvas."""
        features = self.image.trunk_features(images)
        return F.normalize(self.image.project(features).float(), dim=1), features

    def concepts(self, names: Sequence[str]) -> Concepts:
        """The shipped image tower's concepts: the head of article types, whose classes are called ``names``,
        and as values the text vectors of the names, times a strength."""
        head = self.heads["by_type"]
        concepts = Concepts(len(names))
        concepts.keys.load_state_dict(head.state_dict())
        concepts.values.data = _STRENGTH * self.encode_texts(names).detach()
        return concepts

"""What is trained of the image tower's second eye, and one step of it.

The trunk and the text tower are those that ``training.towers`` made, and stay. The second eye's last blocks
learn to find titles, attributes, types and each other alone, not beside the trunk: the trunk knows its own
training pictures by heart, and would leave nothing to learn.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.backbone import FEATURES, Backbone
from mmpipe.encoders.starter.encoders import StarterText
from mmpipe.encoders.starter.towers import DIM
from mmpipe.learn.answers import match
from mmpipe.learn.losses import multi_positive
from mmpipe.learn.precision import autocast
from training.asked import Asked, asked_of
from training.batches import Rows, Shares, grocery_rows
from training.losses import prototype_loss
from training.recipe import Recipe, Sources, head_loss, photo_loss, same_kind
from training.standing import BLOCKS, Standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.standing import Maps

_MASKED = -1e4
_BANK, _QUEUE = 4_096, 8_192  # titles and pictures that are negatives beside those of the batch
_DROPOUT = 0.1
_MAX_SCALE = 60.0
VIEWS = {"fashion": 4, "grocery": 5, "sample": 1}  # the picture as it is, and augmented ones


class Eye(nn.Module):
    """The backbone's learning blocks, a projection, heads and temperatures."""

    def __init__(self, backbone: Backbone, classes: dict[str, int]) -> None:
        """Takes ``backbone``'s last blocks (training form), whose statistics then stand."""
        super().__init__()
        backbone.learn_from(0)
        self.blocks = nn.Sequential(*list(backbone.blocks)[BLOCKS:], backbone.head)
        self.blocks.requires_grad_(True)
        self.project = nn.Linear(FEATURES, DIM)
        self.heads = nn.ModuleDict({f"by_{f}": nn.Linear(FEATURES, n) for f, n in classes.items()})
        self.log_scale = nn.Parameter(torch.full((3,), math.log(20.0)))

    @property
    def scales(self) -> Tensor:
        """The learned inverse temperatures of titles, attribute queries and types."""
        return self.log_scale.exp().clamp(max=_MAX_SCALE)

    def features(self, maps: Tensor) -> Tensor:
        """Mean features of what the standing blocks see, ``(n, FEATURES)``, float32."""
        with autocast(maps.device):
            seen: Tensor = self.blocks(maps)
        return seen.float().mean((2, 3))

    def vectors(self, features: Tensor) -> Tensor:
        """Unit vectors."""
        return F.normalize(self.project(features), dim=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pictures as maps, and what is asked of them. ``bank`` are rows of fashion titles."""

    maps: NDArray[np.int8]
    titles: Tensor
    queries: Tensor
    labels: Tensor
    groups: Tensor
    photo: NDArray[np.bool_]
    grocery: tuple[int, int]
    positive: Tensor
    ignore: Tensor
    bank: Tensor
    types: Tensor


class EyeRecipe:
    """Builds batches from kept maps and their loss; batches are deterministic in ``(seed, step)``."""

    def __init__(
        self, recipe: Recipe, standing: Standing, text: StarterText, shares: Shares, seed: int
    ) -> None:
        """``recipe`` is the towers': it numbers the labels, so that types keep their numbers, and weighs the
        losses."""
        self._recipe, self._standing, self._shares = recipe, standing, shares
        self._seed = seed
        self.sources: Sources = recipe.sources
        standing.settle(list(self.sources.all))
        self._maps: list[list[Maps]] = [
            [standing.maps(source, view) for view in range(VIEWS[source.name])] for source in self.sources.all
        ]
        self._asked: list[Asked] = [asked_of(source, text, seed) for source in self.sources.all]
        types = (
            recipe.labels[0][:, 0],
            recipe.labels[2][:, 0] if len(self.sources.sample) else np.zeros(0, int),
        )
        self._fashion = Rows(types[0], seed, hard=0.5, rare=0.08)
        self._sample = Rows(types[1], seed + 1, hard=0.5, rare=0.0)
        numbers: dict[str, int] = {}
        self._groups = [
            np.array([numbers.setdefault(item.group, len(numbers)) for item in source.items], dtype=np.int64)
            for source in self.sources.all
        ]
        self._bank = torch.from_numpy(self._asked[0].titles[0].astype(np.float32))
        self._types = {
            language: torch.from_numpy(text.embed_documents(recipe.type_surfaces(language)))
            for language in ("en", "zh")
        }
        self._queue, self._queued = torch.zeros(0, DIM), torch.zeros(0, dtype=torch.int64)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Batch]] = {}
        sys.setswitchinterval(2e-4)

    def prepare(self, step: int) -> Batch:
        """Everything of step ``step`` that does not depend on the model."""
        rng = np.random.default_rng([self._seed, 9, step])
        rows = (
            self._fashion.batch(step, self._shares.fashion),
            grocery_rows(self.sources.grocery, self._seed, step, self._shares.grocery),
            self._sample.batch(step, self._shares.sample if len(self.sources.sample) else 0),
        )
        drawn = [asked.drawn(picked, rng) for asked, picked in zip(self._asked, rows, strict=True)]
        titles, queries, fields = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        values = np.concatenate([labels[r] for labels, r in zip(self._recipe.labels, rows, strict=True)])
        positive, ignore = match(values, fields & (values >= 0), np.arange(len(values)))
        photo = np.concatenate([s.photo[r] for s, r in zip(self.sources.all, rows, strict=True)])
        return Batch(
            maps=np.concatenate([_gather(maps, r, rng) for maps, r in zip(self._maps, rows, strict=True)]),
            titles=torch.from_numpy(titles),
            queries=torch.from_numpy(queries),
            labels=torch.from_numpy(values),
            groups=torch.from_numpy(np.concatenate([g[r] for g, r in zip(self._groups, rows, strict=True)])),
            photo=photo,
            grocery=(len(rows[0]), len(rows[0]) + len(rows[1])),
            positive=torch.from_numpy(positive),
            ignore=torch.from_numpy(ignore),
            bank=torch.from_numpy(rng.integers(0, len(self._bank), _BANK)),
            types=self._types["zh" if rng.random() < 0.5 else "en"],
        )

    def loss(self, module: nn.Module, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of training step ``step``, and its parts. Another thread makes the next step's batch."""
        if not isinstance(module, Eye):
            raise TypeError(f"the recipe trains an Eye, not {type(module).__name__}")
        ready = self._ahead.pop(step, None)
        batch = ready.result() if ready is not None else self.prepare(step)
        self._ahead = {step + 1: self._thread.submit(self.prepare, step + 1)}
        weights, labels = self._recipe.weights, batch.labels
        features = F.dropout(module.features(self._standing.opened(batch.maps)), _DROPOUT, module.training)
        seen, scales = module.vectors(features), module.scales
        parts = {
            "titles": (weights.titles, self._titles(seen, batch, scales[0])),
            "attributes": (
                weights.attributes,
                multi_positive(batch.queries, seen, scales[1], batch.positive, batch.ignore),
            ),
            "types": (
                weights.prototypes,
                prototype_loss(seen, batch.types, scales[2], labels[:, 0], self._recipe.prior),
            ),
            "kinds": (weights.kinds, multi_positive(seen, seen, scales[2], *same_kind(labels[:, 0]))),
            "heads": (weights.heads, head_loss(module.heads, features, labels)),
            "photos": (
                weights.photos,
                photo_loss(seen, batch.photo, _same(batch.groups).numpy(), batch.grocery, scales[0]),
            ),
        }
        total = torch.stack([weight * value for weight, value in parts.values()]).sum()
        return total, {name: float(value.detach()) for name, (_, value) in parts.items()}

    def _titles(self, seen: Tensor, batch: Batch, scale: Tensor) -> Tensor:
        """InfoNCE both ways. A picture has other fashion titles as negatives beside the batch's, a title the
        pictures of the steps before."""
        groups, bank = batch.groups, batch.bank
        same = _same(groups) & ~torch.eye(len(groups), dtype=torch.bool)
        inside = (scale * seen @ batch.titles.T).masked_fill(same, _MASKED)
        known = groups[:, None] == torch.from_numpy(self._groups[0])[bank][None, :]
        titles = (scale * seen @ self._bank[bank].T).masked_fill(known, _MASKED)
        earlier = (scale * batch.titles @ self._queue.T).masked_fill(
            groups[:, None] == self._queued[None, :], _MASKED
        )
        own = torch.arange(len(groups))
        self._queue = torch.cat([seen.detach(), self._queue])[:_QUEUE]
        self._queued = torch.cat([groups, self._queued])[:_QUEUE]
        return 0.5 * (
            F.cross_entropy(torch.cat([inside, titles], 1), own)
            + F.cross_entropy(torch.cat([inside.T, earlier], 1), own)
        )


def _same(groups: Tensor) -> Tensor:
    return groups[:, None] == groups[None, :]


def _gather(views: list[Maps], rows: NDArray[np.int64], rng: np.random.Generator) -> Maps:
    """A random view of each row, read in the order in which they lie on disk."""
    chosen = rng.integers(0, len(views), len(rows))
    found = np.empty((len(rows), *views[0].shape[1:]), dtype=np.int8)
    for view, maps in enumerate(views):
        places = np.flatnonzero(chosen == view)
        places = places[np.argsort(rows[places], kind="stable")]
        found[places] = maps[rows[places]]
    return found

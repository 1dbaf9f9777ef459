"""By which features of both eyes the image tower recognises article types, learnt on what both see."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.processor import has_amx
from mmpipe.encoders.starter import backbone
from mmpipe.encoders.starter.towers import IMAGE_FEATURES, ImageTower
from mmpipe.learn.data import Source
from mmpipe.learn.loop import say
from training.data import on_canvas
from training.standing import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Features = NDArray[np.float16]

_BEGUN = 2.0  # the sum of two classifiers' scores, of which the tower has the mean
_DROPPED = (0.5, 0.2)  # of the trunk's features, for it knows its training pictures by heart; the backbone's
_SMOOTHING = 0.05
_DECAY = 0.05
_LEAST_SPREAD = 1e-3
_BATCH, _PART = 8, 512


def seen(tower: ImageTower, source: Source, folder: Path) -> Features:
    """What both eyes see of every picture: float16 ``(len(source), 1792)``, kept in ``folder`` by what the
    pictures and the eyes are.

    ``tower`` sees in bfloat16 where that is fast, as it does when it serves.
    """
    mark = zlib.crc32(np.ascontiguousarray(source.pixels).tobytes())
    for name, tensor in sorted(tower.state_dict().items()):
        if name.startswith(("trunk.", "backbone.")):
            mark = zlib.crc32(tensor.contiguous().numpy().tobytes(), mark)
    file = folder / f"seen-{source.name}-{mark:08x}.npy"
    if not file.is_file():
        say(f"looking at {len(source)} pictures of {source.name}")
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, _look(tower, source))
    found: Features = np.load(file)
    return found


def _look(tower: ImageTower, source: Source) -> Features:
    kind = torch.bfloat16 if has_amx() else torch.float32
    eyes = copy.deepcopy(tower).eval()
    eyes.to(kind).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = np.empty((len(source), IMAGE_FEATURES + backbone.FEATURES), dtype=np.float16)
    with torch.inference_mode():
        for start in range(0, len(source), _PART):
            images = scaled(on_canvas(source, slice(start, start + _PART))).to(kind)
            for row in range(0, len(images), _BATCH):
                few = images[row : row + _BATCH].contiguous(memory_format=torch.channels_last)
                found[start + row : start + row + len(few)] = eyes.features(few).float().numpy()
    return found


def learn(
    keys: nn.Linear,
    features: Tensor,
    labels: Tensor,
    *,
    passes: int = 3,
    batch: int = 512,
    rate: float = 1e-3,
    seed: int,
) -> nn.Linear:
    """Keys by which ``features``, ``(n, 1792)``, tell ``labels``, ``(n,)``; rows of label -1 teach nothing.

    They begin from twice ``keys``, the mean of a classifier an eye, for begun from nothing they tell new
    pictures no better than those; they see every row ``passes`` times; deterministic in ``seed``. Learnt on
    features of one standard deviation each, they are for features as they are.
    """
    known = torch.nonzero(labels >= 0)[:, 0]
    spread = features[known].std(0) + _LEAST_SPREAD
    learnt = nn.Linear(keys.in_features, keys.out_features)
    learnt.weight.data = _BEGUN * keys.weight.detach() * spread
    learnt.bias.data = _BEGUN * keys.bias.detach()
    optimiser = torch.optim.AdamW(learnt.parameters(), lr=rate, weight_decay=_DECAY)
    total = passes * math.ceil(len(known) / batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, total))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for number in range(passes):
            losses = []
            for rows in torch.split(known[torch.randperm(len(known))], batch):
                near, far = (features[rows] / spread).tensor_split([IMAGE_FEATURES], dim=1)
                shown = torch.cat([F.dropout(near, _DROPPED[0]), F.dropout(far, _DROPPED[1])], dim=1)
                loss = F.cross_entropy(learnt(shown), labels[rows], label_smoothing=_SMOOTHING)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                losses.append(float(loss.detach()))
            say(f"pass {number + 1}: loss {np.mean(losses):.4f}")
    learnt.weight.data /= spread
    return learnt.requires_grad_(False)


def with_learnt_keys(
    state: Mapping[str, Tensor], sources: Sequence[Source], labels: Sequence[Tensor], folder: Path, seed: int
) -> dict[str, Tensor]:
    """The ``state`` of a tower with two eyes whose keys were learnt on what they see of all
    ``sources``; ``labels`` number the rows' types in the order of the tower's concepts, -1 where unknown.

    What is seen is kept in ``folder``.
    """
    tower = ImageTower(norm=False, concepts=len(state["concepts.values"]), two_eyes=True).eval()
    tower.load_state_dict(state)
    assert tower.concepts is not None
    features = np.concatenate([seen(tower, source, folder) for source in sources])
    keys = learn(tower.concepts.keys, torch.from_numpy(features).float(), torch.cat(list(labels)), seed=seed)
    return {**state, **{f"concepts.keys.{name}": tensor for name, tensor in keys.state_dict().items()}}

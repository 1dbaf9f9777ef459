"""Let pictures say how near they are to texts that do not mean them, so that these do not find them first.

::

    python -m training.hubs --data DIR --towers RUN --weights FOLDER --cache RUN2

Some pictures are near to every title. How near, an inverted softmax (Smith et al. 2017) over many titles
tells, each picture's own left out; ``FOLDER``'s image tower learns to tell it from what it sees, and both
towers get a direction for it (:class:`~mmpipe.encoders.starter.towers.Hubness`). ``image.safetensors`` and
``text.safetensors`` are written anew; of a folder that has been through this once nothing else changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from mmpipe.encoders.starter.loader import load_image, load_text
from mmpipe.encoders.starter.towers import DIM, Hubness, ImageTower
from mmpipe.encoders.starter.weights import read_tensors
from mmpipe.learn.data import Source
from mmpipe.learn.export import save_tower
from mmpipe.learn.loop import say
from training.data import read_fashion, read_grocery
from training.keys import seen
from training.renders import read_renders

# All chosen on the half of KAGL's dev queries that chooses, by what its photos and look-alikes lose.
SHARPNESS = 40.0  # of the softmax
STRENGTH = 0.75  # how much of what it tells is taken off
CONSTANT = 0.3  # of texts, along the direction: what is taken off pictures is as much larger there
_OF_KIND = 0.5  # how much of their type's own mean pictures keep: how many texts name it differs by shop
_FEWEST = 5  # pictures of a type that have a mean of their own
_LOUD = 4.0  # inputs are numbers far below 1
_BATCH, _DECAY, _STEPS = 1_024, 1e-3, 2_000
_CHUNK = 1_024
_MASKED = -1e4


def nearness(pictures: Tensor, texts: Tensor, own: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """``log Σ exp(sharpness · cosine) / sharpness`` of every picture over all ``texts`` but the one in row
    ``own`` (-1: it has none), float32 ``(pictures,)``. Vectors have unit length."""
    found = []
    for rows in torch.split(torch.arange(len(pictures)), _CHUNK):
        scores = sharpness * pictures[rows] @ texts.T
        named = torch.nonzero(own[rows] >= 0)[:, 0]
        scores[named, own[rows][named]] = _MASKED
        found.append(torch.logsumexp(scores, dim=1) / sharpness)
    return torch.cat(found)


def beside_their_kind(values: Tensor, kinds: Sequence[str], sources: Sequence[str]) -> Tensor:
    """``values`` less their source's mean, and half of what is left of their kind's mean there."""
    found = values.clone()
    origin, kind = np.asarray(sources), np.asarray(kinds)
    for source in np.unique(origin):
        here = origin == source
        rows = torch.from_numpy(here)
        found[rows] -= found[rows].mean()
        for one in np.unique(kind[here]):
            alike = torch.from_numpy(here & (kind == one))
            if int(alike.sum()) >= _FEWEST:
                found[alike] -= (1.0 - _OF_KIND) * found[alike].mean()
    return found


def learn(
    vectors: Tensor, recognised: Tensor, values: Tensor, *, steps: int = _STEPS, rate: float = 3e-3, seed: int
) -> Hubness:
    """A module that tells ``values`` of unit ``vectors`` and what was ``recognised``; deterministic in
    ``seed``. Its ``direction`` is still nowhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Hubness(recognised.shape[1])
        inputs = _LOUD * torch.cat([vectors, recognised], dim=1)
        spread = values.std()
        optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        losses = []
        for _ in range(steps):
            rows = torch.randint(0, len(values), (_BATCH,))
            told = module.told(inputs[rows])[:, 0]
            loss = (told - values[rows] / spread).square().mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
    say(f"hubness: {1.0 - np.mean(losses[-steps // 10 :]):.3f} of its variance is told")
    with torch.no_grad():
        module.inner.weight.mul_(_LOUD)
        for part in (module.outer.weight, module.outer.bias):
            part.mul_(-STRENGTH / CONSTANT * spread)
    return module.requires_grad_(False)


def unused(*vectors: Tensor) -> Tensor:
    """The unit direction in which all these vectors have least of their length."""
    moments = torch.stack([rows.double().T @ rows.double() / len(rows) for rows in vectors]).sum(0)
    directions: Tensor = torch.linalg.eigh(moments)[1]
    return directions[:, 0].float()


def with_hubness(
    tower: ImageTower, features: Tensor, texts: Tensor, own: Tensor, kinds: Sequence[str],
    sources: Sequence[str], seed: int, steps: int = _STEPS,
) -> ImageTower:  # fmt: skip
    """``tower`` with its hubness, learnt from what it saw of pictures, the ``features``, and unit ``texts``.

    ``own`` is each picture's text, ``kinds`` and ``sources`` name what it is and where it is from. The
    hubness it may have had before counts for nothing.
    """
    tower.hubness = None
    assert tower.concepts is not None
    with torch.inference_mode():
        parts = [(tower.of_features(some), tower.concepts(some)) for some in torch.split(features, _CHUNK)]
        vectors, recognised = (torch.cat(found) for found in zip(*parts, strict=True))
    vectors = F.normalize(vectors.float(), dim=1).clone()
    values = beside_their_kind(nearness(vectors, texts, own), kinds, sources)
    module = learn(vectors, recognised.clone(), values, steps=steps, seed=seed)
    module.direction.copy_(unused(vectors, texts))
    tower.hubness = module
    return tower


def all_texts(sources: Sequence[Source]) -> tuple[list[str], list[int]]:
    """Every different title of these products, and each picture's row of them; titles that differ in
    spelling only are one."""
    rows: dict[str, int] = {}
    texts: list[str] = []
    own: list[int] = []
    for item in (item for source in sources for item in source.items):
        if item.group not in rows:
            rows[item.group] = len(texts)
            texts.append(item.title)
        own.append(rows[item.group])
    return texts, own


def replace_constant(path: Path, constant: Tensor) -> None:
    """The text tower's file with another constant, all else as it was."""
    with safe_open(path, framework="pt") as file:
        metadata: Mapping[str, str] | None = file.metadata()
    tensors = read_tensors(path)
    save_file({**tensors, "constant": constant.half()}, path, metadata=dict(metadata or {}))


def main(argv: list[str] | None = None) -> None:
    """Teach both towers of a folder."""
    parser = argparse.ArgumentParser(prog="python -m training.hubs", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/ and grocery/")
    parser.add_argument("--towers", type=Path, required=True, help="the folder of training.towers' run")
    parser.add_argument("--weights", type=Path, required=True, help="the weights whose towers learn")
    parser.add_argument("--cache", type=Path, required=True, help="where what the eyes see is kept")
    parser.add_argument("--renders", type=int, default=6_000)
    parser.add_argument("--render-seed", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    sources = [
        read_fashion(options.data)[0],
        read_grocery(options.data)[0],
        read_renders(options.renders, options.render_seed, options.towers),
    ]
    image, text = (options.weights / f"{name}.safetensors" for name in ("image", "text"))
    replace_constant(text, torch.zeros(DIM))
    tower = load_image(image).eval()
    features = np.concatenate([seen(tower, source, options.cache) for source in sources])
    titles, own = all_texts(sources)
    found = with_hubness(
        tower,
        torch.from_numpy(features).float(),
        torch.from_numpy(load_text(text).embed_documents(titles)),
        torch.tensor(own),
        [item.terms["type"].concept if "type" in item.terms else "" for s in sources for item in s.items],
        [source.name for source in sources for _ in source.items],
        options.seed,
    )
    assert found.hubness is not None
    save_tower(found.state_dict(), image)
    replace_constant(text, CONSTANT * found.hubness.direction)


if __name__ == "__main__":
    main()

"""Learn anew by which features of both eyes the image tower recognises article types.

::

    python -m training.keys --data DIR --towers RUN --weights WEIGHTS_FOLDER --out RUN3

``RUN`` is where ``training.towers`` kept its renders; ``WEIGHTS_FOLDER`` holds a tower of two eyes, whose
attention has the mean of two classifiers' keys, one an eye. Its ``image.safetensors`` is written anew with
keys that were learnt on both eyes' features together. What the eyes see of every picture is computed once
and kept in ``RUN3``.
"""

from __future__ import annotations

import argparse
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter import backbone
from mmpipe.encoders.starter.encoders import bf16_is_fast
from mmpipe.encoders.starter.loader import load_image, load_text
from mmpipe.encoders.starter.towers import IMAGE_FEATURES, Concepts, ImageTower
from mmpipe.learn.data import Source
from mmpipe.learn.export import save_tower
from mmpipe.learn.loop import say
from training.batches import Shares
from training.data import on_canvas, read_fashion, read_grocery
from training.recipe import Recipe, Sources, Weights
from training.renders import read_renders
from training.second_eye import rows_named
from training.standing import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Features = NDArray[np.float16]

# Of the second eye; how long values are; and how much sharper than learnt the attention is. Set together on
# kept features of the whole corpus, with both halves of the queries and of the photos in view.
SHARE = 0.45
LENGTH = 0.45
SHARPNESS = 2.0
_BEGUN = 2.0  # the sum of two classifiers' scores, of which the tower has the mean
_DROPPED = (0.5, 0.2)  # of the trunk's features, for it knows its training pictures by heart; the backbone's
_SMOOTHING = 0.05
_DECAY = 0.05
_LEAST_SPREAD = 1e-3
_BATCH, _PART = 8, 512


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.keys", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/ and grocery/")
    parser.add_argument("--towers", type=Path, required=True, help="the folder of training.towers' run")
    parser.add_argument("--weights", type=Path, required=True, help="a folder whose image tower has two eyes")
    parser.add_argument("--out", type=Path, required=True, help="folder for what the eyes see")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--renders", type=int, default=6_000)
    parser.add_argument("--render-seed", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    return parser


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
    kind = torch.bfloat16 if bf16_is_fast() else torch.float32
    eyes = ImageTower(norm=False, two_eyes=True)
    eyes.load_state_dict({n: t for n, t in tower.state_dict().items() if not n.startswith("concepts.")})
    eyes.eval().to(kind).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = np.empty((len(source), IMAGE_FEATURES + backbone.FEATURES), dtype=np.float16)
    with torch.inference_mode():
        for start in range(0, len(source), _PART):
            images = scaled(on_canvas(source, slice(start, start + _PART))).to(kind)
            for row in range(0, len(images), _BATCH):
                few = images[row : row + _BATCH].contiguous(memory_format=torch.channels_last)
                found[start + row : start + row + len(few)] = eyes.features(few).float().numpy()
    return found


def learn(
    keys: nn.Linear, features: Tensor, labels: Tensor, passes: int, batch: int, rate: float, seed: int
) -> nn.Linear:
    """Keys by which ``features``, ``(n, 1792)``, tell ``labels``, ``(n,)``; rows of label -1 teach nothing.

    They begin from twice ``keys`` and see every row ``passes`` times; deterministic in ``seed``. Learnt on
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


def with_keys(tower: ImageTower, keys: nn.Linear) -> dict[str, Tensor]:
    """The state of ``tower`` with these keys, :data:`SHARPNESS` times as long, its values :data:`LENGTH` long
    and :data:`SHARE` of the second eye."""
    assert tower.concepts is not None
    state = dict(tower.state_dict())
    state["concepts.keys.weight"] = SHARPNESS * keys.weight
    state["concepts.keys.bias"] = SHARPNESS * keys.bias
    state["concepts.values"] = LENGTH * F.normalize(tower.concepts.values, dim=1)
    state["share"] = torch.tensor(SHARE)
    return {name: tensor.detach() for name, tensor in state.items()}


def is_learnt(concepts: Concepts) -> bool:
    """Whether these are of :func:`with_keys` already."""
    return bool((concepts.values.norm(dim=1).mean() - LENGTH).abs() < 0.1 * LENGTH)


def main(argv: list[str] | None = None) -> None:
    """Learn and export."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(options.threads)
    file = options.weights / "image.safetensors"
    tower = load_image(file).eval()
    if tower.backbone is None or tower.concepts is None:
        raise SystemExit(f"{file} has one eye: run training.second_eye first")
    if is_learnt(tower.concepts):
        say("these keys are learnt already; export training.towers' run and its second eye to start anew")
        return
    fashion, _, _ = read_fashion(options.data)
    grocery, _ = read_grocery(options.data)
    renders = read_renders(options.renders, options.render_seed, options.towers)
    towers = Recipe(Sources(fashion, grocery, renders), Shares(), Weights(), options.seed)
    text = load_text(options.weights / "text.safetensors")
    names = torch.from_numpy(text.embed_documents(towers.type_names))
    row_of = rows_named(names, tower.concepts.values.detach())
    types = torch.from_numpy(np.concatenate([labels[:, 0] for labels in towers.labels]))
    labels = torch.where(types >= 0, row_of[types], -1)
    features = np.concatenate([seen(tower, source, options.out) for source in towers.sources.all])
    keys = learn(tower.concepts.keys, torch.from_numpy(features).float(), labels, options.passes,
                 options.batch, options.learning_rate, options.seed)  # fmt: skip
    save_tower(with_keys(tower, keys), file)


if __name__ == "__main__":
    main()

"""Give the image tower of a weights folder its second eye: train it, and export both as one tower.

::

    python -m training.second_eye --data DIR --towers RUN --weights WEIGHTS_FOLDER --out RUN2

``RUN`` is where ``training.towers`` kept its renders; ``WEIGHTS_FOLDER`` holds what it exported, and its
``image.safetensors`` is written anew. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from mmpipe.encoders.starter.backbone import Backbone
from mmpipe.encoders.starter.loader import load_image, load_text
from mmpipe.encoders.starter.towers import ImageTower, fold_batch_norm
from mmpipe.encoders.starter.weights import dequantise, quantise
from mmpipe.learn.curves import plot_history
from mmpipe.learn.export import save_tower
from mmpipe.learn.loop import LoopSettings, Trainer, say
from mmpipe.learn.measures import Embedders
from training import measures
from training.batches import Shares
from training.data import choosing_photos, read_fashion, read_grocery, read_queries
from training.eye import Eye, EyeRecipe
from training.keys import with_learnt_keys
from training.pretrained import PACKAGES, load_published
from training.recipe import Recipe, Sources, Weights
from training.renders import read_renders
from training.splits import choosing
from training.standing import Standing

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.learn.data import Source
    from training.standing import Maps

# Of the second eye. 0.35 to 0.55 find titles alike, less of it photos and more of it look-alikes better.
SHARE = 0.42
_DISTRACTORS = 6_000
_BATCH = 64
_HEAD_PACE = 3.0  # the new layers learn so much faster than the published ones


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.second_eye", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/ and grocery/")
    parser.add_argument("--towers", type=Path, required=True, help="the folder of training.towers' run")
    parser.add_argument("--weights", type=Path, required=True, help="what was exported of it")
    parser.add_argument("--out", type=Path, required=True, help="folder for maps, checkpoints and curves")
    parser.add_argument("--packages", type=Path, default=PACKAGES, help="where the pretrained backbone is")
    parser.add_argument("--steps", type=int, default=2_100)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--fashion", type=int, default=576, help="fashion pictures a step")
    parser.add_argument("--grocery", type=int, default=128, help="grocery pictures a step")
    parser.add_argument("--sample", type=int, default=64, help="rendered pictures a step")
    parser.add_argument("--renders", type=int, default=6_000)
    parser.add_argument("--render-seed", type=int, default=1_000)
    parser.add_argument("--measure-every", type=int, default=150)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def both_eyes(
    trunk: ImageTower, backbone: Backbone, eye: Eye, names: Tensor, share: float = SHARE
) -> dict[str, Tensor]:
    """The state of a tower with two eyes, folded: both projections, and the mean of what both recognise
    (where :mod:`training.keys` begins), which moves a picture as far as the trunk's concepts did.

    ``backbone`` is the one whose last blocks ``eye`` has, ``names`` are the unit vectors of what the classes
    of its types are called. The trunk may have them in another order, and from a text tower before it was
    finished: each is the one whose name is nearest. Raises :class:`ValueError` where that is not one each.
    """
    assert trunk.concepts is not None
    values = trunk.concepts.values.detach()
    order = (names @ F.normalize(values, dim=1).T).argmax(1)
    if sorted(order.tolist()) != list(range(len(values))):
        raise ValueError("the trunk knows other article types than the second eye")
    first, second = trunk.concepts.keys, eye.heads["by_type"]
    assert isinstance(second, nn.Linear)
    state = {n: t for n, t in trunk.state_dict().items() if not n.startswith("concepts.")}
    state |= {f"backbone.{n}": t for n, t in fold_batch_norm(backbone.state_dict()).items()}
    state |= {f"project_far.{n}": t for n, t in eye.project.state_dict().items()}
    state["share"] = torch.tensor(share)
    state["concepts.keys.weight"] = 0.5 * torch.cat([first.weight[order], second.weight], dim=1)
    state["concepts.keys.bias"] = 0.5 * (first.bias[order] + second.bias)
    state["concepts.values"] = names * values.norm(dim=1).mean()
    return {name: tensor.detach() for name, tensor in state.items()}


class _Measure:
    """What the eye finds alone, for early stopping: dev queries against dev and some train pictures.

    Of queries and shop photos the choosing half only.
    """

    def __init__(self, standing: Standing, parts: tuple[Source, Source, Source], data: Path) -> None:
        train, dev, self._held = parts
        few = train.subset(np.random.default_rng(5).permutation(len(train))[:_DISTRACTORS])
        self._maps = [standing.maps(source, 0) for source in (dev, few)]
        self._shop = standing.maps(self._held, 0)
        self._standing, self._ids = standing, [item.id for item in (*dev.items, *few.items)]
        chosen = choosing([text for text, _ in read_queries(data)])
        self._queries = [q for q, kept in zip(read_queries(data), chosen, strict=True) if kept]
        self._used = np.flatnonzero(choosing_photos(self._held) | ~self._held.photo)
        self.texts: Callable[..., Vectors] | None = None

    def __call__(self, module: nn.Module) -> dict[str, float]:
        assert isinstance(module, Eye)
        assert self.texts is not None
        embed = Embedders(self.texts, lambda _: np.zeros((0, 0), np.float32))
        documents = np.concatenate([self._vectors(module, maps) for maps in self._maps])
        shop = self._vectors(module, self._shop)[self._used]
        found = measures.photo_to_product(self._held.subset(self._used), shop, embed, 0.5)
        figures = measures.text_to_image(self._queries, self._ids, documents, embed)
        return {**figures, "photo": found["image_recall@1"]}

    def _vectors(self, eye: Eye, maps: Maps) -> Vectors:
        with torch.inference_mode():
            parts = [
                eye.vectors(eye.features(self._standing.opened(np.array(maps[s : s + _BATCH])))).numpy()
                for s in range(0, len(maps), _BATCH)
            ]
        return np.concatenate(parts)


def main(argv: list[str] | None = None) -> None:
    """Train and export."""
    options = arguments().parse_args(argv)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train, dev, _ = read_fashion(options.data)
    grocery, held = read_grocery(options.data)
    renders = read_renders(options.renders, options.render_seed, options.towers)
    shares = Shares(options.fashion, options.grocery, options.sample)
    towers = Recipe(Sources(train, grocery, renders), shares, Weights(photos=0.3), options.seed)
    text = load_text(options.weights / "text.safetensors")
    backbones = [Backbone(norm=True) for _ in range(2)]
    for backbone in backbones:
        load_published(backbone, options.packages)
        backbone.requires_grad_(False)
    standing = Standing(backbones[0], options.out)
    recipe = EyeRecipe(towers, standing, text, shares, options.seed)
    measure = _Measure(standing, (train, dev, held), options.data)
    measure.texts = lambda batch: text.embed_documents(list(batch))
    eyes = [Eye(backbone, towers.classes) for backbone in backbones]
    for eye in eyes:
        eye.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = LoopSettings(options.steps, options.learning_rate, warmup=0.03, ema=0.99,
                            measure_every=options.measure_every)  # fmt: skip
    trainer = Trainer(eyes[0], eyes[1], recipe.loss, measure, "recall@10", settings, options.out,
                      pace=lambda name: 1.0 if name.startswith("blocks.") else _HEAD_PACE)  # fmt: skip
    plot_history(trainer.run(), options.out)
    eyes[1].load_state_dict(load_file(options.out / "best.safetensors"))
    trunk = load_image(options.weights / "image.safetensors")
    if trunk.backbone is not None:
        say("the exported image tower has both eyes already; export training.towers' run again to start anew")
        return
    names = torch.from_numpy(text.embed_documents(towers.type_names))
    # As they ship, so that what they see need not be looked at again for what is learnt after this.
    state = dequantise(quantise(both_eyes(trunk, backbones[1], eyes[1], names)))
    labels = [torch.from_numpy(numbers[:, 0]) for numbers in towers.labels]
    state = with_learnt_keys(state, towers.sources.all, labels, options.out, options.seed)
    save_tower(state, options.weights / "image.safetensors")


if __name__ == "__main__":
    main()

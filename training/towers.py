"""Train the starter profile's text and image towers.

::

    python -m training.towers --data DIR --out RUN
    python -m training.towers --data DIR --out RUN --export WEIGHTS_FOLDER   # write what RUN found best

The same command continues an interrupted run. ``--init-from`` starts from another run's best towers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

import mmpipe.encoders.starter as package
from mmpipe.encoders.starter.features import Vocabulary
from mmpipe.encoders.starter.weights import GLOSSARY
from mmpipe.learn.curves import plot_history
from mmpipe.learn.data import Source
from mmpipe.learn.export import export_image, export_text
from mmpipe.learn.loop import LoopSettings, Trainer, say
from mmpipe.learn.measures import top
from training import measures
from training.batches import Shares
from training.data import choosing_photos, read_fashion, read_grocery, read_queries, read_text_pairs
from training.model import StarterModel
from training.recipe import Recipe, Sources, Weights, embedders_of
from training.renders import read_renders
from training.splits import choosing
from training.vocabulary import build_vocabulary

_ROWS = 32_000
_DISTRACTORS = 6_000


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.towers", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with kagl/, grocery/ and zh/")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, logs and curves")
    parser.add_argument("--steps", type=int, default=3_200)
    parser.add_argument("--learning-rate", type=float, default=1.6e-3)
    parser.add_argument("--warmup", type=float, default=0.03, help="share of the steps")
    parser.add_argument("--fashion", type=int, default=448, help="fashion pictures a step")
    parser.add_argument("--grocery", type=int, default=64, help="grocery pictures a step")
    parser.add_argument("--sample", type=int, default=40, help="rendered pictures a step")
    parser.add_argument("--renders", type=int, default=6_000, help="pictures to render; 0 for none")
    parser.add_argument("--render-seed", type=int, default=1_000, help="never the shipped catalogue's seed")
    parser.add_argument("--measure-every", type=int, default=250)
    parser.add_argument("--patience", type=int, default=8, help="measurements without improvement")
    parser.add_argument("--small", type=float, default=0.6, help="share of the steps at 60 x 48 pixels")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--init-from", type=Path, help="another run's folder")
    parser.add_argument("--export", type=Path, help="write the best towers here and stop")
    return parser


def load_run(folder: Path) -> tuple[StarterModel, Vocabulary]:
    """A run's best towers."""
    described = _described(folder)
    vocabulary = Vocabulary(described["keys"])
    model = StarterModel(vocabulary, described["classes"])
    model.load_state_dict(load_file(folder / "best.safetensors"))
    return model.eval(), vocabulary


def export_run(run: Path, folder: Path) -> None:
    """Text and image weight files of a run's best towers."""
    model, vocabulary = load_run(run)
    glossary = Path(package.__file__).parent / GLOSSARY
    export_text(model.text.state_dict(), vocabulary, folder, glossary)
    model.image.concepts = model.concepts(_described(run)["types"])
    export_image(model.image.state_dict(), folder)


def _described(run: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((run / "model.json").read_text(encoding="utf-8"))
    return described


def start_from(model: StarterModel, folder: Path) -> None:
    """Copy another run's towers; text rows by feature, so the vocabularies may differ."""
    other, vocabulary = load_run(folder)
    state = {n: t for n, t in other.state_dict().items() if not n.startswith(("heads.", "text.table."))}
    model.load_state_dict(state, strict=False)
    pairs = [
        (row, vocabulary.rows[key]) for key, row in model.vocabulary.rows.items() if key in vocabulary.rows
    ]
    mine, theirs = (torch.tensor(rows) for rows in zip(*pairs, strict=True))
    with torch.no_grad():
        model.text.table.weight[mine] = other.text.table.weight[theirs]
        for name, head in model.heads.items():
            old = dict(other.heads.named_children()).get(name)
            if isinstance(head, nn.Linear) and isinstance(old, nn.Linear) and len(old.bias) <= len(head.bias):
                # Concepts are numbered in reading order, so the fashion ones keep their numbers.
                head.weight[: len(old.bias)] = old.weight
                head.bias[: len(old.bias)] = old.bias


def quick_measure(
    train: Source, dev: Source, held: Source, queries: list[tuple[str, list[str]]]
) -> Callable[[nn.Module], dict[str, float]]:
    """A cheap held-out figure for early stopping: dev queries against dev and some train pictures.

    Of queries and shop photos the choosing half only.
    """
    rows = np.random.default_rng(5).permutation(len(train))[:_DISTRACTORS]
    few = train.subset(rows)
    pixels = np.concatenate([dev.pixels, few.pixels])
    chosen = choosing([text for text, _ in queries])
    queries = [query for query, kept in zip(queries, chosen, strict=True) if kept]
    held = held.subset(np.flatnonzero(choosing_photos(held) | ~held.photo))
    items = [*dev.items, *few.items]
    labels = [item.terms["type"].concept for item in items]
    names = {item.terms["type"].concept: item.terms["type"].en[0] for item in items}

    def measure(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, StarterModel)
        embed = embedders_of(model)
        documents = embed.images(pixels)
        figures = measures.text_to_image(queries, [i.id for i in items], documents, embed)
        found = top(documents[: len(dev)], documents, 10, skip=np.arange(len(dev)))
        kinds = np.asarray(labels, dtype=object)
        types = top(embed.texts([names[c] for c in sorted(names)]), documents, 10)
        right = kinds[types] == np.asarray(sorted(names), dtype=object)[:, None]
        return {
            **figures,
            "types_p@10": float(right.mean()),
            "look_alikes": float((kinds[found] == kinds[: len(dev)][:, None]).mean()),
            "photo": measures.photo_to_product(held, embed.images(held.pixels), embed, 0.5)["image_recall@1"],
        }

    return measure


def main(argv: list[str] | None = None) -> None:
    """Train, or export a finished run."""
    options = arguments().parse_args(argv)
    if options.export is not None:
        export_run(options.out, options.export)
        return
    torch.set_num_threads(options.threads)
    # The batch thread must not hold the interpreter for 5 ms whenever the training thread starts an op.
    sys.setswitchinterval(2e-4)
    torch.manual_seed(options.seed)
    train, dev, _ = read_fashion(options.data)
    grocery, held = read_grocery(options.data)
    renders = read_renders(options.renders, options.render_seed, options.out)
    say(f"train {len(train)} fashion, {len(grocery)} grocery, {len(renders)} renders; dev {len(dev)}")
    sources = Sources(train, grocery, renders, read_text_pairs(options.data))
    recipe = Recipe(
        sources,
        Shares(options.fashion, options.grocery, options.sample),
        Weights(),
        options.seed,
        round(options.small * options.steps),
    )
    items = [item for source in sources.all for item in source.items]
    vocabulary = build_vocabulary(items, [f"{a} . {b}" for a, b in sources.texts], _ROWS, options.seed)
    model, ema = (StarterModel(vocabulary, recipe.classes) for _ in range(2))
    for module in (model, ema):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.init_from is not None:
        start_from(model, options.init_from)
    options.out.mkdir(parents=True, exist_ok=True)
    described = {"keys": vocabulary.keys, "classes": recipe.classes, "types": recipe.type_names}
    (options.out / "model.json").write_text(json.dumps(described), encoding="utf-8")
    settings = LoopSettings(options.steps, options.learning_rate, options.warmup,
                            measure_every=options.measure_every, patience=options.patience)  # fmt: skip
    trainer = Trainer(
        model, ema, recipe.loss, quick_measure(train, dev, held, read_queries(options.data)), "recall@10",
        settings, options.out,
    )  # fmt: skip
    history = trainer.run()
    plot_history(history, options.out)


if __name__ == "__main__":
    main()

"""Train the starter's fusion over its encoders.

::

    python -m training.fusion --data DIR --out RUN [--weights FOLDER] [--kind all] [--install FOLDER]
    python -m training.fusion --vectors TABLE.npz --out RUN        # any table of vectors, no encoders

Writes ``RUN/<kind>.safetensors`` for every kind trained and the best by held-out figures as
``RUN/fusion.safetensors``; ``--install`` puts that beside the encoders' weights and names it in their
manifest. The vectors are computed once and kept as ``RUN/vectors-<digest>.npz``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import torch

import mmpipe.encoders.starter as package
from mmpipe.encoders.base import FusionKind
from mmpipe.encoders.fusion_file import FUSION_FILE
from mmpipe.encoders.starter.loader import FUSION, WEIGHTS, load
from mmpipe.encoders.starter.weights import GLOSSARY, MANIFEST, write_manifest
from mmpipe.learn.data import Source
from mmpipe.learn.fusion import FusionSettings, measure, train
from mmpipe.learn.fusion_forms import form_of, save
from mmpipe.learn.fusion_table import Table, build
from mmpipe.learn.loop import say
from training.data import on_canvas, read_fashion
from training.evaluate import embedders
from training.renders import read_renders

_HELD_OUT = 0.12


def read_table(data: Path, weights: Path, out: Path, products: int, renders: int, seed: int) -> Table:
    """The vectors of ``products`` KAGL train products and ``renders`` drawn ones, cached in ``out``."""
    digest = hashlib.sha256(f"{products}/{renders}/{seed}".encode())
    for tower in ("text", "image"):
        digest.update((weights / f"{tower}.safetensors").read_bytes())
    cached = out / f"vectors-{digest.hexdigest()[:12]}.npz"
    if cached.is_file():
        return Table.load(cached)
    train_part, _, _ = read_fashion(data)
    rows = np.random.default_rng(seed).permutation(len(train_part))[:products]
    few, drawn = train_part.subset(rows), read_renders(renders, 1_000, out)
    whole = Source("all", [*few.items, *drawn.items], np.concatenate([on_canvas(few), on_canvas(drawn)]))
    say(f"encoding {len(few)} fashion products and {len(drawn)} renders")
    table = build(whole, embedders(load(folder=weights)), seed)
    table.save(cached)
    return table


def split(table: Table, share: float = _HELD_OUT) -> tuple[Table, Table]:
    """``(train, held out)`` by near-duplicate group, so that no title is on both sides."""
    held = np.random.default_rng(2).random(int(table.group.max()) + 1)[table.group] < share
    return table.subset(np.flatnonzero(~held)), table.subset(np.flatnonzero(held))


def install(run: Path, folder: Path) -> None:
    """Put a run's best fusion beside the encoders' weights and name it in their manifest."""
    metrics = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["metrics"]
    shutil.copyfile(run / FUSION_FILE, folder / FUSION_FILE)
    write_manifest(folder, Path(package.__file__).parent / GLOSSARY, metrics)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m mmpipe.learn.fusion")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with kagl/")
    source.add_argument("--vectors", type=Path, help="a table of vectors as .npz")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the encoders' folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=(*get_args(FusionKind), "all"), default="all")
    parser.add_argument("--products", type=int, default=8_000)
    parser.add_argument("--renders", type=int, default=1_200)
    parser.add_argument("--steps", type=int, default=FusionSettings().steps)
    parser.add_argument("--seed", type=int, default=FusionSettings().seed)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--install", type=Path, help="put the best beside the encoders' weights here")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    if options.vectors is not None:
        table = Table.load(options.vectors)
    else:
        table = read_table(
            options.data, options.weights, options.out, options.products, options.renders, options.seed
        )
    learned, held = split(table)
    settings = FusionSettings(steps=options.steps, seed=options.seed)
    kinds: tuple[FusionKind, ...] = get_args(FusionKind) if options.kind == "all" else (options.kind,)
    results: dict[str, dict[str, float]] = {}
    results["untrained"] = measure(form_of("weighted_mean", table.text.shape[1], FUSION.weights), held)
    for kind in kinds:
        form = train(learned, kind, FUSION.weights, settings)
        results[kind] = measure(form, held)
        save(form, options.out / f"{kind}.safetensors")
    best = max(kinds, key=lambda kind: results[kind]["score"])
    shutil.copyfile(options.out / f"{best}.safetensors", options.out / FUSION_FILE)
    rounded = {k: {name: round(v, 4) for name, v in r.items()} for k, r in results.items()}
    (options.out / "fusion.json").write_text(
        json.dumps({"best": best, **rounded}, indent=1), encoding="utf-8"
    )
    say(json.dumps({"best": best, **rounded}, indent=1))
    if options.install is not None:
        install(options.out, options.install)


if __name__ == "__main__":
    main()

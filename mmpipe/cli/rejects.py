"""``mmpipe rejects``: what could not be used, why, and trying it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmpipe.cli.console import console, emit, end_on_sigterm, fail, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    ProfileName,
    open_collection,
    settings_for_lake,
)
from mmpipe.errors import InvalidRequest, MmpipeError, NotFound, PermanentError
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection
    from mmpipe.schemas.run import Reject

rejects_app = typer.Typer(
    help="Rows and media that could not be used, each with its reason.", no_args_is_help=True
)

_ALL = 1_000_000


@rejects_app.command("list")
def list_rejects(
    lake: LakeUri = None,
    collection: CollectionName = None,
    product: Annotated[str | None, typer.Option(help="only of this product", show_default=False)] = None,
    source: Annotated[
        str | None, typer.Option(help="only of this feed's address", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 100,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """List rejects, newest first."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    found = held.rejects.list(product_id=product, source_uri=source, limit=limit)
    if as_json:
        emit([reject.model_dump(mode="json") for reject in found])
        return
    shown = table("", ["id", "what", "row", "product", "field", "reason"])
    for reject in found:
        cells = (
            reject.reject_id[:12],
            reject.scope,
            str(reject.row),
            reject.product_id or "",
            reject.field,
            reject.reason,
        )
        shown.add_row(*(plain(cell) for cell in cells))
    output.print(shown)
    output.print(f"{len(found)} of {held.rejects.count()}", style="dim")


@rejects_app.command()
def show(
    reject_id: Annotated[
        str, typer.Argument(help="from `rejects list`; its first digits are enough", show_default=False)
    ],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Show one reject with the row as it was read."""
    reject = _find(open_collection(settings_for_lake(lake, folder), collection), reject_id)
    for name, value in reject.model_dump(mode="json", exclude={"raw"}).items():
        output.print(f"[dim]{name:>12}[/]  {plain(str(value))}", soft_wrap=True)
    output.print(plain(_pretty(reject.raw)), soft_wrap=True)


@rejects_app.command()
def replay(
    reject_ids: Annotated[
        list[str] | None, typer.Argument(help="which ones; their first digits are enough", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="every reject of the collection")] = False,
    row: Annotated[
        Path | None,
        typer.Option("--row", help="a JSON file with the mended row of the one reject", show_default=False),
    ] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    profile: ProfileName = None,
) -> None:
    """Try rejects again: as they were (a photo may have arrived since), or with a mended row."""
    from mmpipe.indexing.tables.following import live_profile, models_for

    end_on_sigterm()
    configure_logging("ERROR")
    if bool(reject_ids) == everything:
        raise InvalidRequest("reject_ids", "give some ids, or --all")
    if row is not None and len(reject_ids or []) != 1:
        raise InvalidRequest("row", "a mended row belongs to exactly one reject; give its id")
    settings = settings_for_lake(lake, folder, profile)
    held = open_collection(settings, collection)
    rejects = [_find(held, one) for one in reject_ids or []] or held.rejects.list(limit=_ALL)
    raw = None if row is None else _read(row)
    follow = profile is None
    followed = live_profile(held) if follow else None
    loaded = models_for(settings, settings.indexing.profile, followed) if rejects else None
    remaining = sum(not _replayed(held, reject, raw, loaded, follow=follow) for reject in rejects)
    console.print(
        f"{len(rejects) - remaining} of {len(rejects)} went well, {held.rejects.count()} rejects remain"
    )
    if remaining:
        raise MmpipeError(f"{remaining} rejects could not be mended by trying again")


def _replayed(
    held: Collection, reject: Reject, raw: str | None, loaded: LoadedEncoders | None, *, follow: bool
) -> bool:
    from mmpipe.indexing import try_again
    from mmpipe.schemas.work import ReplayOrder

    name = f"{reject.reject_id[:12]} {reject.product_id or ''} {reject.field}"
    # Not validated: a file of one's own may be larger than what is taken over HTTP.
    order = ReplayOrder.model_construct(collection=held.name, reject_id=reject.reject_id, row=raw)
    try:
        outcome = try_again(held.settings, order, loaded=loaded, follow=follow)
    except PermanentError as error:
        fail(f"{name}: {error}")
        return False
    if not outcome.mended:
        fail(f"{name}: {outcome.reason}")
    return outcome.mended


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest("row", f"{path} cannot be read as UTF-8 text: {error}") from error


def _find(collection: Collection, reject_id: str) -> Reject:
    exact = collection.rejects.get(reject_id)
    if exact is not None:
        return exact
    found = [
        reject for reject in collection.rejects.list(limit=_ALL) if reject.reject_id.startswith(reject_id)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidRequest("reject_id", f"{len(found)} rejects begin with {reject_id!r}; give more digits")
    raise NotFound(f"collection {collection.name} has no reject {reject_id!r}: see mmpipe rejects list")


def _pretty(raw: str) -> str:
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except ValueError:
        return raw

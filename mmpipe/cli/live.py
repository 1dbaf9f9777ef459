"""``mmpipe live``: which version readers follow, and moving them to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from mmpipe.lake import LiveVersion

live_app = typer.Typer(help="Which version is live; promote another, or go back.", no_args_is_help=True)


@live_app.command("list")
def list_versions(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """What is live and what was, newest first."""
    history = open_collection(settings_for_lake(lake, folder), collection).history()
    if as_json:
        emit([version.model_dump(mode="json") for version in history])
        return
    shown = table("", ["", "generation", "table", "version", "products", "published", "reason"])
    for place, version in enumerate(history):
        cells = (
            str(version.generation),
            version.table,
            str(version.version),
            str(version.rows),
            f"{version.published_at:%Y-%m-%d %H:%M:%S}",
            version.reason,
        )
        shown.add_row("live" if place == 0 else "", *(escape(cell) for cell in cells))
    output.print(shown)


@live_app.command()
def promote(
    table_name: Annotated[
        str, typer.Argument(metavar="TABLE", help="as `live list` names it", show_default=False)
    ],
    version: Annotated[
        int | None, typer.Argument(min=1, help="the newest, unless given", show_default=False)
    ] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Make one version of one table live, after the usual checks; uploads publish again from there."""
    _tell(open_collection(settings_for_lake(lake, folder), collection).promote(table_name, version))


@live_app.command()
def rollback(
    lake: LakeUri = None, collection: CollectionName = None, folder: Folder = DEFAULT_FOLDER
) -> None:
    """Make live again what was live before; uploads are written but stay unpublished until `live promote`."""
    _tell(open_collection(settings_for_lake(lake, folder), collection).rollback())


def _tell(live: LiveVersion) -> None:
    console.print(
        f"live: version {live.version} of {escape(live.table)}, {live.rows} products", soft_wrap=True
    )

"""``mmpipe status``: what runs, what is live, how the last uploads went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mmpipe.cli.console import emit, output, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, LakeUri, running_stack, settings_for_lake

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.settings import Settings

_RUNS = 8


def status(lake: LakeUri = None, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show the running stack, its collections and their last runs."""
    settings = settings_for_lake(lake, folder)
    report: dict[str, Any] = {
        "stack": _stack(folder) if lake is None else None,
        "lake": settings.lake.uri,
        "collections": _collections(settings),
    }
    if as_json:
        emit(report)
        return
    _print_stack(report["stack"])
    output.print(f"lake {escape(report['lake'])}", soft_wrap=True)
    for entry in report["collections"]:
        _print_collection(entry)
    if not report["collections"]:
        output.print("  no collection yet", style="dim")


def _stack(folder: Path) -> dict[str, Any] | None:
    state = running_stack(folder)
    if state is None:
        return None
    from mmpipe.local.cloud import queue_depths

    return {
        "url": state.url,
        "ray": state.jobs_url,
        "s3": state.s3_url,
        "uploads_bucket": state.uploads_bucket,
        "started_at": state.started_at,
        **queue_depths(state.s3_url, state.queue_url, state.dead_letters_url),
    }


def _collections(settings: Settings) -> list[dict[str, Any]]:
    from mmpipe.lake import open_lake

    lake = open_lake(settings)
    return [_collection(lake.collection(name)) for name in lake.collections()]


def _collection(collection: Collection) -> dict[str, Any]:
    live = collection.live()
    return {
        "name": collection.name,
        "live": None if live is None else live.model_dump(mode="json"),
        "rejects": collection.rejects.count(),
        "runs": [run.model_dump(mode="json") for run in collection.runs.list(limit=_RUNS)],
    }


def _print_stack(stack: dict[str, Any] | None) -> None:
    if stack is None:
        output.print("no stack is running here", style="dim")
        return
    output.print(f"stack {stack['url']}, running since {stack['started_at']:%Y-%m-%d %H:%M:%S} UTC")
    dead = stack["dead_letters"]
    queue = f"  queue: {stack['waiting']} waiting, {stack['in_hand']} in hand, {dead} dead letters"
    output.print(queue, style="red" if dead else None)


def _print_collection(entry: dict[str, Any]) -> None:
    live = entry["live"]
    what = (
        f"{live['rows']} products, version {live['version']} of {live['table']}" if live else "nothing live"
    )
    output.print(f"\n[bold]{escape(entry['name'])}[/]  {escape(what)}, {entry['rejects']} rejects")
    runs = table(
        "", ["started", "status", "lane", "read", "indexed", "unchanged", "rejected", "source", "error"]
    )
    for run in entry["runs"]:
        cells = (
            run[k]
            for k in ("status", "lane", "read", "indexed", "unchanged", "rejected", "source_uri", "error")
        )
        runs.add_row(run["started_at"][:19], *(escape(str(cell)) for cell in cells))
    if entry["runs"]:
        output.print(runs)

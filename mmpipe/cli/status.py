"""``mmpipe status``: what runs, what is live, how the last uploads went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mmpipe.cli.console import emit, output, plain, table
from mmpipe.cli.feeds import labelled, problems
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, Folder, LakeUri, running_stack, settings_for_lake
from mmpipe.cli.recommender import recommender_of
from mmpipe.schemas.feed import FeedReport

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.settings import Settings

_RUNS = 8
_WIDE = 100


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
    live, recommender = collection.live(), recommender_of(collection)
    return {
        "name": collection.name,
        "live": None if live is None else live.model_dump(mode="json"),
        "recommender": None if recommender is None else recommender.model_dump(mode="json"),
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
    if entry["recommender"]:
        recommender = entry["recommender"]
        output.print(plain(f"  recommends by {recommender['name']} {recommender['revision']}"))
    if not entry["runs"]:
        return
    names = ["started", "status", "lane", "format", "read", "indexed", "unchanged", "rejected", "warnings"]
    if output.width < _WIDE:
        names = [name for name in names if name not in ("lane", "unchanged")]
    runs = table("", [*names, "source"])
    for run in entry["runs"]:
        feed = run["feed"] or {"format": "", "warnings": None}
        cells = run | {
            "started": _moment(run),
            "format": feed["format"],
            "warnings": "" if feed["warnings"] is None else len(feed["warnings"]),
            "source": _file(run),
        }
        runs.add_row(*(plain(str(cells[name])) for name in [*names, "source"]))
    output.print(runs)
    for run in entry["runs"]:
        said = f"{run['status']} {_moment(run)} {_file(run)}"
        if run["error"]:
            style = "red" if run["status"] == "failed" else None
            output.print(plain(f"{said}: {run['error']}"), style=style, soft_wrap=True)
        if run["refused"]:
            output.print(plain(f"{said}: not live: {run['refused']}"), style="yellow", soft_wrap=True)
    _print_problems(entry["runs"])


def _moment(run: dict[str, Any]) -> str:
    """Month, day and time: the last runs are of these days."""
    return str(run["started_at"])[5:19].replace("T", " ")


def _file(run: dict[str, Any]) -> str:
    """The end of the source's address, as in ``feeds/catalogue.csv``."""
    return "/".join(str(run["source_uri"]).split("/")[-2:])


def _print_problems(runs: list[dict[str, Any]]) -> None:
    """Warnings and rejects of the newest feed."""
    newest = next((run for run in runs if run["feed"]), None)
    if newest is None:
        return
    found = problems(FeedReport.model_validate(newest["feed"]))
    if not found:
        return
    output.print(f"\nthe newest feed, {plain(newest['source_uri'])}", soft_wrap=True)
    output.print(labelled(found))

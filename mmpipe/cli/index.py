"""``mmpipe index``: one feed into a lake, without queue or service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, end_on_sigterm, output, plain
from mmpipe.cli.dry_run import dry_run
from mmpipe.cli.feeds import show_rejects, show_report
from mmpipe.cli.options import AsJson, CollectionName, LakeUri, ProfileName, open_collection, settings_with
from mmpipe.cli.progress import counting
from mmpipe.errors import InvalidRequest, MmpipeError, ObjectNotFound
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.schemas.run import RunRecord
    from mmpipe.settings import Settings

_DEFAULT_COLLECTION = "catalogue"
_SHOWN_REJECTS = 10


def index(
    feed: Annotated[str, typer.Argument(help="a feed file, or s3://bucket/key", show_default=False)],
    lake: LakeUri = None,
    collection: CollectionName = None,
    profile: ProfileName = None,
    only_read: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="only read it: show its format, columns, first rows and rejects, write nothing"
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="the feed is the whole catalogue: delete the products that it lacks"),
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="let it delete more than MMPIPE_LAKE__MAX_SHRINK allows at once"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Index a feed with its media: a shop's own export or any list of products (`mmpipe formats`)."""
    end_on_sigterm()
    configure_logging("ERROR")
    settings = settings_with(lake=lake, profile=profile)
    name = collection or _DEFAULT_COLLECTION
    if not COLLECTION_PATTERN.fullmatch(name):
        raise InvalidRequest(
            "collection", f"{name!r} must be lower-case letters, digits, '-' and '_', and not 'models'"
        )
    if "://" not in feed and not Path(feed).is_file():
        raise InvalidRequest("feed", f"there is no file {feed}")
    if only_read:
        dry_run(feed, name, settings, as_json=as_json)
        return
    if replace:
        settings = _replacing(settings, name)
    if accept:
        settings = _accepting(settings)
    # Unless somebody asks for a profile, the file goes where readers look.
    record = _run(feed, name, settings, follow=profile is None)
    home = open_collection(settings, name)
    if as_json:
        emit(record.model_dump(mode="json"))
    else:
        _show(record)
        _show_rejects(home, record, settings.lake.uri)
    if record.status == "failed":
        raise MmpipeError(f"{feed}: {record.error}")


def _replacing(settings: Settings, name: str) -> Settings:
    feeds = settings.feeds.model_copy(update={"replace": (*settings.feeds.replace, name)})
    return settings.model_copy(update={"feeds": feeds})


def _accepting(settings: Settings) -> Settings:
    return settings.model_copy(update={"lake": settings.lake.model_copy(update={"max_shrink": 1.0})})


def _run(feed: str, name: str, settings: Settings, *, follow: bool) -> RunRecord:
    from mmpipe.indexing import execute_file

    with counting(f"indexing {Path(feed).name}") as show:

        def report(read: int, indexed: int, rejected: int, total: int | None) -> None:
            show(read, total)

        try:
            return execute_file(settings, feed, name, follow=follow, progress=report)
        except ObjectNotFound as error:
            raise InvalidRequest("feed", f"there is nothing at {feed}") from error


def _show(record: RunRecord) -> None:
    encoded = ", ".join(f"{count} {modality}" for modality, count in sorted(record.encoded.items()) if count)
    output.print(
        f"{record.read} rows read, {record.indexed} indexed, {record.unchanged} unchanged,"
        f" {record.deleted} deleted, {record.rejected} rejected; encoded {encoded or 'nothing'}",
        soft_wrap=True,
    )
    if record.skipped:
        output.print(
            f"{record.skipped} rows skipped: the lake holds something newer of these products, from a later"
            " row of this file or from a file that was changed after it",
            soft_wrap=True,
        )
    if record.feed is not None:
        show_report(record.feed, record.pictures)
    if record.error and record.status == "done":
        console.print(f"[yellow]note[/] {plain(record.error)}", soft_wrap=True)


def _show_rejects(collection: Collection, record: RunRecord, lake_uri: str) -> None:
    rejects = collection.rejects.list(run_id=record.run_id, limit=_SHOWN_REJECTS)
    if not rejects:
        return
    show_rejects((each.row, each.product_id or "", each.field, each.reason) for each in rejects)
    if collection.rejects.count(run_id=record.run_id) > len(rejects):
        output.print(
            f"… and more: mmpipe rejects list --lake {escape(lake_uri)}", style="dim", soft_wrap=True
        )

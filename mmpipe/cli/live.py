"""``mmpipe live``: which version readers follow, moving them to another, and changing the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, emit, end_on_sigterm, output, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.cli.progress import counting
from mmpipe.cli.recommender import live_recommender_command
from mmpipe.errors import InvalidRequest, ModelUnavailable, ProfileMismatch, PublishRejected
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.evaluate.compare import Comparison
    from mmpipe.evaluate.judged import JudgedQuery
    from mmpipe.indexing.tables.copy import Carried
    from mmpipe.indexing.tables.switch import Moved
    from mmpipe.lake import Collection, LiveVersion
    from mmpipe.settings import Settings

live_app = typer.Typer(
    help="Which version is live; go back, promote another, take back what was refused, or change the models.",
    no_args_is_help=True,
)
live_app.command("recommender")(live_recommender_command)
Queries = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        help='judged queries: JSONL of {"query": text, "relevant": [ids]}, or Parquet; default: titles',
        show_default=False,
    ),
]
TableName = Annotated[
    str, typer.Argument(metavar="TABLE", help="as `live reindex` names it", show_default=False)
]


_SHOWN_UPLOADS = 20


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
    models: Annotated[
        bool,
        typer.Option(
            "--models", help="undo the last switch of models: back to the table before it, uploads included"
        ),
    ] = False,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Make live again what was live before; uploads are written but stay unpublished until `live promote`.

    With --models what was uploaded since the switch is kept, and uploads go on being published.
    """
    from mmpipe.indexing.tables.switch import roll_back, switch_back

    configure_logging("ERROR")
    settings = settings_for_lake(lake, folder)
    held = open_collection(settings, collection)
    with counting("carrying back what was written since") as show:
        moved = (switch_back if models else roll_back)(settings, held, progress=show)
    _show_move(moved, as_json=as_json)


@live_app.command()
def reset(
    rolled_back: Annotated[
        bool,
        typer.Option("--rolled-back", help="also after a rollback, and let uploads publish again from there"),
    ] = False,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Take the live table back to what is live: what was committed since, and refused, is gone from it.

    The uploads it came with count as never made, deletions included: upload them again. Do it while nothing
    is uploaded.
    """
    configure_logging("ERROR")
    found = open_collection(settings_for_lake(lake, folder), collection).reset(rolled_back=rolled_back)
    if as_json:
        emit(
            {"live": found.live.model_dump(mode="json"), "former": found.former}
            | {"uploads": [run.model_dump(mode="json") for run in found.uploads]}
        )
        return
    if not found.changed:
        console.print("nothing to take back: the newest version is live")
        return
    sources = list(dict.fromkeys(run.source_uri for run in found.uploads))
    output.print(f"taken back: version {found.former}, with {len(sources)} uploads", soft_wrap=True)
    for source in sources[:_SHOWN_UPLOADS]:
        output.print(f"  upload again {escape(source)}", soft_wrap=True)
    if len(sources) > _SHOWN_UPLOADS:
        output.print(f"  … and {len(sources) - _SHOWN_UPLOADS} more: --json lists them")
    _tell(found.live)


@live_app.command()
def reindex(
    profile: Annotated[
        str,
        typer.Option("--profile", help="encode by this one, as `models list` names it", show_default=False),
    ],
    revision: Annotated[
        str | None,
        typer.Option("--revision", help="of a model of the lake; default: the newest", show_default=False),
    ] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Fill a table beside the live one with its products, encoded by another profile; publishes nothing.

    Ended and started again it goes on where it was.
    """
    from mmpipe.indexing.tables.switch import reindex as fill

    end_on_sigterm()
    configure_logging("ERROR")
    settings = settings_for_lake(lake, folder)
    held = open_collection(settings, collection)
    with counting(f"encoding by {profile}") as show:
        filled = fill(settings, held, profile, revision=revision, progress=show)
    if as_json:
        emit(
            {"table": filled.table, "profile": filled.profile, "source": filled.source, "rows": filled.rows}
            | {"carried": _counts(filled.carried)}
        )
        return
    output.print(
        f"{escape(filled.table)}: {filled.rows} products; {_summary(filled.carried)}", soft_wrap=True
    )
    _warn_of_rejects(filled.carried)
    console.print(
        f"not live yet: mmpipe live switch {escape(filled.table)} compares it with what is live, and moves"
        " readers",
        soft_wrap=True,
    )


@live_app.command()
def compare(
    table_name: TableName,
    queries: Queries = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Ask what is live and another table the same queries, and show how well each answers."""
    from mmpipe.evaluate.compare import compare as measure
    from mmpipe.evaluate.judged import read_queries

    end_on_sigterm()
    configure_logging("ERROR")
    settings = settings_for_lake(lake, folder)
    judged = None if queries is None else read_queries(queries)
    held = open_collection(settings, collection)
    with console.status("searching both tables"):
        found = measure(settings, held, table_name, judged)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    _show_comparison(found)


@live_app.command()
def switch(
    table_name: TableName,
    queries: Queries = None,
    force: Annotated[
        bool, typer.Option("--force", help="without comparing: also where it answers worse")
    ] = False,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="also where the table holds far fewer products")
    ] = False,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Make a reindexed table live: carry over what was written since, compare it, and move readers at once.

    Where it answers the queries worse than what is live, or has lost photos, recordings or clips, readers
    stay where they are. Uploads go to it once it is live. A switch that was ended midway is finished by the
    same command.
    """
    from mmpipe.evaluate.compare import refuse_worse
    from mmpipe.evaluate.judged import read_queries
    from mmpipe.indexing.tables.switch import switch as move

    end_on_sigterm()
    configure_logging("ERROR")
    settings = settings_for_lake(lake, folder)
    judged = None if queries is None else read_queries(queries)
    held = open_collection(settings, collection)
    compared: list[Comparison] = []

    def accept() -> None:
        compared.append(_compared(settings, held, table_name, judged))
        try:
            refuse_worse(compared[0])
        except PublishRejected as error:
            raise PublishRejected(f"{error}; --force switches all the same") from error

    try:
        with counting("carrying over what was written since") as show:
            moved = move(
                settings,
                held,
                table_name,
                accept=None if force else accept,
                allow_shrink=allow_shrink,
                progress=show,
            )
    finally:
        for found in compared:
            if not as_json:
                _show_comparison(found)
    _show_move(moved, compared[0] if compared else None, as_json=as_json)


def _compared(
    settings: Settings, collection: Collection, name: str, judged: Sequence[JudgedQuery] | None
) -> Comparison:
    from mmpipe.evaluate.compare import compare

    try:
        return compare(settings, collection, name, judged)
    except (ModelUnavailable, ProfileMismatch, InvalidRequest) as error:
        raise PublishRejected(
            f"{name} cannot be compared with what is live: {error}; --force switches without comparing"
        ) from error


def _show_move(moved: Moved, compared: Comparison | None = None, *, as_json: bool) -> None:
    if as_json:
        emit(
            {"live": moved.live.model_dump(mode="json"), "note": moved.note}
            | {"before": _counts(moved.before), "after": _counts(moved.after)}
            | {"comparison": None if compared is None else compared.model_dump(mode="json")}
        )
        return
    for carried, when in ((moved.before, "before"), (moved.after, "after")):
        if carried.written or carried.deleted:
            output.print(f"carried over {when} the move: {_summary(carried)}", soft_wrap=True)
            _warn_of_rejects(carried)
    _tell(moved.live)
    if moved.note:
        console.print(f"[yellow]note[/] {escape(moved.note)}", soft_wrap=True)


def _show_comparison(found: Comparison) -> None:
    asked = f"{found.queries} judged queries"
    if found.kind == "titles":
        asked = f"{found.queries} product titles as queries, for no judged ones were given (--queries)"
    if found.unanswerable:
        asked += f"; {found.unanswerable} more name no live product"
    output.print(asked, soft_wrap=True)
    shown = table("", ["", "live", "candidate", "difference", "95 % interval"])
    for name, each in found.measures.items():
        interval = f"{each.low:+.4f} … {each.high:+.4f}"
        if each.low == each.high == 0:
            interval = "no difference"
        elif not each.certain:
            interval += " (may be chance)"
        shown.add_row(
            name,
            f"{each.live:.4f}",
            f"{each.candidate:.4f}",
            f"{each.difference:+.4f}",
            interval,
        )
    for name, live, candidate in (
        ("products", found.live_products, found.candidate_products),
        *((f"with {m}", each.live, each.candidate) for m, each in found.coverage.items()),
    ):
        shown.add_row(
            name, str(live), str(candidate), f"{candidate - live:+d}" if candidate != live else "", ""
        )
    output.print(shown)
    output.print(f"of the first ten hits {found.overlap:.0%} are the same", soft_wrap=True)
    console.print(f"live: {escape(found.live)}; candidate: {escape(found.candidate)}", soft_wrap=True)


def _counts(carried: Carried) -> dict[str, object]:
    return {
        "written": carried.written,
        "deleted": carried.deleted,
        "rejected": carried.rejected,
        "encoded": dict(carried.encoded),
        "copied": dict(carried.copied),
    }


def _summary(carried: Carried) -> str:
    encoded = ", ".join(f"{n} {modality}" for modality, n in sorted(carried.encoded.items()) if n)
    copied = ", ".join(f"{n} {modality}" for modality, n in sorted(carried.copied.items()) if n)
    return (
        f"{carried.written} products and {carried.deleted} deletions written; encoded {encoded or 'nothing'},"
        f" copied {copied or 'nothing'}"
    )


def _warn_of_rejects(carried: Carried) -> None:
    if carried.rejected:
        console.print(
            f"[yellow]note[/] {carried.rejected} media could not be read: mmpipe rejects list", soft_wrap=True
        )


def _tell(live: LiveVersion) -> None:
    console.print(
        f"live: version {live.version} of {escape(live.table)}, {live.rows} products", soft_wrap=True
    )

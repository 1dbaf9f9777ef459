"""``mmpipe analytics``: what was searched, found and clicked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmpipe.cli.console import console, emit, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.errors import InvalidRequest
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.schemas.analytics import AnalyticsReport, Figures

_COLUMNS = (
    "searches", "without results", "CTR", "at 95 %", "position", "carts", "purchases", "pages",
    "p50 ms", "p95 ms",
)  # fmt: skip
_KINDS = {
    "rare": "(rare texts)",
    "none": "(no words)",
    "address": "(may hold an address)",
    "number": "(may hold a number of somebody)",
    "long": "(more than 80 characters)",
    "other": "(no text)",
}


def analytics(
    lake: LakeUri = None,
    collection: CollectionName = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="UTC days, today the last")] = 28,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="lines of each list")] = 15,
    plot: Annotated[
        Path | None, typer.Option(help="also draw it into this PNG file", show_default=False)
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Queries with what came of them: results, clicks, carts, purchases, time; and those to look at first."""
    from mmpipe.analytics import Period, report

    configure_logging("ERROR")
    held = open_collection(settings_for_lake(lake, folder), collection)
    found = report(held, Period.of(days, limit, datetime.now(UTC)))
    if plot is not None:
        from mmpipe.analytics.plot import plot as drawn

        _write(plot, drawn(found))
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    _show(found)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidRequest("plot", f"{path} cannot be written: {error.strerror}") from error
    console.print(f"drawn into {plain(str(path))}")


def _show(found: AnalyticsReport) -> None:
    if found.overall is None:
        output.print(f"no searches of {plain(found.collection)} since {found.since:%Y-%m-%d} are recorded")
        return
    _table("by day", "day", ((str(line.day), line) for line in found.days), [("all", found.overall)])
    queries = (
        (f"most frequent of {found.queries:,} queries", found.top),
        ("without results", found.without_results),
        ("with results, and few clicks", found.worst_ctr),
        ("slow", found.slow),
        ("not named", found.unnamed),
    )
    for title, lines in queries:
        named = ((line.query or _KINDS.get(line.kind, line.kind), line) for line in lines)
        _table(title, "query", named)
    for title, groups in (
        ("languages", found.languages),
        ("searched by", found.modalities),
        ("searches with", found.marks),
        ("rules", found.rules),
    ):
        _table(title, "", ((line.name, line) for line in groups))
    notes = [f"texts of fewer than {found.min_searches} searches are not named"]
    if found.sample < 1:
        notes.append(f"about {found.sample:.0%} of the searches are recorded")
    if found.unknown_events:
        notes.append(f"{found.unknown_events:,} events name a search that is not recorded")
    output.print("; ".join(notes), style="dim")


def _table(
    title: str, first: str, lines: Iterable[tuple[str, Figures]], last: Sequence[tuple[str, Figures]] = ()
) -> None:
    held = [*lines, *last]
    if not held:
        return
    made = table(title, [first, *_COLUMNS])
    for column in made.columns[1:]:
        column.justify = "right"
    for name, of in held:
        cells = (
            name,
            f"{of.searches:,}",
            f"{of.empty_rate:.1%}",
            _share(of.ctr),
            "" if of.ctr_low is None or of.ctr_high is None else f"{of.ctr_low:.0%} … {of.ctr_high:.0%}",
            "" if of.position is None else f"{of.position:.1f}",
            _share(of.cart_rate),
            _share(of.purchase_rate),
            f"{of.pages:.2f}",
            f"{of.p50_ms:.1f}",
            f"{of.p95_ms:.1f}",
        )
        made.add_row(*(plain(cell) for cell in cells))
    output.print(made)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"

"""``mmpipe audit``: who asked and changed what through the routes for a shop's people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import emit, output, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, CollectionName, Folder, LakeUri, settings_for_lake


def audit(
    days: Annotated[float, typer.Option(min=0, help="how far back")] = 7.0,
    caller: Annotated[str | None, typer.Option(help="of this key's name alone", show_default=False)] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Calls with the scope admin, oldest first: key, route, collection, outcome. A change that was begun and
    whose end is not there may have been made."""
    from mmpipe.lake import open_lake

    since = datetime.now(UTC) - timedelta(days=days)
    found = [
        record
        for record in open_lake(settings_for_lake(lake, folder)).audit.read(since)
        if collection in (None, record.collection) and caller in (None, record.caller)
    ]
    if as_json:
        emit([record.model_dump(mode="json", exclude_none=True) for record in found])
        return
    shown = table("", ["at", "caller", "call", "step", "what", "collection", "subject", "status"])
    for record in found:
        cells = (
            f"{record.at:%Y-%m-%d %H:%M:%S}",
            record.caller,
            record.call,
            record.step,
            f"{record.method} {record.route}",
            record.collection or "",
            record.subject or "",
            "" if record.status is None else str(record.status),
        )
        shown.add_row(*(escape(cell) for cell in cells))
    output.print(shown)

"""``mmpipe formats``: which files a shop can upload, and what their columns become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markdown import Markdown

from mmpipe.cli.console import emit, output, plain, table
from mmpipe.cli.options import AsJson
from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.catalogue.formats.base import Column, Format

_OTHER_NAMES = 4


def formats(
    key: Annotated[
        str | None, typer.Argument(help="of one format: how to export it, its columns", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the feed formats, or show one: how to export it, and what its columns become."""
    from mmpipe.catalogue.documentation import by_title

    found = by_title()
    if key is None:
        if as_json:
            emit([_named(each) for each in found])
        else:
            _list(found)
        return
    chosen = next((each for each in found if each.key == key), None)
    if chosen is None:
        raise InvalidRequest("key", f"{key!r} is none of {', '.join(each.key for each in found)}")
    if as_json:
        emit(_whole(chosen))
    else:
        _show(chosen)


def _named(format_: Format) -> dict[str, Any]:
    return {"key": format_.key, "title": format_.title, "containers": list(format_.containers)}


def _whole(format_: Format) -> dict[str, Any]:
    columns = [
        {"name": each.name, "others": list(each.others), "to": each.to, "note": each.note}
        for each in format_.columns
    ]
    return {**_named(format_), "export": format_.export, "columns": columns}


def _list(found: list[Format]) -> None:
    from mmpipe.catalogue.documentation import containers

    shown = table("", ["key", "format", "read as"])
    for each in found:
        shown.add_row(each.key, each.title, containers(each))
    output.print(shown)
    output.print("mmpipe formats KEY: how to export it, and what its columns become", style="dim")


def _show(format_: Format) -> None:
    from mmpipe.catalogue.documentation import Shown, containers

    shown = Shown.of(format_)
    output.print(f"[bold]{format_.title}[/] [dim]({format_.key}: {containers(format_)})[/]\n")
    output.print(Markdown(format_.export))
    columns = table("\ncolumns", ["column", "becomes", ""])
    for each in shown.told:
        columns.add_row(
            _names(each),
            "kept privately" if each.to == "private" else each.to,
            plain(each.note.replace("`", "")),
        )
    output.print(columns)
    for label, names in (("public attributes", shown.attributes), ("kept privately", shown.private)):
        if names:
            output.print(f"\n[bold]{label}[/] {plain(', '.join(names))}")
    output.print("\nAny other column is kept privately, unless it is chosen to be public.", style="dim")


def _names(column: Column) -> str:
    others = [plain(name) for name in column.others[:_OTHER_NAMES]]
    if len(column.others) > _OTHER_NAMES:
        others.append(f"and {len(column.others) - _OTHER_NAMES} more")
    return plain(column.name) + (f" [dim]or {', '.join(others)}[/]" if others else "")

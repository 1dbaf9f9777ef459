"""docs/feeds.md and docs/feeds/: what is read, told by the tables that read it.

``python -m mmpipe.catalogue.documentation`` writes them in a checkout, ``--check`` only compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column, Container, Format
from mmpipe.catalogue.formats.google import GoogleNames
from mmpipe.catalogue.formats.registry import FORMATS
from mmpipe.catalogue.overview import overview
from mmpipe.reference import Reference

CONTAINER_NAMES: Final[dict[Container, str]] = {
    "csv": "CSV or TSV",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "xml": "XML",
    "parquet": "Parquet",
}
_MARK: Final = "<!-- Made by python -m mmpipe.catalogue.documentation from mmpipe/catalogue: change that. -->"
_GENERIC: Final = (
    "Names may be written in any case and with spaces, hyphens or `g:`: `image link`, `imageLink` and"
    " `g:image_link` are one. Of several names of one field the field's own counts, then the first that holds"
    " something. `title_de`, `name_zh_hant` and `description_fr` are translations. `_op` with `delete`"
    " deletes the product."
)


class Shown(NamedTuple):
    """A format's columns as they are shown: those with something to say, one by one; the names of further
    public attributes; the names of columns that are kept privately."""

    told: list[Column]
    attributes: list[str]
    private: list[str]

    @classmethod
    def of(cls, format_: Format) -> Shown:
        """The columns of a format, in its order."""
        told: list[Column] = []
        attributes: list[str] = []
        private: list[str] = []
        for column in format_.columns:
            plain = {"attributes": attributes, PRIVATE: private}.get(column.to)
            if plain is None or column.note:
                told.append(column)
            else:
                plain += [column.name, *column.others]
        return cls(told, attributes, private)


def containers(format_: Format) -> str:
    """The containers of a format, in words."""
    return ", ".join(CONTAINER_NAMES[container] for container in format_.containers)


def by_title() -> list[Format]:
    """All formats, by their titles."""
    return sorted(FORMATS, key=lambda format_: format_.title.lower())


def pages(docs: Path) -> dict[str, str]:
    """Every page by its path under ``docs``, of which nothing stands there by hand."""
    found = {"feeds.md": f"{_MARK}\n{overview(_formats_table())}"}
    return found | {f"feeds/{format_.key}.md": f"{_MARK}\n{_page(format_)}" for format_ in FORMATS}


REFERENCE: Final = Reference(pages, whole="feeds")


def _formats_table() -> str:
    lines = ["| file | key | read as |", "| --- | --- | --- |"]
    lines += [
        f"| [{each.title}](feeds/{each.key}.md) | `{each.key}` | {containers(each)} |" for each in by_title()
    ]
    return "\n".join(lines)


def _page(format_: Format) -> str:
    shown = Shown.of(format_)
    numbered = any("{n}" in name for column in format_.columns for name in (column.name, *column.others))
    parts = [
        f"# {format_.title}",
        f"Key `{format_.key}`; read as {containers(format_)}. What all formats have in common is in"
        " [feeds](../feeds.md). `mmpipe index FILE --dry-run` shows how a file of yours is read.",
        "## How to get the file",
        format_.export,
        "## What its columns become",
        *([_GENERIC] if isinstance(format_, GoogleNames) else []),
        *(["`{n}` stands for a number."] if numbered else []),
        _table(shown.told),
    ]
    if shown.attributes:
        parts.append(f"Public attributes: {_names(shown.attributes)}.")
    if shown.private:
        parts.append(f"Kept privately: {_names(shown.private)}.")
    parts.append("Any other column is [kept privately](../feeds.md#what-stays-private).")
    return "\n\n".join(parts) + "\n"


def _table(columns: Iterable[Column]) -> str:
    lines = ["| column | becomes | |", "| --- | --- | --- |"]
    for column in columns:
        names = _code(column.name) + (f", also {_names(column.others)}" if column.others else "")
        lines.append(f"| {names} | {_becomes(column)} | {_cell(column.note)} |")
    return "\n".join(lines)


def _becomes(column: Column) -> str:
    if column.to == PRIVATE:
        return "kept privately"
    return column.to if column.to == DECIDES else _names(part.strip() for part in column.to.split(","))


def _names(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in names)


def _code(name: str) -> str:
    return f"`{_cell(name)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(REFERENCE.main())

"""HTML that notebooks show. Every text of a catalogue is escaped, and no address of it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "text-align:left;vertical-align:top;padding:4px 10px 4px 0"
_PICTURE = "max-width:96px;max-height:96px;border-radius:4px"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], above: str = "") -> str:
    """A table. ``head`` and ``above`` are text, cells are HTML."""
    titles = "".join(f'<th style="{_CELL}">{escape(each)}</th>' for each in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>" for row in rows
    )
    told = f"<p>{escape(above)}</p>" if above else ""
    return f"<div>{told}<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"


def text(value: object) -> str:
    """A value as a cell; None is empty."""
    return "" if value is None else escape(str(value))


def picture(address: str | None, title: str) -> str:
    """A cell with a picture of ours, a ``data:`` address; empty without one."""
    if address is None or not address.startswith("data:image/"):
        return ""
    return f'<img src="{escape(address)}" alt="{escape(title)}" style="{_PICTURE}">'

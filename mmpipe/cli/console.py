"""What commands print, and how they end. People read stderr; stdout is for results."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmpipe.cli.moment import in_the_clip
from mmpipe.schemas.search import Hit
from mmpipe.telemetry import JsonFormatter

console = Console(stderr=True, highlight=False)
output = Console(highlight=False)

# What moves the cursor or turns the direction of writing: files come from anywhere, and terminals obey.
_CONTROLS: Final = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " "
) | {ord("\n"): "\n"}


def fail(message: str) -> None:
    """One clear line for what went wrong."""
    console.print(f"[bold red]error[/] {plain(message)}", soft_wrap=True)


def plain(text: str) -> str:
    """A text of unknown origin for a line or a table cell: no markup, and control characters, but
    for line breaks, as spaces."""
    return escape(text.translate(_CONTROLS))


def emit(value: Any) -> None:
    """One line of JSON on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def end_on_sigterm() -> None:
    """Let SIGTERM, like Ctrl-C, unwind this process, so that whatever was started is stopped."""

    def unwind(signum: int, frame: FrameType | None) -> NoReturn:
        # A second signal must not interrupt the unwinding.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, unwind)
    # Shells start background jobs with SIGINT ignored; ours should end all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def log_to(path: Path, level: str = "INFO") -> None:
    """Send ``mmpipe.*`` logs to a file, so that they do not tear progress bars apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("mmpipe")
    for former in logger.handlers:
        former.close()
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def table(title: str, columns: Iterable[str]) -> Table:
    """An empty table in the house style."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def hits_table(title: str, hits: Iterable[Hit]) -> Table:
    """Search results, best first, with the split of each score; the list price, struck through, where a sale
    runs."""
    made = table(title, ["#", "id", "title", "price", "score", "because of"])
    for rank, hit in enumerate(hits, start=1):
        row = (
            str(rank),
            escape(hit.id),
            escape(
                hit.title if hit.video_second is None else f"{hit.title} ▶ {in_the_clip(hit.video_second)}"
            ),
            price(hit.price, hit.list_price),
            f"{hit.score:.3f}",
            _split(hit),
        )
        made.add_row(*row)
    return made


def price(paid: str | None, listed: str | None) -> str:
    """What is paid, and struck through the price without the sale, where one runs."""
    return escape(paid or "") + ("" if listed is None else f" was [strike]{escape(listed)}[/strike]")


def _split(hit: Hit) -> str:
    if hit.scores is None:
        return ""
    parts = {name: value for name, value in hit.scores.model_dump().items() if abs(value) >= 0.0005}
    return ", ".join(
        f"{name} {value:.3f}" for name, value in sorted(parts.items(), key=lambda item: -item[1])
    )

"""How a feed was read, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from mmpipe.cli.console import output, plain, table

if TYPE_CHECKING:
    from mmpipe.schemas.feed import FeedReport

_SHORT: Final = 12
_LONG: Final = 60
_REASONS: Final = 8


def show_report(
    report: FeedReport, pictures: Mapping[str, int] | None = None, *, columns_below: bool = False
) -> None:
    """What the file was taken for, its counts, its columns and what to know of it; long lists are cut, and it
    is said how many more there are. ``pictures`` are those of a run. With ``columns_below`` each column that
    is used gets a line of its own."""
    rows = [
        ("format", f"{format_title(report.format)} [dim]({report.format}, {report.container})[/]"),
        ("found", _counts(report)),
    ]
    used = [
        plain(column) if column == field else f"{plain(column)} → {field}"
        for column, field in report.columns.items()
    ]
    for label, names in (
        ("columns used", [] if columns_below else used),
        ("kept privately", [plain(name) for name in report.private]),
        ("unknown, kept privately", [plain(name) for name in report.unknown]),
    ):
        if names:
            rows.append((label, _cut(names, _SHORT)))
    if pictures:
        rows.append(("pictures", _pictures(pictures)))
    output.print(labelled([*rows, *problems(report)]))
    if columns_below and used:
        _show_columns(report.columns)


def labelled(rows: Iterable[tuple[str, str]]) -> Table:
    """Pairs of a label and a text with markup, one below the other."""
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for label, text in rows:
        shown.add_row(label, text)
    return shown


def problems(report: FeedReport) -> list[tuple[str, str]]:
    """Rejects by reason and warnings, as pairs of a label and a text with markup."""
    reasons = list(report.reasons.items())
    found = [("rejected", f"{count:,} × {plain(reason)}") for reason, count in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        rest = sum(count for _, count in reasons[_REASONS:])
        found.append(("", f"[dim]… and {rest:,} for {len(reasons) - _REASONS} other reasons[/]"))
    return found + [("[not dim yellow]warning[/]", f"[yellow]{plain(text)}[/]") for text in report.warnings]


def format_title(key: str) -> str:
    """A format's name for people; of one that is not known (any more) its key."""
    from mmpipe.catalogue.formats.registry import FORMATS

    return next((each.title for each in FORMATS if each.key == key), plain(key))


def show_rejects(rejects: Iterable[tuple[Any, ...]]) -> None:
    """Row, product, field and reason of each."""
    shown = table("rejected", ["row", "product", "field", "reason"])
    for reject in rejects:
        shown.add_row(*(plain(str(cell)) for cell in reject))
    output.print(shown)


def _counts(report: FeedReport) -> str:
    told = [
        _many(count, *names)
        for count, names in (
            (report.products, ("product", "products")),
            (report.groups, ("parent of variants", "parents of variants")),
            (report.withdrawn, ("withdrawn", "withdrawn")),
            (report.stock, ("stock change", "stock changes")),
            (report.rejected, ("rejected", "rejected")),
        )
        if count or names[0] in ("product", "rejected")
    ]
    return f"{_many(report.rows, 'row', 'rows')} of the file: {', '.join(told)}"


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _pictures(pictures: Mapping[str, int]) -> str:
    found, missing, none = (pictures.get(name, 0) for name in ("found", "missing", "none"))
    return f"{found:,} found, {missing:,} missing; {_many(none, 'product', 'products')} without any"


def _cut(names: list[str], most: int) -> str:
    more = f" [dim]… and {len(names) - most:,} more[/]" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _show_columns(columns: Mapping[str, str]) -> None:
    shown = table("columns", ["column", "becomes"])
    for column, field in list(columns.items())[:_LONG]:
        shown.add_row(plain(column), field)
    output.print(shown)
    if len(columns) > _LONG:
        output.print(f"… and {len(columns) - _LONG:,} more: --json has them all", style="dim")

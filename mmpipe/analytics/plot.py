"""A report as a picture: searches and rates by day, and the most frequent queries."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.schemas.analytics import AnalyticsReport, Figures

_FOUND, _EMPTY, _CLICKS, _PURCHASES = "#4477aa", "#ee6677", "#228833", "#aa7700"
_MOST_QUERIES: Final = 20
_MOST_LETTERS: Final = 40
_MOST_TICKS: Final = 10
# It has a box for every character, which says nothing.
_NO_LETTERS: Final = "Last Resort"


def plot(report: AnalyticsReport) -> bytes:
    """The picture as PNG, of 1,500 × 900 pixels. Chinese queries are drawn where a font of this machine has
    their characters, else in pinyin, which the picture then says; what no font can draw is numbered.

    Raises ``InvalidRequest`` (field ``plot``) without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InvalidRequest("plot", "needs matplotlib: pip install 'mmpipe[plots]'") from error
    figure = Figure(figsize=(15, 9), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
    counts, rates = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    days = _days(report)
    _draw_counts(counts, days)
    _draw_rates(rates, days)
    _draw_queries(figure.add_subplot(grid[:, 1]), report)
    figure.suptitle(_title(report), fontsize=13, parse_math=False)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(11)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return data.getvalue()


def _title(report: AnalyticsReport) -> str:
    period = f"searches of {report.collection}, {report.since:%Y-%m-%d} to {report.made_at:%Y-%m-%d} (UTC)"
    found = report.overall
    if found is None:
        return f"{period}: none"
    clicks = "" if found.ctr is None else f", {found.ctr:.1%} of the others clicked"
    return f"{period}: {found.searches:,}, {found.empty_rate:.1%} without results{clicks}"


def _days(report: AnalyticsReport) -> list[tuple[date, Figures | None]]:
    """Every day of the period; None on which nothing was searched."""
    first, last = report.since.date(), report.made_at.date()
    held = {line.day: line for line in report.days}
    every = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [(day, held.get(day)) for day in every]


def _draw_counts(axes: Any, days: Sequence[tuple[date, Figures | None]]) -> None:
    at = [day for day, _ in days]
    found = [0 if line is None else line.searches - line.empty for _, line in days]
    empty = [0 if line is None else line.empty for _, line in days]
    axes.bar(at, found, color=_FOUND, label="with results")
    axes.bar(at, empty, bottom=found, color=_EMPTY, label="without results")
    axes.set_title("searches a day")
    axes.set_ylim(0, max(1.0, 1.15 * max((a + b for a, b in zip(found, empty, strict=True)), default=1)))
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper left")
    _tell_days(axes, at)


def _draw_rates(axes: Any, days: Sequence[tuple[date, Figures | None]]) -> None:
    lines: tuple[tuple[str, str, str], ...] = (
        ("empty_rate", "without results", _EMPTY),
        ("ctr", "clicked (CTR)", _CLICKS),
        ("purchase_rate", "bought", _PURCHASES),
    )
    most = 0.0
    for name, label, color in lines:
        told = [None if line is None else getattr(line, name) for _, line in days]
        values = [float("nan") if value is None else 100 * value for value in told]
        most = max(most, *(0.0 if value is None else 100 * value for value in told))
        axes.plot([day for day, _ in days], values, color=color, marker="o", markersize=3, label=label)
    axes.set_title("per cent of searches without results; clicked and bought: of those with results")
    axes.set_ylim(0, min(118.0, max(1.0, 1.3 * most)))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper left")
    _tell_days(axes, [day for day, _ in days])


def _tell_days(axes: Any, days: Sequence[date]) -> None:
    step = -(-len(days) // _MOST_TICKS)
    # Counted from the last one, so that today is told.
    told = days[::-1][::step]
    axes.set_xticks(told, [f"{day:%m-%d}" for day in told], fontsize=9)
    axes.tick_params(axis="y", labelsize=9)


def _draw_queries(axes: Any, report: AnalyticsReport) -> None:
    lines = report.top[:_MOST_QUERIES]
    axes.set_title(f"the {len(lines)} most frequent queries, and their CTR" if lines else "no query yet")
    if not lines:
        axes.set_axis_off()
        return
    texts = [line.query or "" for line in lines]
    fonts = fonts_for("".join(texts))
    names = [drawn(text, number, fonts) for number, text in enumerate(texts, start=1)]
    at = range(len(lines))
    found = [line.searches - line.empty for line in lines]
    empty = [line.empty for line in lines]
    axes.barh(at, found, color=_FOUND)
    axes.barh(at, empty, left=found, color=_EMPTY)
    axes.set_yticks(at, [_cut(name) for name in names], fontsize=9, parse_math=False)
    for label in axes.get_yticklabels():
        label.set_fontfamily(list(fonts))
    axes.set_ylim(max(len(lines), 5) - 0.4, -0.6)
    axes.set_xlim(0, 1.16 * max(line.searches for line in lines))
    axes.tick_params(axis="y", length=0)
    for place, line in zip(at, lines, strict=True):
        told = "no results" if line.ctr is None else f"{line.ctr:.0%}"
        axes.annotate(
            told, (line.searches, place), (4, 0), textcoords="offset points", va="center", fontsize=8
        )
    told = "searches (red: without results)"
    if names != texts:
        told += "; where no font here has a query's characters, pinyin or a number"
    axes.set_xlabel(told, fontsize=8)


def drawn(text: str, number: int, fonts: Sequence[str]) -> str:
    """A text as ``fonts`` can draw it: itself, its pinyin, else its number among the queries."""
    if not _missing(text, fonts):
        return text
    from pypinyin import lazy_pinyin

    spelled = " ".join(" ".join(lazy_pinyin(text)).split())
    return f"query {number}" if _missing(spelled, fonts) else spelled


def fonts_for(text: str) -> tuple[str, ...]:
    """Families to draw a text with, in the order they are tried: the usual one, then one of this machine that
    has most of what it lacks."""
    from matplotlib.font_manager import fontManager

    usual = ("DejaVu Sans",)
    lacking = _missing(text, usual)
    if not lacking:
        return usual
    best, most = None, 0
    for family in sorted({each.name for each in fontManager.ttflist}):
        if not family.startswith(_NO_LETTERS):
            has = len(lacking & _characters(family))
            best, most = (family, has) if has > most else (best, most)
    return usual if best is None else (*usual, best)


def _missing(text: str, fonts: Iterable[str]) -> set[str]:
    held = frozenset().union(*(_characters(family) for family in fonts))
    return {char for char in text if not char.isspace()} - held


@lru_cache(maxsize=512)
def _characters(family: str) -> frozenset[str]:
    """What a family's faces can draw; nothing where no file of it can be read."""
    from matplotlib.font_manager import fontManager, get_font

    for path in sorted(each.fname for each in fontManager.ttflist if each.name == family):
        try:
            return frozenset(map(chr, get_font(path).get_charmap()))
        except (OSError, RuntimeError, ValueError):
            continue
    return frozenset()


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"

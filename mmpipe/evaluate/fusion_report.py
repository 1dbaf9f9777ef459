"""A fusion report as the rows of a table, for a terminal or a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.evaluate.fusion_eval import Report, WayReport


def rows(way: WayReport) -> Iterator[tuple[str, ...]]:
    """Method and figures. What a fusion gains over the best single modality, and what taking a modality away
    costs it, stands behind the figure in per cent."""
    for method, values in way.methods.items():
        yield method, *_cells(values, way.gain.get(method, {}))
    for method, cases in way.dropped.items():
        for case, values in cases.items():
            lost = {name: -share for name, share in way.loss[method][case].items()}
            yield f"{method} without {case}", *_cells(values, lost)


def markdown(report: Report) -> str:
    """One table of the whole report."""
    names = next(iter(next(iter(report.ways.values())).methods.values()))
    lines = [f"| asked by | method | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for way, figures in report.ways.items():
        label = f"{way} ({report.queries[way]})"
        lines += [f"| {label} | {' | '.join(cells)} |" for cells in rows(figures)]
    return "\n".join(lines)


def _cells(values: Mapping[str, float], relative: Mapping[str, float]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{value:.3f} ({relative[name]:+.0%})" if name in relative else f"{value:.3f}"

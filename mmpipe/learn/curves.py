"""The loss and held-out curves of a run, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

_LOSSES = ("loss", "titles", "attributes", "types", "photos", "documents", "sounds", "away")


def plot_history(history: Sequence[Mapping[str, float]], folder: Path) -> None:
    """Write ``history.json`` and ``curves.png`` into ``folder``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (folder / "history.json").write_text(json.dumps(list(history), indent=1) + "\n", encoding="utf-8")
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, held_out = figure.subplots(1, 2)
    _lines(losses, [e for e in history if "loss" in e], _LOSSES)
    measured = [e for e in history if "loss" not in e]
    _lines(held_out, measured, sorted({k for e in measured for k in e} - {"step"}))
    losses.set(title="training loss", xlabel="step", ylim=(0, None))
    held_out.set(title="held out", xlabel="step", ylim=(0, 1))
    figure.savefig(folder / "curves.png", dpi=100)


def _lines(axes, entries: Sequence[Mapping[str, float]], names: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    for name in names:
        points = [(e["step"], e[name]) for e in entries if name in e]
        if points:
            # Measurements are few: each is shown as a point.
            axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) <= 40 else None, ms=3)
    if axes.lines:
        axes.legend(fontsize=7, ncols=4, loc="lower left", frameon=False)

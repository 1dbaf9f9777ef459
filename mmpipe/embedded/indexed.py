"""What came of indexing a feed, and how far it is meanwhile."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from mmpipe.embedded import html
from mmpipe.embedded.results import frame

if TYPE_CHECKING:
    import pandas as pd

    from mmpipe.schemas.run import Reject, RunRecord

Progress = Callable[[int, int | None], None]
"""Called with the rows that were read, and how many there are where that is known."""
Show = Callable[[str, bool], None]
"""Shows a line in place of the one before; whether it is the last."""
# Of a feed of many faults; `mmpipe rejects list` has all.
MOST_REJECTS = 1_000
_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class IndexReport:
    """One feed. ``record`` is the run as the ledger keeps it; ``rejects`` are rows and media that could not
    be used, each with its field and the remedy: the first :data:`MOST_REJECTS` of ``record.rejected``."""

    collection: str
    record: RunRecord
    rejects: Sequence[Reject] = field(default_factory=tuple)

    @property
    def live(self) -> bool:
        """Whether searches see all that was written; ``record.refused`` says why not."""
        return self.record.status == "done" and not self.record.refused

    def to_pandas(self) -> pd.DataFrame:
        """A row for each reject. Raises ``InvalidRequest`` without pandas."""
        names = ["row", "product_id", "scope", "field", "reason", "raw"]
        return frame([reject.model_dump(include=set(names)) for reject in self.rejects])

    def __str__(self) -> str:
        record = self.record
        told = (
            f"{self.collection}: {record.read:,} rows read, {record.indexed:,} products indexed,"
            f" {record.unchanged:,} unchanged, {record.deleted:,} deleted, {record.rejected:,} rejected"
        )
        return told if self.live else f"{told}; not live: {record.refused or record.error}"

    def __repr__(self) -> str:
        shown = [f"  row {r.row} {r.product_id or ''} {r.field}: {_said(r)}" for r in self.rejects[:10]]
        more = ["  …"] if len(self.rejects) > 10 else []
        return "\n".join([str(self), *shown, *more])

    def _repr_html_(self) -> str:
        if not self.rejects:
            return f"<p>{html.text(self)}</p>"
        rows = [
            [html.text(each) for each in (r.row, r.product_id, r.field, _said(r))] for r in self.rejects[:50]
        ]
        return html.table(["row", "product", "field", "reason"], rows, str(self))


def _said(reject: Reject) -> str:
    """The reason beside its field, which most reasons begin with."""
    return reject.reason.removeprefix(f"{reject.field}: ")


@contextmanager
def shown_to(progress: Progress | bool | None, name: str) -> Iterator[Progress]:
    """Whoever is told of progress: a function; True a line, on stderr or, in a notebook, below its cell; None
    that line where somebody looks at it, a terminal or a notebook."""
    if callable(progress):
        yield progress
        return
    notebook = "ipykernel" in sys.modules
    if progress is None:
        progress = sys.stderr.isatty() or notebook
    if not progress:
        yield lambda _read, _total: None
        return
    line = _Line(name, _below_the_cell() if notebook else _on(sys.stderr))
    try:
        yield line
    finally:
        line.end()


def _on(stream: TextIO) -> Show:
    def show(line: str, last: bool) -> None:
        stream.write(f"\r{line}\n" if last else f"\r{line}")
        stream.flush()

    return show


def _below_the_cell() -> Show:
    # Of a stream the notebook would keep every state, and of stderr in red.
    display = importlib.import_module("IPython.display").display
    handle = display({"text/plain": ""}, raw=True, display_id=True)

    def show(line: str, last: bool) -> None:
        handle.update({"text/plain": line}, raw=True)

    return show


class _Line:
    """One line that is written again and again."""

    def __init__(self, name: str, show: Show) -> None:
        self._name, self._show = name, show
        self._at = 0.0
        self._last = ""

    def __call__(self, read: int, total: int | None) -> None:
        self._last = f"{self._name}: {read:,}{'' if total is None else f' of {total:,}'} rows"
        if time.monotonic() - self._at >= _SECONDS:
            self._at = time.monotonic()
            self._show(self._last, False)

    def end(self) -> None:
        """Leave the last state standing."""
        if self._last:
            self._show(self._last, True)

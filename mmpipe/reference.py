"""Files below ``docs/`` that the code tells of itself, written or compared in a checkout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Reference:
    """``pages`` makes the texts by their paths below ``docs``, whose folder it is given, for what stands
    there by hand. In the folder ``whole`` of it there are no other pages."""

    pages: Callable[[Path], Mapping[str, str]]
    whole: str | None = None

    def differing(self, docs: Path = DOCS) -> list[str]:
        """Paths of files that are not as the code has them: another text, missing, or told of no more."""
        wanted = self.pages(docs)
        wrong = {path for path, text in wanted.items() if _read(docs / path) != text}
        return sorted(wrong | self._others(docs, wanted))

    def write(self, docs: Path = DOCS) -> None:
        """Make ``docs`` agree with the code."""
        wanted = self.pages(docs)
        for path in self._others(docs, wanted):
            (docs / path).unlink()
        for path, text in wanted.items():
            (docs / path).parent.mkdir(parents=True, exist_ok=True)
            (docs / path).write_text(text, encoding="utf-8")

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Write the files, or with ``--check`` name those that differ and return 1 if any does."""
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
        parser.add_argument("--docs", type=Path, default=DOCS, help="the folder, instead of the checkout's")
        given = parser.parse_args(arguments)
        if not given.check:
            self.write(given.docs)
            return 0
        wrong = self.differing(given.docs)
        sys.stdout.write("".join(f"docs/{path} differs from the code: make reference\n" for path in wrong))
        return 1 if wrong else 0

    def _others(self, docs: Path, wanted: Iterable[str]) -> set[str]:
        if self.whole is None:
            return set()
        there = (docs / self.whole).glob("*.md")
        return {path.relative_to(docs).as_posix() for path in there} - set(wanted)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None

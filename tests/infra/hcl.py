"""The little of HCL that the checks need: top-level blocks of a formatted file, and their attributes.

Formatting is checked too (``terraform fmt``), so a block ends at the first line that is a lone brace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OPENING = re.compile(r'^(?P<kind>[a-z_]+)(?P<labels>(?: "[^"]+")*) \{$')


@dataclass(frozen=True)
class Block:
    """``variable "name" { … }``: its kind, labels, inner text and where it stands."""

    kind: str
    labels: tuple[str, ...]
    text: str
    file: Path
    line: int

    def attribute(self, name: str) -> str | None:
        """The right side of ``name = …`` directly inside the block, as written (its first line)."""
        found = re.search(rf"^  {name}\s+= (.+)$", self.text, re.MULTILINE)
        return found.group(1) if found else None

    @property
    def place(self) -> str:
        return f"{self.file.name}:{self.line}: {self.kind} {' '.join(self.labels)}".rstrip()


def blocks(file: Path) -> Iterator[Block]:
    """Top-level blocks of one file, in order."""
    opening: re.Match[str] | None = None
    start = 0
    lines: list[str] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if opening is None:
            opening = _OPENING.match(line)
            start, lines = number, []
        elif line == "}":
            labels = tuple(re.findall(r'"([^"]+)"', opening["labels"]))
            yield Block(opening["kind"], labels, "\n".join(lines), file, start)
            opening = None
        else:
            lines.append(line)


def folder_blocks(folder: Path) -> list[Block]:
    """Top-level blocks of all ``*.tf`` of a folder."""
    return [block for file in sorted(folder.glob("*.tf")) for block in blocks(file)]

"""Training data in memory: pictures on the canvas, titles, and attributes as glossary terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.glossary import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELDS = ("type", "colour", "gender", "usage", "season", "pattern", "material")


@dataclass(frozen=True, slots=True)
class Item:
    """One picture with its words. ``terms`` maps a field of :data:`FIELDS` to what the picture shows."""

    id: str
    group: str
    title: str
    title_zh: str | None
    terms: Mapping[str, Term]


@dataclass(slots=True)
class Source:
    """Items of one origin; ``pixels[i]`` (uint8, ``(height, width, 3)``) belongs to ``items[i]``.

    ``originals[i]``, where they are kept, is the picture that it was made from: a file's bytes or pixels.
    """

    name: str
    items: list[Item]
    pixels: NDArray[np.uint8]
    photo: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    originals: Sequence[bytes | NDArray[np.uint8]] = ()

    def __post_init__(self) -> None:
        if len(self.photo) != len(self.items):
            self.photo = np.zeros(len(self.items), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.items)

    def subset(self, rows: Sequence[int] | NDArray[np.int64]) -> Source:
        """The same source with only these rows."""
        index = np.asarray(rows, dtype=np.int64)
        originals = [self.originals[i] for i in index] if len(self.originals) else ()
        return Source(
            self.name, [self.items[i] for i in index], self.pixels[index], self.photo[index], originals
        )

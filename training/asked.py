"""What a frozen text tower says of each item, drawn some times over: embedding texts takes longer than the
step that they are needed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.encoders import StarterText
from mmpipe.learn.data import FIELDS, Source
from mmpipe.learn.draws import draws
from mmpipe.learn.views import attribute_query, choose_fields, title_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWS = 3
_CHINESE = 0.4
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """Unit vectors ``(draws, items, 256)`` of titles, the first draw as it is written, and of queries by
    attributes; ``fields[draw, item]`` tells which of :data:`FIELDS` a query asks for."""

    titles: NDArray[np.float16]
    queries: NDArray[np.float16]
    fields: NDArray[np.bool_]

    def drawn(
        self, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """``(titles, queries, fields)`` of these rows, one draw each."""
        titles, queries = rng.integers(0, len(self.titles), (2, len(rows)))
        return (
            self.titles[titles, rows].astype(np.float32),
            self.queries[queries, rows].astype(np.float32),
            self.fields[queries, rows],
        )


def asked_of(source: Source, text: StarterText, seed: int) -> Asked:
    """Everything drawn of a source's items; the same for the same seed."""
    rng = draws(seed, source.name)
    items = source.items
    titles = [_embedded([item.title for item in items], text)]
    titles += [_embedded([title_view(item, rng) for item in items], text) for _ in range(_DRAWS - 1)]
    queries, fields = [], []
    for _ in range(_DRAWS):
        chosen = [choose_fields(item, rng) for item in items]
        languages = ["zh" if rng.random() < _CHINESE else "en" for _ in items]
        asked = [attribute_query(*each, rng) for each in zip(items, chosen, languages, strict=True)]
        queries.append(_embedded(asked, text))
        fields.append(
            np.array([[name in some for name in FIELDS] for some in chosen]).reshape(-1, len(FIELDS))
        )
    return Asked(np.stack(titles), np.stack(queries), np.stack(fields))


def _embedded(texts: list[str], text: StarterText) -> NDArray[np.float16]:
    parts = [text.embed_documents(texts[s : s + _BATCH]) for s in range(0, len(texts), _BATCH)]
    return np.concatenate([np.zeros((0, 256), np.float32), *parts]).astype(np.float16)

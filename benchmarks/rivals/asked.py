"""What every engine is fed and asked, and how its answers are timed."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HITS = 20
NEIGHBOURS = 200
FACET_VALUES = 100
_RANK_CONSTANT = 60
Asked = TypeVar("Asked")


@dataclass(frozen=True)
class Question:
    """The words that a product has to hold all of, the vector it is near to otherwise, the value of one
    column that it must have, and the columns whose values are counted over all matches."""

    words: tuple[str, ...]
    vector: np.ndarray
    column: str
    value: str
    facets: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Shop:
    """The products: ``place`` 0 … n-1, ``id``, ``title``, ``body`` (words, ready to be split at spaces), and
    ``columns`` of strings; ``vectors`` are of unit length, one per product."""

    def __init__(self, folder: Path) -> None:
        self.table: pa.Table = pq.read_table(folder / "products.parquet")
        self.vectors: np.ndarray = np.load(folder / "vectors.npy")
        self.columns = [n for n in self.table.column_names if n not in ("place", "id", "title", "body")]
        asked = json.loads((folder / "questions.json").read_text())
        vectors = np.load(folder / "question_vectors.npy")
        self.questions = [
            Question(tuple(each["words"]), vector, each["column"], each["value"], tuple(each["facets"]))
            for each, vector in zip(asked, vectors, strict=True)
        ]

    @cached_property
    def codes(self) -> dict[str, tuple[np.ndarray, list[str]]]:
        """Of every column, each product's value as a number and the values; 0 is none."""
        found = {}
        for name in self.columns:
            coded = self.table.column(name).combine_chunks().dictionary_encode()
            numbers = coded.indices.fill_null(-1).to_numpy() + 1
            found[name] = (numbers, ["", *coded.dictionary.to_pylist()])
        return found

    def count(self, places: np.ndarray, facets: Iterable[str]) -> dict[str, list[Any]]:
        """How often each value occurs among some products: for engines that do not count."""
        found = {}
        for name in facets:
            numbers, values = self.codes[name]
            counts = np.bincount(numbers[places], minlength=len(values))
            counts[0] = 0
            best = np.argsort(-counts, kind="stable")[:FACET_VALUES]
            found[name] = [[values[code], int(counts[code])] for code in best if counts[code]]
        return found

    def hits(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """What a page shows of some products: for engines that return ids alone."""
        found: list[dict[str, Any]] = self.table.take(list(places)).to_pylist()
        return found


class Engine(Protocol):
    """One engine in this process, or asked by it over a socket of its own."""

    lacks: Sequence[str]  # what the question asks for and this engine does not answer by itself

    def load(self, shop: Shop, folder: Path) -> None:
        """Take in and index everything; ``folder`` is the engine's own."""
        ...

    def ask(self, question: Question) -> bytes:
        """JSON with ``total``, ``facets`` and ``hits``: of the products that hold all of the words and of the
        200 nearest by vector, all under the filter."""
        ...

    def close(self) -> None: ...


def fused(*lists: Sequence[int]) -> list[int]:
    """The first of several ranked lists, by reciprocal ranks."""
    scores: Counter[int] = Counter()
    for ranked in lists:
        for rank, place in enumerate(ranked[:NEIGHBOURS]):
            scores[place] += 1 / (_RANK_CONSTANT + rank)
    return [place for place, _ in scores.most_common(HITS)]


def answer(total: int, facets: Mapping[str, Any], hits: Sequence[Any]) -> bytes:
    """The response's body."""
    return json.dumps({"total": total, "facets": facets, "hits": hits}).encode()


def measured(ask: Callable[[Asked], bytes], asked: Sequence[Asked]) -> dict[str, Any]:
    """Every question once unmeasured, for its total and its first hits, and once more for its time."""
    answers = [json.loads(ask(each)) for each in asked]
    walls = []
    for each in asked:
        begun = time.perf_counter()
        ask(each)
        walls.append((time.perf_counter() - begun) * 1e3)
    report: dict[str, Any] = {f"p{q}_ms": round(float(np.percentile(walls, q)), 3) for q in (50, 95, 99)}
    report["totals"] = [each["total"] for each in answers]
    report["first_hits"] = [[hit["id"] for hit in each["hits"][:10]] for each in answers]
    return report


def main(open_engine: Callable[[], Engine]) -> None:
    """Load, ask, print."""
    folder = Path(sys.argv[1])
    try:
        engine = open_engine()
    except ModuleNotFoundError as error:
        print(json.dumps({"absent": str(error)}))
        return
    shop = Shop(folder)
    begun = time.perf_counter()
    engine.load(shop, folder / type(engine).__name__.lower())
    loaded = time.perf_counter() - begun
    report = measured(engine.ask, shop.questions)
    engine.close()
    print(json.dumps({"lacks": engine.lacks, "load_seconds": round(loaded, 1)} | report))

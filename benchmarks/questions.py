"""Searches made from a table's own products, and their exact nearest neighbours: the same for every build.

Reads the table by Lance alone. A set of questions is a folder with ``requests.json`` (bodies of
``/v1/search``) and ``vectors.npy`` (float32, one unit vector per request).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Wanted = tuple[str, str]  # a field, or attributes.NAME, and the value that it must have
TOP = 10
_SAMPLE = 4_000
_SEED = 11
_FIELDS = ("brand", "category", "color", "size", "gender", "age_group", "material", "pattern", "condition")
_COLUMNS = ["id", "title", "price", *_FIELDS, "attribute_pairs", "text_vector", "vector"]
# How far a question's vector lies from the product that it is made from, whose length is 1.
_BESIDE = 0.5


def live_table(lake: Path, collection: str) -> lance.LanceDataset:
    """The version that is live."""
    live = json.loads((lake / collection / "live.json").read_text())["live"]
    return lance.dataset(str(lake / collection / f"{live['table']}.lance"), version=live["version"])


def only_collection(lake: Path) -> str:
    """Its name."""
    names = [path.parent.name for path in lake.glob("*/live.json")]
    if len(names) != 1:
        raise SystemExit(f"{lake} holds {names or 'no collection'}: one is needed")
    return names[0]


@dataclass(frozen=True)
class Questions:
    """Requests, each with its vector."""

    requests: list[dict[str, Any]]
    vectors: Floats

    def save(self, folder: Path) -> Path:
        """Written to ``folder``, which is returned."""
        folder.mkdir(parents=True)
        (folder / "requests.json").write_text(json.dumps(self.requests))
        np.save(folder / "vectors.npy", self.vectors)
        return folder


class Sample:
    """Some products of a table, drawn once."""

    def __init__(self, table: lance.LanceDataset) -> None:
        self._rng, self._draw = np.random.default_rng(_SEED), random.Random(_SEED)
        rows = table.count_rows()
        places = np.sort(self._rng.choice(rows, min(rows, _SAMPLE), replace=False))
        taken = table.take(places.tolist(), columns=_COLUMNS)
        self._vectors = {name: _matrix(taken.column(name)) for name in ("text_vector", "vector")}
        self.products = taken.drop_columns(list(self._vectors)).to_pylist()
        counts = Counter(wanted for product in self.products for wanted in _values(product))
        self.shares = {wanted: count / len(self.products) for wanted, count in counts.items()}
        kinds = Counter(field for field, _ in self.shares)
        useful = [(count, field) for field, count in kinds.items() if count >= 2]
        self.facets = [field for _, field in sorted(useful, reverse=True)[:3]]

    def hybrid(self, count: int) -> Questions:
        """Words of a title, a vector beside the product's text vector, its own value of one field in every
        question and of a second one, or a range around its price, in every other; three facets."""
        chosen = self._chosen(count)
        requests = []
        for place, index in enumerate(chosen):
            product = self.products[index]
            words = product["title"].split()
            text = " ".join(self._draw.sample(words, min(len(words), self._draw.choice((2, 2, 3, 4)))))
            wide = [wanted for wanted in _values(product) if 0.02 <= self.shares[wanted] <= 0.9]
            wanted = self._draw.sample(wide, min(len(wide), 1 + place % 2))
            filters = filters_of(wanted)
            if len(wanted) == 2 and product["price"] is not None:
                filters = filters_of(wanted[:1])
                filters["price"] = {
                    "gte": round(product["price"] / 2, 2),
                    "lte": round(product["price"] * 2, 2),
                }
            requests.append({"text": text, "filters": filters, "facets": self.facets, "limit": 20})
        return Questions(requests, self._beside("text_vector", chosen))

    def browsing(self, count: int) -> Questions:
        """No query: one filter, three facets, cheapest first. The vectors mean nothing."""
        wide = [wanted for wanted, share in self.shares.items() if share >= 0.02]
        made = [
            {"filters": filters_of([self._draw.choice(wide)]), "facets": self.facets, "sort": "price_asc"}
            for _ in range(count)
        ]
        return Questions(made, np.zeros((count, self._vectors["vector"].shape[1]), np.float32))

    def neighbours(self, count: int) -> tuple[Floats, dict[str, list[Wanted | None]]]:
        """Vectors beside products, and masks by name: what each question's rows must have. The percentages
        are of single values drawn to be nearest to them, ``own_category`` and ``other_category`` go with the
        question's product and against it."""
        chosen = self._chosen(count)
        masks: dict[str, list[Wanted | None]] = {"100%": [None] * count}
        single = {wanted: share for wanted, share in self.shares.items() if wanted[0] != "category"}
        for share in (0.5, 0.05, 0.005):
            nearest = min(single, key=lambda wanted: abs(np.log(single[wanted] / share)))
            masks[f"{share:.1%}"] = [nearest] * count
        own = [self.products[index]["category"] for index in chosen]
        if all(own):
            masks["own_category"] = [("category", each) for each in own]
            others = own[1:] + own[:1]
            masks["other_category"] = [("category", each) for each in others]
        return self._beside("vector", chosen), masks

    def _chosen(self, count: int) -> list[int]:
        return [self._draw.randrange(len(self.products)) for _ in range(count)]

    def _beside(self, column: str, chosen: Sequence[int]) -> Floats:
        values = self._vectors[column][list(chosen)]
        noise = self._rng.standard_normal(values.shape, dtype=np.float32)
        values = values + noise * np.float32(_BESIDE / values.shape[1] ** 0.5)
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        return values


def filters_of(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """The filters of a request."""
    found: dict[str, Any] = {}
    for field, value in wanted:
        name = field.removeprefix("attributes.")
        if name != field:
            found.setdefault("attributes", {})[name] = [value]
        else:
            found[field] = [value]
    return found


def exact(
    table: lance.LanceDataset, vectors: Floats, masks: dict[str, list[Wanted | None]]
) -> tuple[dict[str, list[list[str]]], dict[str, float]]:
    """The ids of the nearest :data:`TOP` products by the fused vectors as they are stored, best first, by
    mask and question; and the share of the products that each mask leaves, on average."""
    best = {name: [_Best() for _ in vectors] for name in masks}
    left: Counter[str] = Counter()
    rows = 0
    columns = ["id", "deleted", *_FIELDS, "attribute_pairs", "vector"]
    for batch in table.to_batches(columns=columns, batch_size=16_384):
        stored, ids = _matrix(batch.column("vector")), batch.column("id")
        usable = ~batch.column("deleted").to_numpy(zero_copy_only=False) & (np.abs(stored).sum(1) > 0)
        rows += int(usable.sum())
        scores = vectors @ stored.T
        known: dict[Wanted | None, NDArray[np.int64]] = {}
        for name, wanted in masks.items():
            for question, each in enumerate(wanted):
                if each not in known:
                    known[each] = np.flatnonzero(usable & _holds(batch, each))
                left[name] += len(known[each])
                best[name][question].add(scores[question], known[each], ids)
    found = {name: [each.ids() for each in lists] for name, lists in best.items()}
    return found, {name: count / rows / len(vectors) for name, count in left.items()}


class _Best:
    """The nearest so far."""

    def __init__(self) -> None:
        self._found: list[tuple[float, str]] = []

    def add(self, scores: Floats, rows: NDArray[np.int64], ids: pa.Array) -> None:
        if not len(rows):
            return
        if len(rows) > TOP:
            rows = rows[np.argpartition(-scores[rows], TOP - 1)[:TOP]]
        floor = self._found[-1][0] if len(self._found) == TOP else -np.inf
        self._found += [
            (float(scores[row]), ids[row].as_py()) for row in rows.tolist() if scores[row] > floor
        ]
        self._found = sorted(self._found, key=lambda each: (-each[0], each[1]))[:TOP]

    def ids(self) -> list[str]:
        return [each for _, each in self._found]


def _holds(batch: pa.RecordBatch, wanted: Wanted | None) -> NDArray[np.bool_]:
    if wanted is None:
        return np.ones(batch.num_rows, np.bool_)
    field, value = wanted
    name = field.removeprefix("attributes.")
    if name == field:
        same: pa.Array = pc.fill_null(pc.equal(batch.column(field), value), False)
        return np.asarray(same.to_numpy(zero_copy_only=False), np.bool_)
    pairs = batch.column("attribute_pairs")
    flat = pc.equal(pc.list_flatten(pairs), f"{name}={value}").to_numpy(zero_copy_only=False)
    found = np.zeros(batch.num_rows, np.bool_)
    found[pc.list_parent_indices(pairs).to_numpy()[flat.astype(np.bool_)]] = True
    return found


def _matrix(column: Any) -> Floats:
    """Rows of zeros where there is none."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = np.zeros((len(array), array.type.list_size), np.float32)
    values[array.is_valid().to_numpy(zero_copy_only=False)] = (
        array.flatten().to_numpy().reshape(-1, array.type.list_size)
    )
    return values


def _values(product: dict[str, Any]) -> Iterator[Wanted]:
    for field in _FIELDS:
        if product[field]:
            yield field, product[field]
    for pair in product["attribute_pairs"] or ():
        name, _, value = pair.partition("=")
        yield f"attributes.{name}", value

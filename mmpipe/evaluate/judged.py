"""Judged queries: what was asked, and which products answer it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidRequest

_MEDIA_COLUMNS: tuple[Modality, ...] = ("image", "audio")


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query: text, or a medium's bytes, or both; ``relevant`` is never empty. ``kind`` says what sort of
    query it is, None where nobody said."""

    text: str | None
    media: dict[Modality, bytes]
    relevant: frozenset[str]
    kind: str | None = None


def read_queries(path: Path) -> list[JudgedQuery]:
    """Read JSONL ``{"query", "relevant"}``, or Parquet with ``image`` or ``audio`` bytes and ``product_id``
    (and ``query`` besides, if mixed); both with ``kind`` where queries are of several kinds.

    Raises :class:`InvalidRequest` naming the line or column that cannot be used.
    """
    if not path.is_file():
        raise InvalidRequest("queries", f"no file at {path}")
    queries = list(_from_parquet(path) if path.suffix == ".parquet" else _from_jsonl(path))
    if not queries:
        raise InvalidRequest("queries", f"{path.name} holds no query")
    return queries


def _from_jsonl(path: Path) -> Iterator[JudgedQuery]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                text, named = row["query"], row["relevant"]
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidRequest(
                    "queries", f'line {number} must be {{"query": text, "relevant": [ids]}} ({error!r})'
                ) from error
            # A bare id is no list: its letters would be taken for ids.
            if not isinstance(text, str) or not isinstance(named, list) or not named:
                raise InvalidRequest(
                    "queries", f"line {number} needs a text query and a list of at least one relevant id"
                )
            kind = row.get("kind")
            if kind is not None and not isinstance(kind, str):
                raise InvalidRequest("queries", f"line {number}: kind must be a text")
            yield JudgedQuery(text, {}, frozenset(str(item) for item in named), kind)


def _from_parquet(path: Path) -> Iterator[JudgedQuery]:
    file = pq.ParquetFile(path)
    columns = set(file.schema_arrow.names)
    media = [name for name in _MEDIA_COLUMNS if name in columns]
    if "product_id" not in columns or not media:
        raise InvalidRequest("queries", f"{path.name} needs the columns product_id and image or audio")
    wanted = ["product_id", *media, *(name for name in ("query", "kind") if name in columns)]
    for batch in file.iter_batches(batch_size=256, columns=wanted):
        for row in batch.to_pylist():
            relevant = row["product_id"] if isinstance(row["product_id"], list) else [row["product_id"]]
            yield JudgedQuery(
                row.get("query"),
                {name: _bytes(row[name], name) for name in media if row[name] is not None},
                frozenset(str(item) for item in relevant),
                None if row.get("kind") is None else str(row["kind"]),
            )


def _bytes(value: Any, column: str) -> bytes:
    if isinstance(value, dict):  # Hugging Face datasets store {"bytes", "path"}
        value = value.get("bytes")
    if not isinstance(value, bytes):
        raise InvalidRequest("queries", f"column {column} must hold the file's bytes")
    return value

"""The search engine of the build on the path, asked in one way."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from mmpipe import search
from mmpipe.lake import open_lake
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery, Searcher
from mmpipe.settings import load_settings


def use_one_thread() -> None:
    """As a replica does with the models' library, where this build's search uses it."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Case:
    """A request and what it is searched with."""

    request: SearchRequest
    query: EncodedQuery


def sorts() -> bool:
    """Whether a request of this build can ask for an order by price."""
    return "sort" in SearchRequest.model_fields


def cases(folder: str) -> list[Case]:
    """The questions that benchmarks/questions.py saved. Without ``sort`` where the build has none; a request
    without text or vector has a vector of zeros."""
    made = []
    vectors = np.load(Path(folder) / "vectors.npy")
    requests = json.loads((Path(folder) / "requests.json").read_text())
    for place, (body, vector) in enumerate(zip(requests, vectors, strict=True)):
        if not sorts():
            body.pop("sort", None)
        request = SearchRequest.model_validate(body)
        asks = bool(vector.any())
        query = EncodedQuery(
            text=request.text,
            vector=vector if asks else None,
            text_share=1.0 if request.text else 0.0,
            identity=str(place).encode(),
        )
        made.append(Case(request, query))
    return made


class Engine:
    """What one replica searches with: its store and its searcher, nothing followed in the background."""

    def __init__(self, lake: str, collection: str, mirror: str, *, every_neighbour: bool = False) -> None:
        settings = load_settings()
        serve: dict[str, Any] = {"mirror_dir": mirror}
        if every_neighbour and "relevance" in type(settings.serve).model_fields:
            serve["relevance"] = 0.0
        self._settings = settings.model_copy(
            update={
                "lake": settings.lake.model_copy(update={"uri": lake}),
                "serve": settings.serve.model_copy(update=serve),
            }
        )
        store: Any = getattr(search, "LiveVersions", None) or search.SnapshotStore
        self._collection = collection
        begun = time.perf_counter()
        self._store = store(self._settings, open_lake(self._settings))
        self._version: Any = self._store.get(collection)
        self.load_seconds = time.perf_counter() - begun
        self._searcher: Any = Searcher(self._version.profile, self._settings.serve)

    @property
    def products(self) -> int:
        """How many can be found."""
        return len(self._version)

    @property
    def label(self) -> str:
        """Of the version that answers."""
        return str(self._version.label)

    def follow(self) -> None:
        """Load what is live now, in this thread."""
        self._store.refresh(self._collection)
        self._version = self._store.get(self._collection)

    def answer(self, case: Case) -> bytes:
        """The response's body."""
        if hasattr(self._searcher, "search_json"):
            found: bytes = self._searcher.search_json(self._version, case.request, case.query)
            return found
        return to_json(self._searcher.search_payload(self._version, case.request, case.query))

    def close(self) -> None:
        self._store.close()

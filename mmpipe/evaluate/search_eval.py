"""Search quality over judged queries, through the real pipeline: index a temporary lake, then search it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from pydantic_core import from_json

from mmpipe import media
from mmpipe.errors import InvalidFeed, InvalidRequest
from mmpipe.evaluate.judged import JudgedQuery, read_queries
from mmpipe.evaluate.metrics import ndcg_at_k, precision_at_k, recall_at_k, reciprocal_rank
from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import carry, load_profile
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, encode

if TYPE_CHECKING:
    from mmpipe.encoders.base import EncoderInput, Modality
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.search import Version
    from mmpipe.settings import Settings

COLLECTION = "eval"
# As deep as one page goes: an answer below it counts as not found, in MRR too.
DEPTH = 100


Figures = dict[str, float | int]


@dataclass(frozen=True, slots=True)
class Report:
    """Means over all queries, and over those of each kind, by its name."""

    all: Figures
    by_kind: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Measured:
    """One query's ranking and its cost: encoding and search together, in milliseconds."""

    ranked: tuple[str, ...]
    milliseconds: float


def run(
    settings: Settings,
    products: Sequence[Path],
    queries: Path,
    doc_modalities: Sequence[Modality],
) -> Report:
    """Index ``products`` (feed files; each later file is newer) and measure ``queries`` against them.

    The means are of recall@1, recall@10, precision@1, precision@10, ndcg@10 and mrr (to rank 100), beside
    them the number of queries, seconds of indexing and median milliseconds of a query. Only
    ``doc_modalities`` of the products are indexed.

    Raises :class:`InvalidRequest` for unusable arguments or queries and :class:`InvalidFeed` where a file
    indexes nothing.
    """
    if not products:
        raise InvalidRequest("products", "name at least one feed file")
    judged = read_queries(queries)
    with tempfile.TemporaryDirectory(prefix="mmpipe-eval-") as folder:
        indexing = settings.indexing.model_copy(update={"modalities": tuple(doc_modalities)})
        lake = settings.lake.model_copy(update={"uri": folder})
        here = settings.model_copy(update={"indexing": indexing, "lake": lake})
        carry(indexing.profile, settings, here)
        started = time.perf_counter()
        for path in products:
            record = execute_file(here, path, COLLECTION)
            if record.status != "done" or record.error:
                raise InvalidFeed(f"{path}: {record.error or record.status}")
            if record.indexed + record.unchanged == 0:
                raise InvalidFeed(f"{path}: no row could be indexed ({record.rejected} rejected)")
        index_seconds = time.perf_counter() - started
        loaded = load_profile(indexing.profile, here, threads=settings.serve.encoder_threads)
        store = LiveVersions(here, open_lake(here))
        try:
            measured = _search_all(judged, store.get(COLLECTION), loaded, here)
        finally:
            store.close()
    kinds = sorted({query.kind for query in judged if query.kind is not None})
    by_kind: dict[str, Figures] = {}
    for kind in kinds:
        of_kind = [at for at, query in enumerate(judged) if query.kind == kind]
        by_kind[kind] = _means([judged[at] for at in of_kind], [measured[at] for at in of_kind])
    return Report({**_means(judged, measured), "index_seconds": round(index_seconds, 2)}, by_kind)


def _search_all(
    judged: Sequence[JudgedQuery], version: Version, loaded: LoadedEncoders, settings: Settings
) -> list[Measured]:
    searcher = Searcher(loaded.profile, settings.serve)
    measured = []
    for query in judged:
        request = SearchRequest(text=query.text, limit=DEPTH, explain=False)
        decoded = _decode(query.media, settings)
        started = time.perf_counter()
        answer = searcher.ask(version, request, partial(encode, loaded=loaded, media=decoded)).body
        elapsed = (time.perf_counter() - started) * 1e3
        measured.append(Measured(tuple(hit["id"] for hit in from_json(answer)["hits"]), elapsed))
    return measured


def _decode(raw: Mapping[Modality, bytes], settings: Settings) -> dict[Modality, EncoderInput]:
    return {
        modality: media.decode(modality, data, settings.media, modality) for modality, data in raw.items()
    }


def _means(judged: Sequence[JudgedQuery], measured: Sequence[Measured]) -> Figures:
    pairs = [(m.ranked, q.relevant) for q, m in zip(judged, measured, strict=True)]
    metrics = {
        "recall@1": fmean(recall_at_k(ranked, relevant, 1) for ranked, relevant in pairs),
        "recall@10": fmean(recall_at_k(ranked, relevant, 10) for ranked, relevant in pairs),
        "precision@1": fmean(precision_at_k(ranked, relevant, 1) for ranked, relevant in pairs),
        "precision@10": fmean(precision_at_k(ranked, relevant, 10) for ranked, relevant in pairs),
        "ndcg@10": fmean(ndcg_at_k(ranked, relevant, 10) for ranked, relevant in pairs),
        "mrr": fmean(reciprocal_rank(ranked, relevant) for ranked, relevant in pairs),
    }
    return {
        "queries": len(judged),
        **{name: round(value, 4) for name, value in metrics.items()},
        "query_ms_p50": round(median(m.milliseconds for m in measured), 3),
    }

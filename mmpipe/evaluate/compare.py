"""Two tables of one collection asked the same questions: what is live, and a candidate for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, Field
from pydantic_core import from_json

from mmpipe import media
from mmpipe.encoders.base import MODALITIES, Modality
from mmpipe.errors import InvalidRequest, NotReady, PublishRejected
from mmpipe.evaluate import pictures
from mmpipe.evaluate.judged import JudgedQuery
from mmpipe.evaluate.metrics import ndcg_at_k, recall_at_k, reciprocal_rank
from mmpipe.lake.model_loading import fusion_of, load_exactly
from mmpipe.lake.schema import hash_column
from mmpipe.lake.storage import lance_errors
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import Searcher, TextCache, encode
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load

if TYPE_CHECKING:
    import lance
    from numpy.typing import NDArray

    from mmpipe.encoders.base import EncoderInput
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.search import Version
    from mmpipe.settings import Settings

DEPTH = 100
TOP = 10
MAX_TITLES = 500
# A loss that may be chance is no reason to stay, unless it is large: more queries must tell then.
MAX_DROP = 0.05
_RESAMPLES = 2_000
_CONFIDENCE = 0.95


class Difference(BaseModel):
    """One measure's means over the queries, and candidate minus live with its 95 % interval: percentiles of
    the mean difference over resampled queries (paired bootstrap; Efron and Tibshirani, 1993)."""

    live: float
    candidate: float
    difference: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    @property
    def worse(self) -> bool:
        """Whether the candidate loses: certainly, or by more than :data:`MAX_DROP`, be it chance or not."""
        return self.high < 0 or self.difference < -MAX_DROP


class Coverage(BaseModel):
    """Products that can be found by one modality, in either table."""

    live: int
    candidate: int

    @property
    def worse(self) -> bool:
        """Whether more than :data:`MAX_DROP` of them are lost."""
        return self.candidate < (1 - MAX_DROP) * self.live


class Comparison(BaseModel):
    """Recall at 1 and 10, MRR (to rank 100) and NDCG at 10 of both tables over the same queries.

    ``overlap`` is the mean share of the first ten hits that both have. ``unanswerable`` queries name no
    product that is live; they are left out of everything. ``coverage`` counts by modality what was encoded:
    queries of text alone do not notice that photos are lost.
    """

    live: str = Field(description="table@version")
    candidate: str = Field(description="table@version")
    live_products: int
    candidate_products: int
    kind: Literal["judged", "titles"]
    queries: int
    unanswerable: int
    measures: dict[str, Difference]
    overlap: float
    coverage: dict[Modality, Coverage]

    def losses(self) -> list[str]:
        """What the candidate does worse than what is live, in words; nothing, if it may take its place."""
        lost = [
            f"{name} {each.live:.4f} → {each.candidate:.4f} ({each.difference:+.4f}, 95 % interval"
            f" {each.low:+.4f} … {each.high:+.4f}{'' if each.certain else ', may be chance'})"
            for name, each in self.measures.items()
            if each.worse
        ]
        return lost + [
            f"products with {modality} {each.live:,} → {each.candidate:,}"
            for modality, each in self.coverage.items()
            if each.worse
        ]


def refuse_worse(found: Comparison) -> None:
    """Raise ``PublishRejected`` saying what got worse, where anything did."""
    lost = found.losses()
    if not lost:
        return
    asked = f"{found.queries} judged queries"
    if found.kind == "titles":
        asked = f"{found.queries} product titles as queries; judged ones (--queries) tell more"
    raise PublishRejected(
        f"{found.candidate} is worse than what is live ({found.live}): {'; '.join(lost)}. Measured on"
        f" {asked}. The live table stays live"
    )


def compare(
    settings: Settings,
    collection: Collection,
    table: str,
    queries: Sequence[JudgedQuery] | None = None,
    *,
    seed: int = 0,
) -> Comparison:
    """Search the live version and the newest version of ``table`` with the same queries, each encoded by the
    models of the table asked.

    Without ``queries`` the titles of up to :data:`MAX_TITLES` live products are asked, each to find the
    products of that title: a check that nothing is lost, no measure of how real queries fare. Full text finds
    titles whatever the models are, so they are asked once more by vectors alone (``… by vectors``), and of
    pictures alone (``title → picture …``, :mod:`mmpipe.evaluate.pictures`). Raises ``NotReady`` where nothing
    is live, ``NotFound`` for an unknown table, ``InvalidRequest`` where no query can be answered,
    ``ModelUnavailable``, ``ProfileMismatch``.
    """
    live = collection.live()
    if live is None:
        raise NotReady(f"collection {collection.name} has nothing live to compare with: index a feed first")
    now, then = collection.table(live.table), collection.table(table)
    before = _open(settings, collection, now, live.version)
    after = _open(settings, collection, then, None)
    asked = _titles(before, seed) if queries is None else list(queries)
    answerable = [query for query in asked if any(before.find(each) is not None for each in query.relevant)]
    if not answerable:
        raise InvalidRequest(
            "queries", f"none of {len(asked)} queries names a product of collection {collection.name}"
        )
    models = [
        load_exactly(each.profile, settings, threads=settings.serve.encoder_threads)
        for each in (before, after)
    ]
    first = _search(settings, models[0], before, answerable)
    second = _search(settings, models[1], after, answerable)
    rng = np.random.default_rng(seed)
    measures = _measures(first.whole, second.whole, answerable, rng)
    if queries is None:
        alone = _measures(first.by_vectors, second.by_vectors, answerable, rng)
        measures |= {f"{name} by vectors": alone[name] for name in ("recall@10", "mrr")}
        seen = _by_pictures((now.at(live.version), then.latest()), models, answerable, rng)
        measures |= {f"title → picture {name}": seen[name] for name in ("recall@10", "mrr") if name in seen}
    shared = [_overlap(a[:TOP], b[:TOP]) for a, b in zip(first.whole, second.whole, strict=True)]
    return Comparison(
        live=before.label,
        candidate=after.label,
        live_products=len(before),
        candidate_products=len(after),
        kind="titles" if queries is None else "judged",
        queries=len(answerable),
        unanswerable=len(asked) - len(answerable),
        measures=measures,
        overlap=round(fmean(shared), 4),
        coverage=_coverage(now.at(live.version), then.latest()),
    )


def _open(settings: Settings, collection: Collection, table: ProductTable, version: int | None) -> Version:
    dataset = table.latest() if version is None else table.at(version)
    folder = NodeFolder(settings.serve.mirror_dir)
    try:
        return load(
            dataset,
            collection=collection.name,
            table=table.name,
            folder=folder,
            exact_rows=settings.serve.exact_rows,
            fusion_for=lambda profile: fusion_of(profile, settings),
        )
    finally:
        folder.close()  # what is mapped stays so


def _coverage(live: lance.LanceDataset, candidate: lance.LanceDataset) -> dict[Modality, Coverage]:
    found: dict[Modality, Coverage] = {}
    with lance_errors("counting what was encoded"):
        for modality in MODALITIES:
            encoded = f"deleted = false AND {hash_column(modality)} IS NOT NULL"
            counts = [dataset.count_rows(filter=encoded) for dataset in (live, candidate)]
            if any(counts):
                found[modality] = Coverage(live=counts[0], candidate=counts[1])
    return found


def _titles(live: Version, seed: int) -> list[JudgedQuery]:
    ids: dict[str, set[str]] = {}
    for row in rows_of(live.alive).tolist():
        members = live.page.static(row)
        title, product_id = members["title"], members["id"]
        if title and product_id:
            ids.setdefault(title, set()).add(product_id)
    titles = sorted(ids)
    if len(titles) > MAX_TITLES:
        chosen = np.random.default_rng(seed).choice(len(titles), MAX_TITLES, replace=False)
        titles = [titles[i] for i in sorted(chosen.tolist())]
    return [JudgedQuery(title, {}, frozenset(ids[title])) for title in titles]


@dataclass(slots=True)
class _Ranked:
    """The ids of each query's hits, best first: as they are shown, and by vectors without full text."""

    whole: list[tuple[str, ...]] = field(default_factory=list)
    by_vectors: list[tuple[str, ...]] = field(default_factory=list)


def _by_pictures(
    tables: Sequence[lance.LanceDataset],
    models: Sequence[LoadedEncoders],
    queries: Sequence[JudgedQuery],
    rng: np.random.Generator,
) -> dict[str, Difference]:
    if any("text" not in loaded.encoders for loaded in models):
        return {}
    ids = pictures.common_pictures(tables, rng)
    asked = pictures.about(queries, ids)
    if not asked:
        return {}
    live, candidate = (
        pictures.rank(table, loaded, ids, asked, DEPTH) for table, loaded in zip(tables, models, strict=True)
    )
    return _measures(live, candidate, asked, rng)


def _search(
    settings: Settings, loaded: LoadedEncoders, asked: Version, queries: Sequence[JudgedQuery]
) -> _Ranked:
    searcher, cache = Searcher(asked.profile, settings.serve), TextCache()
    ranked = _Ranked()
    for query in queries:
        request = SearchRequest(text=query.text, limit=DEPTH, explain=False)
        encoded = encode(request, loaded, _decode(query.media, settings), cache)
        for each, into in ((encoded, ranked.whole), (replace(encoded, text_share=0.0), ranked.by_vectors)):
            answer = from_json(searcher.search_json(asked, request, each))
            into.append(tuple(hit["id"] for hit in answer["hits"]))
    return ranked


def _decode(raw: Mapping[Modality, bytes], settings: Settings) -> dict[Modality, EncoderInput]:
    return {m: media.decode(m, data, settings.media, m) for m, data in raw.items()}


def _measures(
    live: Sequence[tuple[str, ...]],
    candidate: Sequence[tuple[str, ...]],
    queries: Sequence[JudgedQuery],
    rng: np.random.Generator,
) -> dict[str, Difference]:
    before, after = _scores(live, queries), _scores(candidate, queries)
    return {name: _difference(before[name], after[name], rng) for name in before}


def _scores(
    ranked: Sequence[tuple[str, ...]], queries: Sequence[JudgedQuery]
) -> dict[str, NDArray[np.float64]]:
    pairs = [(hits, query.relevant) for hits, query in zip(ranked, queries, strict=True)]
    return {
        "recall@1": np.array([recall_at_k(hits, relevant, 1) for hits, relevant in pairs]),
        "recall@10": np.array([recall_at_k(hits, relevant, TOP) for hits, relevant in pairs]),
        "mrr": np.array([reciprocal_rank(hits, relevant) for hits, relevant in pairs]),
        "ndcg@10": np.array([ndcg_at_k(hits, relevant, TOP) for hits, relevant in pairs]),
    }


def _difference(
    live: NDArray[np.float64], candidate: NDArray[np.float64], rng: np.random.Generator
) -> Difference:
    difference = candidate - live
    # One resample at a time: a matrix of them all takes gigabytes where there are many queries.
    count = len(difference)
    means = [float(difference[rng.integers(count, size=count)].mean()) for _ in range(_RESAMPLES)]
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(
        live=round(float(live.mean()), 4),
        candidate=round(float(candidate.mean()), 4),
        difference=round(float(difference.mean()), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
    )


def _overlap(live: Sequence[str], candidate: Sequence[str]) -> float:
    if not live and not candidate:
        return 1.0
    return len(set(live) & set(candidate)) / max(len(live), len(candidate))

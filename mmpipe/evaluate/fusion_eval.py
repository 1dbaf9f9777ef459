"""What fusing modalities buys: text, image and mixed queries against single modalities and every fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe import media
from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import Modality, Vectors
from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.fusion_corpus import Corpus, read_corpus
from mmpipe.evaluate.fusion_queries import AskedBy, FusionQuery, make_queries
from mmpipe.evaluate.judged import read_queries
from mmpipe.evaluate.metrics import precision_at_k, recall_at_k, reciprocal_rank
from mmpipe.fusion import Fusion, OfOneModality, build, late, load
from mmpipe.lake.model_loading import load_profile
from mmpipe.search.find import lean
from mmpipe.search.find.scoring import VectorScale

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.settings import Settings

# As deep as one page goes: an answer below it counts as not found, in MRR too.
DEPTH = 100
Figures = dict[str, float]
Scores = NDArray[np.float32]
Asked = Mapping[Modality, Vectors]


@dataclass(frozen=True, slots=True)
class WayReport:
    """One way of asking: figures by method, and each fusion's relative gain over the best single modality.

    ``dropped[method][case]`` are the figures of early fusion with one modality taken away, from the products
    asked for (``"text, target"``) or from all (``"text, all"``), and ``loss`` what that costs, relatively.
    """

    methods: dict[str, Figures]
    gain: dict[str, Figures]
    dropped: dict[str, dict[str, Figures]]
    loss: dict[str, dict[str, Figures]]


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, and a :class:`WayReport` per way of asking."""

    profile: str
    fusion: str
    products: int
    modalities: dict[str, int]
    queries: dict[str, int]
    ways: dict[str, WayReport]


@dataclass(frozen=True, slots=True)
class Way:
    """All queries of one way of asking: their vectors ``(queries, dim)`` and the relevant rows of each."""

    name: str
    asked: Asked
    relevant: Sequence[frozenset[int]]


def run(
    settings: Settings,
    products: Sequence[Path],
    *,
    queries: Path | None = None,
    fusions: Sequence[Path] = (),
    held_out: tuple[str, str] | None = None,
    count: int = 400,
    seed: int = 7,
) -> Report:
    """Measure on the products of feed files, queries made of ``count`` of them or read from ``queries``.

    Compared are each modality of the products alone, early fusion by the profile's own fusion and by every
    weight file of ``fusions``, and late and hybrid fusion by the profile's, by ``recall@10``, ``mrr`` (rank
    100 at most) and ``precision@10``, per way of asking: ``text``, ``image``, ``mixed`` and ``change``, of
    judged queries by what each has. Exact search over the whole corpus.

    Raises :class:`InvalidRequest` for unusable arguments and :class:`InvalidFeed` for feeds without products.
    """
    if not products:
        raise InvalidRequest("products", "name at least one feed file")
    loaded = load_profile(settings.indexing.profile, settings, threads=settings.serve.encoder_threads)
    corpus = read_corpus(settings, products, loaded, held_out=held_out, count=count, seed=seed)
    if queries is None:
        asked = make_queries(corpus.products, corpus.pictures, corpus.chosen, seed)
    else:
        asked = _judged(queries, corpus, settings)
    ways = _encode(asked, loaded)
    own = load(loaded.profile.fusion, loaded.folder)
    early = {f"early/{own.info.kind}": own} | {
        f"early/{path.stem}": build(*fusion_file.read(path)) for path in fusions
    }
    return Report(
        profile=loaded.profile.name,
        fusion=own.info.kind,
        products=len(corpus.products),
        modalities={m: int(there.sum()) for m, there in corpus.present.items()},
        queries={way.name: len(way.relevant) for way in ways},
        ways={way.name: _measure(way, corpus, early, own) for way in ways},
    )


def _measure(way: Way, corpus: Corpus, early: Mapping[str, Fusion], own: Fusion) -> WayReport:
    everything = np.any(list(corpus.present.values()), axis=0)
    methods: dict[str, Figures] = {}
    alone = {m: _figures(way, _single(way, corpus, m, own), corpus.present[m]) for m in ("text", "image")
             if m in corpus.vectors}  # fmt: skip
    methods |= {f"{m} alone": figures for m, figures in alone.items()}
    dropped: dict[str, dict[str, Figures]] = {}
    for name, fusion in early.items():
        whole = _early(way, fusion, corpus.vectors, corpus.present)
        methods[name] = _figures(way, whole, everything)
        dropped[name] = {
            f"{m}, {who}": figures
            for m in ("text", "image")
            if m in corpus.vectors
            for who, figures in _dropped(way, fusion, corpus, m, whole).items()
        }
    late_scores, hybrid = _late(way, corpus, own)
    methods["late"] = _figures(way, late_scores, everything)
    methods["hybrid"] = _figures(way, hybrid, everything)
    measures = list(next(iter(methods.values())))
    best = {measure: max(figures[measure] for figures in alone.values()) for measure in measures}
    return WayReport(
        methods=methods,
        gain={
            name: {m: _ratio(figures[m], best[m]) for m in measures}
            for name, figures in methods.items()
            if name not in {f"{m} alone" for m in alone}
        },
        dropped=dropped,
        loss={
            name: {case: {m: -_ratio(f[m], methods[name][m]) for m in measures} for case, f in cases.items()}
            for name, cases in dropped.items()
        },
    )


def _ratio(value: float, base: float) -> float:
    return round(value / base - 1, 4) if base > 0 else 0.0


def _query(asked: Asked, fusion: Fusion) -> Vectors:
    """As a search encodes it."""
    count = len(next(iter(asked.values())))
    there = {m: np.ones(count, np.bool_) for m in asked}
    return fusion.ask(asked, there)[0]


def _single(way: Way, corpus: Corpus, held: Modality, fusion: Fusion) -> Scores:
    """One modality of the products, asked by the same modality of the query where it has it."""
    query = way.asked[held] if held in way.asked else _query(way.asked, fusion)
    scores: Scores = query @ corpus.vectors[held].T
    return scores


def _early(
    way: Way,
    fusion: Fusion,
    vectors: Mapping[Modality, Vectors],
    present: Mapping[Modality, NDArray[np.bool_]],
) -> Scores:
    scores: Scores = _query(way.asked, fusion) @ fusion.fuse(vectors, present)[0].T
    return scores


def _dropped(
    way: Way, fusion: Fusion, corpus: Corpus, modality: Modality, whole: Scores
) -> dict[str, Figures]:
    """Figures without one modality of all products, and of only those asked for. A product that had nothing
    else is not found."""
    left = {m: there & (m != modality) for m, there in corpus.present.items()}
    found = np.any(list(left.values()), axis=0)
    less = _early(way, fusion, corpus.vectors, left)
    # A table of products that can have one modality only is fused as such.
    single = sum(bool(there.any()) for there in left.values()) == 1
    everywhere = _early(way, OfOneModality(fusion), corpus.vectors, left) if single else less
    relevant = np.zeros(whole.shape, np.bool_)
    for number, rows in enumerate(way.relevant):
        relevant[number, list(rows)] = True
    target = np.where(relevant, np.where(found, less, -np.inf), whole).astype(np.float32)
    there = np.any(list(corpus.present.values()), axis=0)
    return {"target": _figures(way, target, there), "all": _figures(way, everywhere, found)}


def _late(way: Way, corpus: Corpus, fusion: Fusion) -> tuple[Scores, Scores]:
    """Late fusion of the scores over everything; and hybrid: the best of early fusion, as scores lean."""
    chosen = late.pairs(fusion.info, dict.fromkeys(way.asked, 1.0), list(corpus.vectors))
    whole = _early(way, fusion, corpus.vectors, corpus.present)
    everything = np.any(list(corpus.present.values()), axis=0)
    count = len(way.relevant)
    scores = np.full((count, len(corpus.products)), -1.0, np.float32)
    hybrid = scores.copy()
    towards = lean.towards(dict.fromkeys(way.asked, 1.0), apart=fusion.info.apart)
    leaning = {m: weight for m, weight in towards.items() if m in corpus.vectors}
    depth = (2 if way.asked.keys() <= {"text"} else 4) * DEPTH
    rows = np.flatnonzero(everything)
    for number in range(count):
        cosines = [(corpus.vectors[p.held] @ way.asked[p.asked][number])[rows] for p in chosen]
        there = [corpus.present[p.held][rows] for p in chosen]
        bands = [late.Band.of(c[t], 2 * DEPTH) for c, t in zip(cosines, there, strict=True)]
        scores[number, rows] = late.parts(chosen, cosines, there, bands).sum(axis=0)
        near = np.argsort(-np.where(everything, whole[number], -np.inf), kind="stable")[:depth]
        near = near[everything[near]]
        own = {
            m: np.where(corpus.present[m][near], corpus.vectors[m][near] @ way.asked[m][number], np.nan)
            for m in leaning
        }
        nearest = whole[number, near]
        scale = lean.settle(VectorScale(0.0, 1.0), leaning, nearest, own, depth)
        hybrid[number, near] = lean.leaned(scale.leans, nearest, own)
    return scores, hybrid


def _figures(way: Way, scores: Scores, found: NDArray[np.bool_]) -> Figures:
    ranked = np.argsort(-np.where(found, scores, -np.inf), axis=1, kind="stable")[:, :DEPTH]
    able = int(found.sum())
    pairs = [
        ([str(row) for row in rows[:able]], {str(row) for row in relevant})
        for rows, relevant in zip(ranked.tolist(), way.relevant, strict=True)
    ]
    return {
        "recall@10": round(fmean(recall_at_k(rows, relevant, 10) for rows, relevant in pairs), 4),
        "mrr": round(fmean(reciprocal_rank(rows, relevant) for rows, relevant in pairs), 4),
        "precision@10": round(fmean(precision_at_k(rows, relevant, 10) for rows, relevant in pairs), 4),
    }


def _encode(queries: Sequence[FusionQuery], loaded: LoadedEncoders) -> list[Way]:
    ways = []
    for name in dict.fromkeys(query.way for query in queries):
        mine = [query for query in queries if query.way == name]
        asked: dict[Modality, Vectors] = {}
        texts = [query.text for query in mine if query.text is not None]
        images = [query.image for query in mine if query.image is not None]
        if texts:
            asked["text"] = np.stack([loaded.encoders["text"].embed_query(text) for text in texts])
        if images:
            asked["image"] = np.stack([loaded.encoders["image"].embed_query(image) for image in images])
        ways.append(Way(name, asked, [query.relevant for query in mine]))
    return ways


def _judged(path: Path, corpus: Corpus, settings: Settings) -> list[FusionQuery]:
    row_of = {product.id: row for row, product in enumerate(corpus.products)}
    queries = []
    for judged in read_queries(path):
        relevant = frozenset(row_of[item] for item in judged.relevant if item in row_of)
        image = judged.media.get("image")
        if not relevant or (not judged.text and image is None):
            continue
        pixels = None if image is None else media.decode("image", image, settings.media, "image")
        way: AskedBy = "mixed" if judged.text and pixels is not None else "text" if judged.text else "image"
        if pixels is not None and not isinstance(pixels, np.ndarray):
            raise InvalidRequest("queries", "column image must hold pictures")
        queries.append(FusionQuery(way, judged.text or None, pixels, relevant))
    if not queries:
        raise InvalidRequest("queries", f"no query of {path.name} names a product of the feeds")
    return queries

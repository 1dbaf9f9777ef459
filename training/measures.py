"""The starter's quality figures by exact search in numpy; every vector is unit length, float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.evaluate.classification import accuracy, class_scores, roc_auc
from mmpipe.learn.data import Source
from mmpipe.learn.measures import Embedders, top

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_CHUNK = 256
_ZH_QUERY_LIMIT = 300
_LEAST_MATCHES = 20


def text_to_image(queries: Sequence[tuple[str, list[str]]], ids: Sequence[str], documents: Vectors,
                  embed: Embedders) -> dict[str, float]:  # fmt: skip
    """Recall@1, Recall@10 (share of the relevant found, capped at 10) and MRR over all ranks."""
    row_of = {item: row for row, item in enumerate(ids)}
    asked = [(text, [row_of[i] for i in relevant if i in row_of]) for text, relevant in queries]
    asked = [(text, rows) for text, rows in asked if rows]
    vectors = embed.texts([text for text, _ in asked])
    first, tenth, reciprocal = [], [], []
    for start in range(0, len(asked), _CHUNK):
        scores = vectors[start : start + _CHUNK] @ documents.T
        for offset, row in enumerate(scores):
            relevant = asked[start + offset][1]
            ranks = sorted(int((row > row[r]).sum()) + 1 for r in relevant)
            first.append(float(ranks[0] == 1) / len(relevant))
            tenth.append(sum(rank <= 10 for rank in ranks) / min(len(relevant), 10))
            reciprocal.append(1.0 / ranks[0])
    return {
        "recall@1": float(np.mean(first)),
        "recall@10": float(np.mean(tenth)),
        "mrr": float(np.mean(reciprocal)),
    }


def categories(labels: Sequence[str], documents: Vectors, embed: Embedders) -> dict[str, float]:
    """The category's name as the query: P@1 and P@10 averaged over categories."""
    names = sorted(set(labels))
    found = top(embed.texts(names), documents, 10)
    hits = np.asarray(labels, dtype=object)[found] == np.asarray(names, dtype=object)[:, None]
    return {"p@1": float(hits[:, 0].mean()), "p@10": float(hits.mean())}


def chinese_queries(source: Source, documents: Vectors, embed: Embedders) -> dict[str, float]:
    """P@10 of gender + colour + type queries in English and Chinese, and their ratio.

    The commonest combinations with enough matching products; a hit matches every attribute asked for.
    """
    counts: dict[tuple[str, ...], list[int]] = {}
    for row, item in enumerate(source.items):
        for fields in (("colour", "type"), ("gender", "colour", "type"), ("gender", "type")):
            if all(f in item.terms for f in fields):
                key = tuple(item.terms[f].concept for f in fields)
                counts.setdefault(key, []).append(row)
    kept = sorted(
        (k for k, rows in counts.items() if len(rows) >= _LEAST_MATCHES), key=lambda k: (-len(counts[k]), k)
    )
    step = max(1, len(kept) // _ZH_QUERY_LIMIT)
    kept = kept[::step][:_ZH_QUERY_LIMIT]
    terms = load_glossary().by_concept
    english = [" ".join(terms[c].en[0] for c in key) for key in kept]
    chinese = ["".join(terms[c].zh[0] for c in key) for key in kept]
    figures = {}
    for name, queries in (("en", english), ("zh", chinese)):
        found = top(embed.texts(queries), documents, 10)
        right = [np.isin(found[i], counts[key]).mean() for i, key in enumerate(kept)]
        figures[f"{name}_p@10"] = float(np.mean(right)) if right else 0.0
    figures["zh_to_en"] = figures["zh_p@10"] / max(figures["en_p@10"], 1e-9)
    return figures


def photo_to_product(
    held: Source, vectors: Vectors, embed: Embedders, text_weight: float
) -> dict[str, float]:
    """Held-out photo → product: Recall@1 with documents as picture only, and fused with the title.

    ``vectors`` are those of every picture of ``held``.
    """
    icons = np.flatnonzero(~held.photo)
    photos = np.flatnonzero(held.photo)
    groups = np.asarray([item.group for item in held.items], dtype=object)
    titles = embed.texts([held.items[i].title for i in icons])
    fused = (1 - text_weight) * vectors[icons] + text_weight * titles
    fused /= np.linalg.norm(fused, axis=1, keepdims=True)
    figures = {}
    for name, documents in (("image", vectors[icons]), ("fused", fused)):
        found = top(vectors[photos], np.ascontiguousarray(documents), 5)
        hits = groups[icons][found] == groups[photos][:, None]
        figures[f"{name}_recall@1"] = float(hits[:, 0].mean())
        figures[f"{name}_recall@5"] = float(hits.any(1).mean())
    return figures


def leaks(held: Vectors, trained: Vectors, same: float = 0.95) -> dict[str, float]:
    """How near the nearest training picture is to each held-out one: cosines' median and 90th percentile, and
    the share from ``same`` on. Ask features that were not trained on either."""
    nearest = np.concatenate(
        [(held[start : start + _CHUNK] @ trained.T).max(1) for start in range(0, len(held), _CHUNK)]
    )
    return {
        "nearest_median": float(np.median(nearest)),
        "nearest_p90": float(np.quantile(nearest, 0.9)),
        "near_share": float((nearest >= same).mean()),
    }


def look_alikes(labels: Sequence[str], documents: Vectors, queries: NDArray[np.int64]) -> float:
    """Image → image: share of the ten nearest others with the same label."""
    found = top(documents[queries], documents, 10, skip=queries)
    names = np.asarray(labels, dtype=object)
    return float((names[found] == names[queries][:, None]).mean())


def naming(
    labels: Sequence[str], documents: Vectors, names: Sequence[str], embed: Embedders
) -> dict[str, float]:
    """Pictures classified by the nearest of ``names``: accuracy, and F1 averaged over classes."""
    nearest = top(documents, embed.texts(names), 1)[:, 0]
    predicted = [names[int(row)] for row in nearest]
    return {
        "accuracy": accuracy(labels, predicted),
        "macro_f1": class_scores(labels, predicted).f1,
    }


def matching(titles: Sequence[str], documents: Vectors, embed: Embedders) -> float:
    """ROC-AUC of telling a picture's own title from another's; rows of equal titles are left out."""
    vectors = embed.texts(titles)
    other = np.roll(np.arange(len(titles)), len(titles) // 2)
    differs = np.asarray([titles[i] != titles[j] for i, j in enumerate(other.tolist())])
    own = np.einsum("ij,ij->i", vectors, documents)[differs]
    foreign = np.einsum("ij,ij->i", vectors[other], documents)[differs]
    return roc_auc(np.repeat([True, False], len(own)), np.concatenate([own, foreign]))


def prefixed(prefix: str, figures: Mapping[str, float]) -> dict[str, float]:
    """The same figures under ``prefix/name``."""
    return {f"{prefix}/{name}": value for name, value in figures.items()}

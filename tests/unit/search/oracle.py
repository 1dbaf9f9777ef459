"""Search the slow and obvious way, over products instead of columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from mmpipe.encoders.base import Vectors
from mmpipe.lexical import tokens
from mmpipe.schemas.product import FACET_FIELDS, Product
from mmpipe.schemas.search import Filters


def folded(value: str) -> str:
    return " ".join(value.casefold().split())


def category_keys(path: str) -> set[str]:
    labels = [folded(label) for label in path.split(">")]
    return {" > ".join(labels[: n + 1]) for n in range(len(labels))} | set(labels)


def passes(product: Product, filters: Filters, now: datetime) -> bool:
    for field in FACET_FIELDS:
        wanted = getattr(filters, field)
        value = getattr(product, field)
        if wanted and field == "category":
            asked = {" > ".join(folded(label) for label in w.split(">")) for w in wanted}
            if not value or not asked & category_keys(value):
                return False
        elif wanted and (not value or folded(value) not in {folded(w) for w in wanted}):
            return False
    for name, values in filters.attributes.items():
        have = {folded(v) for n, v in product.attributes.items() if folded(n) == folded(name)}
        if not have & {folded(v) for v in values}:
            return False
    if filters.price is not None:
        low, high = filters.price.gte, filters.price.lte
        if low is None and high is None:
            return True
        paid = product.effective_price(now)
        if paid is None or paid.currency != "USD":
            return False
        if (low is not None and paid.amount < low) or (high is not None and paid.amount > high):
            return False
    return True


def bm25(products: Sequence[Product], text: str) -> dict[str, float]:
    documents = {p.id: Counter(tokens(p.text_for_lexical())) for p in products}
    average = sum(sum(d.values()) for d in documents.values()) / max(len(documents), 1)
    scores: dict[str, float] = {}
    for token in tokens(text):
        holding = [i for i, d in documents.items() if token in d]
        idf = math.log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
        for i in holding:
            count = documents[i][token]
            length = 1 - 0.75 + 0.75 * sum(documents[i].values()) / average
            scores[i] = scores.get(i, 0.0) + idf * count * 2.2 / (count + 1.2 * length)
    return scores


def ranked(scores: Mapping[str, float], depth: int) -> list[str]:
    # Scores are compared as the searcher holds them; sums in another order differ in the last digits.
    return sorted(scores, key=lambda i: (-round(scores[i], 4), i))[:depth]


def cosines(ids: Sequence[str], vectors: Vectors, query: Vectors) -> dict[str, float]:
    return dict(zip(ids, (vectors @ query).astype(np.float64).tolist(), strict=True))


def whole_query(products: Sequence[Product], text: str) -> float:
    """What a product of average length earns that holds every token of the query once."""
    documents = [set(tokens(p.text_for_lexical())) for p in products]
    holding = [sum(token in d for d in documents) for token in tokens(text)]
    return sum(math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for n in holding)


def combined(
    lexical: Mapping[str, float], whole: float, cosines: Mapping[str, float], weight: float, depth: int
) -> dict[str, float]:
    """Scores of a hybrid search: both measures scaled to [0, 1], weighted and summed, over both lists'
    best.
    """
    by_text, by_vector = ranked(lexical, depth), ranked(cosines, depth)
    if not by_text or not by_vector:
        only, scores = (by_text, lexical) if by_text else (by_vector, cosines)
        return {i: scores[i] for i in only}
    ceiling = max(whole, max(lexical.values()))
    low, high = min(cosines[i] for i in by_vector), max(cosines[i] for i in by_vector)
    result = {}
    for i in {*by_text, *by_vector}:
        # Cosines of equal vectors differ in the last digits: that is no difference.
        told_apart = high - low > 1e-5
        near = (
            min(1.0, max(0.0, (cosines[i] - low) / (high - low)))
            if told_apart
            else float(cosines[i] >= high - 1e-5)
        )
        result[i] = (1 - weight) * lexical.get(i, 0.0) / ceiling + weight * near
    return result

"""Search the slow and obvious way, over products instead of columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from mmpipe.encoders.base import Vectors
from mmpipe.lake.schema import FIELD_WEIGHTS, search_tokens
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


def _bag(product: Product) -> Counter[str]:
    """How often a product has each token, as often as its fields count."""
    found: Counter[str] = Counter()
    for name, tokens_of_field in search_tokens(product):
        for token in tokens_of_field:
            found[token] += FIELD_WEIGHTS[name]
    return found


def bm25(products: Sequence[Product], text: str) -> dict[str, float]:
    documents = {p.id: _bag(p) for p in products}
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


def words_of(product: Product, text: str) -> int:
    """How many of the query's distinct words a product holds."""
    held = set(_bag(product))
    return sum(token in held for token in set(tokens(text)))


def cosines(ids: Sequence[str], vectors: Vectors, query: Vectors) -> dict[str, float]:
    return dict(zip(ids, (vectors @ query).astype(np.float64).tolist(), strict=True))


def whole_query(products: Sequence[Product], text: str) -> float:
    """What a product of average length earns that holds every token of the query once."""
    documents = [set(_bag(p)) for p in products]
    holding = [sum(token in d for d in documents) for token in tokens(text)]
    return sum(math.log(1 + (len(documents) - n + 0.5) / (n + 0.5)) for n in holding)


def text_matches(products: Sequence[Product], text: str) -> tuple[int, set[str]]:
    """The most of the query's distinct words that any of ``products`` holds, and those that hold as many."""
    most = max((words_of(p, text) for p in products), default=0)
    return most, {p.id for p in products if most and words_of(p, text) == most}


def neighbours(cosines: Mapping[str, float], depth: int, relevance: float) -> tuple[float, set[str]]:
    """The cosine that counts as nothing, and the ids of the relevant among the nearest, equals included."""
    if not cosines:
        return 0.0, set()
    nearest = sorted(cosines.values(), reverse=True)[:depth]
    cut = min(relevance * nearest[0], nearest[:20][-1])
    floor = max(nearest[-1], cut) if cut > 0 else nearest[-1]
    # Cosines of equal vectors differ in the last digits: that is no difference.
    return floor, {i for i, cosine in cosines.items() if cosine >= floor - 1e-5}


def combined(
    lexical: Mapping[str, float],
    matching: set[str],
    whole: float,
    cosines: Mapping[str, float],
    weight: float,
    depth: int,
    relevance: float,
) -> dict[str, float]:
    """Scores of a hybrid search: the products that full text matches and the vector's neighbours, both
    measures scaled to [0, 1], weighted and summed."""
    floor, near = neighbours(cosines, depth, relevance)
    if not matching or not near:
        return {i: lexical[i] for i in matching} if matching else {i: cosines[i] for i in near}
    found = matching | near
    ceiling = max(whole, *(lexical.get(i, 0.0) for i in found))
    best = max(cosines.values())
    result = {}
    for i in found:
        cosine = cosines.get(i, floor)
        told_apart = best - floor > 1e-5
        share = min(1.0, max(0.0, (cosine - floor) / (best - floor))) if told_apart else float(i in near)
        result[i] = (1 - weight) * lexical.get(i, 0.0) / ceiling + weight * share
    return result


def is_asked_for(product: Product, text: str, names: frozenset[str]) -> bool:
    """Whether a product is what a text of plain words asks for: the last of them that names a thing, else the
    last, is what its title or category ends with, and it holds the others."""
    asked = tokens(text)
    thing = next((token for token in reversed(asked) if token in names), asked[-1])
    if not set(asked) <= set(_bag(product)):
        return False
    title = tokens(product.title or "")
    if thing not in title:
        return tokens(product.category or "")[-1:] == [thing]
    return any(_ends_with(title[at:], names) for at, token in enumerate(title) if token == thing)


def _ends_with(title: Sequence[str], names: frozenset[str]) -> bool:
    """Whether nothing else is named behind the first word, of the language that it is of."""
    thing, *rest = title
    for token in rest:
        if token.isascii() and not thing.isascii():
            return True
        if token in names and token != thing:
            return False
    return True

"""Searches like a shopper's, made from whatever catalogue is served: words of its titles, its own filters."""

from __future__ import annotations

import json
import random
import urllib.parse
import urllib.request
from typing import Any

from mmpipe.schemas.product import FACET_FIELDS

PAGE = 100


def get(url: str, **params: str) -> Any:
    """One JSON answer."""
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(params)}", timeout=60) as answer:
        return json.load(answer)


def post(url: str, body: Any) -> Any:
    """One JSON answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def searches(url: str, collection: str, count: int, seed: int = 7) -> list[dict[str, Any]]:
    """``count`` different hybrid searches: text, one filter that keeps a good part of the catalogue, three
    facets.

    No two share their text, so that a cache of query vectors never helps.
    """
    rng = random.Random(seed)
    titles, ids = _titles(url, collection, pages=40)
    attributes = _attributes(url, collection, rng.sample(ids, min(10, len(ids))))
    facets = [*FACET_FIELDS, *(f"attributes.{name}" for name in attributes)]
    counted: dict[str, list[dict[str, Any]]] = {}
    for start in range(0, len(facets), 20):
        body = {"collection": collection, "facets": facets[start : start + 20], "limit": 1}
        counted |= post(f"{url}/v1/search", body)["facets"]
    useful = sorted(
        (name for name, values in counted.items() if len(values) >= 2), key=lambda n: -len(counted[n])
    )
    filters = [
        (name, value["value"])
        for name in useful
        for value in counted[name][:2]
        if value["value"] and name != "availability"
    ]
    texts: dict[str, None] = {}
    while len(texts) < count:
        words = rng.choice(titles).split()
        size = rng.choice((2, 2, 3, 4))
        texts[" ".join(rng.sample(words, min(size, len(words))))] = None
        if len(texts) < count and rng.random() < 0.3:
            texts[f"{rng.choice(words)} {rng.choice(rng.choice(titles).split())}"] = None
    made = []
    for n, text in enumerate(texts):
        body = {"collection": collection, "text": text, "facets": useful[:3], "limit": 20}
        if filters:
            name, value = filters[n % len(filters)]
            attribute = name.removeprefix("attributes.")
            body["filters"] = {"attributes": {attribute: [value]}} if attribute != name else {name: [value]}
        made.append(body)
    return made


def _titles(url: str, collection: str, pages: int) -> tuple[list[str], list[str]]:
    titles: list[str] = []
    ids: list[str] = []
    body: dict[str, Any] = {"collection": collection, "limit": PAGE, "explain": False}
    for _ in range(pages):
        page = post(f"{url}/v1/search", body)
        titles += [hit["title"] for hit in page["hits"]]
        ids += [hit["id"] for hit in page["hits"]]
        if page["next_cursor"] is None:
            break
        body["cursor"] = page["next_cursor"]
    return titles, ids


def _attributes(url: str, collection: str, ids: list[str]) -> list[str]:
    names: dict[str, None] = {}
    for product_id in ids:
        product = get(f"{url}/v1/products/{urllib.parse.quote(product_id, safe='')}", collection=collection)[
            "product"
        ]
        names |= dict.fromkeys(product.get("attributes", {}))
    return list(names)[:10]

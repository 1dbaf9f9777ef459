"""The words of one live version: what a recogniser of spoken queries should expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmpipe.schemas.product import says_words
from mmpipe.speech.content import content_tokens

if TYPE_CHECKING:
    from mmpipe.search.snapshot import Snapshot

_NAMED = ("brand", "category", "color", "material", "pattern", "gender", "age_group", "size")


def catalogue_texts(snapshot: Snapshot, limit: int) -> list[str]:
    """At most ``limit`` different texts that a shopper may name, most important first: brands, categories,
    colours and other values, attribute values (no flags or addresses), each commonest first, then titles."""
    found: dict[str, None] = {}
    live = snapshot.live_rows
    for name in _NAMED:
        codes = snapshot.codes[name][live]
        values = snapshot.dictionaries.fields[name].values
        for code in _commonest(codes):
            found.setdefault(values[code].replace(">", " "))
    _, pairs = snapshot.pairs(live)
    values = snapshot.dictionaries.pairs.values
    for code in _commonest(pairs):
        name, _, value = values[code].partition("=")
        if says_words(name, value):
            found.setdefault(value)
    for row in live.tolist():
        if len(found) >= limit:
            break
        title = snapshot.text("title", row)
        if title:
            found.setdefault(title)
    return list(found)[:limit]


def knows_any(snapshot: Snapshot, text: str) -> bool:
    """Whether a word of ``text``, function words aside, occurs in the full text of a live product."""
    return any(snapshot.lexical.holds(token) for token in content_tokens(text))


def _commonest(codes: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> list[int]:
    counts = np.bincount(codes[codes >= 0], minlength=1)
    order = np.argsort(-counts, kind="stable")
    return [int(code) for code in order.tolist() if counts[code]]

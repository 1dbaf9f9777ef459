"""The words of one live version: what a recogniser of spoken queries should expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from mmpipe.schemas.product import says_words
from mmpipe.search.kernels.memory import rows_of
from mmpipe.speech.content import content_tokens

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

K = TypeVar("K", str, tuple[str, str])
_NAMED = ("brand", "category", "color", "material", "pattern", "gender", "age_group", "size")


def catalogue_texts(version: Version, limit: int) -> list[str]:
    """At most ``limit`` different texts that a shopper may name, most important first: brands, categories,
    colours and other values, attribute values (no flags or addresses), each commonest first, then titles."""
    found: dict[str, None] = {}
    for name in _NAMED:
        for value in _commonest(version.coded[name].spellings(version.alive)):
            found.setdefault(value.replace(">", " "))
    attributes = {
        (name, value): count
        for name in version.pairs.names()
        for value, count in version.pairs.spellings(name, version.alive).items()
    }
    for name, value in _commonest(attributes):
        if says_words(name, value):
            found.setdefault(value)
    for row in rows_of(version.alive).tolist():
        if len(found) >= limit:
            break
        title = version.page.static(row)["title"]
        if title:
            found.setdefault(title)
    return list(found)[:limit]


def knows_any(version: Version, text: str) -> bool:
    """Whether a word of ``text``, function words aside, occurs in the full text of a live product."""
    return any(version.text.holds(token) for token in content_tokens(text))


def _commonest(counts: Mapping[K, int]) -> list[K]:
    return sorted(counts, key=lambda key: (-counts[key], key))

"""What a hit tells besides what it always does: reasons, highlights, more of the product's fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import PublicProduct
from mmpipe.search.page import highlight, reasons
from mmpipe.search.page.reasons import Reasons

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.scoring import Scoring
    from mmpipe.search.find.words import Understood
    from mmpipe.search.page.explain import Split
    from mmpipe.search.versions.version import Version

_FIELDS: Final = (*PublicProduct.model_fields, "category")


@dataclass(frozen=True)
class More:
    """``reasons`` explain scores, ``marked`` are the tokens to be highlighted, ``fields`` the names of what
    is told of the product; each None or empty where nobody asked."""

    reasons: Reasons | None = None
    marked: frozenset[str] | None = None
    fields: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.reasons is not None or self.marked is not None or bool(self.fields)


def wanted(
    request: SearchRequest, question: Question, understood: Understood, scoring: Scoring | None
) -> More:
    """What a request asks for."""
    because = None
    if request.explain is True and scoring is not None:
        because = Reasons.of(question, understood, scoring)
    marked = highlight.tokens_of(question.words) if request.highlight else None
    return More(because, marked, tuple(request.fields))


def check(fields: Sequence[str]) -> None:
    """Raise :class:`InvalidRequest` for a name that no public product has."""
    for place, name in enumerate(fields):
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise InvalidRequest(f"fields[{place}]", f"no field '{name[:80]}'; known are {known}")


def with_more(
    version: Version,
    rows: NDArray[np.int32],
    hits: Sequence[bytes],
    splits: Sequence[Split] | None,
    names: Sequence[str],
    more: More,
) -> list[bytes]:
    """Hits as JSON objects with what ``more`` asks for. Fields are read from the local copy of the table."""
    found = [[hit[:-1]] for hit in hits]
    if more.reasons is not None and splits is not None:
        told = reasons.contributions(version, rows, splits, names, more.reasons)
        for members, parts in zip(found, told, strict=True):
            members.append(b'"explanation":%b' % parts)
    if more.marked is not None:
        for members, hit in zip(found, hits, strict=True):
            members.append(b'"highlights":%b' % _highlights(hit, more.marked))
    if more.fields:
        wanted = set(more.fields)
        for members, product in zip(found, version.products(rows), strict=True):
            told_of = product.model_dump(mode="json", include=wanted)
            if "category" in wanted:
                told_of["category"] = product.category
            members.append(b'"fields":%b' % to_json(told_of))
    return [b",".join(members) + b"}" for members in found]


def _highlights(hit: bytes, marked: frozenset[str]) -> bytes:
    shown = from_json(hit)
    found = {}
    for name in highlight.FIELDS:
        text = shown.get(name)
        if text and (spans := highlight.spans(text, marked)):
            found[name] = spans
    return to_json(found)

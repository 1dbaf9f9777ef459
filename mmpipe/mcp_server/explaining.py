"""Why products stand where they stand in a search, or why one is not found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mmpipe.mcp_server.answers import CATALOGUE, named, product, understanding
from mmpipe.schemas.search import SearchRequest, SearchResponse

if TYPE_CHECKING:
    from mmpipe.mcp_server.shop import Shop
    from mmpipe.schemas.search import Contribution, Hit

# Pages of a hundred: how far down one product is looked for.
_PAGES: Final = 5
_PAGE: Final = 100
LOOKED_AT: Final = _PAGES * _PAGE
_ABOVE: Final = 3
_MOST_PARTS: Final = 12
_HOW = "score is the sum of parts; the highest comes first"


async def first_ones(shop: Shop, request: SearchRequest, limit: int) -> dict[str, Any]:
    """The first ``limit`` products with the parts of their scores. Raises as :class:`Shop`."""
    found = await shop.search(request.model_copy(update={"limit": limit, "explain": True}))
    ranked = [_ranked(place, hit) for place, hit in enumerate(found.hits, start=1)]
    return _about(found, request) | {"products": ranked}


async def one(shop: Shop, request: SearchRequest, product_id: str) -> dict[str, Any]:
    """The place of one product and the three before it; where it is not found, what keeps it out.

    Raises as :class:`Shop`, ``UnknownProduct`` for one that is not there at all.
    """
    asked = request.model_copy(update={"limit": _PAGE, "explain": True})
    before: list[Hit] = []
    first: SearchResponse | None = None
    for _ in range(_PAGES):
        found = await shop.search(asked)
        first = first or found
        for hit in found.hits:
            if hit.id == product_id:
                return _about(first, request) | _place(before, hit)
            before.append(hit)
        if found.next_cursor is None:
            break
        asked = asked.model_copy(update={"cursor": found.next_cursor})
    assert first is not None
    return (
        _about(first, request)
        | {"found": False, "looked_at": len(before)}
        | await _missing(shop, request, first, product_id, len(before))
    )


def _about(found: SearchResponse, request: SearchRequest) -> dict[str, Any]:
    told: dict[str, Any] = {"note": CATALOGUE, "collection": found.collection, "total": found.total}
    if found.words is not None:
        told["words"] = (
            f"each match by words has at least {found.words.required} of the query's {found.words.asked}"
        )
        changes = [*found.words.corrected, *found.words.replaced]
        told["taken_for_other_words"] = [f"{each.asked} -> {each.found}" for each in changes]
    told["order"] = _HOW if request.sort == "relevance" else f"by {request.sort}, not by score"
    return told | understanding(found)


def _place(before: list[Hit], hit: Hit) -> dict[str, Any]:
    rank = len(before) + 1
    above = [_ranked(place, each) for place, each in enumerate(before, start=1)][-_ABOVE:]
    return {"found": True, "product": _ranked(rank, hit), "before_it": above}


def _ranked(place: int, hit: Hit) -> dict[str, Any]:
    told = {"rank": place, **product(hit)}
    del told["why"]
    parts = [_part(part) for part in hit.explanation[:_MOST_PARTS]]
    if len(hit.explanation) > _MOST_PARTS:
        parts.append(f"{len(hit.explanation) - _MOST_PARTS} smaller parts")
    return told | {"parts": parts}


def _part(part: Contribution) -> str:
    said = named(part.source)
    if part.asked is not None:
        said = f"word {part.asked!r}"
        if part.found is not None:
            said += f" as {part.found!r} ({part.how})"
        if part.field is not None:
            said += f" in {part.field}"
    elif part.rule is not None:
        said += f" {part.rule!r}"
    return f"{said} {part.value:+.3f}"


async def _missing(
    shop: Shop, request: SearchRequest, first: SearchResponse, product_id: str, looked_at: int
) -> dict[str, Any]:
    held = await shop.product(product_id, first.collection)
    told = {"title": held.product.title, "availability": held.product.availability}
    if looked_at < first.total:
        return told | {"reason": f"it may come later: only the first {looked_at} were looked at"}
    alone = SearchRequest.model_validate(
        {
            "collection": first.collection,
            "filters": request.filters,
            "filter": {"and": [request.filter, {"field": "id", "eq": product_id}]}
            if request.filter is not None
            else {"field": "id", "eq": product_id},
            "rules": False,
            "limit": 1,
        }
    )
    if not (await shop.search(alone)).total:
        return told | {"reason": "the filters of the call leave it out"}
    if any(part.applied == "filter" for part in first.understood):
        return told | {
            "reason": "a filter understood of the words (see understood) leaves it out, or its words do"
        }
    if first.rules:
        return told | {"reason": "it has too few of the query's words, or one of the rules hides it"}
    return told | {
        "reason": "it has too few of the query's words, and is not near enough to it by text or picture"
    }

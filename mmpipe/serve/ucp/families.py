"""Products with all of their variants, read by browsing the live version, whole or split among shards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from mmpipe.schemas.conditions import And, Comparison, Condition, Or
from mmpipe.schemas.product import PublicProduct
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

# Variants that one request reads at most.
MOST: Final = 500
_PAGE: Final = 100
_OF_HIT: Final = ("id", "rating", "rating_count")
_FIELDS: Final = sorted(set(PublicProduct.model_fields) - {*_OF_HIT, "additional_text"})
# The protocol's variants have a price.
PRICED: Final = Condition.model_validate({"field": "currency", "exists": True})


@dataclass(frozen=True)
class Family:
    """A product of the protocol: a group of ours, or a product without one. ``complete`` where all of its
    variants are here."""

    id: str
    variants: tuple[PublicProduct, ...]
    complete: bool = True


class Families:
    """Reads the products of one collection."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    async def of(
        self, collection: str, products: Iterable[tuple[str, str | None]], narrow: Condition | None = None
    ) -> dict[str, Family]:
        """The families of some products, each named by its id and its group's, by their own ids; with
        ``narrow`` those variants alone that it allows."""
        named = list(products)
        alone = list(dict.fromkeys(product for product, group in named if not group))
        groups = list(dict.fromkeys(group for _, group in named if group))
        if not named:
            return {}
        found, complete = await self._read(collection, _any_of(alone, groups), narrow)
        gathered: dict[str, list[PublicProduct]] = {}
        for each in found:
            gathered.setdefault(each.item_group_id or each.id, []).append(each)
        return {name: Family(name, tuple(variants), complete) for name, variants in gathered.items()}

    async def named(self, collection: str, ids: Sequence[str]) -> list[PublicProduct]:
        """What has any of these ids: its own, its group's, its SKU, MPN or barcode."""
        usable = [each for each in ids if len(each.strip()) > 0 and len(each) <= 500]
        if not usable:
            return []
        parts = [_any_of(usable, usable), Comparison.of("identifier", usable),
                 Comparison.of("attributes.sku", usable)]  # fmt: skip
        return (await self._read(collection, _or(parts), None))[0]

    async def _read(
        self, collection: str, condition: Condition, narrow: Condition | None
    ) -> tuple[list[PublicProduct], bool]:
        parts = tuple(part for part in (condition, PRICED, narrow) if part is not None)
        request = SearchRequest(
            collection=collection,
            filter=And.model_construct(parts=parts),
            limit=_PAGE,
            fields=_FIELDS,
            explain=False,
        )
        found: list[PublicProduct] = []
        while True:
            page = from_json(await self._service.browse(request))
            for hit in page["hits"]:
                own = {name: hit[name] for name in _OF_HIT}
                found.append(PublicProduct.model_validate({**hit["fields"], **own}))
            if page["next_cursor"] is None:
                return found, True
            if len(found) >= MOST:
                return found, False
            request = request.model_copy(update={"cursor": page["next_cursor"]})


def _any_of(ids: Sequence[str], groups: Sequence[str]) -> Condition:
    parts: list[Condition] = []
    if ids:
        parts.append(Comparison.of("id", ids))
    if groups:
        parts.append(Comparison.of("item_group_id", groups))
    return _or(parts)


def _or(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Or.model_construct(parts=tuple(parts))

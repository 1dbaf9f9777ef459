"""Products with all of their variants, read by browsing the live version, whole or split among shards."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from mmpipe.schemas.conditions import And, Comparison, Condition, Not, Or
from mmpipe.schemas.product import PublicProduct
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

# Variants that one request reads at most; where that is too few, of each product so many.
MOST: Final = 500
FEW: Final = 20
_PAGE: Final = 100
_LONGEST: Final = 500
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
        self,
        collection: str,
        products: Iterable[tuple[str, str | None]],
        groups: Iterable[str] = (),
        narrow: Condition | None = None,
    ) -> dict[str, Family]:
        """The families of some products, each named by its id and its group's, and those of some ``groups``,
        by their own ids; with ``narrow`` those variants alone that it allows."""
        named = list(products)
        alone = list(dict.fromkeys(product for product, group in named if not group))
        together = list(dict.fromkeys([*(group for _, group in named if group), *groups]))
        if not alone and not together:
            return {}
        found, complete = await self._read(collection, _any_of(alone, together), narrow)
        if complete:
            return _gathered(found, set())
        parts, cut = {each.id: each for each in found} if len(together) == 1 else {}, set(together[:1])
        if len(together) > 1:
            cut = set()
            for group in together:
                several, complete = await self._read(collection, _any_of((), [group]), narrow, FEW)
                parts |= {each.id: each for each in several}
                cut |= set() if complete else {group}
        # Those that were asked for are there, whatever else was too many.
        ids = [product for product, _ in named if product not in parts]
        if ids:
            parts |= {each.id: each for each in (await self._read(collection, _any_of(ids, ()), narrow))[0]}
        return _gathered(parts.values(), cut)

    async def named(self, collection: str, ids: Sequence[str]) -> list[tuple[str, str | None]]:
        """The products that have any of these as id, SKU, MPN or barcode, each by its id and its group's."""
        if not ids:
            return []
        other = And.model_construct(
            parts=(
                _or([Comparison.of("identifier", ids), Comparison.of("attributes.sku", ids)]),
                # All of a group's variants have its id among their identifiers.
                Not.model_construct(part=Comparison.of("item_group_id", ids)),
            )
        )
        found, _ = await self._read(collection, _or([Comparison.of("id", ids), other]), None)
        return [(each.id, each.item_group_id) for each in found]

    async def _read(
        self, collection: str, condition: Condition, narrow: Condition | None, most: int = MOST
    ) -> tuple[list[PublicProduct], bool]:
        parts = tuple(part for part in (condition, PRICED, narrow) if part is not None)
        request = SearchRequest(
            collection=collection,
            filter=And.model_construct(parts=parts),
            limit=min(most, _PAGE),
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
            if len(found) >= most:
                return found, False
            await asyncio.sleep(0)  # others are answered between two pages
            request = request.model_copy(update={"cursor": page["next_cursor"]})


def usable(ids: Iterable[str]) -> list[str]:
    """Those of some ids that anything may have."""
    return [each for each in ids if each.strip() and len(each) <= _LONGEST]


def _gathered(found: Iterable[PublicProduct], cut: Collection[str]) -> dict[str, Family]:
    families: dict[str, list[PublicProduct]] = {}
    for each in found:
        families.setdefault(each.item_group_id or each.id, []).append(each)
    return {name: Family(name, tuple(members), name not in cut) for name, members in families.items()}


def _any_of(ids: Sequence[str], groups: Sequence[str]) -> Condition:
    parts: list[Condition] = []
    if ids:
        parts.append(Comparison.of("id", ids))
    if groups:
        parts.append(Comparison.of("item_group_id", groups))
    return _or(parts)


def _or(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Or.model_construct(parts=tuple(parts))

"""Filters of a request as conditions on our products, and what is to be said of those that do not hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from mmpipe.schemas.conditions import And, Comparison, Condition
from mmpipe.schemas.currencies import of_minor_units, to_minor_units
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.serve.ucp.families import PRICED
from mmpipe.serve.ucp.refused import Refused, info
from mmpipe.serve.ucp.requests import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.serve.ucp.requests import GetProduct, LookupCatalog, SearchCatalog

# Of filters that there are none of.
_MOST_NAMED = 5


@dataclass(frozen=True)
class Narrowing:
    """``filters`` and ``condition`` are for a search, ``every`` is both, None where nothing narrows."""

    filters: Filters
    condition: Condition
    every: Condition | None
    currency: str | None
    messages: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    async def of(
        cls, asked: SearchCatalog | LookupCatalog | GetProduct, version: LiveVersion, service: QueryService
    ) -> Narrowing:
        """Those of a request. A price filter in a currency that the catalogue has no price in is left out,
        and so is a filter that there is none of; ``messages`` say so. Raises :class:`Refused`."""
        given, messages = asked.filters, []
        if given.unknown:
            known = ", ".join(("categories", "price", *FIELDS, "attributes"))
            named_so = ", ".join(f"'{name[:80]}'" for name in given.unknown[:_MOST_NAMED])
            content = f"left out, for there is no such filter: {named_so}. Known are {known}"
            messages.append(info("filter_unknown", content, "$.filters"))
        named = {name: values for name in FIELDS if (values := getattr(given, name))}
        if given.categories:
            named["category"] = given.categories
        attributes = {name: values for name, values in (given.attributes or {}).items() if values}
        if "" in attributes:
            content = "attributes are named; give each its name, or drop what has none"
            raise Refused("invalid_request", content, path="$.filters.attributes")
        parts: list[Condition] = [Comparison.of(name, values) for name, values in named.items()]
        parts += [Comparison.of(f"attributes.{name}", values) for name, values in attributes.items()]
        price = await _price(asked, version, service, messages)
        if price is not None:
            parts.append(price)
        condition = PRICED if price is None else And.model_construct(parts=(PRICED, price))
        every = And.model_construct(parts=tuple(parts)) if parts else None
        return cls(Filters(**named, attributes=attributes), condition, every, version.currency, messages)

    def facets(self, counted: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        """Facets as extension ``facets`` has them: values and counts, ranges of prices in minor units."""
        return {name: [self._facet(name, each) for each in values] for name, values in counted.items()}

    def _facet(self, name: str, counted: Mapping[str, Any]) -> dict[str, Any]:
        told = {"value": counted["value"], "count": counted["count"]}
        low, dots, high = counted["value"].partition("..")
        if name == "price" and dots and self.currency is not None:
            amounts = [
                {"amount": to_minor_units(Decimal(bound), self.currency), "currency": self.currency}
                for bound in (low, high)
            ]
            told["price_range"] = {"min": amounts[0], "max": amounts[1]}
        return told


async def _price(
    asked: SearchCatalog | LookupCatalog | GetProduct,
    version: LiveVersion,
    service: QueryService,
    messages: list[dict[str, Any]],
) -> Condition | None:
    price = asked.filters.price
    if price is None or (price.min is None and price.max is None):
        return None
    if price.min is not None and price.max is not None and price.min > price.max:
        raise Refused("invalid_request", "min must not exceed max; swap or drop one", path="$.filters.price")
    named = (asked.context.currency or "").strip().upper()
    currency = named or version.currency
    if currency is None:
        return None
    if not named:
        content = f"the price filter was taken for {currency}; send context.currency"
        messages.append(info("price_currency_assumed", content, "$.filters.price"))
    elif named != version.currency and not await _has(currency, version, service):
        content = (
            f"there are no prices in {named[:20]}, and none are converted; the price filter was left out"
        )
        messages.append(info("price_filter_ignored", content, "$.filters.price"))
        return None
    low, high = (
        None if amount is None else of_minor_units(amount, currency) for amount in (price.min, price.max)
    )
    return Comparison.model_construct(field="price", currency=currency, gte=low, lte=high)


async def _has(currency: str, version: LiveVersion, service: QueryService) -> bool:
    """Whether anything has a price in a currency."""
    request = SearchRequest(
        collection=version.collection, filter=Comparison.of("currency", [currency]), limit=1, explain=False
    )
    return bool(from_json(await service.browse(request))["total"])

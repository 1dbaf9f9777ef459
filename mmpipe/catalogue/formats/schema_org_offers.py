"""What schema.org's offers say: price, sale, availability and condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmpipe.catalogue.columns import availability_of
from mmpipe.catalogue.dates import InvalidMoment, moment
from mmpipe.catalogue.formats.base import Picked
from mmpipe.catalogue.formats.json_ld import Node, local_name, resolved, text_of, types_of, values_of
from mmpipe.catalogue.prices import InvalidPrice, parse_price

_STRUCK: Final = frozenset(("strikethroughprice", "listprice", "srp", "msrp", "regularprice"))
_NOT_ASKED: Final = _STRUCK | {"minimumadvertisedprice", "invoiceprice"}
_CONDITIONS: Final = {
    "newcondition": "new", "usedcondition": "used", "refurbishedcondition": "refurbished",
    "damagedcondition": "used", "offeritemcondition": "",
}  # fmt: skip


def best_offer(value: Any, index: Mapping[str, Node]) -> tuple[Node | None, bool]:
    """The offer that counts (the first in stock, else the first), and whether it is the only one.

    Of an ``AggregateOffer`` with offers inside, the best of these completes what it does not say itself.
    """
    offers = [offer for offer in _all(value, index) if isinstance(offer, Mapping)]
    if not offers:
        return None, False
    best = next((offer for offer in offers if _in_stock(offer)), offers[0])
    inner = _all(best.get("offers"), index)
    if not inner:
        return best, len(offers) == 1
    inside, alone = best_offer(inner, {})
    if best.get("lowPrice") not in (None, ""):
        inside = {name: item for name, item in (inside or {}).items() if not name.startswith("price")}
    own = {name: item for name, item in best.items() if name != "offers" and item not in (None, "", [])}
    return {**(inside or {}), **own}, len(offers) == 1 and alone


def _all(value: Any, index: Mapping[str, Node]) -> list[Any]:
    return [resolved(item, index) for item in values_of(value)]


def _in_stock(offer: Node) -> bool:
    words = [offer, *(item for item in values_of(offer.get("offers")) if isinstance(item, Mapping))]
    return any(availability_of(local_name(text_of(word.get("availability")))) == "in_stock" for word in words)


def offer_fields(picked: Picked, default_currency: str) -> dict[str, Any]:
    """``price``, ``sale_price`` with its dates, ``availability`` and ``condition`` of one offer's values."""
    found = _prices(picked, default_currency)
    if word := text_of(picked.values.get("availability")):
        found["availability"] = local_name(word)
    if condition := condition_of(picked.values.get("condition")):
        found["condition"] = condition
    return found


def condition_of(value: Any) -> str:
    """``https://schema.org/NewCondition`` as ``new``; other words as they are, in small letters."""
    word = local_name(text_of(value)).lower()
    return _CONDITIONS.get(word, word)


def _prices(picked: Picked, default_currency: str) -> dict[str, Any]:
    currency = text_of(picked.values.get("currency"))
    asked = _money(picked.values.get("price"), currency)
    struck: dict[str, Any] | None = None
    sale: dict[str, Any] | None = None
    since, until = picked.values.get("since"), picked.values.get("until")
    for kind, specification in _specifications(picked.values.get("specification")):
        money = _money(
            specification.get("price", specification.get("minPrice")),
            text_of(specification.get("priceCurrency")) or currency,
        )
        if money is None:
            continue
        if kind in _STRUCK:
            struck = struck or money
        elif kind not in _NOT_ASKED and "validForMemberTier" not in specification:
            asked, sale = asked or money, (sale or money) if kind == "saleprice" else sale
            since, until = since or specification.get("validFrom"), until or specification.get("validThrough")
    asked = asked or _money(picked.values.get("low_price"), currency)
    if asked is None:
        return {} if struck is None else {"price": struck}
    if sale is not None and struck is None:
        asked, struck = sale, asked
    if struck is None or not _is_above(struck, asked, default_currency):
        return {"price": asked}
    found = {"price": struck, "sale_price": asked}
    dates = {"start": _date(since), "end": _date(until)}
    return found | ({"sale_price_effective_date": dates} if any(dates.values()) else {})


def _specifications(value: Any) -> Iterator[tuple[str, Node]]:
    """Each price specification with the kind of its price, in small letters."""
    for item in values_of(value):
        if not isinstance(item, Mapping):
            continue
        if (
            "CompoundPriceSpecification" in types_of(item)
            and "priceComponent" in item
            and "price" not in item
        ):
            continue
        yield local_name(text_of(item.get("priceType"))).lower(), item


def _money(value: Any, currency: str) -> dict[str, Any] | None:
    for item in values_of(value):
        if isinstance(item, Mapping):  # a MonetaryAmount, or a typed text
            currency = text_of(item.get("currency")) or currency
            item = item.get("value", item.get("@value"))
        if item is not None and item != "" and not isinstance(item, Mapping | list):
            return {"amount": item, "currency": currency} if currency else {"amount": item}
    return None


def _is_above(one: Mapping[str, Any], other: Mapping[str, Any], default_currency: str) -> bool:
    try:
        amounts = [
            parse_price(money["amount"], money.get("currency"), default_currency) for money in (one, other)
        ]
    except InvalidPrice:
        return False
    return amounts[0][1] == amounts[1][1] and amounts[0][0] > amounts[1][0] > 0


def _date(value: Any) -> str | None:
    """A date as text; None where it is none, which says nothing about the product."""
    text = text_of(value)
    try:
        return text if moment(text) is not None else None
    except InvalidMoment:
        return None

"""What is asked for a product: amounts with their currencies, crossed-out prices, and when a sale runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mmpipe.catalogue import dates
from mmpipe.catalogue.cells import text_of
from mmpipe.catalogue.prices import InvalidPrice, currency_of, currency_of_mark, parse_price
from mmpipe.errors import InvalidRow


def money_of(value: Any, mark: str | None, given: str | None, default: str) -> dict[str, Any]:
    """An amount with its currency: its own, else what its column's name says, else that of the row."""
    currency = given if mark is None else currency_of_mark(mark, given, default)
    if not isinstance(value, str) and isinstance(value, Mapping):
        code = value.get("currency") or value.get("currency_code") or value.get("currencyCode")
        currency = currency_of(str(code)) if code else currency
        value = _amount_of(value)
    amount, currency = parse_price(value, currency, default)
    return {"amount": amount, "currency": currency}


def is_reduced(
    product: dict[str, Any], value: Any, hint: tuple[str, ...], given: str | None, default: str
) -> bool:
    """Whether a crossed-out price makes the price beside it one of a sale, and is the price from here on."""
    price = product.get("price")
    if price is None or "sale_price" in product:
        return False
    try:
        former = money_of(value, hint[0] if hint else None, given, default)
    except InvalidPrice:
        return False
    if former["currency"] != price["currency"] or former["amount"] <= price["amount"] or not price["amount"]:
        return False
    product["price"], product["sale_price"] = former, price
    return True


def no_lower(sale: Mapping[str, Any], price: Mapping[str, Any] | None) -> bool:
    """Whether a sale price is none beside a price in its currency."""
    return price is not None and sale["currency"] == price["currency"] and sale["amount"] >= price["amount"]


def _amount_of(value: Mapping[str, Any]) -> Any:
    micros = value.get("amountMicros", value.get("amount_micros"))
    if micros is not None:
        text = str(micros).strip()
        if not text.isdecimal() or len(text) > 24:
            raise InvalidPrice(
                f"amountMicros {text[:24]!r} is no whole number: write millionths, as 19990000"
            )
        return Decimal(text) / 1_000_000
    return next((value[key] for key in ("amount", "value", "price") if value.get(key) is not None), None)


def sale_period(
    product: dict[str, Any],
    fields: dict[str, Any],
    grouped_columns: Sequence[tuple[str, Any, tuple[str, ...]]],
) -> None:
    """Say of a product with a sale price when that holds, by ``fields`` or columns of their own. Raises
    ``InvalidRow`` for what is no date."""
    value = fields.pop("sale_price_effective_date", None)
    if value is None and not grouped_columns:
        return
    ends = {column: v for column, v, _ in grouped_columns if column in ("sale_start", "sale_end")}
    if "sale_price" not in product or (value is None and not ends):
        return
    try:
        if isinstance(value, Mapping):
            start = _moment(value.get("start", value.get("startTime", value.get("start_time"))))
            end = _moment(value.get("end", value.get("endTime", value.get("end_time"))), end=True)
        elif value is not None:
            start, end = dates.period(text_of("sale_price_effective_date", value))
        else:
            start, end = _moment(ends.get("sale_start")), _moment(ends.get("sale_end"), end=True)
    except dates.InvalidMoment as error:
        raise InvalidRow("sale_price_effective_date", str(error)) from None
    if start is not None or end is not None:
        product["sale_price_effective_date"] = {"start": start, "end": end}


def _moment(value: Any, *, end: bool = False) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return None if value is None else dates.moment(text_of("sale_price_effective_date", value), end=end)

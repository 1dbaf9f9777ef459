"""What shops pay for places: one line of JSON a product, in ``<lake>/<collection>/bids.jsonl``.

::

    {"product_id": "SKU-1", "bid": "0.50 USD", "daily_budget": "20 USD", "start": "2026-12-01",
     "end": "2026-12-24T18:00:00Z", "categories": ["Clothing > Dresses"], "keywords": ["red dress"]}

``bid`` is the most that a click (or an impression) may cost, ``daily_budget`` the most of a UTC day. From
``start`` on, until just before ``end``. With ``categories`` or ``keywords`` a product takes part only where
the shopper is in one of these categories, or asks in words that hold all of one of the keywords.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from mmpipe.errors import InvalidRequest
from mmpipe.lake.set_file import SetFile
from mmpipe.lexical import tokens
from mmpipe.recommend.sponsored.amounts import micros
from mmpipe.schemas.product import PRODUCT_ID_PATTERN, Money

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

MAX_BID: Final = Decimal(1_000_000)
MAX_BUDGET: Final = Decimal(1_000_000_000)
MAX_BIDS: Final = 100_000
MAX_BYTES: Final = 50_000_000
_YEARS: Final = range(2000, 2100)


def _money(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise ValueError("write an amount with its currency, as 0.50 USD")
    amount, _, currency = value.strip().partition(" ")
    return {"amount": amount, "currency": currency.strip()}


def _moment(value: Any) -> Any:
    """A day is its midnight in UTC."""
    if isinstance(value, str):
        try:
            return datetime.combine(date.fromisoformat(value.strip()), time(), UTC)
        except ValueError:
            return value
    # A bare number could be seconds or milliseconds.
    raise ValueError("write a moment as 2026-12-01 or 2026-12-01T08:00:00Z")


_Amount = Annotated[Money, BeforeValidator(_money)]
_Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class BidLine(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str = Field(pattern=PRODUCT_ID_PATTERN.pattern, max_length=128)
    bid: _Amount
    daily_budget: _Amount
    start: _Moment | None = None
    end: _Moment | None = None
    categories: tuple[_Text, ...] = Field(default=(), max_length=100)
    keywords: tuple[_Text, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _sane(self) -> Self:
        bid, budget = self.bid, self.daily_budget
        for name, money, most in (("bid", bid, MAX_BID), ("daily_budget", budget, MAX_BUDGET)):
            if not 0 < money.amount <= most:
                raise ValueError(f"{name}: {money} is not above 0 and at most {most:,} {money.currency}")
            try:
                micros(money.amount)
            except ValueError as error:
                raise ValueError(f"{name}: {money} {error}") from error
        if budget.currency != bid.currency:
            raise ValueError(f"daily_budget: is in {budget.currency}, the bid in {bid.currency}; use one")
        if bid.amount > budget.amount:
            raise ValueError(f"bid: {bid} is more than the daily_budget of {budget}: nothing could be bought")
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and moment.year not in _YEARS:
                raise ValueError(f"{name}: the year {moment.year} is none from 2000 to 2099")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end: is not after the start")
        if any(not tokens(keyword) for keyword in self.keywords):
            raise ValueError("keywords: one of them holds no word")
        return self


@dataclass(frozen=True, slots=True)
class Bid:
    """A line as auctions read it: amounts in millionths, moments in Unix seconds."""

    product_id: str
    bid: int
    daily_budget: int
    start: float
    end: float
    categories: tuple[str, ...]
    keywords: tuple[frozenset[str], ...]

    @property
    def targeted(self) -> bool:
        """Whether it asks for certain categories or keywords."""
        return bool(self.categories or self.keywords)


@dataclass(frozen=True)
class Bids:
    """All bids of a collection, by product, in one currency; without any bid it is empty."""

    currency: str
    by_product: Mapping[str, Bid]

    def __len__(self) -> int:
        return len(self.by_product)


NO_BIDS: Final = Bids("", {})


def parse_bids(data: bytes) -> Bids:
    """The bids of a file. Empty lines count as lines and say nothing.

    Raises :class:`InvalidRequest` naming the line and the field: an amount that is not finite, not above 0
    or absurd, a second bid for a product, a second currency.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRequest("bids", f"the file has more than {MAX_BYTES:,} bytes")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            "bids", f"the file is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    found: dict[str, Bid] = {}
    numbers: dict[str, int] = {}
    currency = ""
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        line = _line(text, number)
        product_id = line.product_id
        if product_id in found:
            _refuse(number, "product_id", f"{product_id} has a bid on line {numbers[product_id]} already")
        if currency and line.bid.currency != currency:
            _refuse(number, "bid", f"is in {line.bid.currency}, those before in {currency}; use one currency")
        if len(found) == MAX_BIDS:
            _refuse(number, "product_id", f"the file holds more than {MAX_BIDS:,} bids")
        currency = line.bid.currency
        numbers[product_id] = number
        found[product_id] = _bid(line)
    return Bids(currency, found) if found else NO_BIDS


def _line(text: str, number: int) -> BidLine:
    try:
        given = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("bids", f"line {number}: is no JSON object ({error})") from error
    if not isinstance(given, dict):
        raise InvalidRequest("bids", f"line {number}: is no JSON object")
    try:
        return BidLine.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        message = fault["msg"].removeprefix("Value error, ")
        place = ".".join(str(part)[:80] for part in fault["loc"])
        # What concerns the whole line names its field itself.
        said = f"{place}: {message}" if place else message
        raise InvalidRequest("bids", f"line {number}, {said}") from error


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no amount")


def _refuse(number: int, field: str, reason: str) -> NoReturn:
    raise InvalidRequest("bids", f"line {number}, {field}: {reason}")


def _bid(line: BidLine) -> Bid:
    return Bid(
        product_id=line.product_id,
        bid=micros(line.bid.amount),
        daily_budget=micros(line.daily_budget.amount),
        start=float("-inf") if line.start is None else line.start.timestamp(),
        end=float("inf") if line.end is None else line.end.timestamp(),
        categories=tuple(folded_path(path) for path in line.categories),
        keywords=tuple(frozenset(tokens(keyword)) for keyword in line.keywords),
    )


def folded_path(path: str) -> str:
    """A category path without differences of case and spaces."""
    return " > ".join(part.strip().casefold() for part in path.split(">") if part.strip())


class BidFile(SetFile[Bids]):
    """The bids of one collection in the lake, followed."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        super().__init__(
            store,
            collection_uri,
            "bids.jsonl",
            what="bids",
            parse=parse_bids,
            nothing=NO_BIDS,
            max_bytes=MAX_BYTES,
        )

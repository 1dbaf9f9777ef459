"""Conditions at random, and what they mean the slow and obvious way, product by product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from mmpipe.lexical import identifier, tokens
from mmpipe.schemas.product import Money, Product
from mmpipe.search.columns.dictionaries import fold

JSON = dict[str, Any]

BRANDS = ["Acme", "ACME", "acme two", "Straße", "STRASSE", "Café", "東京", "a"]
PATHS = ["Clothing", "Clothing > Dresses", "clothing>dresses > Long", "Home > Clothing", "Home", "Dresses"]
# Values of free attributes, with what they measure.
MEASURES: dict[str, tuple[str, Decimal] | None] = {
    "40": ("", Decimal(40)),
    "60.5": ("", Decimal("60.5")),
    "-5": ("", Decimal(-5)),
    "1,500": ("", Decimal(1_500)),
    "500 ml": ("ml", Decimal(500)),
    "750ml": ("ml", Decimal(750)),
    "500毫升": ("ml", Decimal(500)),
    "1 l": ("l", Decimal(1)),
    "60 W": ("w", Decimal(60)),
    "about 40": None,
    "red": None,
    "Red ": None,
    "40 x 60": None,
    "2026-03-01": ("@", Decimal(1_772_323_200)),
    "2026-03-02T12:00:00Z": ("@", Decimal(1_772_452_800)),
}
AMOUNTS = ["0", "0.1", "0.3", "7.5", "19.98", "19.99", "20.00", "1999", "123456789.01"]
NAMES = ["volume", "Watt", "since", "mixed", "none"]
CODES = ["AB-12/3", "ab123", "00012345", "12345", "G 1", "p07", "x"]
TITLES = ["Red summer dress", "Red", "Wi-Fi lamp", "wifi lamp", "500ml bottle", "红色连衣裙", "!!!"]


def _ranges(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[JSON]:
    low = st.tuples(st.sampled_from(["gte", "gt"]), bounds).map(lambda pair: {pair[0]: pair[1]})
    high = st.tuples(st.sampled_from(["lte", "lt"]), bounds).map(lambda pair: {pair[0]: pair[1]})
    return low | high | st.tuples(low, high).map(lambda pair: {**pair[0], **pair[1]})


def _texts(values: Sequence[str], *, prefixes: bool = True) -> st.SearchStrategy[JSON]:
    one = st.sampled_from(values)
    found = one.map(lambda value: {"eq": value}) | st.lists(one, min_size=1, max_size=3).map(
        lambda several: {"in": several}
    )
    begun = st.tuples(one, st.integers(1, 6)).map(lambda pair: {"prefix": pair[0][: pair[1]]})
    exists = st.booleans().map(lambda there: {"exists": there})
    return found | begun | exists if prefixes else found


_AMOUNTS = st.sampled_from(AMOUNTS) | st.sampled_from([0, 0.1, 19.99, 20, "19.985", "19.990000000001"])
_NUMBERS = (
    _ranges(_AMOUNTS)
    | _AMOUNTS.map(lambda amount: {"eq": amount})
    | st.lists(_AMOUNTS, min_size=1, max_size=3).map(lambda several: {"in": several})
    | st.booleans().map(lambda there: {"exists": there})
)
_RATINGS = st.sampled_from([0, 1, "3.5", 4.5, 5, 12])
_DATES = st.sampled_from(
    ["2026-01-01", "2026-03-01", "2026-03-01T12:00:00Z", "2026-03-02", "2030-01-01T00:00+02:00"]
)


def _field(names: Sequence[str], operands: st.SearchStrategy[JSON]) -> st.SearchStrategy[JSON]:
    return st.tuples(st.sampled_from(names), operands).map(lambda pair: {"field": pair[0], **pair[1]})


def comparisons() -> st.SearchStrategy[JSON]:
    """Comparisons of every field, of values that products have and others."""
    attributes = [f"attributes.{name}" for name in [*NAMES, "VOLUME", "nothing"]]
    measured = st.sampled_from([value for value in MEASURES if MEASURES[value]]) | st.sampled_from(
        [40, 600, "1 kg"]
    )
    currencies = st.sampled_from([{}, {}, {"currency": "USD"}, {"currency": "jpy"}, {"currency": "XXX"}])
    money = st.tuples(_NUMBERS, currencies).map(lambda pair: {**pair[0], **pair[1]})
    return st.one_of(
        _field(["brand", "color"], _texts([*BRANDS, "nobody"])),
        _field(["category"], _texts([*PATHS, "Long", "> >x", "Dresses > Clothing"])),
        _field(["currency"], _texts(["USD", "usd", "JPY", "EUR"])),
        _field(["language"], _texts(["en", "zh-TW", "ZH-tw"])),
        _field(["id", "item_group_id"], _texts(["p01", "p02", "P01", "G 1", "G2", "zz"])),
        _field(
            ["title"], st.sampled_from([{"prefix": title[:n]} for title in TITLES[:-1] for n in (3, 9, 40)])
        ),
        _field(["title", "price", "list_price"], st.booleans().map(lambda there: {"exists": there})),
        _field(["price", "list_price"], money),
        _field(["on_sale"], st.booleans().map(lambda on: {"eq": on})),
        _field(["identifier"], _texts(CODES, prefixes=False)),
        _field(["rating", "rating_count"], _ranges(_RATINGS) | _RATINGS.map(lambda number: {"eq": number})),
        _field(["rating", "rating_count", "added"], st.booleans().map(lambda there: {"exists": there})),
        _field(["added"], _ranges(_DATES)),
        _field(attributes, _texts(list(MEASURES))),
        _field(attributes, _ranges(measured)),
    ).filter(_in_order)


def conditions() -> st.SearchStrategy[JSON]:
    """Conditions of up to eight levels."""
    return st.recursive(
        comparisons(),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"and": parts}),
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"or": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=8,
    ).filter(lambda condition: _depth(condition) <= 8)


def _depth(condition: JSON) -> int:
    parts = (
        condition.get("and") or condition.get("or") or [condition["not"]] if "field" not in condition else []
    )
    return 1 + max(map(_depth, parts), default=0)


def _in_order(comparison: JSON) -> bool:
    """Whether a range's bounds are not refused for their order."""
    low, high = comparison.get("gte", comparison.get("gt")), comparison.get("lte", comparison.get("lt"))
    if low is None or high is None:
        return True
    if comparison["field"] == "added":
        begin, end = (_moments(low), _moments(high))
        return begin[1 if "gt" in comparison else 0] <= end[1 if "lte" in comparison else 0]
    numbers = [_number(bound) for bound in (low, high)]
    return None in numbers or numbers[0] <= numbers[1]  # type: ignore[operator]


def _number(bound: Any) -> Decimal | None:
    try:
        return Decimal(str(bound))
    except ArithmeticError:
        return None


class Shop:
    """Products as they can be found at a moment, in the collection's own currency."""

    def __init__(
        self, products: Sequence[Product], added: Mapping[str, datetime | None], now: datetime, currency: str
    ) -> None:
        self.products, self.added, self.now, self.currency = products, added, now, currency

    def meeting(self, condition: JSON) -> set[str]:
        """The ids of those that meet a condition."""
        return {product.id for product in self.products if self._meets(product, condition)}

    def _meets(self, product: Product, condition: JSON) -> bool:
        if "and" in condition:
            return all(self._meets(product, part) for part in condition["and"])
        if "or" in condition:
            return any(self._meets(product, part) for part in condition["or"])
        if "not" in condition:
            return not self._meets(product, condition["not"])
        field: str = condition["field"]
        if "exists" in condition:
            return condition["exists"] is self._there(product, condition)
        if field.startswith("attributes."):
            return self._attribute(product, field.removeprefix("attributes."), condition)
        if field in ("price", "list_price"):
            amount = self._amount(product, condition)
            return amount is not None and _compares(amount, condition, _decimal)
        if field == "on_sale":
            return condition["eq"] is self._on_sale(product)
        if field in ("rating", "rating_count"):
            number = getattr(product, field)
            return number is not None and _compares(Decimal(str(number)), condition, _decimal)
        if field == "added":
            added = self.added[product.id]
            return added is not None and _within_days(added.timestamp(), condition)
        if field == "title":
            asked = tokens(condition["prefix"])
            return bool(asked) and tokens(product.title)[: len(asked)] == asked
        wanted = condition["in"] if "in" in condition else [condition.get("eq")]
        if field == "identifier":
            names = (product.id, product.mpn, product.gtin, product.item_group_id)
            held = {identifier(name) for name in names if name}
            return bool(held & {identifier(each) for each in wanted})
        value = getattr(product, field) if field != "currency" else self._currency(product)
        return value is not None and _says(field, value, condition, wanted)

    def _there(self, product: Product, condition: JSON) -> bool:
        field = condition["field"]
        if field.startswith("attributes."):
            return bool(_values(product, field.removeprefix("attributes.")))
        if field in ("price", "list_price"):
            return self._amount(product, condition) is not None
        if field == "currency":
            return self._currency(product) is not None
        return (self.added[product.id] if field == "added" else getattr(product, field)) is not None

    def _amount(self, product: Product, condition: JSON) -> Decimal | None:
        money: Money | None = product.price
        if condition["field"] == "price":
            money = product.effective_price(self.now)
        wanted = condition.get("currency", self.currency).upper()
        return money.amount if money is not None and money.currency == wanted else None

    def _currency(self, product: Product) -> str | None:
        money = product.price or product.valid_sale_price
        return None if money is None else money.currency

    def _on_sale(self, product: Product) -> bool:
        sale, period = product.valid_sale_price, product.sale_price_effective_date
        return sale is not None and (period is None or period.holds(self.now))

    def _attribute(self, product: Product, name: str, condition: JSON) -> bool:
        values = _values(product, name)
        if "prefix" in condition:
            return any(fold(value).startswith(fold(condition["prefix"])) for value in values)
        if "eq" in condition or "in" in condition:
            wanted = condition["in"] if "in" in condition else [condition["eq"]]
            return bool({fold(value) for value in values} & {fold(each) for each in wanted})
        bounds = [condition[name] for name in ("gte", "gt", "lte", "lt") if name in condition]
        every = set(map(_unit, bounds))
        units = every - {""}
        if len(units) > 1 or every == {"", "@"}:
            return False
        unit = units.pop() if units else self._bare_unit(name)
        measured = [found for value in values if (found := MEASURES.get(value)) and found[0] == unit]
        if unit == "@":
            return any(_within_days(float(number), condition) for _, number in measured)
        return any(_compares(number, condition, _measured) for _, number in measured)

    def _bare_unit(self, name: str) -> str | None:
        units = {
            found[0]
            for product in self.products
            for value in _values(product, name)
            if (found := MEASURES.get(value)) and found[0] != "@"
        }
        return "" if "" in units else units.pop() if len(units) == 1 else None


def _values(product: Product, name: str) -> list[str]:
    return [value for own, value in product.attributes.items() if fold(own) == fold(name) and value.strip()]


def _says(field: str, value: str, condition: JSON, wanted: Sequence[str]) -> bool:
    if field in ("id", "item_group_id"):
        return value.startswith(condition["prefix"].strip()) if "prefix" in condition else value in wanted
    if field != "category":
        if "prefix" in condition:
            return fold(value).startswith(fold(condition["prefix"]))
        return fold(value) in {fold(each) for each in wanted}
    labels = _labels(value)
    if "prefix" in condition:
        asked = _labels(condition["prefix"])
        return bool(asked) and labels[: len(asked)] == asked
    asked_paths = [_labels(each) for each in wanted]
    return any(
        asked and (labels[: len(asked)] == asked or (len(asked) == 1 and asked[0] in labels))
        for asked in asked_paths
    )


def _labels(path: str) -> list[str]:
    return [fold(label) for label in path.split(">") if fold(label)]


def _decimal(bound: Any) -> Decimal:
    return Decimal(str(bound))


def _measured(bound: Any) -> Decimal:
    known = MEASURES.get(bound) if isinstance(bound, str) else None
    return Decimal(str(bound).removesuffix(" kg")) if known is None else known[1]


def _unit(bound: Any) -> str:
    known = MEASURES.get(bound) if isinstance(bound, str) else None
    return known[0] if known is not None else "kg" if isinstance(bound, str) and "kg" in bound else ""


def _compares(number: Decimal, condition: JSON, read: Callable[[Any], Decimal]) -> bool:
    checks = {
        "eq": lambda bound: number == read(bound),
        "in": lambda bounds: any(number == read(bound) for bound in bounds),
        "gte": lambda bound: number >= read(bound),
        "gt": lambda bound: number > read(bound),
        "lte": lambda bound: number <= read(bound),
        "lt": lambda bound: number < read(bound),
    }
    return all(check(condition[name]) for name, check in checks.items() if name in condition)


def _moments(text: str) -> tuple[float, float]:
    """Begin and end of what a date or timestamp stands for."""
    begin = datetime.fromisoformat(text)
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    end = begin + timedelta(days=1) if len(text) == 10 else begin
    return begin.timestamp(), end.timestamp()


def _within_days(seconds: float, condition: JSON) -> bool:
    checks: dict[str, Callable[[float, float], bool]] = {
        "gte": lambda begin, end: seconds >= begin,
        "gt": lambda begin, end: seconds >= end if end > begin else seconds > begin,
        "lte": lambda begin, end: seconds < end if end > begin else seconds <= begin,
        "lt": lambda begin, end: seconds < begin,
    }
    return all(check(*_moments(condition[name])) for name, check in checks.items() if name in condition)

"""Conditions to a bit set over rows.

A field that a product lacks meets no comparison, so ``not`` of a comparison holds for it. A value, attribute
or currency that no product carries matches nothing. Texts are compared with the distinct values of their
field, once for a version and a condition, and numbers by compiled passes; nothing is evaluated.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from mmpipe.lake.schema import FIELD_MARKS
from mmpipe.lexical import identifier, tokens
from mmpipe.schemas.conditions import And, Comparison, Condition, Kind, Not, Or, Scalar, moment
from mmpipe.search.columns.dictionaries import fold, fold_path
from mmpipe.search.columns.kept import Latest
from mmpipe.search.columns.measures import BARE, DATE, measure
from mmpipe.search.columns.text import MAX_TOKENS
from mmpipe.search.columns.words import plain
from mmpipe.search.kernels.memory import set_rows

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]
Form = tuple[Any, ...]
_RANGE: Final = ("gte", "gt", "lte", "lt")
# A search asks for the rows of one condition several times: the keys of some, each held with its condition,
# by whose identity it is found.
_KEYS: Final[Latest[tuple[Condition, bytes]]] = Latest(16)


def mask(version: Version, condition: Condition) -> Words:
    """Living rows that meet the condition.

    The words are kept and shared: nobody may write into them.
    """
    key = _key(condition)
    found: Words | None = version.prices.masks.get(key)
    if found is None:
        found = _rows(version, condition) & version.alive
        version.prices.masks.put(key, found)
    return found


def _key(condition: Condition) -> bytes:
    known = _KEYS.get(id(condition))
    if known is None or known[0] is not condition:
        known = condition, hashlib.blake2b(repr(_form(condition)).encode(), digest_size=16).digest()
        _KEYS.put(id(condition), known)
    return known[1]


def at_least(bound: Decimal, *, above: bool = False) -> float:
    """The lowest float64 that stands for a decimal at or, with ``above``, above ``bound``. A float64 stands
    for the shortest decimal that reads as it, so prices as they were written compare exactly."""
    nearest = float(bound)
    written = Decimal(repr(nearest))
    return (
        nearest if written > bound or (written == bound and not above) else math.nextafter(nearest, math.inf)
    )


def at_most(bound: Decimal, *, below: bool = False) -> float:
    """The highest float64 that stands for a decimal at or, with ``below``, below ``bound``."""
    return -at_least(-bound, above=below)


def _form(condition: Condition) -> Form:
    """The same for conditions that differ only in the order of their parts, in how values and numbers are
    spelled, and in parts that are there twice."""
    match condition:
        case And(parts=parts):
            return _joined("and", parts)
        case Or(parts=parts):
            return _joined("or", parts)
        case Not(part=Not(part=part)):
            return _form(part)
        case Not(part=part):
            return "not", _form(part)
    comparison = cast("Comparison", condition)
    kind, field = comparison.kind, comparison.field
    if kind == "attribute":
        field = f"{kind}.{fold(comparison.attribute)}"
    if comparison.exists is not None:
        return field, "exists", comparison.exists, comparison.currency
    if comparison.prefix is not None:
        return field, "prefix", _folded(kind, comparison.prefix)
    if comparison.any_of:
        values = {_value_form(kind, each) for each in comparison.any_of}
        return field, "in", *sorted(values), comparison.currency
    return field, "range", comparison.currency, *_limits(comparison)


def _joined(name: str, parts: Sequence[Condition]) -> Form:
    forms: set[Form] = set()
    for part in parts:
        form = _form(part)
        forms.update(form[1:] if form[0] == name else (form,))
    return forms.pop() if len(forms) == 1 else (name, *sorted(forms, key=repr))


def _value_form(kind: Kind, value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value)
    return _folded(kind, value) if isinstance(value, str) else repr((at_least(value), at_most(value)))


def _folded(kind: Kind, text: str) -> str:
    if kind in ("text", "attribute"):
        return fold(text)
    return fold_path(text) if kind == "path" else text


def _rows(version: Version, condition: Condition) -> Words:
    """Rows, dead ones and padding perhaps included."""
    match condition:
        case And(parts=parts):
            return reduce(np.bitwise_and, (_rows(version, part) for part in parts))
        case Or(parts=parts):
            return reduce(np.bitwise_or, (_rows(version, part) for part in parts))
        case Not(part=part):
            return ~_rows(version, part)
    comparison = cast("Comparison", condition)
    if comparison.exists is not None:
        there = _there(version, comparison)
        return there if comparison.exists else ~there
    return _COMPARE[comparison.kind](version, comparison)


def _there(version: Version, comparison: Comparison) -> Words:
    """Rows that have the field."""
    field = comparison.field
    match comparison.kind:
        case "text" | "path" | "group":
            return version.coded[field].present()
        case "attribute":
            return version.pairs.present(comparison.attribute)
        case "number" | "moment":
            return version.numbers[field].present
        case "money":
            return _priced(version, comparison, None, None)
        case _:
            return version.alive


def _text(version: Version, comparison: Comparison) -> Words:
    column = version.coded[comparison.field]
    if comparison.prefix is not None:
        return column.beginning(comparison.prefix)
    return column.mask(cast("Sequence[str]", comparison.any_of))


def _attribute(version: Version, comparison: Comparison) -> Words:
    name = comparison.attribute
    if comparison.prefix is not None:
        return version.pairs.beginning(name, comparison.prefix)
    if comparison.any_of:
        return version.pairs.mask(name, cast("Sequence[str]", comparison.any_of))
    low, high, units = _limits(comparison)
    wanted = set(units) - {BARE}
    if len(wanted) > 1 or (DATE in wanted and BARE in units):
        return np.zeros_like(version.alive)
    unit = next(iter(wanted)) if wanted else version.pairs.unit_of_numbers(name, version.alive)
    return np.zeros_like(version.alive) if unit is None else version.pairs.within(name, unit, low, high)


def _id(version: Version, comparison: Comparison) -> Words:
    if comparison.prefix is not None:
        rows = version.ids.beginning(comparison.prefix)
    else:
        found = (version.find(str(each)) for each in comparison.any_of)
        rows = np.array([row for row in found if row is not None], np.int32)
    return set_rows(rows, version.layout.rows)


def _title(version: Version, comparison: Comparison) -> Words:
    said = tokens(comparison.prefix or "")
    if not said:
        return np.zeros_like(version.alive)
    return version.text.with_phrase([FIELD_MARKS["title"], *said], version.alive)


def _identifier(version: Version, comparison: Comparison) -> Words:
    found = dict.fromkeys(token for each in comparison.any_of if (token := identifier(str(each))))
    named = list(found)
    words = np.zeros_like(version.alive)
    for begin in range(0, len(named), MAX_TOKENS):
        several = [plain(token) for token in named[begin : begin + MAX_TOKENS]]
        words |= version.text.with_any(several, version.alive)
    return words


def _money(version: Version, comparison: Comparison) -> Words:
    return _numbers(comparison, lambda low, high: _priced(version, comparison, low, high))


def _priced(version: Version, comparison: Comparison, low: float | None, high: float | None) -> Words:
    listed = comparison.field == "list_price"
    return version.prices.range_mask(low, high, comparison.currency, listed=listed)


def _number(version: Version, comparison: Comparison) -> Words:
    return _numbers(comparison, version.numbers[comparison.field].range_mask)


def _numbers(comparison: Comparison, within: Callable[[float, float], Words]) -> Words:
    if not comparison.any_of:
        low, high, _ = _limits(comparison)
        return within(low, high)
    values = {cast("Decimal", each) for each in comparison.any_of}
    return reduce(np.bitwise_or, (within(at_least(each), at_most(each)) for each in values))


def _flag(version: Version, comparison: Comparison) -> Words:
    on_sale = version.prices.on_sale()
    return on_sale if comparison.eq else ~on_sale


def _limits(comparison: Comparison) -> tuple[float, float, tuple[str, ...]]:
    """The lowest and highest float64 of a range, and the units of its bounds. A text that measures nothing
    has a unit of its own, which no value has."""
    low, high, units = -math.inf, math.inf, dict[str, None]()
    for name in _RANGE:
        bound = getattr(comparison, name)
        if bound is None:
            continue
        limit, unit = _limit(name, bound)
        units[unit] = None
        if name in ("gte", "gt"):
            low = limit
        else:
            high = limit
    return low, high, tuple(units)


def _limit(name: str, bound: Decimal | str) -> tuple[float, str]:
    """The float64 that a bound lets in just so, and its unit."""
    unit = BARE
    if isinstance(bound, str):
        found = measure(bound)
        if found is None:
            return math.nan, bound
        number, unit = found
        if unit == DATE:
            return _moment_limit(name, bound), unit
        bound = number
    if name in ("gte", "gt"):
        return at_least(bound, above=name == "gt"), unit
    return at_most(bound, below=name == "lt"), unit


def _moment_limit(name: str, text: str) -> float:
    """Of a date the whole day counts: ``gt`` is after it, ``lte`` until its end."""
    behind = moment(text, end=name in ("gt", "lte"))
    is_day = moment(text, end=True) != moment(text, end=False)
    if name == "lt" or (name == "lte" and is_day):
        return math.nextafter(behind, -math.inf)
    return math.nextafter(behind, math.inf) if name == "gt" and not is_day else behind


_COMPARE: Final[Mapping[Kind, Callable[[Version, Comparison], Words]]] = {
    "text": _text,
    "path": _text,
    "group": _text,
    "attribute": _attribute,
    "id": _id,
    "title": _title,
    "identifier": _identifier,
    "money": _money,
    "number": _number,
    "moment": _number,
    "flag": _flag,
}

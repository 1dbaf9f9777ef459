"""Prices as shops write them: ``19.99 USD``, ``1.299,00 €``, ``¥199``, ``199元``."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

from mmpipe.schemas.currencies import decimals_of
from mmpipe.schemas.currency_names import CODES_OF, CURRENCIES

# Signs and names of more than one currency.
_SHARED = {name: codes for name, codes in CODES_OF.items() if len(codes) > 1}
_SPACES = " \u00a0\u2009\u202f"
_NUMBER = re.compile(rf"(?:\d|(?<![^\W\d_])[.,]\d)(?:[\d.,'’{_SPACES}]*\d)?(?:[.,](?![\d\-–—]))?")
# An amount that cannot be read in two ways, as most feeds write it.
_PLAIN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,2})?)(?: ([A-Z]{3}))?")
# What stands behind whole amounts: 49,- and 49:- and 49/-.
_NO_CENTS = re.compile(r"^[.,:/][-–—]+\s*")
# Spaces and apostrophes between digits part them by threes.
_PARTED = re.compile(rf"\d{{1,3}}(?P<sign>[{_SPACES}'’])\d{{3}}(?:(?P=sign)\d{{3}})*(?![^.,])")
_PLACES = 6
_MAX_LENGTH = 64
_REMEDY = "write it as 19.99 USD"


class InvalidPrice(ValueError):
    """Not a price; the text says why and what to write instead."""


def currency_of(text: str) -> str:
    """The ISO 4217 code of a code, a sign or a name; :class:`InvalidPrice` if it is none."""
    found = _known(text)
    if found is None:
        raise InvalidPrice(f"{text[:20]!r} is no currency: write an ISO code such as USD, EUR or CNY")
    return found


def is_currency(text: str) -> bool:
    """Whether a text is the code, a sign or a name of a currency."""
    return _known(text) is not None


def currency_of_mark(mark: str, *given: str | None) -> str:
    """:func:`currency_of`, where the currencies ``given`` choose among those that share a sign."""
    codes = _codes(mark)
    return next((code for code in given if code in codes), None) or currency_of(mark)


def _known(text: str) -> str | None:
    return next(iter(_codes(text)), None)


def _codes(text: str) -> tuple[str, ...]:
    """What a text may mean as a currency; none where it is none."""
    return CODES_OF.get(unicodedata.normalize("NFKC", text).strip().lower(), ())


def parse_price(
    value: object, currency: str | None = None, default: str | None = None
) -> tuple[Decimal, str]:
    """An amount and its ISO 4217 code.

    ``value`` is a number or a text with at most one currency in it, before or after the amount. A currency in
    the text wins over ``currency`` (the currency column's), and that over ``default``; among the
    currencies that share a sign (``$``, ``¥``) the column and the default choose. Of a point and a comma
    the last one is decimal; a lone one before exactly three digits separates thousands (``1.299`` as
    ``1,299``), unless the amount would start with a zero or the currency has three decimals. A number that is
    no text is taken as it is. Raises :class:`InvalidPrice`.
    """
    if isinstance(value, bool):
        raise InvalidPrice(f"is true or false, not a price: {_REMEDY}")
    if isinstance(value, int | float | Decimal):
        # A whole number is finite, and one of hundreds of digits would not even fit into the float asked for.
        if not isinstance(value, int) and not math.isfinite(value):
            raise InvalidPrice(f"is no finite number: {_REMEDY}")
        if value < 0:
            raise InvalidPrice(f"is negative: {_REMEDY}")
        # What sums of floats leave far behind the point, as in 29.990000000000002, is nobody's price.
        exact = round(value, _PLACES) if isinstance(value, float) else value
        return Decimal(str(exact)), _required(currency or default)
    if not isinstance(value, str):
        raise InvalidPrice(f"is neither a number nor a text: {_REMEDY}")
    if len(value) > _MAX_LENGTH:
        raise InvalidPrice(f"is longer than a price: {_REMEDY}")
    plain = _PLAIN.fullmatch(value)
    if plain is not None and (plain[2] is None or plain[2] in CURRENCIES):
        return Decimal(plain[1]), plain[2] or _required(currency or default)
    # As plain digits 1² would be 12.
    if any(unicodedata.category(char) == "No" for char in value):
        raise InvalidPrice(f"{value!r} holds raised, lowered or encircled digits, or a fraction: {_REMEDY}")
    text = unicodedata.normalize("NFKC", value).strip()
    found = _NUMBER.search(text)
    if found is None:
        raise InvalidPrice(f"{value!r} holds no amount: {_REMEDY}")
    before, after = text[: found.start()].strip(), text[found.end() :].strip()
    after = _NO_CENTS.sub("", after)
    if before in ("-", "−") or before.endswith("-") or before.startswith("-"):
        raise InvalidPrice(f"{value!r} is negative: {_REMEDY}")
    if _NUMBER.search(after):
        raise InvalidPrice(f"{value!r} holds more than one number: {_REMEDY}")
    code = _currency(before, after, (currency, default), value)
    return _amount(found.group(), value, code), code


def _currency(before: str, after: str, given: tuple[str | None, str | None], value: str) -> str:
    marks = [CODES_OF.get(_mark(mark), ()) for mark in (before, after) if mark]
    sure = {codes[0] for codes in marks if len(codes) == 1}
    shared = [codes for codes in marks if len(codes) > 1]
    if not all(marks) or len(sure) > 1:
        raise InvalidPrice(f"{value!r} names no currency we know: {_REMEDY}")
    if sure:
        return sure.pop()
    if shared:
        return next((code for code in given if code in shared[0]), shared[0][0])
    return _required(given[0] or given[1])


def _mark(said: str) -> str:
    """What stands beside an amount as one sign or code in lower case: ``US $`` is ``us$``, ``USD $`` is
    ``usd``."""
    mark = "".join(said.lower().split())
    for sign, codes in _SHARED.items():
        code = mark.removesuffix(sign) if mark.endswith(sign) else mark.removeprefix(sign)
        if code.upper() in codes:
            return code
    return mark


def _required(currency: str | None) -> str:
    if not currency:
        raise InvalidPrice(f"says no currency: {_REMEDY}, or add a currency column")
    return currency


def _amount(digits: str, value: str, currency: str) -> Decimal:
    if any(sign in digits for sign in _SPACES + "'’"):
        if _PARTED.match(digits) is None:
            raise InvalidPrice(f"{value!r} is not clear as a number: {_REMEDY}")
        for sign in _SPACES + "'’":
            digits = digits.replace(sign, "")
    digits = digits.rstrip(".,")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        decimal_sign = "," if comma > point else "."
    elif comma < 0 and point < 0:
        decimal_sign = "."
    else:
        sign, other = (",", ".") if comma >= 0 else (".", ",")
        decimal_sign = other if _is_thousands(digits, sign, currency) else sign
    thousands = "." if decimal_sign == "," else ","
    whole, _, fraction = digits.partition(decimal_sign)
    groups = whole.split(thousands)
    grouped_well = len(groups) == 1 or (
        0 < len(groups[0]) <= 3 and len(groups[-1]) == 3 and all(len(group) in (2, 3) for group in groups[1:])
    )
    if not grouped_well or not (fraction.isdigit() or not fraction):
        raise InvalidPrice(f"{value!r} is not clear as a number: {_REMEDY}")
    return Decimal((("".join(groups)) or "0") + ("." + fraction if fraction else ""))


def _is_thousands(digits: str, sign: str, currency: str) -> bool:
    """Whether the only kind of sign in an amount separates thousands."""
    if digits.count(sign) > 1:
        return True
    whole, _, fraction = digits.partition(sign)
    return (
        len(fraction) == 3
        and 0 < len(whole) <= 3
        and whole[0] != "0"
        and (sign == "," or decimals_of(currency) != 3)
    )

"""Prices as shops write them: ``19.99 USD``, ``1.299,00 €``, ``¥199``, ``199元``."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from typing import Final

from mmpipe.schemas.currencies import decimals_of

_ISO_4217: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_ISO_4217.split())

_OTHER_NAMES: Final = {
    name: code
    for code, names in {
        "USD": "US$ DOLLAR DOLLARS 美元 美金", "CAD": "CA$ C$", "AUD": "AU$ A$", "NZD": "NZ$",
        "HKD": "HK$ 港元 港币 港幣", "TWD": "NT$ 新台币 新台幣", "SGD": "S$", "BRL": "R$", "MXN": "MX$",
        "EUR": "€ EURO EUROS 欧元 歐元", "GBP": "英镑 英鎊", "CHF": "FR. SFR SFR.", "KRW": "₩ 韩元 韓元",
        "CNY": "CN¥ RMB 人民币 人民幣", "JPY": "JP¥ 円 日元 日圓", "INR": "₹", "RUB": "₽ РУБ РУБ. Р.",
        "PLN": "ZŁ", "TRY": "₺ TL", "VND": "₫", "THB": "฿", "PHP": "₱", "UAH": "₴ ГРН ГРН.", "ILS": "₪",
        "CZK": "KČ", "HUF": "FT", "NGN": "₦", "MYR": "RM", "IDR": "RP RP.", "PEN": "S/ S/.", "ZAR": "R",
        "RON": "LEI", "BGN": "ЛВ ЛВ.", "KZT": "₸", "GEL": "₾", "CRC": "₡", "BDT": "৳",
    }.items()
    for name in names.split()
}  # fmt: skip
_DOLLARS: Final = """
USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP BSD BBD BZD BMD BND KYD XCD FJD GYD JMD LRD NAD SBD SRD
TTD CUP BOB NIO BRL
"""
_RUPEES: Final = ("INR", "PKR", "LKR", "NPR", "MUR", "SCR")
_KRONER: Final = ("SEK", "NOK", "DKK", "ISK")
_YUAN: Final = ("CNY", "TWD", "HKD", "MOP")
# Signs of more than one currency: a currency column decides, then the default, else the most usual one (the
# first).
_SHARED: Final = {
    "$": tuple(_DOLLARS.split()),
    "£": ("GBP", "EGP", "LBP", "GIP", "FKP", "SHP", "SYP", "SSP", "SDG"),
    "¥": ("CNY", "JPY", "CNH"),
    **dict.fromkeys(("KR", "KR."), _KRONER),
    **dict.fromkeys(("RS", "RS."), _RUPEES),
    **dict.fromkeys(("元", "圆", "圓", "块", "塊"), _YUAN),
}

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
    codes = _SHARED.get(unicodedata.normalize("NFKC", mark).strip().upper(), ())
    return next((code for code in given if code in codes), None) or currency_of(mark)


def _known(text: str) -> str | None:
    key = unicodedata.normalize("NFKC", text).strip().upper()
    return key if key in CURRENCIES else _OTHER_NAMES.get(key) or _SHARED.get(key, (None,))[0]


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
    marks = [_mark(mark) for mark in (before, after) if mark]
    sure = [found for mark in marks if (found := mark if mark in CURRENCIES else _OTHER_NAMES.get(mark))]
    shared = [_SHARED[mark] for mark in marks if mark in _SHARED]
    if len(sure) + len(shared) < len(marks) or len(set(sure)) > 1:
        raise InvalidPrice(f"{value!r} names no currency we know: {_REMEDY}")
    if sure:
        return sure[0]
    if shared:
        return next((code for code in given if code in shared[0]), shared[0][0])
    return _required(given[0] or given[1])


def _mark(said: str) -> str:
    """What stands beside an amount as one sign or code: ``US $`` is ``US$``, ``USD $`` is ``USD``."""
    mark = "".join(said.upper().split())
    for sign, codes in _SHARED.items():
        code = mark.removesuffix(sign) if mark.endswith(sign) else mark.removeprefix(sign)
        if code in codes:
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

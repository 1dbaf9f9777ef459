"""Currencies and what they are called, in feeds and in what shoppers write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# ISO 4217, and the yuan that is traded abroad.
_CODES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_CODES.split())

# What one currency is called, in lower case.
_NAMES: Final = {
    "USD": "us$ 美元 美金", "CAD": "ca$ c$", "AUD": "au$ a$", "NZD": "nz$", "HKD": "hk$ 港元 港币 港幣",
    "TWD": "nt$ 新台币 新台幣", "SGD": "s$", "BRL": "r$", "MXN": "mx$", "EUR": "€ euro euros 欧元 歐元",
    "GBP": "quid 英镑 英鎊", "CHF": "fr. sfr sfr.", "KRW": "₩ 韩元 韓元",
    "CNY": "cn¥ rmb 人民币 人民幣 元人民币 元人民幣", "JPY": "jp¥ yen 円 日元 日圓", "INR": "₹ 卢比 盧比",
    "RUB": "₽ руб руб. р.", "PLN": "zł", "TRY": "₺ tl", "VND": "₫", "THB": "฿", "PHP": "₱",
    "UAH": "₴ грн грн.", "ILS": "₪", "CZK": "kč", "HUF": "ft", "NGN": "₦", "MYR": "rm", "IDR": "rp rp.",
    "PEN": "s/ s/.", "ZAR": "r", "RON": "lei", "BGN": "лв лв.", "KZT": "₸", "GEL": "₾", "CRC": "₡",
    "BDT": "৳",
}  # fmt: skip
_DOLLARS: Final = """
USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU DOP BSD BBD BZD BMD BND KYD XCD FJD GYD JMD LRD NAD SBD SRD
TTD CUP BOB NIO BRL
"""
_POUNDS: Final = "GBP EGP LBP GIP FKP SHP SYP SSP SDG"
_YUAN: Final = "CNY JPY TWD HKD MOP CNH"
_RUPEES: Final = "INR PKR LKR NPR MUR SCR"
_KRONER: Final = "SEK NOK DKK ISK"
# What several currencies are called, the most usual one first.
_SHARED: Final = {
    "$ dollar dollars buck bucks 刀": _DOLLARS, "£ pound pounds": _POUNDS,
    "¥ 元 圆 圓 块 塊 块钱 塊錢 yuan": _YUAN, "kr kr.": _KRONER, "rs rs. rupee rupees": _RUPEES,
}  # fmt: skip

CODES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    **{code.lower(): (code,) for code in sorted(CURRENCIES)},
    **{name: (code,) for code, names in _NAMES.items() for name in names.split()},
    **{name: tuple(codes.split()) for names, codes in _SHARED.items() for name in names.split()},
}
"""By what is written, in lower case and composed, the ISO 4217 codes that it may mean: of several the
surroundings choose, else the first."""

_ALSO_WORDS: Final = """
all amd ang awg bam bob cop cup gel lak mad mop mur nad nio pen ron rub sos std top try fr. ft lei r s/ s/. р.
руб руб. грн грн. лв лв.
"""
ALSO_WORDS: Final = frozenset(_ALSO_WORDS.split())
"""Names that mean something else beside a number in a sentence, or begin words of letters that are not
Latin: 2 cup, amd 5600, awg 12, 6 ft."""

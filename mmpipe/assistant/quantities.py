"""Amounts with units in texts, Chinese and English: as they are written, and in one measure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from mmpipe.lexical import CJK

Kind = Literal["mass", "length", "volume", "charge", "energy", "power", "time", "bytes", "count", "pixels"]

# By kind what a unit is of the first: grams, millimetres, millilitres, milliampere hours, watt hours, watts,
# seconds, bytes.
_UNITS: Final[dict[Kind, dict[str, float]]] = {
    "mass": {
        "g gram grams 克": 1, "mg 毫克": 1e-3, "kg kgs kilo kilos kilogram kilograms 千克 公斤": 1_000,
        "lb lbs pound pounds 磅": 453.59237, "oz ounce ounces 盎司": 28.349523125, "斤": 500, "两": 50,
    },
    "length": {
        "mm 毫米": 1, "cm centimeter centimeters centimetre centimetres 厘米 公分": 10,
        "m meter meters metre metres 米": 1_000, "in inch inches 英寸 寸": 25.4, "ft foot feet 英尺": 304.8,
    },
    "volume": {
        "ml milliliter milliliters millilitre millilitres 毫升": 1, "cl": 10,
        "l liter liters litre litres 升": 1_000, "fl oz|fluid ounces|fluid ounce": 29.5735,
    },
    "charge": {"mah 毫安时 毫安": 1, "ah 安时": 1_000},
    "energy": {"wh 瓦时": 1, "kwh 千瓦时": 1_000},
    "power": {"w watt watts 瓦": 1, "kw 千瓦": 1_000},
    "time": {
        "s sec second seconds 秒": 1, "min mins minute minutes 分钟": 60, "h hr hrs hour hours 小时": 3_600,
        "day days 天": 86_400, "week weeks 周 星期": 604_800, "month months 个月": 2_629_800,
        "year years yr yrs 年": 31_557_600,
    },
    "bytes": {"mb": 1e6, "gb": 1e9, "tb": 1e12},
    "pixels": {"mp megapixel megapixels 万像素": 1},
    "count": {"persons person people 人": 1},
}  # fmt: skip
_WORDED: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
    "九": 9, "十": 10,
}  # fmt: skip
_MEASURES: Final = {
    unit: (kind, factor)
    for kind, units in _UNITS.items()
    for said, factor in units.items()
    for unit in (said.split("|") if "|" in said else said.split())
}
_UNIT: Final = "|".join(re.escape(unit) for unit in sorted(_MEASURES, key=len, reverse=True))
_AMOUNT: Final = re.compile(
    rf"(?<![\w.,])(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d{{1,9}}(?:\.\d{{1,4}})?"
    rf"|(?:{'|'.join(word for word in _WORDED if word.isascii())})(?=[ -])|[一两二三四五六七八九十])"
    rf"(?: ?[x×*] ?\d[\d.]*)*[ -]?(?P<unit>{_UNIT})(?![^\W_{CJK}])"
    rf"|(?<![^\W_{CJK}.,])(?P<zh_number>\d{{1,9}}(?:\.\d{{1,4}})?)(?P<zh_unit>{_UNIT})(?![^\W_{CJK}])"
    # 保修两年: of numbers in words only those that begin no other word.
    rf"|(?<=[{CJK}])(?<![第零一二两三四五六七八九十百千])(?:(?P<few>[两二三四五六七八九十])(?P<of>年|天|周)"
    r"|(?P<word>[一两二三四五六七八九十])(?P<each>个月|小时|分钟|星期|公斤|毫升|厘米))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """``written`` stands from ``start`` to ``end`` of a text; ``value`` is it in its kind's own unit."""

    kind: Kind
    value: float
    written: str
    start: int
    end: int


def amounts(text: str) -> list[Amount]:
    """The amounts of a text, from left to right. Of ``20 x 30 cm`` the first number counts."""
    found = []
    for match in _AMOUNT.finditer(text):
        number = match["number"] or match["zh_number"] or match["few"] or match["word"]
        unit = (match["unit"] or match["zh_unit"] or match["of"] or match["each"]).lower()
        kind, factor = _MEASURES[unit]
        value = _WORDED.get(number.lower())
        amount = float(number.replace(",", "")) if value is None else float(value)
        found.append(Amount(kind, amount * factor, match.group(), match.start(), match.end()))
    return found


def first(text: str, kinds: tuple[Kind, ...]) -> Amount | None:
    """The first amount of any of some kinds."""
    return next((amount for amount in amounts(text) if amount.kind in kinds), None)

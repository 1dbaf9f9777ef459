"""Prices as shoppers say them, spelled as the engine reads them: numbers in words as digits, *no more than so
much* and the like in the one form of it, and *about so much* as from a quarter less to a quarter more."""

# ruff: noqa: E501  (an expression is read as one line)

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_DIGITS: Final = {name: value for value, name in enumerate("零一二三四五六七八九")} | {"两": 2}
_POWERS: Final = {"十": 10, "百": 100, "千": 1_000}
_ZH_UNITS: Final = r"块钱?|元|美元|美金|欧元|英镑|日元|人民币"
# Of hundreds and more a number is an amount; of tens only beside what says so.
_ZH_NUMBER: Final = re.compile(
    r"(?<![第几好零一二两三四五六七八九十百千])"
    r"(?:[一二两三四五六七八九][百千](?:零?[一二两三四五六七八九][十百]?)*"
    rf"|[一二三四五六七八九]?十[一二三四五六七八九]?(?=(?:{_ZH_UNITS})|以[内下上]|之内|左右|上下))"
)
_UNITS: Final = {
    "a": 1, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_TENS: Final = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_BELOW_100: Final = "|".join([*_TENS, *list(_UNITS)[2:]])
_EN_NUMBER: Final = re.compile(
    rf"\b(?:(?P<head>a|{_BELOW_100}) (?P<power>hundred|thousand)"
    rf"(?: (?:and )?(?P<rest>{_BELOW_100}))?(?![-\w])"
    rf"|(?:(?<=under )|(?<=below )|(?<=over )|(?<=above )|(?<=than )|(?<=around )|(?<=about )|(?<=most )|(?<=past )|(?<=beyond )|(?<=max )|(?<=maximum )|(?<=to ))"
    rf"(?P<tens>{'|'.join(_TENS)}|ten)(?:[- ](?P<ones>{'|'.join(list(_UNITS)[2:11])}))?(?![-\w]))",
    re.IGNORECASE,
)
_EN_MONEY: Final = r"dollars?|bucks|usd|euros?|eur|pounds|quid|gbp|yuan|rmb"
_EN_ABOUT: Final = re.compile(
    r"\b(?:(?:somewhere|something) )?(?:around|about|roughly|approximately|close to) "
    rf"(?:(?P<sign>[$€£¥])(?P<signed>\d{{1,7}}(?:\.\d\d?)?)|"
    rf"(?P<number>\d{{1,7}}(?:\.\d\d?)?) ?(?P<unit>{_EN_MONEY}))\b"
    r"(?: or so\b)?",
    re.IGNORECASE,
)
_ZH_ABOUT: Final = re.compile(
    rf"(?:大概|大约|差不多|约)?(?<![\d.])(?P<number>\d{{1,7}}(?:\.\d\d?)?)(?P<unit>{_ZH_UNITS})?(?:左右|上下)"
    rf"|(?:大概|大约|差不多)(?P<said>\d{{1,7}}(?:\.\d\d?)?)(?P<of>{_ZH_UNITS})"
)
_AMOUNT: Final = r"[$€£¥]?\d{1,7}(?:\.\d\d?)?"
# What shoppers say for at most, and for at least.
_EN_MOST: Final = re.compile(
    r"\b(?:max(?:imum)?\.?(?: of)?|no more than|not more than|(?:can(?:'t|not)|won't|don't (?:want|wish) to|do not want to|rather not)"
    r" (?:go|spend|pay) (?:past|over|above|beyond|more than|higher than)|cap(?:ped)? (?:it )?at|budget(?:'s| is| of|:)?(?: only)?)"
    rf" (?={_AMOUNT})",
    re.IGNORECASE,
)
_EN_AT_MOST: Final = re.compile(
    rf"(?<![\w.$€£¥])(?P<said>{_AMOUNT}(?: (?:{_EN_MONEY}))?),? (?:max(?:imum)?|tops|at (?:the )?(?:very )?most|or (?:less|under|below|cheaper))\b",
    re.IGNORECASE,
)
_EN_LEAST: Final = re.compile(rf"\b(?:min(?:imum)?\.?(?: of)?|no less than) (?={_AMOUNT})", re.IGNORECASE)
_EN_GRAND: Final = re.compile(r"\b(?:a|one|1) grand\b", re.IGNORECASE)
_ZH_MOST: Final = re.compile(
    rf"(?:最多|至多|顶多|不要?超过|别超过|不能超过|不高于|预算(?:就|只有|是|为|在|大概)?)(?P<said>\d{{1,7}}(?:\.\d\d?)?(?:{_ZH_UNITS})?)(?!以|之|左|上|到|[-~\d])(?:封顶|顶天|为止)?"
)
_LESS, _MORE = Decimal("0.75"), Decimal("1.25")


def spelled(text: str) -> str:
    """The text with its prices spelled out; other words stay as they are."""
    text = _ZH_NUMBER.sub(lambda match: str(_zh(match.group())), text)
    text = _EN_NUMBER.sub(lambda match: str(_en(match)), text)
    text = _EN_MOST.sub("at most ", _EN_GRAND.sub("1000", text))
    text = _EN_AT_MOST.sub(lambda match: f"at most {match['said']}", text)
    text = _EN_LEAST.sub("at least ", text)
    text = _ZH_MOST.sub(lambda match: f"{match['said']}以内", text)
    text = _ZH_ABOUT.sub(_zh_range, text)
    return _EN_ABOUT.sub(_en_range, text)


def _zh(said: str) -> int:
    """``三百五`` is 350, ``一千零五十`` 1050, ``两百`` 200."""
    total, digit, power, zero = 0, 0, 10, False
    for each in said:
        if each == "零":
            zero = True
        elif each in _DIGITS:
            digit = _DIGITS[each]
        else:
            power = _POWERS[each]
            total += (digit or 1) * power
            digit, zero = 0, False
    # A last digit counts in the next lower unit, unless a zero says that it does not.
    return total + digit * (1 if zero or power == 10 else power // 10)


def _en(match: re.Match[str]) -> int:
    if match["tens"]:
        tens, ones = match["tens"].lower(), (match["ones"] or "zero").lower()
        return _small(tens) + _small(ones)
    power = 100 if match["power"].lower() == "hundred" else 1_000
    return _small(match["head"].lower()) * power + _small((match["rest"] or "zero").lower())


def _small(word: str) -> int:
    return _UNITS.get(word, _TENS.get(word, 0))


def _zh_range(match: re.Match[str]) -> str:
    low, high = _bounds(match["number"] or match["said"])
    return f"价格{low}到{high}{match['unit'] or match['of'] or ''}"


def _en_range(match: re.Match[str]) -> str:
    low, high = _bounds(match["signed"] or match["number"])
    sign, unit = match["sign"] or "", match["unit"] or ""
    return f"{sign}{low} to {sign}{high} {unit}".rstrip()


def _bounds(said: str) -> tuple[str, str]:
    value = Decimal(said)
    return f"{(value * _LESS).quantize(Decimal(1))}", f"{(value * _MORE).quantize(Decimal(1))}"

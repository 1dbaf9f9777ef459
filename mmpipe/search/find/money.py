"""Amounts in a query's text: numbers in digits and in words of both languages, and the currencies beside
them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mmpipe.lexical import fold, items
from mmpipe.schemas.currencies import decimals_of
from mmpipe.schemas.currency_names import ALSO_WORDS, CODES_OF

# As they stand in a folded text.
_CURRENCIES: Final = {
    fold(name).rstrip("."): codes for name, codes in CODES_OF.items() if name not in ALSO_WORDS
}
# Of something else they may be the weight.
_WEIGHTS: Final = frozenset({"pound", "pounds"})
# Where thousands are parted by blanks.
_BLANKS_BETWEEN: Final = frozenset({"€", "eur", "kr", "sek", "nok", "dkk", "zl", "pln", "kc", "czk", "₽"})
_TIMES: Final = {
    "k": 1_000, "百": 100, "千": 1_000, "万": 10_000, "hundred": 100, "thousand": 1_000, "grand": 1_000,
    "lakh": 100_000, "lac": 100_000, "million": 1_000_000,
}  # fmt: skip

LETTER: Final = r"a-z0-9_\u00df-\u024f"
MONEY: Final = "|".join(re.escape(said) for said in sorted(_CURRENCIES, key=len, reverse=True))
_NUMBER: Final = re.compile(
    r"(?<![\d.])(?<!\d,)(?P<number>\d{1,3}(?:,\d{3}){1,2}(?:\.\d{1,2})?|\d{1,2}(?:,\d\d){1,3},\d{3}"
    r"|\d{1,3}(?:\.\d{3}){1,2}(?:,\d{1,2})?"
    rf"|\d{{1,3}}(?: \d{{3}}){{1,2}}(?:[.,]\d{{1,2}})?(?= ?(?:{MONEY})(?![{LETTER}]))"
    r"|\d{1,9}(?:[.,]\d{1,2})?|\.\d\d)(?![.,]?\d)"
    rf"(?:(?P<times>[k百千万]| (?:hundred|thousand|grand|lakh|lac|million))(?![{LETTER}]))?"
    rf"(?: ?(?P<money>{MONEY})(?![{LETTER}]))?(?![{LETTER}])"
)
_GROUPS: Final = re.compile(r"(?: \d{3}){1,2}(?![\d.,])")
_MONEY_BEFORE: Final = re.compile(rf"(?:(?<![{LETTER}])|(?=[^a-z]))(?P<money>{MONEY})\.? ?$")
_MONEY_BEHIND: Final = re.compile(rf" ?(?P<money>{MONEY})(?![{LETTER}])")
# With a point and a blank behind it.
_LONGEST_MONEY: Final = max(map(len, _CURRENCIES)) + 2
_MOST_NUMBERS: Final = 24

_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS: Final = {word: n for n, word in enumerate(_SMALL.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), 2)
}
_LARGE: Final = {"hundred": 100, "thousand": 1_000}
_WORD: Final = re.compile(rf"(?<![{LETTER}])[a-z]+(?![{LETTER}])")
_ZH_RUN: Final = re.compile(r"[一二两三四五六七八九十百千万零〇]+")
_ZH_DIGITS: Final = {char: n for n, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_UNITS: Final = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_ZH_ABOUT: Final = (frozenset("几上数近半第双"), frozenset("几多来余"))


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and the currency that stands beside it, if any, from ``start`` to ``end``, the number itself
    from ``number``; ``weighs`` is whether the currency may be a weight, ``spelled`` whether the number is
    words."""

    value: Decimal
    money: str | None
    start: int
    end: int
    number: int
    weighs: bool = False
    spelled: bool = False


def amounts_of(text: str, own: str) -> list[Amount]:
    """The numbers of a text, folded character by character, in order, at most 24; ``own`` is the currency in
    which a number is that names none."""
    found = [*_written(text, own), *_in_words(text)]
    found.sort(key=lambda each: each.number)
    kept: list[Amount] = []
    for amount in found:
        if not kept or amount.start >= kept[-1].end:
            kept.append(amount)
        if len(kept) == _MOST_NUMBERS:
            break
    return kept


def code_of(said: str, own: str) -> str:
    """The currency that a symbol or word stands for where ``own`` is the collection's."""
    codes = _CURRENCIES[said]
    return own if own in codes else codes[0]


def measures(text: str) -> bool:
    """Whether a number has a unit behind it."""
    item = next(items(text), None)
    return item is not None and item.whole is not None and len(item.tokens) == 1


def _written(text: str, own: str) -> Iterator[Amount]:
    """Numbers in digits."""
    for place, match in enumerate(_NUMBER.finditer(text)):
        if place == _MOST_NUMBERS:
            return
        start, end, written = match.start(), match.end(), match["number"]
        before = _MONEY_BEFORE.search(text[max(start - _LONGEST_MONEY, 0) : start])
        if before is None and start and re.match(f"[{LETTER}]", text[start - 1]):
            continue
        behind = match["money"]
        said = before["money"] if before is not None else behind
        if before is not None and behind is None and said in _BLANKS_BETWEEN and match["times"] is None:
            more = _GROUPS.match(text, end)
            if more is not None and len(written) <= 3 and not measures(text[end + 1 : end + 16]):
                written, end = written + more.group(), more.end()
        value = _value(written, match["times"], own if said is None else code_of(said, own))
        begin = start if before is None else start - len(before.group())
        yield Amount(value, said, begin, end, start, weighs=before is None and behind in _WEIGHTS)


def _value(written: str, times: str | None, currency: str) -> Decimal:
    written = written.replace(" ", "")
    point, comma = written.rfind("."), written.rfind(",")
    if comma > point >= 0:  # 1.299,50
        written = written.replace(".", "").replace(",", ".")
    elif comma >= 0 and len(written) - comma < 4:
        written = f"{written[:comma].replace(',', '')}.{written[comma + 1 :]}"
    elif written.count(".") > 1 or (point > 0 and len(written) - point == 4 and decimals_of(currency) != 3):
        written = written.replace(".", "")  # 1.299
    number = Decimal(written.replace(",", ""))
    factor = _TIMES.get((times or "").strip())
    # Written as shoppers are told it: 1500, not 1500.0.
    return number if factor is None else Decimal(f"{(number * factor).normalize():f}")


def _in_words(text: str) -> Iterator[Amount]:
    """Numbers in words: ``two hundred and fifty``, ``两百五``."""
    for value, start, end in (*_english(text), *_chinese(text)):
        behind = _MONEY_BEHIND.match(text, end)
        weighs = behind is not None and behind["money"] in _WEIGHTS
        stop = end if behind is None else behind.end()
        said = None if behind is None else behind["money"]
        yield Amount(Decimal(value), said, start, stop, start, weighs=weighs, spelled=True)


def _english(text: str) -> Iterator[tuple[int, int, int]]:
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        stop, total, part = at, 0, None
        while stop < len(words) and (stop == at or _goes_on(text, words, stop)):
            word = words[stop].group()
            following = words[stop + 1].group() if stop + 1 < len(words) else ""
            if word in _LARGE and part is not None:
                part *= _LARGE[word]
                if word == "thousand":
                    total, part = total + part, 0
            elif word == "a" and stop == at and following in _LARGE:
                part = 1
            elif word == "and" and stop > at and words[stop - 1].group() in _LARGE:
                after = words[stop + 2].group() if stop + 2 < len(words) else ""
                if following not in _WORDS or after in _LARGE:
                    break
            elif word in _WORDS and _adds(part, _WORDS[word]):
                part = (part or 0) + _WORDS[word]
            else:
                break
            stop += 1
        if part is not None:
            yield total + part, words[at].start(), words[stop - 1].end()
        at = max(stop, at + 1)


def _goes_on(text: str, words: list[re.Match[str]], at: int) -> bool:
    return text[words[at - 1].end() : words[at].start()] in (" ", "-")


def _adds(part: int | None, number: int) -> bool:
    """Whether a number goes on: twenty five, but not five twenty."""
    if part is None or part == 0:
        return True
    return (number < 10 and part % 100 >= 20 and part % 10 == 0) or (number < 100 and part % 100 == 0)


def _chinese(text: str) -> Iterator[tuple[int, int, int]]:
    for run in _ZH_RUN.finditer(text):
        start, end = run.span()
        if text[start - 1 : start] in _ZH_ABOUT[0] or text[end : end + 1] in _ZH_ABOUT[1]:
            continue
        if start and text[start - 1].isdecimal():
            continue  # 5百
        said = run.group()
        # 百元 is one hundred, 百搭 a word.
        alone = said in _ZH_UNITS and _MONEY_BEHIND.match(text, end) is not None
        value = _ZH_UNITS[said] if alone else _of_chinese(said)
        if value is not None:
            yield value, start, end


def _of_chinese(said: str) -> int | None:
    """The value of a number's characters; None for what is none, as a year's."""
    if said in _ZH_DIGITS:
        return _ZH_DIGITS[said]
    total = section = 0
    digit: int | None = None
    unit = 0
    for char in said:
        if char in _ZH_DIGITS:
            if digit:
                return None
            digit, unit = _ZH_DIGITS[char], (0 if char in "零〇" else unit)
            continue
        size = _ZH_UNITS[char]
        if digit is None and not ((char == "十" and not section % 100) or (char == "万" and section)):
            return None
        if char == "万":
            total, section = (section + (digit or 0)) * size, 0
        else:
            section += (1 if digit is None else digit) * size
        digit, unit = None, size
    # 一千五 is 1500.
    return total + section + (digit or 0) * (unit // 10 if unit >= 100 else 1)

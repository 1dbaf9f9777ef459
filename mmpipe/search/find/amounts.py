"""What a query's text says of a price: "under 500", "$20 to $50", "max 30€", "200元以下", "100到200块".

A number that measures or counts something else ("500 ml", "under 5 minutes", "at least 3 pockets"), names a
model ("iphone 15", "air max 90") or an age ("kids under 5", "women over 40") is no price. Without a currency
a number is one only beside words that compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from mmpipe.search.find.money import LETTER, Amount, amounts_of, code_of, measures

_LONGEST_WORDS: Final = 40
# In words, a number below this seldom is a price: under one roof.
_LEAST_IN_WORDS: Final = 10

# What a number needs that has no currency to be a price beside such words: nothing, the end of what is said,
# or it is none: these are in names of models too.
_Beside = Literal["noun", "end", "never"]


@dataclass(frozen=True)
class _Words:
    """``high`` is whether what is beside such words is the most, else it is the least."""

    high: bool
    beside: _Beside


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _table(*rows: tuple[bool, _Beside, str]) -> dict[str, _Words]:
    return {words: _Words(high, beside) for high, beside, said in rows for words in said.split("|")}


_BEFORE: Final = _table(
    (True, "noun", "under|below|cheaper than|less expensive than"),
    (True, "end", "less than|lower than|up to|at most|no more than|not more than|not over|not above|within"),
    (True, "end", "not exceeding|no higher than|budget|budget of|budget is"),
    (True, "never", "max|maximum|upto|till|sub"),
    (
        False,
        "end",
        "over|above|more than|higher than|at least|no less than|not less than|not under|not below",
    ),
    (False, "never", "min|minimum|starting at|starting from|from"),
)
_SIGNS: Final = _table((True, "end", "<=|<|≤"), (False, "end", ">=|>|≥"))
_BEHIND: Final = _table(
    (True, "end", "or less|or under|or below|or cheaper|and under|and below|& under|& below"),
    (True, "never", "max|maximum|at most|tops|or lower|budget"),
    (False, "never", "or more|or above|or over|or up|and up|and above|and over|and more|minimum|at least"),
    (False, "never", "& up|& above|& over|+"),
)
_ZH_BEFORE: Final = _table(
    (True, "noun", "不超过|不高于|不大于|不多于|低于|小于|少于|不到|最多|最高|便宜于|预算"),
    (False, "noun", "不低于|不少于|不小于|超过|高于|大于|多于|至少|最低"),
)
_ZH_BEHIND: Final = _table(
    (True, "noun", "以下|以内|之内|以里"),
    (True, "never", "内"),
    (False, "noun", "以上"),
    (False, "never", "往上|起"),
)
_BEHIND_WORDS: Final = re.compile(rf",? {{0,3}}(?P<words>{'|'.join(map(re.escape, _BEHIND))})(?![{LETTER}])")
_ZH_BEHIND_WORDS: Final = re.compile(rf" ?(?P<words>{'|'.join(_ZH_BEHIND)})")
_ZH_WITHIN: Final = re.compile(r" ?(?:之间|以内)")
_TO: Final = frozenset({"-", "~", "—", "to", "till", "到", "至"})
_LEAD: Final = re.compile(
    rf"(?<![{LETTER}])(?:prices?|priced|costs?|costing|budget)(?: range)?(?: (?:is|of|at|for))?:? {{0,3}}$"
    r"|(?:价格|价位|价钱|售价|单价|预算)(?:区间|范围)?[在为是]?:? ?$"
)
_SAYS_LEAD: Final = ("pric", "cost", "budget", "价", "预算")
# under a price of $50
_OF_PRICE: Final = re.compile(r" (?:the |a |an )?(?:price|cost|total|budget) of$")
_SPACED: Final = re.compile(rf"[{LETTER}]+")
_ENDS: Final = _set(
    "for in with and or from by on that which but to of the a as please only under over below above"
)
_COUNTED: Final = _set(
    "years year yrs yr y yo old months month weeks week days day hours hour hrs hr minutes minute mins min"
    " seconds second secs sec s percent degrees degree pieces piece pcs pc packs pack packets count ct people"
    " person persons players player seats seat seater pockets layers stars star points calories kcal cal hp"
    " cents cent pence"
    " cc ppi dpi mph kmh pages page gsm denier psi btu lux nits colors colours sizes items reviews x"
)
# What counts or measures in Chinese, but for where a longer word begins with it.
_ZH_COUNTED: Final = re.compile(
    "[个件只斤克岁吨种档次倍%％辆厘磅粒颗勺寸尺像瓦帧针座]"
    "|公[斤里分升克]|英[寸尺里]|毫[米升克安]|小时"
    "|套(?!装)|条(?!纹)|双(?!肩)|米(?!色)|包(?!包)|人(?!体)|度(?!假)|年(?!货)|分(?!体)|毛(?![衣巾毯线呢笔绒衫])|台(?![灯布历])"
    "|杯(?![子垫])|箱(?![包子])|袋(?!子)|瓶(?!子)|盒(?!子)|支(?!架)|路(?!由)|把(?!手)|层(?!架)|天(?!然)|月(?!饼)|步(?!鞋)"
    "|张|片|页|卷(?!发)|根|码|号|升(?!降)"
)
_NEXT: Final = re.compile(rf" {{0,3}}(?:(?P<word>[{LETTER}']+)|(?P<zh>[\u3400-\u9fff].?)|(?P<sign>[%°\"″]))")
_AGED: Final = re.compile(
    r"\b(?:(?P<young>kids?|child|children|toddlers?|bab(?:y|ies)|infants?|boys?|girls?|teens?)"
    r"|(?:wom[ae]n|m[ae]n|ladies|gentlemen|adults?|seniors?|people|those|anyone|persons?|aged?)) {1,3}$"
)
_OLD_ENOUGH, _YOUNG_ENOUGH = 120, 18
_LONGEST_AGED = 14


@dataclass(frozen=True)
class Bound:
    """A price that a text says from ``start`` to ``end``: at least ``low``, at most ``high``, or both, in
    ``currency``, which need not be the collection's own."""

    low: Decimal | None
    high: Decimal | None
    start: int
    end: int
    currency: str


def bounds(text: str, currency: str | None) -> tuple[Bound, ...]:
    """What a text, folded character by character, says of prices, from left to right, none over another. A
    number without a currency is in the collection's own, and nothing is where it has none. What may be a
    weight is a price in that alone."""
    if currency is None:
        return ()
    amounts = amounts_of(text, currency)
    found: list[Bound] = []
    at = 0
    while at < len(amounts):
        said = _range(text, amounts[at : at + 2], currency) or _one(text, amounts[at], currency)
        if said and (not found or found[-1].end <= said[0].start):
            found += said
        at += 1
        while said and at < len(amounts) and amounts[at].end <= said[-1].end:
            at += 1
    return tuple(found)


def _range(text: str, amounts: list[Amount], currency: str) -> list[Bound]:
    """What the first two amounts are together; two bounds where each has a currency of its own."""
    if len(amounts) < 2:
        return []
    one, other = amounts
    between = text[one.end : other.start].strip()
    words, start = _words_before(text, one.start)
    said = words[0] if words else ""
    if not (between in _TO or (between == "and" and said == "between")):
        return []
    lead = _lead(text, start if said in ("between", "from") else one.start)
    begin = lead if lead is not None else start if said in ("between", "from") else one.start
    within = _ZH_WITHIN.match(text, other.end)
    end = other.end if within is None else within.end()
    beside: _Beside = "end" if said == "between" else "noun" if within is not None else "never"
    if not _is_price(text, (one, other), beside, lead is not None, begin, end, high=None):
        return []
    code = _said_in(amounts, currency)
    if code is not None:
        low, high = sorted((one.value, other.value))
        return [Bound(low, high, begin, end, code)]
    each = [_said_in([amount], currency) for amount in amounts]
    if each[0] is None or each[1] is None:
        return []
    stop = one.end + len(text[one.end : other.start].rstrip())
    return [
        Bound(one.value, None, begin, stop, each[0]),
        Bound(None, other.value, other.start, end, each[1]),
    ]


def _one(text: str, amount: Amount, currency: str) -> list[Bound]:
    """What an amount is by itself."""
    code = _said_in([amount], currency)
    if code is None:
        return []
    for words, start, end in _beside(text, amount):
        lead = _lead(text, start)
        priced = lead is not None or _lead(text, amount.start) is not None
        if _is_price(text, (amount,), words.beside, priced, start, end, high=words.high):
            low, high = (None, amount.value) if words.high else (amount.value, None)
            return [Bound(low, high, start if lead is None else lead, end, code)]
    return []


def _said_in(amounts: Sequence[Amount], own: str) -> str | None:
    """The one currency that amounts are in; None where there are several, or where they may be weights."""
    said = {code_of(amount.money, own) for amount in amounts if amount.money is not None} or {own}
    (one, *others) = said
    if others or (one != own and any(amount.weighs for amount in amounts)):
        return None
    return one


def _beside(text: str, amount: Amount) -> Iterator[tuple[_Words, int, int]]:
    """The words that compare before an amount and behind it, with begin and end of it all."""
    said, start = _words_before(text, amount.start)
    if said:
        # 500以内 behind 预算 says it once.
        behind = _ZH_BEHIND_WORDS.match(text, amount.end) if said[0] in _ZH_BEFORE else None
        yield said[1], start, amount.end if behind is None else behind.end()
    for pattern, table in ((_BEHIND_WORDS, _BEHIND), (_ZH_BEHIND_WORDS, _ZH_BEHIND)):
        match = pattern.match(text, amount.end)
        if match is not None:
            yield table[match["words"]], amount.start, match.end()


def _words_before(text: str, end: int) -> tuple[tuple[str, _Words] | None, int]:
    """The words that compare and stand before ``end``, and where they begin."""
    begin = max(end - _LONGEST_WORDS, 0)
    said = text[begin:end].rstrip(" :")
    said = said[: -len(of.group())] if (of := _OF_PRICE.search(said)) is not None else said
    said = said.removesuffix("-") if said.endswith("sub-") else said
    for table in (_SIGNS, _ZH_BEFORE):
        for words, meant in table.items():
            if said.endswith(words):
                return (words, meant), begin + len(said) - len(words)
    spaced = list(_SPACED.finditer(said))[-3:]
    for first in range(len(spaced)):
        words = " ".join(each.group() for each in spaced[first:])
        at = spaced[first].start()
        if said[at:].removesuffix(".").split() == words.split():
            if words in ("between", "from"):
                return (words, _BEFORE["from"]), begin + at
            if words in _BEFORE:
                return (words, _BEFORE[words]), begin + at
    return None, end


def _lead(text: str, end: int) -> int | None:
    """Where words begin that say that it is a price, just before ``end``."""
    said = text[max(end - _LONGEST_WORDS, 0) : end]
    if not any(part in said for part in _SAYS_LEAD):
        return None
    found = _LEAD.search(said)
    return None if found is None else end - len(said) + found.start()


def _is_price(
    text: str,
    amounts: tuple[Amount, ...],
    beside: _Beside,
    lead: bool,
    start: int,
    end: int,
    *,
    high: bool | None,
) -> bool:
    """Whether amounts, with the words beside them from ``start`` to ``end``, are prices."""
    if lead or any(amount.money is not None for amount in amounts):
        return True
    if beside == "never":
        return False
    last = amounts[-1]
    following = _NEXT.match(text, end)
    unit = f"{last.value:f}{text[last.end : last.end + 12]}"
    if (following is None or following["word"] not in _ENDS) and measures(unit):
        return False
    if last.spelled and last.value < _LEAST_IN_WORDS:
        return False
    if following is not None:
        word, zh = following["word"], following["zh"]
        # What counts stands between the number and the words that compare: 5岁以下, but 100以下毛衣.
        counted = end == last.end and (following["sign"] or (zh and _ZH_COUNTED.match(zh)))
        if counted or word in _COUNTED:
            return False
        if word and (beside == "end" or last.spelled) and word not in _ENDS:
            return False
    aged = _AGED.search(text[max(start - _LONGEST_AGED, 0) : start])
    if aged is None:
        return True
    if aged["young"]:
        return last.value > _YOUNG_ENOUGH
    return high is True or last.value > _OLD_ENOUGH

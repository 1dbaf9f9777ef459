"""Words that compare, put together from what can be said: a property, a noun or a verb, and a degree of it.

``heavier``, ``less heavy``, ``too heavy``, ``weighs more`` and ``a lower weight`` are one aspect and a way each;
so are 更重, 没那么重, 太重, 哪个重 and 重量大一点. What is too much of something is asked for with less of it.
"""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from mmpipe.assistant.aspects import ASPECTS, Aspect

Direction = Literal["least", "most"]
# What bigger means, in the order that products may say it.
BULK: Final = ("capacity", "screen", "size", "height", "length", "width")
# What more room means: a flask has a capacity, an e-reader storage.
_ROOM: Final = ("capacity", "storage")
_CHAINS: Final = {"bulk": BULK, "room": _ROOM}
# Of these the less is the better.
_LESS_IS_BETTER: Final = frozenset({"price", "weight"})


@dataclass(frozen=True, slots=True)
class Comparative:
    """A word that compares: ``key`` is an aspect's, ``bulk``, ``room``, or ``duration`` of what is said
    ``near`` it, an expression; ``best`` where it is the most of all."""

    key: str
    direction: Direction
    start: int
    end: int
    best: bool
    near: str = ""

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """What may decide, the likeliest first."""
        if self.near:
            return (Aspect("duration", "time", "时长", "", kinds=("time",), near=self.near),)
        return tuple(ASPECTS[key] for key in _CHAINS.get(self.key, (self.key,)))


def better_way(key: str) -> Direction:
    """Which way of an aspect is the better one, where a shopper does not say."""
    return "least" if key in _LESS_IS_BETTER else "most"


# Idioms, which no rule puts together.
_IDIOMS: Final[tuple[tuple[str, str, Direction], ...]] = (
    (r"\btoo much(?: money)?\b(?! \w)|\b(?:over|beyond|out of|above) (?:my |the |our )?(?:price range|budget)\b|\bcan(?:'t|not) afford\b|\bsave money\b|\bgo (?:any )?lower\b"
     r"|超(?:出|过)?预算|预算(?:不够|有限)|省钱|划算|性价比(?:更|最)?高", "price", "least"),
    (r"\b(?:less|least|easiest|easier) to carry\b", "weight", "least"),
    (r"更大容量", "capacity", "most"),
    (r"\b(?:more|most) (?:juice|charge)\b", "capacity", "most"),
    (r"\bstays? (?:up|on|in the air) (?:for )?(?:the )?long(?:er|est)\b", "battery", "most"),
    (r"\b(?:better|best|higher|highest)[ -]rated\b|\b(?:better|best) reviews\b|口碑(?:更|最)好|评价(?:更|最)好", "rating", "most"),
)  # fmt: skip

# aspect, which way, the plain words, those with an ending of degree; Chinese ones
_PROPERTIES: Final[tuple[tuple[str, Direction, str, str, str], ...]] = (
    ("price", "most", "expensive|costly|pricey|dear|overpriced", "pric(?:ier|iest)|dear(?:er|est)|costl(?:ier|iest)", "贵"),
    ("price", "least", "cheap|affordable|inexpensive|economical|reasonabl[ey]", "cheap(?:er|est)", "便宜|实惠|平价|低价"),
    ("weight", "most", "heavy", "heav(?:ier|iest)", "重(?![量要复点庆])|沉"),
    ("weight", "least", "light|lightweight|portable", "light(?:er|est)(?! colou?r)", "轻便|轻巧|轻(?![松薄熟])"),
    ("battery", "most", "long-lasting|durable", "long(?:er|est)[ -]lasting", "耐用|持久"),
    ("capacity", "most", "roomy|spacious", "room(?:ier|iest)", "能装|宽敞"),
    ("power", "most", "powerful|strong", "strong(?:er|est)", "强劲|有劲"),
    ("bulk", "most", "big|large", "bigg(?:er|est)|larg(?:er|est)", "大(?![概约家众衣])"),
    ("bulk", "least", "small|compact|tiny", "small(?:er|est)", "小巧|小(?![时孩朋])|紧凑"),
    ("height", "most", "tall|high", "tall(?:er|est)|high(?:er|est)", "高(?![档级清跟腰])"),
    ("width", "most", "wide|broad", "wid(?:er|est)|broad(?:er|est)", "宽(?![松敞])"),
    ("width", "least", "narrow", "narrow(?:er|est)", "窄"),
    ("length", "least", "short", "short(?:er|est)", "短(?![袖裤裙筒])"),
)  # fmt: skip

# aspect, nouns; Chinese ones
_NOUNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("price", "price|price tag|cost|budget", "价格|价钱|价位|售价|预算"),
    ("weight", "weight", "重量|分量"),
    ("battery", "battery(?: life| time)?|flight(?: time)?|play ?time|run ?time|battery capacity", "续航(?:时间|能力)?|电池|待机(?:时间)?|飞行时间"),
    ("screen", "screen(?: size)?|display", "屏幕|屏"),
    ("capacity", "capacity|volume", "容量|容积|电量"),
    ("room", "room(?: inside)?|space", "空间|地方"),
    ("storage", "storage(?: space)?|memory", "存储(?:空间)?|内存"),
    ("power", "wattage|power(?! bank)", "功率|马力"),
    ("warranty", "warranty|guarantee", "保修期?|质保期?"),
    ("rating", "rating|score", "评分"),
    ("bulk", "size", "尺寸|个头|体积"),
    ("width", "width", "宽度"), ("height", "height", "高度"), ("length", "length", "长度"),
)  # fmt: skip

# aspect, verbs with the words between them and the degree; Chinese ones
_VERBS: Final[tuple[tuple[str, str, str], ...]] = (
    ("price", "costs?|charges?", ""),
    ("weight", "weighs?", ""),
    ("room", "holds?|stores?|fits?|takes?|contains?|carr(?:y|ies)", "装|容纳|住|睡|坐|放|盛|存|储存"),
    ("battery", "lasts?|runs?|plays?|fl(?:y|ies)|goes|goes? on|keeps? going|works?", "飞|用|跑|播放?|续航|撑|坚持|待机|工作"),
)  # fmt: skip

_GAP: Final = r"(?: (?!and\b|or\b|but\b|than\b)[\w'-]+){0,3}"
_MORE: Final = "more|most|higher|highest|bigger|biggest|larger|largest|longer|longest|greater|greatest"
_LESS: Final = "less|least|lower|lowest|smaller|smallest|shorter|shortest|fewer|fewest"
_ZH_DEGREE: Final = "更|最|比较|较|再|稍微|稍|略|还要|越"
_ZH_MORE: Final = "大|高|长|久|强|多(?![少久长大高重])|重"
_ZH_LESS: Final = "小|低|短|少|轻|弱|便宜"
# How long something else goes on: drinks stay hot, 保温. What does is what a sentence must say beside it.
_LASTS: Final = re.compile(
    r"\b(?P<en>(?!stays? (?:up|on|aloft|in the air)\b)(?:keep|stay|remain|hold|heat|cool|warm|charge)s?(?: (?!for\b|the\b)[\w'-]+){0,3}) (?:for )?(?:the )?long(?:er|est)\b"
    r"|(?P<zh>保[温冷鲜湿]|加热|制冷|充电(?!宝)|恒温)(?:效果)?得?(?:的?时间)?[^，,。]{0,4}?(?:更|最)?(?<!多)(?:久(?!吗)|长(?!吗|时间|途|什么|啥|得|度|相))"
)
_SUPERLATIVE: Final = re.compile(r"\b(?:\w+est|most|least|best)\b|最")
_REVERSED: Final[dict[Direction, Direction]] = {"most": "least", "least": "most"}


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[re.Pattern[str], str, Direction], ...]:
    """Each way to say it, what says more before what says less."""
    found = [(said, key, way) for said, key, way in _IDIOMS]
    for key, en, zh in _VERBS:
        run = (
            rf"|(?:{zh})得?(?:下|起来)?(?:的?时间)?(?:更|最)?(?:多(?!少|久|长)|久(?!吗)|长(?!吗|时间))|(?:{zh})的[^，,。的]{{1,4}}?(?:更|最)?多(?!少|久|长)|(?:更|最)(?:能|耐)(?:{zh})|(?:{zh})(?:下)?更多"
            if zh
            else ""
        )
        found += [
            (rf"\b(?:{en}){_GAP} (?:more|most|longer|longest)\b{run}", key, "most"),
            (rf"\b(?:{en}){_GAP} (?:less|least|fewer|fewest)\b", key, "least"),
        ]  # fmt: skip
    for key, en, zh in _NOUNS:
        found += [
            (rf"\b(?:{_MORE})(?: \w+)? (?:{en})\b|\b(?:{en})\b{_GAP} (?:{_MORE})\b|(?:{zh})[^，,。]{{0,4}}?(?<!多)(?:{_ZH_MORE})", key, "most"),
            (rf"\b(?:{_LESS})(?: \w+)? (?:{en})\b|\b(?:{en})\b{_GAP} (?:{_LESS})\b|\b(?:lower|less|down) (?:on|in) (?:the )?(?:{en})\b|(?:{zh})[^，,。]{{0,4}}?(?<!多)(?:{_ZH_LESS})", key, "least"),
            (rf"\b(?:better|best|nicer|superior)(?: \w+)? (?:{en})\b|(?:{zh}).{{0,3}}?(?:更|最)?(?:好|优|给力)", key, better_way(key)),
        ]  # fmt: skip
    for key, way, plain, ended, zh in _PROPERTIES:
        other = _REVERSED[way]
        found += [
            (rf"\b(?:too|a bit|a little|rather|pretty|quite|way too|so) (?:{plain})\b|\b(?:less|least|not (?:as|so|too|that|quite so)|n't (?:as|so|too|that)) (?:{plain})\b"
             rf"|(?:太|有点|有些|偏|过于)(?:{zh})(?!一?[点些])|(?:没那么|没有那么|不那么|别那么|不要那么|别太|不要太|不太)(?:{zh})|(?<![更最较再])(?:{zh})了(?:一?[点些])?", key, other),
            (rf"\b(?:{ended})\b|\b(?:more|most) (?:{plain})\b|\bnot (?:{plain}) enough\b"
             rf"|(?:{_ZH_DEGREE})(?:{zh})|(?:{zh})(?:一?[点些]|得多|很多)|不够(?:{zh})", key, way),
            # Of what stands around it only the word itself compares.
            (rf"(?:哪|谁)[^，,。]{{0,10}}?(?<!多)(?P<asked>{zh})(?!多少)|比[^，,。]{{1,30}}?(?<!多)(?P<than>{zh})|(?P<apart>{zh})多少|(?P<one>{zh})的(?=[，,]?[那这是哪])", key, way),
        ]  # fmt: skip
    return tuple((re.compile(said), key, way) for said, key, way in found)


def _matches(text: str) -> Iterator[Comparative]:
    for match in _LASTS.finditer(text):
        said = match["zh"]
        if said is None:
            verb, *others = match["en"].split()
            # A letter by itself is in every sentence.
            stems = [stem for word in others if len(stem := word.rstrip("s")) > 1] or [verb]
            said = "|".join(re.escape(stem) for stem in stems)
        best = _SUPERLATIVE.search(match.group()) is not None
        yield Comparative("duration", "most", *match.span(), best, said)
    for pattern, key, direction in _compiled():
        for match in pattern.finditer(text):
            best = _SUPERLATIVE.search(match.group()) is not None
            start, end = match.span() if match.lastgroup is None else match.span(match.lastgroup)
            yield Comparative(key, direction, start, end, best)


@lru_cache(maxsize=256)
def comparatives(text: str) -> tuple[Comparative, ...]:
    """What a folded text compares by, in its order; of what overlaps that which says the most."""
    found: list[Comparative] = []
    for each in _matches(text):
        if not any(each.start < other.end and other.start < each.end for other in found):
            found.append(each)
    return tuple(sorted(found, key=lambda each: each.start))


def comparative(text: str) -> Comparative | None:
    """The first of them."""
    return next(iter(comparatives(text)), None)

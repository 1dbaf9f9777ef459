"""What a turn is about: rules over its words, Chinese and English. Nothing is looked up here."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from mmpipe.assistant.aspects import Aspect, asked
from mmpipe.assistant.changing import changed
from mmpipe.assistant.comparatives import Comparative, better_way, comparatives
from mmpipe.assistant.grammar import pieces, telling, without
from mmpipe.assistant.language import Language, core
from mmpipe.search.find.stated import even

Intent = Literal[
    "find",
    "refine",
    "more",
    "similar",
    "compare",
    "attribute",
    "reviews",
    "reset",
    "hello",
    "thanks",
    "service",
    "off_topic",
]


@dataclass(frozen=True)
class Turn:
    """``said`` is the turn, ``even`` it folded character by character, ``core`` without what only asks.
    ``places`` are those of the products that it points at, from 0, -1 being the last one, ``points`` whether
    it points at one without saying which, ``all`` at all that were shown. ``any`` says that nothing is
    preferred. ``comparatives`` are all words that compare, ``comparative`` the first of them; ``picks`` that it
    tells which of those that were shown is meant, ``asks`` that it has the form of a question."""

    said: str
    even: str
    core: str
    language: Language
    intent: Intent
    comparatives: tuple[Comparative, ...] = ()
    aspect: Aspect | None = None
    places: tuple[int, ...] = ()
    points: bool = False
    all: bool = False
    any: bool = False
    picks: bool = False
    asks: bool = False

    @property
    def comparative(self) -> Comparative | None:
        """The first word that compares."""
        return next(iter(self.comparatives), None)


_HELLO: Final = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening)|你好|您好|嗨|哈喽|在吗|早上好|晚上好)(?: there)?[呀啊哦]?[\s!.,。！,，~]*(?:在吗|how are you(?: doing)?(?: today)?|how's it going|nice to meet you)?[\s?？!！.]*"
)
_THANKS: Final = re.compile(
    r"(?:(?:ok|okay|great|perfect|good)[\s,]*)?(?:thanks|thank you|thx|cheers|谢谢|多谢|感谢)(?: (?:a lot|very much|so much))?(?:你|您|啦|了)?[\s!.。！]*|(?:bye|goodbye|再见)[\s!.。！]*"
)
ASKS_FOR_VARIANT: Final = re.compile(
    r"\b(?:has|have|got|comes?|get|available|is there|are there|versions?|make)\b|有|出"
)
_RESET: Final = re.compile(
    r"\b(?:start (?:over|again|anew|from scratch)|new search|reset|forget (?:it|that|all that))\b|重新开始|重新找|从头来|清空"
)
_MORE: Final = re.compile(
    r"(?:show (?:me )?)?(?:any |some )?more(?: (?:please|options|results|of (?:them|these|those)|like (?:this|these)))?[\s?.!]*"
    r"|(?:anything|something|what) else[\s?.!]*|(?:any |show (?:me )?)?others?(?: ones)?[\s?.!]*|next(?: page)?[\s?.!]*"
    r"|(?:还有|有)(?:别的|其他的?|更多)(?:款|商品)?(?:吗|么)?[\s?？。!！]*|还有吗[?？]?|更多|换一批|下一页|再来(?:一些|几个|点)|看看别的"
)
_SERVICE: Final = re.compile(
    r"\b(?:my|the|an?) (?:order|parcel|package|delivery|refund|account|invoice|password|payment)\b|\b(?:refunds?|deliver(?:y|ies|ed)?|shipping|ship(?:ped)? to|return policy|send (?:it|them) back|track(?:ing)?|coupons?|discount code|voucher|customer service|opening hours|payment methods?|pay (?:by|with))\b"
    r"|订单|快递|物流|发货|退货|退款|换货|退换|运费|包邮|发票|优惠券|账户|密码|付款|支付|客服电话|营业时间|人工客服"
)
_OFF_TOPIC: Final = re.compile(
    r"\b(?:weather|poem|joke|story|song|capital of|president|football|translate|recipe|homework|stock market|news|python|javascript|code|meaning of life|who are you|are you (?:a|an) (?:bot|human|robot|ai)|your (?:name|prompt|instructions|rules))\b"
    r"|\b(?:ignore|disregard|forget) (?:all |any |your |the |previous |prior )+(?:instructions|rules|prompts?)\b|\bwhat (?:is|are) \d+ ?[-+*/x] ?\d+|\bsystem prompt\b"
    r"|天气|写(?:一?首|一?篇|个).{0,4}(?:诗|文章|故事|代码)|笑话|讲个|首都|总统|翻译|菜谱|新闻|股票|股市|你是谁|你叫什么|你是(?:机器人|人工|真人)|忽略.{0,6}(?:指令|规则|提示)|提示词|唱歌|几点了|今天星期"
)
_REVIEWS: Final = re.compile(
    r"\breviews?\b|\breviewers?\b|\b(?:people|customers?|buyers?|others|shoppers?|owners|users|anyone|anybody) (?:say|think|like|complain|find|feel|write|report|mention)\b|\b(?:people|customers?|buyers?|others|shoppers?|owners|users|anyone|anybody)(?: ever)? (?:had|have|has|having|been|was|were|got|getting|run|experienced?)\b|\b(?:was|were|is|are|has|have) (?:anyone|anybody|people|customers|buyers|owners|users)\b|\bcomplain(?:s|ts?|ed)?\b|\bopinions?\b|\bfeedback\b|\b(?:owners|users|buyers|customers)'? experiences?\b|\baccording to (?:the |its |their |his |her )?(?:buyers|customers|reviews?|reviewers|users|people|owners|others|shoppers)\b|\bis it any good\b|\b(?:do|did|does|have|has|would) (?:any |most |other |many )?(?:people|customers|buyers|owners|users|reviewers|shoppers|anyone|anybody|any of (?:them|the buyers|the owners))\b|\bthose who (?:bought|own|have)\b|\b(?:people|owners|buyers|customers) who (?:bought|own|have)\b|\bhow do (?:people|customers|buyers) "
    r"|评价|评论|口碑|买家|大家(?:觉得|怎么|都)|(?:买|用)过.{0,30}(?:的人|的)|买的人|用户反馈|(?:大家|别人|买家)的?.{0,6}(?:反馈|看法|意见)|用过的人|反馈怎么|好评|差评|吐槽|别人怎么说|有(?:没有)?人(?:说|觉得|反映|反应|抱怨|遇到|碰到|评)|买了.{0,20}的人|用户(?:说|觉得|怎么)"
)
COMPARES: Final = re.compile(
    r"\bcompar(?:e|ed|ison|ing)\b|\bvs\.?\b|\bversus\b|\bdifferen(?:ce|t|ces)\b.{0,20}\b(?:between|from|them|these|two)\b|\bwhat(?:'s| is| are) the differences?\b|\bwhich (?:(?:one|of (?:them|these|those)|of the (?:two|three)) )?is better\b"
    r"|\bhow (?:do|does|are|is) .{1,60}\bdiffer(?:ent)?\b|\bsets? .{1,30}\bapart\b|\bside by side\b|\bstack up\b|\bmeasure up\b|\bpros and cons\b|\bhead to head\b|\bdifferences\b"
    r"|\bwhich(?: \w+){0,4} (?:is|are) (?:the )?(?:best|better|nicer)\b|\bwhich(?: \w+){0,4} (?:would|do|should|shall) (?:you|i|we) (?:recommend|suggest|pick|choose|get|buy|take|go for)\b|\b(?:rank|sort|order)\b.*\bby\b"
    r"|对比|比较一下|比一下|比一比|比比|有(?:什么|何|啥)(?:区别|不同|差别|不一样)|差别|差在哪|不同(?:在哪|之处)|(?:哪里|哪儿)不(?:同|一样)|哪.{0,6}(?:更|最)?(?:好(?![看用吃])|强|合适|值得?买?)(?:一?[点些])?[吗呢?？。\s]*$|怎么选|选哪|买哪|推荐哪|区别|和.{1,30}比|按.{1,6}排"
)
# Says that one of them is to be ahead, not in what.
_WINS: Final = re.compile(
    r"\bwho wins\b|\bwins?\b|\bbetter\b|\bbest\b|\bahead\b|\b(?:rank|sort|order)\b|哪.{0,6}好|更好|最好|占优|赢|胜|按.{1,6}排|哪.{0,6}强|排(?:序|名)"
)
_PICKED_EN: Final = re.compile(
    r"\s*(?:one|model|version|option|of (?:them|these|those|the (?:two|three)|those (?:two|three)))\b"
)
_PICKED_ZH: Final = re.compile(r"的?(?:那|这)(?:一)?[个款件双台把条顶支种]|的[个款](?!是)")
_SIMILAR: Final = re.compile(
    r"\b(?:similar|alike|comparable)\b|\b(?:things?|others?|ones?|more|any|models?|products?|items?) (?:just |that are )?like (?:it|this|that|this one|that one|the (?:first|second|third|fourth|fifth|last)(?: one)?)\b[\s?.!]*$|类似|相似|差不多的|同类|像(?:它|这|那|第).{0,6}(?:一样|的)"
)
WHICH_OF: Final = re.compile(
    r"^(?:(?:and|but|so|ok|okay|hmm|well)\b[\s,]*)*(?:which|(?:do|does|is|are|has|have|can) (?:any|either|one|all|both) (?:one )?of (?:them|these|those|the (?:two|three)))\b|哪[个款件双台把条顶支种一些几](?!里)|有没有哪"
)
_WHICH_ONE: Final = re.compile(r"which [\w -]{2,30}? (?:is|are|has|have|does|do|can|comes?)\b")
# A little of it is wanted, which compares nothing.
_A_LITTLE: Final = re.compile(
    r"\b(?:a bit|a little|slightly|somewhat|much|something|anything|any|some|ones)\b|一?[点些](?!吗)|^(?:再|要|换|来)"
)
_OF_ALL: Final = re.compile(
    r"^(?:(?:and|but|so|ok|okay|hmm|well|or)\b[\s,]*)*(?:is|are|does|do|has|was|by how much|how much)\b(?! (?:there|you|it|this|that)\b)|(?:贵|重|差|大|轻|便宜)多少"
)
_WHICH: Final = re.compile(
    r"\bwhose\b|\bwhich(?: (?:one|of (?:them|these|those)|of the \w+|\w+))?\b|\bwho\b|哪一?[个款件双种台把条顶支]|谁"
)
_THAN: Final = re.compile(r"\bthan\b|\bor\b|比|还是")
_JOINS: Final = re.compile(r"\band\b|和|与|跟|、")
_EN_PLACES: Final = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "5th": 4,
}  # fmt: skip
_EN_PLACE: Final = re.compile(
    rf"\b({'|'.join(_EN_PLACES)})(?! time)\b(?: (two|three))?|(?P<last>\bthe last(?: one)?\b|\blast one\b)|\b(?:number|no\.?|option|#) ?(?P<number>[1-9])\b"
)
_ZH_PLACE: Final = re.compile(
    r"(前|后)?(?:第)?([一二三四五六七八九1-9两])(?:个|款|件|双|号|种|台|把|条)|最后(?:一)?(?:个|款|件|双|台|把|条)"
)
_ZH_NUMBERS: Final = (
    {n: i for i, n in enumerate("一二三四五六七八九")} | {str(n): n - 1 for n in range(1, 10)} | {"两": 1}
)
_POINTS: Final = re.compile(
    r"\b(?:it|its|it's|this|that|this one|that one|the one)\b|它|这款|这个|这件|这双|这台|这条|这把|那个|那款|那件|该商品|此款|这顶|这支"
)
_ALL: Final = re.compile(
    r"\b(?:them|these|those|they|both|all of them|the (?:two|three))\b|它们|这些|这几|这两|这三|两个|两款|几款|几个|都"
)
_ANY: Final = re.compile(
    r"^(?:no(?: preference)?|any(?:thing)?(?: (?:size|price|budget|is fine|will do|works))?|(?:i )?(?:don't|do not) (?:mind|care|know)|doesn't matter|not sure|whatever|no limit|没有要求|没要求|随便|都可以|都行|无所谓|不限|不知道|没有预算|没有|不确定|不清楚)[\s.!。！]*$"
)
_QUESTION_EN: Final = re.compile(
    r"(?:^(?:(?:and|but|so|ok|okay|also|hmm|um|oh|well|then|hi|hey|hello|quick question)\b[\s,:]*)*|[:;] ?|[,–—-] ?(?=(?:what(?! (?:have you|do you|would you|can you|else))|what's|whats|how(?! about)|(?:is|does|can|will|has|did|would|could) (?:it|that|this))\b))(?:is|are|does|do|did|can|could|will|would|has|have|was|what|what's|which|how|where|when|who|why|whats|tell me)\b"
)
_QUESTION_ZH: Final = re.compile(
    r"^(?:请)?(?:再)?(?:介绍|说说|讲讲|说明|告诉我|我?想知道|我想问|查一下)|吗|么[?？]?$|(?<!店里)(?<!这里)[^那你们请问还，,\s]有没有[^\s]|多少|多[重大长宽高久厚]|什么|[?？]\s*$|几[^个款件]|是不是|能不能|会不会|可不可以|可以.{1,12}吗|怎么|咋|如何|哪里|是否|(?P<whether>[^\W\d_])不(?P=whether)|(?:能|会|可以|需要|有|带|含|算|是).{1,14}[不没][啊呀呢]?[?？]?$"
)
_LOOKS_FOR: Final = re.compile(
    r"^(?:(?:and|but|so|ok|okay|hi|hello|please|hmm|um|oh|well)\b[\s,]*)*(?:what about|any\b(?! good\b| of\b)|(?:any|some)thing\b|nothing\b|how about|(?:can|could|may) (?:i|we) (?:please )?(?:see|have|get|look at|try)\b|(?:can|could|would|will) you (?:please )?(?:show|find|get|recommend|suggest|give)|do you (?:have|sell|stock|carry)|have you got|are there|is there|what [a-z ]{2,30} (?:do you have|are there|have you)|which [a-z ]{2,30} (?:do you have|are there|have you|would you recommend)|show|find|get|i(?:'m| am| need| want|'d like| would like)|looking|recommend|suggest|search)\b"
    r"|^(?:请问)?(?:你们|店里|这里|还)?有(?:没有)?|有[^有]{1,8}[的款色码](?:吗|么|没有?)?[?？]?$|(?:[的款色码]|号)(?:还|也)?有(?:没有)?(?:吗|么|没|货吗)?[?？]?$|推荐|(?:我)?(?:想|要)(?:要|买|找)|帮我找|找|来(?:一|个|双)"
)  # fmt: skip


_SHORT_EN, _SHORT, _MOST_ASPECTS = 9, 60, 4


_CHOOSES: Final = re.compile(r"\b(?:but|except|other|not|no|any|without|instead|only)\b")
_CLAUSE: Final = re.compile(r"[.,;!?，。！？；]\s*")


def last_clause(said: str) -> str | None:
    """What a turn of several clauses comes to in the end; None of a turn of one."""
    clauses = [each.strip() for each in _CLAUSE.split(said) if each.strip()]
    return clauses[-1] if len(clauses) > 1 else None


def read(said: str, language: Language, *, shown: int, looks: bool, compared: bool = False) -> Turn:
    """A turn of which ``shown`` products were shown before; ``looks`` is whether anything is looked for
    already, ``compared`` whether products were compared last."""
    text = even(said)
    bare = text.strip(" .!?。！？~")
    ways = comparatives(text)
    better = next(iter(ways), None)
    wanted = next(iter(asked(text)), None)
    aspect = None if wanted is None else wanted[0]
    places, some, every = (
        _places(text, shown),
        _POINTS.search(text) is not None,
        _ALL.search(text) is not None,
    )

    def turn(intent: Intent) -> Turn:
        free = _ANY.match(text) is not None
        stripped = core(said, language)
        return Turn(
            said, text, stripped, language, intent, ways, aspect, places, some, every, free, picks, asks
        )

    picks = better is not None and shown > 1 and _picks(text, better)
    form = _QUESTION_ZH if language == "zh" else _QUESTION_EN
    asks = text.rstrip().endswith(("?", "？")) or form.search(text) is not None

    if _HELLO.fullmatch(text):
        return turn("hello")
    if _THANKS.fullmatch(text):
        return turn("thanks")
    if _RESET.search(text):
        return turn("reset")
    if shown and _MORE.fullmatch(bare):
        return turn("more")
    if _OFF_TOPIC.search(text):
        return turn("off_topic")
    if _SERVICE.search(text):
        return turn("service")
    if shown and _SIMILAR.search(text) and not COMPARES.search(text):
        return turn("similar")
    if _REVIEWS.search(text) and (better is None or better.key != "rating"):
        return turn("reviews")
    if COMPARES.search(text) and not picks:
        return turn("compare")
    if shown and len(places) == 1 and not ways and aspect is None and not _left(text):
        return turn("attribute")
    if better is not None and not (looks and changed(text)):
        return turn(_by_comparative(text, picks, ways, places, some, every, shown, looks, compared))
    if compared and aspect is not None and not (places or some) and _is_short(text) and not _apart(text):
        return turn("compare")
    if looks and changed(text):
        return turn("refine")
    which = WHICH_OF.search(text) is not None and not _LOOKS_FOR.search(text) and aspect is None
    if which and not places and not some and (shown > 1 or _WHICH_ONE.match(text)):
        return turn("compare")
    if _is_question(text, language, aspect, places, some or every, shown):
        return turn("attribute")
    return turn("refine" if looks else "find")


def _picks(text: str, better: Comparative) -> bool:
    """Whether a word that compares tells which product is meant: *the cheaper one*, 便宜那款."""
    after = text[better.end :]
    named = re.search(r"\bthe\s+$", text[: better.start]) is not None and _PICKED_EN.match(after) is not None
    return named or _PICKED_ZH.match(after) is not None


def _left(text: str) -> tuple[str, ...]:
    """What a text says beside the place of a product."""
    return telling(pieces(_ZH_PLACE.sub(" ", _EN_PLACE.sub(" ", text))))


def _apart(text: str) -> tuple[str, ...]:
    """What a text says beside the aspects that it asks for."""
    return telling(pieces(without(text, [match.span() for _, match in asked(text)])))


def _is_short(text: str) -> bool:
    return len(text.split()) <= _SHORT_EN and len(text) <= _SHORT


def _by_comparative(
    text: str, picks: bool, ways: tuple[Comparative, ...], places: tuple[int, ...], some: bool, every: bool,
    shown: int, looks: bool, compared: bool,
) -> Intent:  # fmt: skip
    which = _WHICH.search(text) is not None
    than = _THAN.search(text) is not None
    looks_for = _LOOKS_FOR.search(text) is not None
    if picks and not which:
        span = [(ways[0].start, ways[0].end)]
        asks = next(asked(without(text, span)), None) is not None or telling(pieces(without(text, span)))
        return "attribute" if asks else "compare"
    if len(places) > 1 or (places and than) or (every and shown > 1 and not looks_for):
        return "compare"
    if which and not looks_for:
        # Of what nobody spoke of the lightest is looked for, and which of two is lighter compared.
        apart = than or _JOINS.search(text) or not any(each.best for each in ways)
        return "compare" if shown > 1 or apart else "refine" if looks else "find"
    if than and not looks_for and (not shown or _QUESTION_EN.search(text) or _QUESTION_ZH.search(text)):
        return "compare"
    if shown > 1 and not looks_for and not some and _OF_ALL.search(text):
        return "compare"
    if compared and not looks_for and not some and not _A_LITTLE.search(text):
        return "compare"
    return "refine" if looks else "find"


def _is_question(
    text: str, language: Language, aspect: Aspect | None, places: tuple[int, ...], points: bool, shown: int
) -> bool:
    looks_for = _LOOKS_FOR.search(text) is not None
    pointed = bool(places) or points
    if language == "zh":
        if aspect is not None and aspect.key == "price" and any(map(str.isdigit, text)) and not pointed:
            return False
        if not (_QUESTION_ZH.search(text) or (aspect is not None and (pointed or shown))):
            return False
        return pointed or not looks_for or (aspect is not None and aspect.key not in ("color", "price"))
    asks = _QUESTION_EN.search(text) is not None or (text.rstrip().endswith("?") and bool(shown))
    if not asks:
        return (
            aspect is not None
            and aspect.key not in ("size", "color")
            and bool(shown)
            and len(text.split()) <= 4
            and not _CHOOSES.search(text)
        )
    return not looks_for or (
        pointed and not re.match(r"(?:do you have|have you got) (?:it|this|that|them)\b", text)
    )


def _places(text: str, shown: int) -> tuple[int, ...]:
    found: list[int] = []
    for match in _EN_PLACE.finditer(text):
        if match["last"]:
            found.append(-1)
        elif match["number"]:
            found.append(int(match["number"]) - 1)
        elif match[2]:
            count = 2 if match[2] == "two" else 3
            found += range(count) if match[1] == "first" else range(max(shown - count, 0), shown)
        else:
            found.append(_EN_PLACES[match[1]])
    for match in _ZH_PLACE.finditer(text):
        if match[2] is None:
            found.append(-1)
        elif match[1]:
            count = _ZH_NUMBERS[match[2]] + 1
            found += range(count) if match[1] == "前" else range(max(shown - count, 0), shown)
        elif "第" in match.group() or match.group().endswith("号"):
            found.append(_ZH_NUMBERS[match[2]])
    return tuple(dict.fromkeys(found))


def asking(text: str) -> list[str]:
    """The clauses of a text that ask something, where it has more than one; none of a text of one."""
    clauses = [each.strip() for each in _CLAUSE.split(text) if each.strip()]
    if len(clauses) < 2:
        return []
    return [
        each
        for each in clauses
        if _QUESTION_EN.search(each) or _QUESTION_ZH.search(each) or next(asked(each), None) is not None
    ]


def ways_of(turn: Turn) -> tuple[Comparative, ...]:
    """What decides a comparison: the words that compare, else the aspects that it asks for, the better way."""
    if turn.comparatives or not _WINS.search(turn.even):
        return turn.comparatives
    found = [
        Comparative(each.key, better_way(each.key), *match.span(), best=False)
        for each, match in asked(turn.even)
        if each.kinds or each.key in ("price", "rating")
    ]
    return tuple(sorted(found, key=lambda each: each.start))


def aspects_of(turn: Turn) -> list[Aspect]:
    """What a comparison is to be about, as far as the turn says."""
    return [each for each, _ in asked(turn.even)][:_MOST_ASPECTS]

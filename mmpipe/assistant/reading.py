"""What a turn is about: rules over its words, Chinese and English. Nothing is looked up here."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mmpipe.assistant.aspects import Aspect, Comparative, asked, comparative
from mmpipe.assistant.language import Language, core
from mmpipe.lexical import CJK
from mmpipe.search.find.stated import even

Intent = Literal[
    "find",
    "refine",
    "more",
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
    preferred."""

    said: str
    even: str
    core: str
    language: Language
    intent: Intent
    comparative: Comparative | None = None
    aspect: Aspect | None = None
    places: tuple[int, ...] = ()
    points: bool = False
    all: bool = False
    any: bool = False


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
    r"\breviews?\b|\breviewers?\b|\b(?:people|customers?|buyers?|others|shoppers?|owners|users|anyone|anybody) (?:say|think|like|complain|find|feel|write|report|mention)\b|\b(?:people|customers?|buyers?|others|shoppers?|owners|users|anyone|anybody)(?: ever)? (?:had|have|has|having|been|was|were|got|getting|run|experienced?)\b|\b(?:was|were|is|are|has|have) (?:anyone|anybody|people|customers|buyers|owners|users)\b|\bcomplain(?:s|ts?|ed)?\b|\bopinions?\b|\bfeedback\b|\b(?:owners|users|buyers|customers)'? experiences?\b|\baccording to (?:the )?(?:buyers|customers|reviews?|reviewers|users|people|owners|others|shoppers)\b|\bis it any good\b|\bhow do (?:people|customers|buyers) "
    r"|评价|评论|口碑|买家|大家(?:觉得|怎么|都)|(?:买|用)过.{0,30}(?:的人|的)|买的人|用户反馈|(?:大家|别人|买家)的?.{0,6}(?:反馈|看法|意见)|用过的人|反馈怎么|好评|差评|吐槽|别人怎么说"
)
_COMPARE: Final = re.compile(
    r"\bcompar(?:e|ed|ison|ing)\b|\bvs\.?\b|\bversus\b|\bdifferen(?:ce|t|ces)\b.{0,20}\b(?:between|from|them|these|two)\b|\bwhat(?:'s| is| are) the differences?\b|\bwhich (?:(?:one|of (?:them|these|those)|of the (?:two|three)) )?is better\b"
    r"|对比|比较一下|比一下|比一比|有什么(?:区别|不同|差别)|哪个(?:更)?好|区别|和.{1,30}比"
)
_WHICH: Final = re.compile(
    r"\bwhich(?: (?:one|of (?:them|these|those)|of the \w+|\w+))?\b|\bwho\b|哪个|哪款|哪一个|哪一款|哪件|哪双|哪种|谁"
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
    r"(?:^(?:(?:and|but|so|ok|okay|also|hmm|um|oh|well)\b[\s,]*)*|[:;] ?)(?:is|are|does|do|did|can|could|will|would|has|have|was|what|what's|which|how|where|when|who|why|whats|tell me)\b"
)
_QUESTION_ZH: Final = re.compile(
    r"^(?:请)?(?:再)?(?:介绍|说说|讲讲|说明|告诉我|我?想知道|我想问|查一下)|吗|么[?？]?$|(?<!店里)(?<!这里)[^那你们请问还，,\s]有没有[^\s]|多少|多[重大长宽高久厚]|什么|[?？]\s*$|几[^个款件]|是不是|能不能|会不会|可不可以|可以.{1,12}吗|怎么样|如何|哪里|是否"
)
_LOOKS_FOR: Final = re.compile(
    r"^(?:(?:and|but|so|ok|okay|hi|hello|please|hmm|um|oh|well)\b[\s,]*)*(?:what about|(?:any|some)thing\b|nothing\b|how about|(?:can|could|may) (?:i|we) (?:please )?(?:see|have|get|look at|try)\b|(?:can|could|would|will) you (?:please )?(?:show|find|get|recommend|suggest|give)|do you (?:have|sell|stock|carry)|have you got|are there|is there|what [a-z ]{2,30} (?:do you have|are there|have you)|which [a-z ]{2,30} (?:do you have|are there|have you|would you recommend)|show|find|get|i(?:'m| am| need| want|'d like| would like)|looking|recommend|suggest|search)\b"
    r"|^(?:请问)?(?:你们|店里|这里|还)?有(?:没有)?|有[^有]{1,8}[的款色码](?:吗|么|没有?)?[?？]?$|推荐|(?:我)?(?:想|要)(?:要|买|找)|帮我找|找|来(?:一|个|双)"
)  # fmt: skip


def read(said: str, language: Language, *, shown: int, looks: bool) -> Turn:
    """A turn of which ``shown`` products were shown before; ``looks`` is whether anything is looked for
    already."""
    text = even(said)
    bare = text.strip(" .!?。！？~")
    better = comparative(text)
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
        return Turn(said, text, stripped, language, intent, better, aspect, places, some, every, free)

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
    if _REVIEWS.search(text) and (better is None or better.key != "rating"):
        return turn("reviews")
    if _COMPARE.search(text):
        return turn("compare")
    if better is not None:
        return turn(_by_comparative(text, better, places, some, every, shown, looks))
    if _is_question(text, language, aspect, places, some or every, shown):
        return turn("attribute")
    return turn("refine" if looks else "find")


def _by_comparative(
    text: str, better: Comparative, places: tuple[int, ...], some: bool, every: bool, shown: int, looks: bool
) -> Intent:
    which = _WHICH.search(text) is not None
    than = _THAN.search(text) is not None
    looks_for = _LOOKS_FOR.search(text) is not None
    if len(places) > 1 or (places and than) or (every and shown > 1 and not looks_for):
        return "compare"
    if which and (shown > 1 or than or _JOINS.search(text)) and not looks_for:
        return "compare"
    if than and not looks_for and (not shown or _QUESTION_EN.search(text) or _QUESTION_ZH.search(text)):
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


_NAME_NOISE: Final = re.compile(
    r"\b(?:and|but|so|is|are|was|does|do|did|can|could|will|would|has|have|what|what's|whats|which|how|where|when|who|why|tell me|about|the|a|an|of|for|with|it|its|it's|this|that|one|there|they|them|these|those|be|been|to|in|on|at|from|by|me|i|you|my|your|any|some|much|many|long|come|comes|used|use|made|get|got|say|says|people|customers?|buyers?|reviews?|reviewers?|think|like|complain|complains|complaints?|opinions?|feedback|according|users|owners|others|shoppers|said|anyone|anybody|mention|if|or|vs|versus|compare|between|difference|than|better|more|please|okay|ok|also|suitable|good|work|works|survive|survives|withstand|handle|cope|allowed|fits?|really|have|had|having|been|ever|troubles?|problems?|issues?|unhappy|happy|disappointed|satisfied|anything|everything|contains?|supports?|formats?|experiences?|find|feel|feels|take|bring|put|need|sleep|sleeps|total|exact|exactly|actual|actually|really|net|overall|product|item|number|first|second|third|fourth|fifth|last)\b|'s\b|[?!.,;:]"
)
_NAME_NOISE_ZH: Final = re.compile(
    r"请问|(?P<whether>.)不(?P=whether)|一[瓶盒台件双条款把个只支罐]|几|到底|真的|究竟|具体|看看|那(?![个款件台双条])|在(?!线)|反馈|体验|格式|多长时间|多久|告诉我|想知道|差评|好评|吐槽|有人|买过|用过|的人|谁|介绍(?:一下)?|一下|说说|讲讲|说明|多[大重长宽高久厚深]|对于|关于|对|里面?|需要|适合|含有?|包含|大概|产的|是不是|有没有|能不能|会不会|可不可以|是否|可以|大家|买家|用户|觉得|怎么样|评价|评论|口碑|怎么说|如何|它们?|这款|这个|这件|这双|这台|那个|那款|第?[一二三四五六七八九](?:个|款|件|双|台)|最后|的|吗|呢|么|是|有|能|会|多少|多久|多长时间|什么|和|与|跟|还是|哪个|哪款|更|最|对比|比较|一下|支持|带|[?？。!！,，、\s]"
)


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A text with blanks in some places of it."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def pieces(text: str) -> list[str]:
    """The words of a text that are no grammar, and its Chinese runs as they are."""
    text = _NAME_NOISE.sub(" ", text)
    return re.findall(rf"[{CJK}]+|[^\W_{CJK}]+(?:[-'&.+/][^\W_{CJK}]+)*", text)


def telling(said: Iterable[str]) -> tuple[str, ...]:
    """The same without the grammar of its Chinese runs."""
    kept = (piece for each in said for piece in _NAME_NOISE_ZH.sub(" ", each).split())
    # A letter by itself is of a measure, or of nothing.
    return tuple(piece for piece in kept if len(piece) > 1 or not piece.isascii() or piece.isdigit())


def aspects_of(turn: Turn) -> list[Aspect]:
    """What a comparison is to be about, as far as the turn says."""
    if turn.comparative is not None:
        return list(turn.comparative.aspects)
    return [each for each, _ in asked(turn.even)][:3]

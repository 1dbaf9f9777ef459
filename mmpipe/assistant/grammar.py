"""The words of a turn that say nothing: of what names products, and of what is asked of them."""

# ruff: noqa: E501  (an expression is read as one line)

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mmpipe.lexical import CJK

_NAME_NOISE: Final = re.compile(
    r"\b(?:and|but|so|is|are|was|does|do|did|can|could|will|would|has|have|what|what's|whats|which|how|where|when|who|why|tell me|about|the|a|an|of|for|with|it|its|it's|this|that|one|there|they|them|these|those|be|been|to|in|on|at|from|by|me|i|you|my|your|any|some|much|many|long|come|comes|used|use|made|get|got|say|says|people|customers?|buyers?|reviews?|reviewers?|think|like|complain|complains|complaints?|opinions?|feedback|according|users|owners|others|shoppers|said|anyone|anybody|mention|if|or|vs|versus|compare|between|difference|than|better|more|please|okay|ok|also|suitable|good|work|works|survive|survives|withstand|handle|cope|allowed|fits?|really|have|had|having|been|ever|troubles?|problems?|issues?|unhappy|happy|disappointed|satisfied|anything|everything|contains?|supports?|experiences?|find|feel|feels|take|bring|put|need|sleep|sleeps|total|exact|exactly|actual|actually|really|net|overall|product|item|number|first|second|third|fourth|fifth|last|two|three|both|all|either|each|pair|wins?|pick|choose)\b|'s\b|[?!.,;:]"
)
_NAME_NOISE_ZH: Final = re.compile(
    r"请问|(?P<whether>.)不(?=(?P=whether))|一[瓶盒台件双条款把个只支罐]|几(?:年|个月|天|小时)?|到底|真的|究竟|具体|看看|那(?![个款件台双条])|在(?!线)|反馈|体验|多长时间|多久|告诉我|想知道|差评|好评|吐槽|有人|买过|用过|的人|谁|介绍(?:一下)?|一下|说说|讲讲|说明|多[大重长宽高久厚深]|对于|关于|对|里面?|需要|适合|含有?|包含|大概|产的|是不是|有没有|能不能|会不会|可不可以|是否|可以|大家|买家|用户|觉得|怎么样|评价|评论|口碑|怎么说|如何|(?<!搭)配(?![件置色])|它们?|这款|这个|这件|这双|这台|那个|那款|第?[一二三四五六七八九](?:个|款|件|双|台)|最后|的|吗|呢|么|是|有|能|会|多少|多久|多长时间|什么|和|与|跟|还是|哪个|哪款|更|最|对比|比较|一下|支持|带|[?？。!！,，、\s]"
)


# Words of a question that nothing need say for it to be answered.
_IDLE: Final = frozenset({
    "then", "now", "again", "though", "too", "actually", "anyway", "exactly", "just", "still", "ever",
    "even", "quite", "pretty", "very", "enough", "here", "when", "while", "after", "before", "during",
    "because", "through", "into", "onto", "out", "up", "down", "off", "over", "under", "within", "without",
    "go", "goes", "going", "gone", "keep", "keeps", "get", "gets", "getting", "put", "puts", "throw",
    "thing", "things", "stuff", "kind", "sort", "way", "ways", "tell", "know", "wonder", "wondering",
    "ask", "question", "look", "looks", "see", "hi", "hello", "hey", "hm", "hmm", "um", "oh", "thanks",
    "thank", "yes", "yeah", "right", "correct", "true", "would", "should", "may", "might", "must", "shall",
    "isn't", "doesn't", "don't", "can't", "won't", "didn't", "aren't", "able", "possible", "ok", "okay",
    "fine", "alright", "own", "self", "he", "she", "we", "us", "our", "lot", "lots", "bit", "little",
    "other", "others", "another", "own's", "啊", "呀", "嘛", "哦", "哈", "呢", "吧", "啦", "喽", "哟", "年", "不", "没",
    "这", "那", "就", "还", "都", "也", "要", "用", "得", "着", "过", "了", "我", "你", "们", "把", "给", "让", "被", "好",
})  # fmt: skip
_PARTICLES: Final = re.compile(r"(?<=[^\x00-\x7f])[啊呀嘛哦哈呢吧啦喽哟了不没]+$")


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


def idle(said: Sequence[str]) -> tuple[str, ...]:
    """The words of a question without those that say nothing of what is asked."""
    kept = (_PARTICLES.sub("", each) for each in said)
    return tuple(each for each in kept if each and each not in _IDLE)

"""Which language a turn is in, and the words of it that say nothing of a product."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from typing import Final, Literal

from mmpipe.lexical import CJK

Language = Literal["en", "zh"]
_HAN: Final = re.compile(f"[{CJK}]")
_LATIN: Final = re.compile(r"[A-Za-z]{2,}")


def language_of(text: str, former: Language | None) -> Language:
    """Chinese where any character is; else English where there are words, or as before."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LATIN.search(text) or former is None else former


def is_run(piece: str) -> bool:
    """Whether a piece is Chinese."""
    return _HAN.match(piece) is not None


_OPENERS: Final = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|well|please|and|so|then|now|um|yes|yeah|thanks|great|good|cool)\b[\s,.!]*|no[,.!]\s*)*"
    r"(?:(?:i'm|i am|im|we are|we're) (?:looking|searching|shopping) for|(?:i|we)(?:'d| would)? (?:like|want|need|love)(?: to (?:buy|get|see|find|have))?"
    r"|(?:can|could|would|will) you (?:please )?(?:show|find|get|recommend|suggest|give)(?: me| us)?|(?:show|find|get|give|recommend|suggest|search|search for|look for)(?: me| us)?"
    r"|do you (?:have|sell|stock|carry)|have you got|you got|got|are there|is there|what about|how about|i'll take|let's see|let me see|make it|only"
    r"|what [a-z]+ (?:do you have|are there))?\b[\s,:]*"
    r"(?:(?:any|some|a|an|the|one|ones|something|anything|me|for|it|them|that|those|these|is|are|with a colou?r of)\b[\s,]*)*",
    re.IGNORECASE,
)  # fmt: skip
_CLOSERS: Final = re.compile(
    r"(?:[\s,]*\b(?:please|thanks|thank you|instead|then|though|too|as well|for me|available|in stock|one|ones|do you have|are there|what (?:have you got|do you have))\b)*[\s?.!,]*$",
    re.IGNORECASE,
)  # fmt: skip
_ZH_OPENERS: Final = re.compile(
    r"^(?:你好|您好|请问|请|嗯|那么|那|好的|好|麻烦|帮忙|能不能|可以|可不可以|能|我|们|你们|你|这里|店里|还|就|想要|想|要|需要|买|给|帮|找|推荐|看看|看一下|看|来|一个|一双|一件|一条|一款|一把|一台|些|一下|有没有|有|什么|几(?:个|双|件|条|款|把|台)|换成|换|改成|只要|只|搜索|搜|查|给我|[,，。!！\s])*",
)  # fmt: skip
_ZH_CLOSERS: Final = re.compile(
    r"(?:吗|呢|么|吧|啊|呀|没有|有没有|有吗|可以吗|好吗|谢谢|的话|[?？。.!！,，\s])*$"
)


def core(text: str, language: Language) -> str:
    """A turn without what only asks for something: ``do you have red boots please?`` is ``red boots``."""
    if language == "zh":
        kept = _ZH_CLOSERS.sub("", _ZH_OPENERS.sub("", text.strip()))
        return kept.strip() or _ZH_CLOSERS.sub("", text).strip()
    kept = _CLOSERS.sub("", _OPENERS.sub("", text.strip()))
    return kept.strip()

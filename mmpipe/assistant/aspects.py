"""What may be asked of a product: by which words, of which fields, in which unit."""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mmpipe.assistant.language import Language
from mmpipe.assistant.quantities import Kind
from mmpipe.lexical import fold


@dataclass(frozen=True, slots=True)
class Aspect:
    """``asked`` are expressions of what asks for it, over folded text. ``fields`` are product fields that say
    it, ``attributes`` names of free attributes, folded; ``kinds`` the units it is told in, and ``near`` what
    a sentence must say beside such an amount. ``parts`` are aspects that tell it where nothing else does."""

    key: str
    en: str
    zh: str
    asked: str
    fields: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    near: str = ""
    parts: tuple[str, ...] = ()

    def name(self, language: Language) -> str:
        """What shoppers are told that it is."""
        return self.zh if language == "zh" else self.en


ASPECTS: Final = {
    each.key: each
    for each in (
        Aspect("price", "price", "价格", r"\bpric(?:e|es|ed|ing)\b|\bcosts?\b|\bhow much (?:is|are|for|does it cost)\b|\bexpensive\b"
               r"|价格|多少钱|价钱|售价|几块|贵不贵|贵吗|什么价", ("price",)),
        Aspect("rating", "rating", "评分", r"\brat(?:ing|ings|ed)\b|\bstars?\b|\bscores?\b|评分|几星|打分|星级", ("rating",)),
        Aspect("warranty", "warranty", "保修", r"\bwarrant(?:y|ies)\b|\bguarantee\b|保修|质保|三包", (), ("warranty", "guarantee", "保修"),
               ("time",), r"warrant|guarantee|保修|质保"),
        Aspect("battery", "battery life", "续航", r"\bbatter(?:y|ies)\b|\brun ?time\b|\bplay ?time\b|\bflight time\b|\bhow long (?:does|do|will|can) (?:it|the \w+|they|this|one) (?:last|fly|run|play|charge)"
               r"|\bhow long .{0,40}\b(?:last|fly|run|play)\b|续航|电池|能用多久|用多久|飞多久|播放多久|能飞|待机|\bstays? (?:in the air|up|on)\b|空中停留", (),
               ("battery life", "battery", "runtime", "run time", "playtime", "play time", "flight time", "battery capacity", "续航"),
               ("time",), r"batter|runs? for|plays? for|flies|last|续航|电池|播放|飞行"),
        Aspect("weight", "weight", "重量", r"\bweigh(?:s|t|ts)?\b|\bhow (?:heavy|light)\b|\bheavy\b|重量|多重|有多重|重不重|重吗|几斤|几公斤|净重", (),
               ("weight", "item weight", "net weight", "product weight", "重量", "净重"), ("mass",), r"weigh|重"),
        Aspect("screen", "screen size", "屏幕尺寸", r"\bscreen size\b|\bsize of the screen\b|\bhow (?:big|large) is (?:the|its) (?:screen|display)\b|屏幕多大|屏幕尺寸|几寸|几英寸|多少寸", (),
               ("screen size", "screen", "display", "屏幕"), ("length",), r"screen|display|屏"),
        Aspect("capacity", "capacity", "容量", r"\bcapacit(?:y|ies)\b|\bvolume\b|\bhow much (?:does|do|can) (?:it|the \w+|they|this|one) (?:hold|take|store)\b|\bhow many (?:ml|mah|litres|liters|people|persons|adults)\b"
               r"|\bhow much .{0,30}\bholds?\b|\bhold\b|容量|容积|多少毫升|多少毫安|能装多少|装多少|住几个人|睡几个人|几个人|多少升", (),
               ("capacity", "volume", "容量"), ("volume", "charge", "count"), r"capacity|hold|容量|装|充电"),
        Aspect("storage", "storage", "存储空间", r"\bstorage\b|\bmemory\b|\bhow many gb\b|存储|内存|多少g\b", (), ("storage", "memory", "存储"), ("bytes",), "storage|memory|存储"),
        Aspect("skin", "skin type", "适用肤质", r"\bskin types?\b|肤质|肤型|什么皮肤|哪种皮肤", (), ("skin type", "skin", "肤质")),
        Aspect("power", "power", "功率", r"\bwattage\b|\bhow many watts\b|\bpower (?:rating|consumption|output)\b|\bhow powerful\b|功率|多少瓦|几瓦", (), ("power", "wattage", "功率"),
               ("power",), r"power|watt|功率|瓦"),
        Aspect("width", "width", "宽度", r"\bwidth\b|\bhow wide\b|宽度|多宽", (), ("width", "宽度"), ("length",), r"wide|width|宽"),
        Aspect("height", "height", "高度", r"\bheight\b|\bhow (?:tall|high)\b|高度|多高", (), ("height", "高度"), ("length",), r"height|high|tall|高度"),
        Aspect("length", "length", "长度", r"\blength\b|\bhow long (?:is|are)\b|长度|多长(?!时间)", (), ("length", "长度"), ("length",), r"length|long|长度"),
        Aspect("depth", "depth", "深度", r"\bdepth\b|\bhow deep\b|深度|多深", (), ("depth", "深度"), ("length",), r"deep|depth|深度|深"),
        Aspect("diameter", "diameter", "直径", r"\bdiameter\b|直径|口径", (), ("diameter", "直径"), ("length",), r"diameter|直径"),
        Aspect("material", "material", "材质", r"\bmaterials?\b|\bmade (?:out )?of\b|\bfabrics?\b|材质|材料|面料|什么做的|什么料", ("material",), ("material", "fabric", "材质")),
        Aspect("color", "colour", "颜色", r"\bcolou?rs?\b|颜色|什么色|啥色", ("color",), ("color", "colour", "颜色")),
        Aspect("brand", "brand", "品牌", r"\bbrands?\b|\bwho (?:makes|made)\b|\bmanufacturer\b|品牌|牌子|什么牌|哪个厂", ("brand",)),
        Aspect("pattern", "pattern", "图案", r"\bpatterns?\b|图案|花纹", ("pattern",), ("pattern",)),
        Aspect("gender", "made for", "适用性别", r"\bfor (?:men or women|women or men)\b|\bmen's or women's\b|男款还是女款|男士还是女士|男女", ("gender",)),
        Aspect("availability", "availability", "库存", r"\bin stock\b|\bavailab(?:le|ility)\b|\bsold out\b|有货|现货|库存|缺货|还有吗", ("availability",)),
        Aspect("size", "size", "尺寸", r"\bsizes?\b|\bdimensions?\b|\bhow (?:big|large)\b|尺寸|尺码|多大|大小|几码|什么码|规格", ("size",),
               ("size", "dimensions", "尺寸"), ("length",), r"size|dimension|尺寸", ("length", "width", "height", "depth", "diameter", "screen", "capacity")),
    )
}  # fmt: skip


@lru_cache(maxsize=1)
def _asked() -> tuple[tuple[re.Pattern[str], Aspect], ...]:
    return tuple((re.compile(aspect.asked), aspect) for aspect in ASPECTS.values())


def asked(text: str) -> Iterator[tuple[Aspect, re.Match[str]]]:
    """The aspects that a folded text asks for, each with what asks."""
    for pattern, aspect in _asked():
        match = pattern.search(text)
        if match is not None:
            yield aspect, match


@lru_cache(maxsize=4_096)
def plain_name(attribute: str) -> str:
    """An attribute's name as aspects spell it: ``Item_Weight`` is ``item weight``."""
    return " ".join(re.sub(r"[_\-.:/]+", " ", fold(attribute)).split())

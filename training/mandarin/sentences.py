"""What the voices say: shoppers' sentences and dictionary words in Chinese, the like in English."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.speech.mandarin.units import units_of
from mmpipe.speech.phrases import ARTICLES, CLOSINGS, OPENINGS

HAN = re.compile("[\u4e00-\u9fff]+")
OPENINGS_ZH = (
    "", "", "", "我想买", "我要", "我想要", "有没有", "找", "帮我找", "请给我找", "给我看看", "我想看",
    "搜索", "来一件", "来一双", "买一个", "我需要", "你们有", "推荐一款",
)  # fmt: skip
CLOSINGS_ZH = (
    "",
    "",
    "",
    "吗",
    "谢谢",
    "有吗",
    "便宜的",
    "两百元以下",
    "一百块以内",
    "五百元左右",
    "大号",
    "小号",
)
_JOINTS = ("", "", "", "的", "和", "配")
_WORD = re.compile(r"(\S+) (\S+) \[([^\]]*)\] /([^/]*)/")


def chinese_words(data: Path, rng: random.Random, count: int) -> list[str]:
    """Dictionary words of two to four characters, drawn; names and sayings are left out."""
    found: list[str] = []
    with gzip.open(data / "zh" / "cedict.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            match = _WORD.match(line)
            if match is None or match[3][:1].isupper() or "(idiom" in line:
                continue
            if HAN.fullmatch(match[2]) and 2 <= len(match[2]) <= 4:
                found.append(match[2])
    return rng.sample(found, min(count, len(found)))


def product_phrases(data: Path) -> list[str]:
    """Glossary words and the titles of a Chinese shop, Chinese characters only."""
    found: dict[str, None] = {}
    for term in load_glossary().terms:
        for text in term.zh:
            found.setdefault(text)
    for line in (data / "zh" / "litemall_products.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for text in (row["title"], row["brief"], row["category"]):
            for run in HAN.findall(text or ""):
                found.setdefault(run[:12])
    return [text for text in found if HAN.fullmatch(text)]


def english_phrases() -> list[str]:
    """The glossary's English words."""
    return [text for term in load_glossary().terms for text in term.en]


def say_chinese(products: list[str], words: list[str], rng: random.Random) -> str:
    """One thing said: half are what a shopper says, half are words for the sake of every syllable."""
    if rng.random() < 0.5:
        return "".join(rng.choice(words) for _ in range(rng.choice((1, 2, 2, 3))))
    parts = [rng.choice(OPENINGS_ZH)]
    for number in range(rng.choice((1, 1, 2, 2, 3))):
        parts += [rng.choice(_JOINTS) if number else "", rng.choice(products)]
    return "".join([*parts, rng.choice(CLOSINGS_ZH)])


def say_english(phrases: list[str], rng: random.Random) -> str:
    """A shopper's sentence in English."""
    parts = [rng.choice(OPENINGS), rng.choice(ARTICLES)]
    parts += [rng.choice(phrases) for _ in range(rng.choice((1, 2, 2, 3)))]
    return " ".join([*parts, rng.choice(CLOSINGS)]).strip() or "hello"


def chinese_targets(text: str) -> list[int] | None:
    """The units of a text; None where a character has no reading."""
    from pypinyin import lazy_pinyin

    units: list[int] = []
    for syllable in lazy_pinyin(text):
        found = units_of(syllable)
        if found is None:
            return None
        units += found
    return units

"""Training sentences of reviews, made from phrases: none of them is a sentence of a held-out set."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_CHOICE: Final = re.compile(r"\[([^\]]+)\]")
_EN: Final = (
    "{}", "{}", "{}", "honestly {}", "I have to say {}", "{} in my opinion", "after a week {}", "well, {}",
    "also {}", "{} too", "sadly {}", "I was surprised that {}", "{} and that is that", "so far {}",
    "as others wrote {}", "my wife thinks {}", "really {}", "{} so I am writing this",
    "to be fair {}", "the thing is {}",
)  # fmt: skip
_ZH: Final = (
    "{}", "{}", "{}", "说真的{}", "感觉{}", "我觉得{}", "确实{}", "{}哦", "{}呢", "用下来{}", "总体来说{}",
    "真的{}", "买回来发现{}", "没想到{}", "{}，真心话", "老公说{}", "收到货了{}", "{}啊", "其实{}", "真是{}",
)  # fmt: skip
# A denial of a phrase turns it round.
_DENIED: Final = {
    "en": ("it is not true that {}", "nobody can say that {}", "I would not say {}", "I don't think {}"),
    "zh": ("谁说{}", "我不觉得{}", "并没有{}", "不能说{}"),
}
# Sides with what is said of them, for denials inside a clause.
_SIDES: Final = {
    ("en", "quality"): ("quality material fabric build", "good solid sturdy", "poor bad flimsy thin rough"),
    ("en", "fit"): ("fit size length", "right perfect good", "wrong off bad"),
    ("en", "look"): ("look colour design", "nice beautiful pretty stylish", "ugly dull cheap awful"),
    ("en", "comfort"): ("chair shoe pillow jacket", "comfortable soft cosy", "uncomfortable stiff itchy"),
    ("en", "price"): ("price", "fair cheap reasonable low", "high expensive steep outrageous"),
    ("en", "delivery"): ("delivery shipping packaging", "fast quick good careful", "slow late bad careless"),
    ("en", "durability"): ("battery charge", "good strong lasting", "weak short poor dead"),
    ("en", "sound"): ("sound music audio bass", "clear rich loud good", "tinny weak flat muffled noisy"),
    ("en", "ease_of_use"): ("setup assembly cleaning app", "easy simple quick", "hard confusing tedious"),
    ("en", "service"): ("service seller support staff", "helpful kind good", "rude useless unhelpful bad"),
    ("zh", "quality"): ("质量 做工 面料 材质 手感", "好 结实 扎实 高级 细腻", "差 粗糙 薄 劣质"),
    ("zh", "fit"): ("尺码 大小 版型 长度", "合适 准 正", "偏大 偏小 紧 松 奇怪"),
    ("zh", "look"): ("颜色 款式 外观 样子", "好看 漂亮 高级 大气", "难看 土 丑 老气"),
    ("zh", "comfort"): ("穿着 坐着 戴着 脚感", "舒服 软 舒适 轻", "难受 硬 闷 累"),
    ("zh", "price"): ("价格 价钱", "便宜 实惠 合理 划算", "贵 高 离谱"),
    ("zh", "delivery"): ("物流 快递 发货 包装", "快 及时 好 严实", "慢 差 破 拖拉"),
    ("zh", "durability"): ("电池 续航", "耐用 长 持久 好", "短 差 不行"),
    ("zh", "sound"): ("声音 音质 低音 通话", "清晰 好 安静 震撼", "刺耳 闷 小 吵"),
    ("zh", "ease_of_use"): ("安装 操作 清洗 使用", "简单 方便 容易", "麻烦 复杂 困难"),
    ("zh", "service"): ("客服 卖家 服务 售后", "耐心 热情 好 周到", "差 敷衍 冷漠 恶劣"),
}  # fmt: skip
_SAID: Final = {
    "en": (
        ("the {side} is {word}", 1), ("{word} {side}", 1), ("the {side} is very {word}", 1),
        ("such a {word} {side}", 1),
        ("the {side} is not {word}", -1), ("not a {word} {side}", -1), ("the {side} isn't {word} at all", -1),
        ("the {side} was never {word}", -1), ("the {side} could be more {word}", -1),
        ("nothing {word} about the {side}", -1),
    ),
    "zh": (
        ("{side}{word}", 1), ("{side}很{word}", 1), ("{side}特别{word}", 1), ("{side}真{word}", 1),
        ("{side}太{word}了", 1),
        ("{side}不{word}", -1), ("{side}一点都不{word}", -1), ("{side}并不{word}", -1),
        ("{side}不怎么{word}", -1),
        ("{side}没那么{word}", -1), ("{side}不是很{word}", -1), ("{side}不够{word}", -1),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A clause and what it says, as ``quality+``; ``group`` is the phrase that it was made from."""

    text: str
    labels: frozenset[str]
    group: str


def phrases() -> Iterator[tuple[str, str, str, str]]:
    """Language, aspect, sense and phrase, its choices still open."""
    text = files("training.reviews").joinpath("phrases.tsv").read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            language, aspect, sense, held = line.split("\t")
            # A choice may hold no bar, so bars stand between phrases alone.
            for phrase in held.split("|"):
                yield language, aspect, sense, phrase


def examples(rng: random.Random, each: int) -> list[Example]:
    """``each`` examples of every phrase, and as many of each side's denials as of several phrases."""
    found: list[Example] = []
    for language, aspect, sense, phrase in phrases():
        frames = _EN if language == "en" else _ZH
        for _ in range(each):
            text = _CHOICE.sub(lambda choice: rng.choice(choice[1].split("/")), phrase)
            labels = frozenset() if sense == "0" else frozenset({f"{aspect}{sense}"})
            if sense != "0" and rng.random() < 0.06:
                text = rng.choice(_DENIED[language]).format(text)
                labels = frozenset({f"{aspect}{'-' if sense == '+' else '+'}"})
            found.append(Example(rng.choice(frames).format(text), labels, phrase))
    for (language, aspect), (sides, good, bad) in _SIDES.items():
        frames = _EN if language == "en" else _ZH
        for _ in range(each * 16):
            frame, turn = rng.choice(_SAID[language])
            sign = rng.choice((1, -1))
            word = rng.choice((good if sign > 0 else bad).split())
            text = frame.format(side=rng.choice(sides.split()), word=word)
            labels = frozenset({f"{aspect}{'+' if sign * turn > 0 else '-'}"})
            found.append(Example(rng.choice(frames).format(text), labels, f"{aspect} {frame}"))
    return found


def joined(rng: random.Random, held: list[Example], count: int) -> list[Example]:
    """Clauses that say two things."""
    found = []
    for _ in range(count):
        one, two = rng.sample(held, 2)
        if one.text.isascii() != two.text.isascii():
            continue
        between = rng.choice((" and ", ", ", " with ") if one.text.isascii() else ("", "又", "，"))
        found.append(Example(f"{one.text}{between}{two.text}", one.labels | two.labels, one.group))
    return found

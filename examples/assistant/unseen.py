"""Turns that were written last, to be hard; docs/assistant.md tells what the first run over them came to."""

# ruff: noqa: E501  (a turn is read as one line)

from __future__ import annotations

from typing import Any

from examples.assistant.turns import Catalogue, Turn, compare, fact, find, lead, lines, refine, review, silent


def unseen() -> list[dict[str, Any]]:
    """Conversations as lines of the set."""
    return lines(_english, _chinese)


def _english(of: Catalogue) -> list[list[Turn]]:
    return [
        [
            find("my son wants a bicycle, what have you got?", of("bicycle")),
            refine("steel frames only", of("bicycle", lambda p: p.material == "steel")),
        ],
        [
            find("a velvet cushion", of("cushion", lambda p: p.material == "velvet")),
            refine("too expensive", of("cushion", lambda p: p.material == "velvet")),
        ],
        [find("sunglasses at most 50 bucks", of("sunglasses", lambda p: p.price <= 50))],
        [
            lead("drones"),
            compare("of those two, which is heavier?", "drone-pro"),
            fact("and how long can that one stay in the air?", "drone-pro", "46 min"),
        ],
        [fact("Does the serum from Lumiskin for dry skin contain hyaluronic acid?", "serum-dry", "hyaluronic")],
        [fact("Inkling One: which file formats, EPUB?", "reader-six", "EPUB")],
        [silent("what does the Arcwell Max look like on the inside?")],
        [silent("will the Nimbra Storm shrink when I wash it?")],
        [silent("can you book me a flight", "off_topic", "nothing_found")],
        [review("how is the battery of the Inkling One, in the owners' experience?", "reader-six", "Battery")],
        [compare("I can't decide between the Trail flask and the Camp flask by Isbrand, which is lighter", "flask-sm")],
    ]  # fmt: skip


def _chinese(of: Catalogue) -> list[list[Turn]]:
    return [
        [
            find("儿子想要辆自行车，你们有哪些", of("bicycle")),
            refine("只看钢的", of("bicycle", lambda p: p.material == "steel")),
        ],
        [
            find("丝绒抱枕", of("cushion", lambda p: p.material == "velvet")),
            refine("太贵了", of("cushion", lambda p: p.material == "velvet")),
        ],
        [find("太阳镜，最多50美元", of("sunglasses", lambda p: p.price <= 50))],
        [
            lead("无人机"),
            compare("这两款哪一个更重", "drone-pro"),
            fact("那它能在空中停留多久", "drone-pro", "46 min"),
        ],
        [fact("Lumiskin舒缓精华里有没有玻尿酸", "serum-dry", "玻尿酸")],
        [fact("Inkling One支持EPUB格式吗", "reader-six", "EPUB")],
        [silent("Arcwell大容量充电宝里面长什么样")],
        [silent("Nimbra暴风雨衣洗了会缩水吗")],
        [silent("帮我订张机票", "off_topic", "nothing_found")],
        [review("Inkling One的屏幕用户反馈怎么样", "reader-six", "屏幕")],
        [compare("Isbrand户外保温杯跟露营保温壶，我该选轻的，是哪个", "flask-sm")],
    ]  # fmt: skip

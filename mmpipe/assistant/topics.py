"""What shoppers ask in words that texts answer in others: *can it go in the pool?* is answered by *waterproof*.

A topic has no unit and no field of its own, which is an :class:`~mmpipe.assistant.aspects.Aspect`; a sentence
or an attribute speaks of it, or nothing does.
"""

# ruff: noqa: E501  (a row of a table is read as one line)

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """``asked`` are expressions of what asks for it and ``told`` of what a sentence says of it, over folded
    text; ``names`` are expressions of attributes' names, as :func:`~mmpipe.assistant.aspects.plain_name` has
    them, whatever their values say."""

    key: str
    asked: str
    told: str
    names: str = r"(?!)"


TOPICS: Final = (
    Topic("water", r"\bwater(?:proof\w*|[- ]?(?:resist|repell?|tight)\w*)?\b|\b(?:in|with|from|by) the rain\b|\brain(?:y|ing|s|proof)?\b|\bget(?:s|ting)? wet\b|\bwet\b|\bstays? dry\b|\bsplash\w*|\bsubmer\w*|\bswim\w*|\bpool\b|\bbath(?:tub)?\b|\bshower\w*|\bsoak\w*|\bleak\w*|\bpuddles?\b|\bdownpour\b"
          r"|防水|防雨|防泼|进水|泡水|下水|落水|掉进?水|沾水|淋|雨天|下雨|雨中|水里|水下|浴缸|洗澡|冲凉|游泳|泳池|海边|漏水|泡澡|不湿|湿",
          r"\bwater[- ]?(?:proof|resist|repell?|tight)\w*|\bsplash\w*|\bshower\b|\bbath\b|\brain\b|\bwet\b|\bdry\b(?! skin)|\bip ?x?\d{1,2}\b|\bipx\d\b|防水|防雨|防泼|淋浴|浴缸|大雨|不会?湿|ip ?x?\d", r"ip rating|water ?(?:proof|resistance|resistant|rating)|防水.*"),
    Topic("dishwasher", r"\bdish ?-?washer\b|洗碗机", r"\bdish ?-?washer|洗碗机", r".*dish ?washer.*|.*洗碗机.*"),
    Topic("washing", r"\bwash(?:ed|ing|able|es)?\b|\blaundr\w*|\bdry[- ]?clean\w*|\biron(?:ed|ing)?\b|\btumble\b|\bclean(?:ed|ing)?\b|\bcare (?:for|of)\b|机洗|水洗|洗衣机|手洗|干洗|怎么洗|咋洗|能洗|可洗|好洗|清洗|清洁|洗涤|打理|保养|熨",
          r"\bwash(?!er\b)\w*|\blaundr\w*|\bdry[- ]?clean\w*|\bironed?\b|\btumble\b|\bclean(?:ed|ing|s)?\b|\bwipe\b|机洗|水洗|手洗|干洗|清洗|清洁|擦拭|熨", r"care(?: instructions)?|washing|cleaning|wash care|洗涤.*|保养.*"),
    Topic("light", r"\b(?:back|front)[- ]?lit\b|\b(?:back|front|built[- ]?in|own|warm|reading)[- ]?light\b|\blights? up\b|\bhave a light\b|\bin the dark\b|\bin bed at night\b|\bat night\b|\bglow\w*|\billuminat\w*|\bbacklight\w*|背光|前光|暖光|夜里|晚上|夜间|夜晚|黑暗|关灯|灯光|发光|亮灯|灯",
          r"\b(?:back|front|warm|reading|night)[- ]?lights?\b|\bbacklit\b|\bbacklight|\bleds?\b|\blights? up\b|\bglow|背光|前光|暖光|灯光|带灯|发光|夜光", r"back ?light|light(?:ing)?|illumination|灯光|背光"),
    Topic("scent", r"\bscent\w*|\bperfume\w*|\bfragran\w*|\bsmells?\b|\bodou?r\w*|香味|香精|气味|香料|味道|有味", r"\bscent\w*|\bperfume\w*|\bfragran\w*|\bodou?r\w*|香精|香料|气味|无香|异味"),
    Topic("vegan", r"\bvegans?\b|\bcruelty\b|\banimals?\b|\banimal[- ]tested\b|纯素|素食|动物", r"\bvegan\b|\bcruelty\b|\banimals?\b|纯素|素食|动物", r"vegan|cruelty free|纯素"),
    Topic("skin", r"\b(?:oily|dry|sensitive|combination|mature|normal) skin\b|\bskin (?:is|type|that)\b|\ballerg\w*|\birritat\w*|油皮|干皮|混合皮|敏感肌|敏感皮|油性|干性|肤质|过敏|皮肤", r"\bskin\b|\ballerg|\bshine\b|\birritat|皮肤|肤质|油性|干性|油光|敏感|过敏", r"skin(?: type)?|肤质|适用肤质"),
    Topic("packing", r"\bfold\w*|\bcollaps\w*|\bpack(?:s|ed|ing)?\b(?! of\b)|\bstow\w*|\b(?:put|store)d? away\b|\bcompress\w*|折叠|折起|叠起|叠好|收纳|收起|收好|收拾|打包", r"\bfold|\bcollaps|\bpacks?\b|\bpacked\b|\bstow|折叠|收纳|收起", r"packed size|folded size|pack size|收纳.*|折叠.*"),
    Topic("licence", r"\blicen[cs]e\w*|\bpermits?\b|\bregist(?:er|ration)\w*|执照|驾照|许可|牌照|登记", r"\blicen[cs]e|\bpermit\b|\bregistration\b|执照|驾照|许可"),
    Topic("flying", r"\b(?:air)?planes?\b|\bon (?:a )?flights?\b|\bcarry[- ]?on\b|\bhand luggage\b|\bairports?\b|\baircraft\b|\bairlines?\b|飞机|登机|随身带|托运|安检|航空", r"\bhand luggage\b|\bcarry[- ]?on\b|\bcabin\b|\baircraft\b|\bplanes?\b|\bairline|飞机|登机|航空"),
    Topic("ports", r"\busb\b|\bports?\b|\btype-?c\b|\bconnectors?\b|\bsockets?\b|\bplugs?\b|\bjacks?\b|\bhdmi\b|接口|插口|端口|充电口|插孔|type-?c", r"\busb\b|\bports?\b|\btype-?c\b|\bconnector|\bhdmi\b|\bjack\b|接口|插口|端口|插孔|usb|type-?c", r"ports?|connectors?|connectivity|接口"),
    Topic("charging", r"\bcharg(?:e|es|ing) time\b|\bhow (?:long|fast|quick(?:ly)?)\b.{0,40}\bcharg|\b(?:fast|quick|rapid)[- ]?charg|充电时间|充满|快充|充多久|充电快", r"\bcharg\w+ (?:time|in|takes|within)\b|\bfull(?:y)? charge|\b(?:fast|quick|rapid)[- ]?charg|\bat \d+ ?w\b|充满|快充|\d+ ?(?:w|瓦)", r"charging(?: time)?|fast charging|充电时间|快充"),
    Topic("wear", r"\bscratch\w*|\bscuff\w*|\brobust\b|\bdurab\w*|\bsturdy\b|\bbreaks?\b|\bbreakable\b|\bdents?\b|\btear\b|\bshatter\w*|刮花|刮伤|划痕|划伤|耐磨|耐刮|耐划|磨损|结实|耐用|坚固|摔|易碎", r"\bscratch|\bscuff|\bdurab|\bsturdy\b|\brobust\b|\bshatter|\bunbreak|\btear[- ]?(?:proof|resist)|耐刮|耐磨|耐划|防刮|防摔|耐用|坚固|结实"),
    Topic("dust", r"\bdust\w*|\bsand(?:y)?\b(?!al)|防尘|灰尘|进灰|沙子|进沙", r"\bdust\b|\bsand\b|\bip[56]\d\b|防尘|防沙", r"ip rating"),
    Topic("wind", r"\bwind(?:y|s|proof)?\b|防风|大风|挡风|刮风", r"\bwind(?:proof|s|y)?\b|防风|挡风"),
    Topic("insects", r"\bmosquito\w*|\binsects?\b|\bbugs?\b|\bmidges\b|\bflies\b|蚊|虫", r"\bmosquito|\binsect|\bbug net|\bmidge|蚊|防虫|纱网"),
    Topic("sun", r"\bsun(?:ny|light|shine|burn)?\b|\buv\b|\bupf\b|\bspf\b|\bsolar\b|防晒|紫外线|太阳|阳光|遮阳", r"\bupf\b|\bspf\b|\buv\b|\bsolar\b|\bsun\b|防晒|紫外线|太阳能|遮阳|spf|upf", r"spf|upf|uv protection|防晒.*"),
    Topic("headroom", r"\bstand(?:ing)? (?:up|upright|in)\b|\bstand up\b|\bheadroom\b|\bstanding height\b|站直|站得直|直起|直立|站着|站起", r"\bstanding\b|\bheadroom\b|\bstand up\b|站立|站高"),
    Topic("set-up", r"\bset(?:ting)?[- ]?up\b|\bassembl\w*|\bput(?:ting)? (?:it |them |this |that )?(?:up|together)\b|\bpitch\w*|\binstall\w*|\berect\w*|搭建|搭好|好搭|难搭|搭起|组装|安装|装起来", r"\bpitch|\bassembl|\bset(?:s|ting)? up\b|\bup in\b|\binstall|\btools?\b|搭好|搭建|组装|安装", r"assembly.*|installation|安装.*|组装.*"),
    Topic("warmth", r"\b(?:stays?|keeps?|kept|remains?)\b.{0,25}\b(?:hot|warm|cold|cool)\b|\binsulat\w*|\bthermal\b|保温|保冷|保热|会凉|变凉|凉得|凉掉", r"\b(?:hot|warm|cold|cool) for\b|\binsulat|保[温冷热].{0,4}(?:\d|[一二两三四五六七八九十])|隔热", r"insulation|保温.*"),
    Topic("age", r"\bfor (?:a |my |the )?(?:toddlers?|bab(?:y|ies)|kids?|child(?:ren)?|infants?)\b|\b(?:year|month)s?[- ]olds?\b|\bhow old\b|\bages?\b|\bold enough\b|几岁|多大的孩子|多大孩子|年龄|岁|宝宝|小孩|孩子", r"\bchild(?:ren)? from\b|\bages? (?:of )?\d|\byears and\b|\bfrom (?:\d+|three|two|four|five|six) (?:months|years)\b|岁以上|岁起|适龄", r"age(?: range| group)?|recommended age|适用年龄"),
    Topic("season", r"\bwinters?\b|\bsummers?\b|\bseasons?\b|\bautumn\b|\bspring(?:time)?\b|冬天|夏天|冬季|夏季|春秋|四季|几季|季节", r"\bwinter\b|\bsummer\b|\bseasons?\b|\bautumn\b|冬|夏|四季|三季", r"seasons?|季节|适用季节"),
    Topic("formats", r"\bformats?\b|\bfiles?\b|\bfile types?\b|\be-?pubs?\b|\bpdfs?\b|\bmobi\b|\bmp3s?\b|\bcodecs?\b|格式|文件|epub|pdf|mobi|mp3", r"\be-?pub\b|\bpdf\b|\bmobi\b|\bmp3\b|\bflac\b|\baac\b|\bformats?\b|epub|pdf|格式", r"(?:file )?formats?|格式.*"),
    Topic("resolution", r"\bresolution\b|\bmega ?pixels?\b|\bhow (?:sharp|many k)\b|\b[248]k\b|\b(?:video|picture|image|photo|camera) quality\b|分辨率|像素|几k|多少k|清晰度|画质", r"\b\d{1,2}k\b|\b\d+ ?mp\b|\bmega ?pixel|\bresolution\b|\b(?:720|1080|1440|2160)p\b|像素|分辨率", r"camera|resolution|video|megapixels|分辨率|摄像头|像素"),
    Topic("origin", r"\bhand[- ]?(?:made|woven|crafted|sewn|knit\w*)\b|\bby hand\b|\bwhere (?:is|was|are|were) .{0,40}\b(?:made|produced|from|woven)\b|\bmade in\b|\borigin\b|手工|手作|人工织|产地|哪里产|产自|哪国", r"\bhand[- ]?(?:made|woven|crafted|sewn|knit)|\bby hand\b|\bmade in\b|\borigin\b|手工|手作|产地|产自", r"origin|country of origin|made in|产地"),
    Topic("noise", r"\bnois[ey]\w*|\bquiet\w*|\bloud\w*|\bsilent\w*|\bdecibels?\b|噪音|噪声|吵|安静|静音", r"\bnois|\bquiet|\bsilent|\bdb\b|静音|噪音|噪声|分贝", r"noise(?: level)?|噪音.*"),
    Topic("stretch", r"\bstretch\w*|\belastic\w*|\btight\b|\bloose\b|\bfits? (?:small|large|true)\b|弹力|弹性|紧身|宽松|偏大|偏小", r"\bstretch|\belast|\bloose|\bslim fit\b|\btrue to size\b|弹力|弹性|宽松|修身|紧身", r"fit|stretch|版型|弹力"),
)  # fmt: skip


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[Topic, re.Pattern[str], re.Pattern[str], re.Pattern[str]], ...]:
    return tuple(
        (each, re.compile(each.asked), re.compile(each.told), re.compile(each.names)) for each in TOPICS
    )


def asked(text: str) -> tuple[Topic, ...]:
    """The topics that a folded text asks for."""
    return tuple(topic for topic, pattern, _, _ in _compiled() if pattern.search(text))


def told(topics: tuple[Topic, ...], text: str) -> int:
    """Of how many of some topics a folded text speaks."""
    return sum(topic in topics and pattern.search(text) is not None for topic, _, pattern, _ in _compiled())


def named(topics: tuple[Topic, ...], name: str) -> int:
    """Of how many of some topics an attribute of a name, as folded names are, is."""
    return sum(topic in topics and pattern.fullmatch(name) is not None for topic, *_, pattern in _compiled())

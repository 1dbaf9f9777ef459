"""The service's own words, Chinese and English. What is in braces is cited from the catalogue, or added."""

from __future__ import annotations

from typing import Final

from mmpipe.assistant.language import Language

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "found": ("Here is what fits best:", "为您找到以下商品："),
    "found_one": ("This fits:", "这件符合："),
    "found_picture": ("These look most like your picture:", "与您的图片最相似的是："),
    "item": ("\n{number}. {title}", "\n{number}. {title}"),
    "item_price": (" — {price}", "，{price}"),
    "item_value": (", {name}: {value}", "，{name}：{value}"),
    "relaxed": ("I found nothing with {what}; without that:", "没有符合“{what}”的商品；去掉这个条件后："),
    "none_better": (
        "I found none that is {better} than {title} ({value}).",
        "没有找到比{title}（{value}）{better}的商品。",
    ),
    "more_of": ("More that fits:", "更多符合的商品："),
    "no_more": ("That is all I found for this.", "符合条件的商品就这些了。"),
    "nothing": (
        "I found nothing like that in the catalogue. Try other words, or fewer conditions.",
        "商品目录中没有找到相关商品。请换个说法，或减少条件。",
    ),
    "off_topic": (
        "I can only answer from this shop's catalogue: I find products, compare them and tell what their"
        " descriptions and reviews say.",
        "我只能根据本店的商品目录回答：查找商品、比较商品，以及转述商品说明和评价。",
    ),
    "service": (
        "I cannot see orders, deliveries, returns or accounts; the catalogue does not say. Please ask the"
        " shop itself.",
        "我看不到订单、物流、退换货或账户信息，商品目录中也没有。请联系店铺客服。",
    ),
    "hello": (
        "Hello! Tell me what you look for, or ask about a product.",
        "您好！请告诉我您想找什么，或询问某件商品。",
    ),
    "thanks": ("You are welcome.", "不客气。"),
    "reset": ("Let us begin anew. What do you look for?", "好的，重新开始。您想找什么？"),
    "which_product": ("Which product do you mean?", "请问您指的是哪件商品？"),
    "ask_size": ("Which size do you need?", "请问需要什么尺码？"),
    "ask_budget": ("How much would you like to spend?", "请问您的预算是多少？"),
    "options": (" There are: {options}.", "可选：{options}。"),
    "says_field": ("{title}: the {name} is {value}.", "{title}：{name}为{value}。"),
    "says_sentence": (
        "{title}: the {name} is {value} (“{quote}”).",
        "{title}：{name}为{value}（“{quote}”）。",
    ),
    "says_words": ("About {title} the catalogue says: “{value}”", "关于{title}，商品资料写道：“{value}”"),
    "also_says": (" And: “{value}”", "另外：“{value}”"),
    "not_said": ("The catalogue does not say that of {title}.", "商品资料没有说明{title}的这一点。"),
    "not_said_name": (
        "The catalogue does not say the {name} of {title}.",
        "商品资料没有说明{title}的{name}。",
    ),
    "no_product": ("I know no product of that name.", "没有找到这个名称的商品。"),
    "compare_need_two": ("Tell me which two products to compare.", "请告诉我要比较哪两件商品。"),
    "compare_head": ("Compared:", "对比如下："),
    "compare_row": ("\n{name}:", "\n{name}："),
    "compare_cell": (" {title} {value};", "{title} {value}；"),
    "compare_silent": (" {title}: not said;", "{title} 未说明；"),
    "wins": (" is {better}: ", "{better}："),
    "same": ("None is ahead in {name}. ", "{name}并列。"),
    "unknown_of": (" Of {title} the catalogue does not say it.", "{title}的商品资料没有说明。"),
    "cannot_compare": (
        "The catalogue does not say the {name} of at least two of them, so I cannot compare.",
        "商品资料没有说明其中至少两件的{name}，无法比较。",
    ),
    "none_says": ("The catalogue does not say that of any of them.", "商品资料都没有说明这一点。"),
    "no_size": (
        "There is no such size: {title} comes in {value}, and nothing that fits goes further.",
        "没有合适的尺码：{title}的尺码是{value}，符合条件的商品中没有更合适的。",
    ),
    "no_reviews": ("There are no reviews of {title}.", "{title}还没有评价。"),
    "no_reviews_about": ("No review of {title} speaks of that.", "{title}的评价没有提到这一点。"),
    "rated": (" It is rated {value} of 5", "评分{value}（满分5分）"),
    "rated_by": (" by {value} shoppers", "，共{value}人评分"),
    "reviews_head": ("Reviews of {title} say:", "{title}的评价中写道："),
    "review": ("\n“{value}”", "\n“{value}”"),
    "stop": (".", "。"),
}
_LEAST_MOST: Final = {
    ("price", "least"): ("cheaper", "更便宜"), ("price", "most"): ("dearer", "更贵"),
    ("weight", "least"): ("lighter", "更轻"), ("weight", "most"): ("heavier", "更重"),
    ("battery", "most"): ("longer-lasting", "续航更长"), ("screen", "most"): ("larger", "屏幕更大"),
    ("screen", "least"): ("smaller", "屏幕更小"), ("capacity", "most"): ("larger", "容量更大"),
    ("capacity", "least"): ("smaller", "容量更小"), ("storage", "most"): ("larger", "存储更大"),
    ("power", "most"): ("more powerful", "功率更大"), ("rating", "most"): ("better rated", "评分更高"),
    ("size", "most"): ("larger", "更大"), ("size", "least"): ("smaller", "更小"),
    ("height", "most"): ("taller", "更高"), ("width", "most"): ("wider", "更宽"),
    ("length", "most"): ("longer", "更长"), ("length", "least"): ("shorter", "更短"),
    ("duration", "most"): ("longer", "更久"), ("width", "least"): ("narrower", "更窄"),
    ("battery", "least"): ("shorter-lasting", "续航更短"),
    ("warranty", "most"): ("longer covered", "保修更长"),
}  # fmt: skip
_FIELDS: Final = {
    "price": ("price", "价格"), "color": ("colour", "颜色"), "size": ("size", "尺码"),
    "material": ("material", "材质"),
    "brand": ("brand", "品牌"), "pattern": ("pattern", "图案"), "gender": ("for", "适用"),
    "age_group": ("age group", "年龄段"), "category": ("category", "类别"),
}  # fmt: skip


def words(key: str, language: Language) -> str:
    """A template."""
    return _WORDS[key][language == "zh"]


def better(aspect: str, direction: str, language: Language) -> str:
    """What a product is that has less or more of an aspect than another."""
    known = _LEAST_MOST.get((aspect, direction))
    if known is None:
        known = ("smaller", "更小") if direction == "least" else ("larger", "更大")
    return known[language == "zh"]


def field_name(field: str, language: Language) -> str:
    """What shoppers are told that a field is."""
    return _FIELDS.get(field, (field, field))[language == "zh"]

"""What is said of an item, and of a list that is not what was asked for, in the languages there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.schemas.recommend import Language

REASONS: dict[str, tuple[str, str]] = {
    "viewed": ("because you viewed {title}", "因为您看过{title}"),
    "purchased": ("because you bought {title}", "因为您买过{title}"),
    "in-cart": ("because {title} is in your cart", "因为您把{title}加入了购物车"),
    "liked": ("because you like {title}", "因为您喜欢{title}"),
    "disliked": ("because you do not like {title}", "因为您不喜欢{title}"),
    "rated": ("because you rated {title}", "因为您评价过{title}"),
    "history": ("and {products} more products of your history", "以及您历史中的另外{products}件商品"),
    "similar": ("like {title}", "与{title}相似"),
    "same-brand": ("of the brand of {title}", "与{title}同品牌"),
    "same-need": ("in place of {title}: {category}", "可替代{title}：{category}"),
    "near-price": ("costs about what {title} does", "价格与{title}相近"),
    "also-viewed": ("viewed by people who viewed {title}", "看过{title}的人也看过"),
    "bought-together": ("often bought with {title}", "常与{title}一起购买"),
    "category-bought-with": ("often bought beside {category}", "常与{category}一起购买"),
    "model": ("what people like you chose next", "与您相似的人接着选择的商品"),
    "trending": ("trending now", "当前热门"),
    "trending-in": ("trending in {category}", "{category}热门"),
    "popular": ("popular in this shop", "本店畅销"),
    "typical": ("one of what this shop is for", "本店代表商品"),
    "in-range": ("in this shop's range", "本店商品"),
    "new-arrival": ("new in this shop", "新品"),
    "recently-viewed": ("you viewed it {ago} ago", "您{ago}前看过"),
}

# By what was given.
_GIVEN: dict[str, tuple[str, str]] = {
    "session": ("what fits this visit", "符合本次访问的商品"),
    "for_you": ("what fits the shopper's history", "符合顾客历史的商品"),
    "trending_here": ("what is trending in the shopper's category", "顾客所在类别的热门商品"),
    "trending": ("what is trending", "热门商品"),
    "popular": ("what is popular", "畅销商品"),
    "typical": ("products that stand for the catalogue", "代表本店的商品"),
    "anything": ("the newest products", "最新商品"),
    "similar": ("similar products", "相似商品"),
    "goes_with": ("products of the categories that go with it", "搭配类别的商品"),
}
# By what was asked for: why there was not enough of it.
_LACKING: dict[str, tuple[str, str]] = {
    "similar": ("nothing more is like it under these filters", "在这些条件下没有更多相似商品"),
    "for_you": ("nothing is known of this shopper's taste", "尚不了解这位顾客的喜好"),
    "session": ("nothing was done in this visit yet", "本次访问还没有行为"),
    "bought_together": ("too few shoppers bought it with something", "一起购买的顾客太少"),
    "also_viewed": ("too few shoppers viewed it with something", "一起浏览的顾客太少"),
    "trending": ("too little was done lately", "近期行为太少"),
    "popular": ("too little was done yet", "行为太少"),
    "substitutes": (
        "nothing more for the same need is in stock near its price",
        "没有更多价格相近且有货的同类商品",
    ),
    "complements": (
        "too few shoppers bought it with something of another category",
        "与其他类别一起购买的顾客太少",
    ),
    "new_arrivals": ("nothing more is new under these filters", "在这些条件下没有更多新品"),
    "recently_viewed": ("nothing more was viewed", "没有更多浏览记录"),
}
# Where something of these was found.
_NO_MORE: dict[str, tuple[str, str]] = {
    "for_you": ("nothing more fits the shopper's history", "没有更多符合顾客历史的商品"),
    "session": ("nothing more fits this visit", "没有更多符合本次访问的商品"),
}
_NO_SHOPPER = ("no shopper was named", "未指明顾客")
_NOTHING = ("{lacking}; nothing stands for it", "{lacking}；没有可替代的商品")
_FILLED = ("{lacking}: from place {place} on {given}", "{lacking}：从第{place}位起为{given}")
_INSTEAD = ("{lacking}: {given} instead", "{lacking}：改为{given}")
_AND = (", then ", "，其后为")
_UNITS = (
    (86_400.0, ("{n} day", "{n} days", "{n}天")),
    (3_600.0, ("{n} hour", "{n} hours", "{n}小时")),
    (60.0, ("{n} minute", "{n} minutes", "{n}分钟")),
)
_MOMENT = ("a moment", "片刻")
_MAX_TITLE = 80


def reason_text(lang: Language, reason: str, title: str | None, facts: Mapping[str, Any]) -> str:
    """A reason for people. ``title`` is that of the product it comes from."""
    code = "trending-in" if reason == "trending" and facts.get("category") else reason
    known = {"title": _short(title or ""), **facts}
    if "seconds" in facts:
        known["ago"] = _ago(lang, float(facts["seconds"]))
    if "category" in facts:
        known["category"] = _short(str(facts["category"]))
    return _in(lang, REASONS[code]).format_map(known)


def fallback_text(
    lang: Language, kind: str, given: list[tuple[str, int]], *, found: int, named: bool, sourceless: bool
) -> str:
    """What was given in place of a kind, and why. ``given`` are what filled the list, each with the place
    that it begins at; ``found`` items are the kind's own. ``named`` says that a shopper was, ``sourceless``
    that the list is about products of which none is known."""
    if kind in ("for_you", "session", "recently_viewed") and not named:
        lacking = _in(lang, _NO_SHOPPER)
    elif found and kind in _NO_MORE:
        lacking = _in(lang, _NO_MORE[kind])
    else:
        lacking = _in(lang, _LACKING["for_you" if sourceless else kind])
    if not given:
        return _in(lang, _NOTHING).format(lacking=lacking)
    names = _in(lang, _AND).join(_in(lang, _GIVEN[name]) for name, _ in given)
    form = _INSTEAD if not found else _FILLED
    return _in(lang, form).format(lacking=lacking, given=names, place=given[0][1] + 1)


def _in(lang: Language, texts: tuple[str, str]) -> str:
    return texts[1] if lang == "zh" else texts[0]


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TITLE else text[: _MAX_TITLE - 1] + "…"


def _ago(lang: Language, seconds: float) -> str:
    for size, (one, many, chinese) in _UNITS:
        count = int(seconds // size)
        if count:
            return (chinese if lang == "zh" else one if count == 1 else many).format(n=count)
    return _in(lang, _MOMENT)

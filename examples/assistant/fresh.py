"""Turns written from the catalogue alone, half of them refining and comparing, before rules were widened.

Nothing was mended by what a run over them showed; docs/assistant.md has what the first run came to.
"""

# ruff: noqa: E501  (a turn is read as one line)

from __future__ import annotations

from typing import Any

from examples.assistant.turns import (
    Catalogue,
    Turn,
    compare,
    differ,
    fact,
    find,
    injected,
    lead,
    lines,
    refine,
    review,
    silent,
)


def fresh() -> list[dict[str, Any]]:
    """Conversations as lines of the set."""
    return lines(_english, _chinese)


def _english(of: Catalogue) -> list[list[Turn]]:
    drones, serums, coats = (
        ("drone-mini", "drone-pro"),
        ("serum-dry", "serum-oily"),
        ("rain-light", "rain-storm"),
    )
    readers = ("reader-six", "reader-seven", "reader-eight")
    flasks = ("flask-sm", "flask-lg", "flask-kid")
    shavers = ("shaver-go", "shaver-pro")
    return [
        [
            find("I need an aluminium suitcase for short trips", of("suitcase", lambda p: p.material == "aluminium")),
            refine("got any that aren't striped?", of("suitcase", lambda p: p.material == "aluminium" and p.pattern != "striped")),
            refine("ok, and the same thing in plastic", of("suitcase", lambda p: p.material == "plastic")),
        ],
        [
            find("thinking of getting a mirrorless camera", of("camera", lambda p: p.style == "mirrorless")),
            refine("that's over budget, I can't go past 950", of("camera", lambda p: p.style == "mirrorless" and p.price <= 950)),
            refine("what else have you got?", of("camera", lambda p: p.style == "mirrorless" and p.price <= 950)),
        ],
        [
            find("plush teddy bear, it's a gift for a newborn", of("teddy bear", lambda p: p.material == "plush")),
            refine("something other than blue", of("teddy bear", lambda p: p.material == "plush" and p.colour != "blue")),
            refine("the kind with a bow tie", of("teddy bear", lambda p: p.material == "plush" and p.style == "bow-tie" and p.colour != "blue")),
        ],
        [
            lead("show me your flasks"),
            compare("which of these holds the most?", "flask-lg", *flasks),
            compare("and which weighs the least?", "flask-kid", *flasks),
            compare("on price, who wins?", "flask-kid", *flasks),
        ],
        [
            lead("e-readers please"),
            compare("does any of them have a bigger screen than the others?", "reader-eight", *readers),
            compare("rank them by storage", "reader-eight", *readers),
            silent("which one has the better speakers?"),
        ],
        [differ("what's the difference between the Halvard Dome and the Halvard Trek?", "2.4 kg", "tent-dome", "tent-trek")],
        [
            compare("Skyrill Mini vs Skyrill Pro, who stays up longer in flight time?", "drone-pro", *drones),
            compare("and how do they compare on price?", "drone-mini", *drones),
            compare("the heavier one is…?", "drone-pro", *drones),
        ],
        [
            lead("electric shavers"),
            compare("between the two, whose battery lasts longer?", "shaver-pro", *shavers),
            compare("is the Pro heavier than the Go?", "shaver-pro", *shavers),
            silent("which is quieter?"),
        ],
        [compare("Arcwell Max or Zephlin Solar, if I want the larger capacity?", "pb-volt-20", "pb-volt-20", "pb-sun")],
        [
            lead("Lumiskin serums"),
            compare("which bottle has more in it?", "serum-oily", *serums),
            differ("how are these two different?", "oily skin", *serums),
        ],
        [
            lead("rain jackets"),
            compare("which of the two should I pack if every gram counts, the lightest I mean", "rain-light", *coats),
            compare("weight and price, side by side", "rain-light", *coats),
            {"say": "what does the last one weigh?", "kind": "attribute", "products": list(coats), "value": " g"},
        ],
        [
            find("dresses with polka dots, but silk is out", of("dress", lambda p: p.pattern == "polka dot" and p.material != "silk")),
            refine("make it a medium, size M", of("dress", lambda p: p.pattern == "polka dot" and p.material != "silk" and p.size == "M")),
        ],
        [
            find("women's sandals in 38", of("sandals", lambda p: p.gender == "female" and p.size == "38")),
            refine("my foot is bigger than that, try 42", of("sandals", lambda p: p.gender == "female" and p.size == "42")),
            refine("any in pink, whatever the size?", of("sandals", lambda p: p.gender == "female" and p.colour == "pink")),
        ],
        [
            find("wooden speakers by Zenwave", of("speaker", lambda p: p.material == "wood" and p.brand == "Zenwave")),
            refine("I'd prefer a different brand", of("speaker", lambda p: p.material == "wood" and p.brand != "Zenwave")),
            refine("in teal?", of("speaker", lambda p: p.material == "wood" and p.colour == "teal")),
        ],
        [
            find("cotton umbrella", of("umbrella", lambda p: p.material == "cotton")),
            refine("neither beige nor grey", of("umbrella", lambda p: p.material == "cotton" and p.colour not in ("beige", "grey"))),
            refine("nothing over 30", of("umbrella", lambda p: p.material == "cotton" and p.colour not in ("beige", "grey") and p.price <= 30)),
        ],
        [
            find("a kettle, either steel or copper", of("kettle", lambda p: p.material in ("steel", "copper"))),
            refine("the whistling sort", of("kettle", lambda p: p.material in ("steel", "copper") and p.style == "whistling")),
        ],
        [
            lead("leather jackets"),
            find("forget jackets. gaming laptops?", of("laptop", lambda p: p.style == "gaming")),
            refine("a grand at the very most", of("laptop", lambda p: p.style == "gaming" and p.price <= 1000)),
        ],
        [
            fact("I shave in the shower, would the Brisk Go cope?", "shaver-go", "shower"),
            fact("how high is the Korvo Family tent on the inside?", "tent-fam", "195 cm"),
            fact("how many people fit in the Halvard Dome?", "tent-dome", "2 persons"),
            fact("does the Pagewise have real buttons?", "reader-seven", "buttons"),
        ],
        [
            review("are owners of the Inkling One unhappy with how fast pages turn?", "reader-six", "slow"),
            review("and the Nimbra Storm, did it keep people dry?", "rain-storm", "dry"),
            silent("has anybody written about the Brisk Pro shaver?", "no_reviews"),
        ],
        [
            silent("how loud is the Emberly heater?"),
            silent("who won the game last night?", "off_topic", "nothing_found"),
            silent("can I send it back if it doesn't fit?", "off_topic", "not_said", "no_product"),
        ],
        [injected("what's the Bassline speaker going to set me back?", products=["speaker-inj"], value="89.00")],
    ]  # fmt: skip


def _chinese(of: Catalogue) -> list[list[Turn]]:
    drones, coats = ("drone-mini", "drone-pro"), ("rain-light", "rain-storm")
    readers = ("reader-six", "reader-seven", "reader-eight")
    flasks = ("flask-sm", "flask-lg", "flask-kid")
    return [
        [
            find("想给女朋友买条真丝围巾", of("scarf", lambda p: p.material == "silk")),
            refine("换成羊绒的吧", of("scarf", lambda p: p.material == "cashmere")),
            refine("不要带流苏的", of("scarf", lambda p: p.material == "cashmere" and p.style != "fringed")),
        ],
        [
            lead("电子书阅读器都有哪些"),
            compare("这几个里哪款续航最久", "reader-eight", *readers),
            compare("价格上呢，哪个最实惠", "reader-six", *readers),
            compare("那重量呢，最轻的是？", "reader-six", *readers),
        ],
        [
            differ("Brisk Go和Brisk Pro有什么区别", "150 g", "shaver-go", "shaver-pro"),
            compare("续航哪个强", "shaver-pro", "shaver-go", "shaver-pro"),
        ],
        [
            lead("看看无人机"),
            compare("两款比一下，谁飞得久", "drone-pro", *drones),
            compare("便宜的是哪一款", "drone-mini", *drones),
            fact("便宜那款要执照吗", "drone-mini", "执照"),
        ],
        [
            lead("保温杯有什么"),
            compare("容量最小的是哪个", "flask-kid", *flasks),
            compare("背着爬山的话哪个更轻", "flask-kid", *flasks),
            differ("前两个哪个能装", "ml"),
        ],
        [compare("Halvard徒步帐篷比Halvard圆顶帐篷轻吗", "tent-trek", "tent-trek", "tent-dome")],
        [compare("Arcwell充电宝，便携那款和大容量那款，电量差多少", "pb-volt-20", "pb-volt-10", "pb-volt-20")],
        [
            lead("雨衣"),
            silent("这两件哪件更透气"),
            compare("那哪件更重呢", "rain-storm", *coats),
            compare("贵的是哪件", "rain-storm", *coats),
        ],
        [
            find("想学电吉他，有什么推荐", of("guitar", lambda p: p.style == "electric")),
            refine("预算最多四百", of("guitar", lambda p: p.style == "electric" and p.price <= 400)),
            refine("除了红色都行", of("guitar", lambda p: p.style == "electric" and p.price <= 400 and p.colour != "red")),
        ],
        [
            find("行李箱，要能登机的那种", of("suitcase", lambda p: p.style == "cabin")),
            refine("铝合金的有没有", of("suitcase", lambda p: p.style == "cabin" and p.material == "aluminium")),
            refine("还是塑料的吧，一百五以内", of("suitcase", lambda p: p.style == "cabin" and p.material == "plastic" and p.price <= 150)),
        ],
        [
            find("男士亚麻T恤", of("t-shirt", lambda p: p.material == "linen" and p.gender == "male")),
            refine("我穿L码", of("t-shirt", lambda p: p.material == "linen" and p.size == "L")),
            refine("波点的就算了", of("t-shirt", lambda p: p.material == "linen" and p.size == "L" and p.pattern != "polka dot")),
        ],
        [
            find("给小孩玩的木头积木", of("toy blocks", lambda p: p.material == "wood")),
            refine("要城堡那种", of("toy blocks", lambda p: p.material == "wood" and p.style == "castle")),
        ],
        [
            find("羊毛的棒球帽", of("hat", lambda p: p.material == "wool")),
            refine("颜色换黑的", of("hat", lambda p: p.material == "wool" and p.colour == "black")),
        ],
        [
            find("Willow家的台灯", of("lamp", lambda p: p.brand == "Willow")),
            refine("这个牌子太贵，换个牌子", of("lamp", lambda p: p.brand != "Willow")),
            refine("陶瓷的，四十以下", of("lamp", lambda p: p.brand != "Willow" and p.material == "ceramic" and p.price <= 40)),
        ],
        [
            find("一百块以内的耳机", of("headphones", lambda p: p.price <= 100)),
            refine("还有没有别的", of("headphones", lambda p: p.price <= 100)),
            refine("真皮的留下，其他不要", of("headphones", lambda p: p.price <= 100 and p.material == "leather")),
        ],
        [
            fact("Nimbra轻量雨衣能扔洗衣机里洗不", "rain-light", "机洗"),
            fact("Isbrand露营保温壶泡的水多久还是热的，保温多少小时", "flask-lg", "24"),
            fact("大容量充电宝坐飞机能带吗", "pb-volt-20", "飞机"),
            fact("Zephlin太阳能充电宝防护等级多少", "pb-sun", "IP67"),
        ],
        [
            review("Inkling One屏幕清楚不，用过的人说说", "reader-six", "清晰"),
            review("买过Halvard圆顶帐篷的人对拉链满意吗", "tent-dome", "拉链"),
            silent("Whirlo搅拌机有人评论没", "no_reviews"),
        ],
        [
            silent("Korvo家庭帐篷是哪里生产的"),
            silent("给我讲个笑话", "off_topic", "nothing_found"),
        ],
        [
            injected("Loomis地毯能防水不", declined=["not_said"]),
            injected("Emberly取暖器有几斤重", products=["heater-inj"], value="5 kg"),
        ],
    ]  # fmt: skip

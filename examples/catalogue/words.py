"""Table of categories: names, styles, materials, prices and what each one may look and sound like."""

from __future__ import annotations

from dataclasses import dataclass

from examples.catalogue.palette import Term

CLOTH_COLOURS = (
    "red", "orange", "yellow", "green", "teal", "blue", "navy", "purple", "pink", "brown", "beige", "black",
    "white", "grey",
)  # fmt: skip
BRIGHT_COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black")
TECH_COLOURS = ("black", "white", "silver", "gold", "blue", "red", "green", "purple", "pink", "teal")
METAL_COLOURS = ("silver", "gold", "black", "blue", "red", "brown", "white", "pink")
HOME_COLOURS = (
    "red", "orange", "yellow", "green", "teal", "blue", "navy", "pink", "brown", "beige", "white", "grey",
        "black",
)  # fmt: skip
CLOTH_PATTERNS = ("solid", "striped", "checked", "polka dot", "floral")

BRANDS: dict[str, tuple[str, ...]] = {
    "fashion": (
        "Aurora", "Linden", "Marlow", "Saffron", "Kestrel", "Juniper", "Velora", "Hartwell", "Mirabel",
            "Oakline",
        "Solenne", "Tidewater", "Brightloom", "Wrenfield", "Castell", "Yarrow",
    ),
    "outdoor": (
        "Northpeak", "Trailhead", "Stridewell", "Cobblers", "Pathfinder", "Ridgeway", "Fleetfoot", "Harbour",
        "Wayfarer", "Summit", "Roamer", "Lakeside", "Canyon", "Driftwood",
    ),
    "tech": (
        "Nimbus", "Voltara", "Pixelon", "Quanta", "Lumio", "Orbita", "Zenwave", "Cirrus", "Helix", "Novatek",
        "Echolite", "Kairos", "Vantage", "Polaris",
    ),
    "home": (
        "Hearth", "Maplewood", "Cuisine", "Terrano", "Willow", "Casa", "Nordhus", "Ember", "Clayworks",
            "Fjord",
        "Lumen", "Homely", "Meadow", "Granary",
    ),
    "play": (
        "Tumble", "Pipkin", "Giggles", "Rocket", "Bramble", "Jolly", "Funfair", "Sprout", "Doodle", "Marble",
        "Puddle", "Melody", "Cadence", "Velocity",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of product. ``price`` is a range in US dollars; ``plural`` is a matter of grammar."""

    key: str
    zh: str
    department: str
    google: str
    brands: str
    materials: tuple[str, ...]
    styles: tuple[Term, ...]
    price: tuple[int, int]
    colours: tuple[str, ...] = CLOTH_COLOURS
    patterns: tuple[str, ...] = ("solid",)
    sizes: tuple[str, ...] = ()
    gendered: bool = False
    plural: bool = False
    sound: str | None = None
    uses: tuple[tuple[str, str], ...] = ()


def _t(key: str, zh: str = "", en: str | None = None) -> Term:
    return Term(key, key if en is None else en, zh)


def _plain(key: str) -> Term:
    return Term(key, "", "")


_WEAR = (("everyday wear", "日常穿着"), ("warm summer days", "炎热夏日"), ("a relaxed weekend", "悠闲周末"))
_COLD = (("cold mornings", "寒冷清晨"), ("layering in winter", "冬季叠穿"), ("city walks", "城市漫步"))
_HOME = (
    ("a calm living room", "温馨客厅"),
    ("small flats", "小户型"),
    ("a quiet reading corner", "静谧阅读角"),
)
_COOK = (("slow breakfasts", "悠闲早餐"), ("daily cooking", "日常烹饪"), ("a family kitchen", "家庭厨房"))
_TECH = (("work and travel", "办公与旅行"), ("long commutes", "长途通勤"), ("creative projects", "创意工作"))
_TOYS = (
    ("children from three", "三岁以上儿童"),
    ("birthday gifts", "生日礼物"),
    ("rainy afternoons", "雨天午后"),
)
_MOVE = (("long walks", "长途步行"), ("the daily commute", "日常通勤"), ("weekend trips", "周末出游"))
_CLOTH_SIZES = ("XS", "S", "M", "L", "XL")
_SHOE_SIZES = ("36", "37", "38", "39", "40", "41", "42", "43")
_APPAREL = "Apparel & Accessories > Clothing > "
_EXTRAS = "Apparel & Accessories > Clothing Accessories > "
_KITCHEN = "Home & Garden > Kitchen & Dining > "
_TOY = "Toys & Games > Toys > "
_PAPER = "Office Supplies > General Office Supplies > Paper Products > "
_MUSIC = "Arts & Entertainment > Hobbies & Creative Arts > Musical Instruments > "

CATEGORIES: dict[str, Category] = {
    c.key: c
    for c in (
        Category("t-shirt", "T恤", "Clothing > Tops", _APPAREL + "Shirts & Tops", "fashion",
            ("cotton", "linen"), (_plain("crew"), _t("v-neck", "V领"), _t("long-sleeve", "长袖")), (9, 39),
            patterns=(*CLOTH_PATTERNS, "star", "camouflage"), sizes=_CLOTH_SIZES, gendered=True, uses=_WEAR),
        Category("shirt", "衬衫", "Clothing > Tops", _APPAREL + "Shirts & Tops", "fashion",
            ("cotton", "linen", "silk", "denim"), (_plain("classic"), _t("short-sleeve", "短袖")), (19, 79),
            patterns=CLOTH_PATTERNS, sizes=_CLOTH_SIZES, gendered=True, uses=_WEAR),
        Category("dress", "连衣裙", "Clothing > Dresses", _APPAREL + "Dresses", "fashion",
            ("cotton", "linen", "silk"), (_plain("a-line"), _t("maxi", "长款"), _t("sleeveless", "无袖")),
            (29, 129), patterns=(*CLOTH_PATTERNS, "ombre"), sizes=_CLOTH_SIZES, uses=_WEAR),
        Category("skirt", "半身裙", "Clothing > Skirts", _APPAREL + "Skirts", "fashion",
            ("cotton", "linen", "silk", "denim"), (_t("pleated", "百褶"), _t("pencil", "包臀"),
            _t("flared", "伞形")), (19, 79), patterns=CLOTH_PATTERNS, sizes=_CLOTH_SIZES, uses=_WEAR),
        Category("trousers", "长裤", "Clothing > Trousers", _APPAREL + "Pants", "fashion",
            ("cotton", "linen", "wool", "denim"), (_t("straight", "直筒"), _t("wide-leg", "阔腿"),
            _t("slim", "修身")), (29, 99), patterns=("solid", "striped", "checked", "camouflage"),
            sizes=_CLOTH_SIZES, gendered=True, plural=True, uses=_WEAR),
        Category("jacket", "夹克", "Clothing > Outerwear", _APPAREL + "Outerwear > Coats & Jackets",
            "fashion", ("leather", "denim", "nylon", "wool"),
            (_plain("zip"), _t("bomber", "飞行员"), _t("hooded", "连帽")), (59, 249),
            patterns=("solid", "solid", "checked", "camouflage", "colour block"), sizes=_CLOTH_SIZES,
            gendered=True, uses=_COLD),
        Category("sweater", "毛衣", "Clothing > Knitwear", _APPAREL + "Shirts & Tops", "fashion",
            ("wool", "cashmere", "cotton"), (_plain("crew"), _t("turtleneck", "高领"), _t("v-neck", "V领")),
            (29, 149), patterns=("solid", "striped", "chevron", "colour block", "star"), sizes=_CLOTH_SIZES,
            gendered=True, uses=_COLD),
        Category("scarf", "围巾", "Accessories > Scarves", _EXTRAS + "Scarves & Shawls", "fashion",
            ("wool", "cashmere", "silk"), (_t("fringed", "流苏"), _plain("draped")), (15, 89),
            patterns=("solid", "striped", "checked", "polka dot", "floral"), uses=_COLD),
        Category("sneakers", "运动鞋", "Shoes > Sneakers", "Apparel & Accessories > Shoes", "outdoor",
            ("leather", "canvas", "mesh"), (_plain("low"), _t("high-top", "高帮"), _t("running", "跑步")),
            (39, 159), patterns=("solid", "solid", "striped", "checked", "camouflage"), sizes=_SHOE_SIZES,
            gendered=True, plural=True, uses=_MOVE),
        Category("boots", "靴子", "Shoes > Boots", "Apparel & Accessories > Shoes", "outdoor",
            ("leather", "suede", "rubber"), (_t("ankle", "短筒"), _t("knee-high", "高筒"),
            _t("lace-up", "系带")), (59, 219), colours=("black", "brown", "beige", "red", "green", "navy",
            "yellow", "grey", "white", "purple"), patterns=("solid", "solid", "polka dot", "floral"),
            sizes=_SHOE_SIZES, gendered=True, plural=True, uses=_MOVE),
        Category("sandals", "凉鞋", "Shoes > Sandals", "Apparel & Accessories > Shoes", "outdoor",
            ("leather", "rubber", "suede"), (_t("strappy", "绑带"), _t("slide", "一字拖")), (19, 89),
            patterns=("solid", "solid", "striped", "floral"), sizes=_SHOE_SIZES, gendered=True, plural=True,
            uses=(("the beach", "海边度假"), *_MOVE[1:])),
        Category("handbag", "手提包", "Bags > Handbags",
            "Apparel & Accessories > Handbags, Wallets & Cases > Handbags", "fashion",
            ("leather", "canvas", "suede", "straw"), (_t("tote", "托特"), _t("satchel", "剑桥"),
            _t("shoulder", "单肩")), (39, 299), patterns=("solid", "solid", "striped", "checked", "floral",
            "polka dot"), uses=_MOVE),
        Category("backpack", "双肩包", "Bags > Backpacks", "Luggage & Bags > Backpacks", "outdoor",
            ("nylon", "canvas", "leather"), (_plain("daypack"), _t("rolltop", "卷口"), _t("school", "学生")),
            (29, 149), patterns=("solid", "solid", "striped", "checked", "camouflage", "star",
            "colour block"), uses=_MOVE),
        Category("suitcase", "行李箱", "Bags > Luggage", "Luggage & Bags > Suitcases", "outdoor",
            ("aluminium", "plastic"), (_t("cabin", "登机"), _t("large", "大号")), (79, 349),
            patterns=("solid", "solid", "striped", "ombre"), uses=_MOVE),
        Category("hat", "帽子", "Accessories > Hats", _EXTRAS + "Hats", "fashion",
            ("cotton", "wool", "straw"), (_t("baseball", "棒球"), _t("bucket", "渔夫"),
            _t("wide-brim", "宽檐")), (12, 69), patterns=("solid", "solid", "striped", "checked", "polka dot",
            "camouflage"), uses=_MOVE),
        Category("sunglasses", "太阳镜", "Accessories > Eyewear", _EXTRAS + "Sunglasses", "fashion",
            ("plastic", "titanium", "bamboo"), (_t("round", "圆框"), _t("square", "方框"),
            _t("cat-eye", "猫眼")), (19, 159), colours=("black", "brown", "red", "blue", "green", "gold",
            "silver", "pink", "white", "purple"), plural=True, uses=_WEAR),
        Category("watch", "手表", "Accessories > Watches", "Apparel & Accessories > Jewelry > Watches",
            "tech", ("steel", "leather", "titanium"), (_t("analogue", "指针"), _t("digital", "数字")),
            (49, 399), colours=("black", "silver", "gold", "blue", "brown", "red", "white", "green", "pink"),
            patterns=("solid",), sound="alarm", uses=_WEAR),
        Category("umbrella", "雨伞", "Accessories > Umbrellas", "Home & Garden > Parasols & Rain Umbrellas",
            "fashion", ("nylon", "cotton"), (_plain("open"), _t("dome", "圆顶")), (12, 49),
            patterns=("solid", "striped", "polka dot", "floral", "checked", "colour block"), uses=_MOVE),
        Category("phone", "手机", "Electronics > Phones",
            "Electronics > Communications > Telephony > Mobile Phones", "tech",
            ("aluminium", "glass", "titanium"), (_plain("single"), _t("dual-camera", "双摄"),
            _t("triple-camera", "三摄")), (199, 1199), colours=TECH_COLOURS,
            patterns=("solid", "solid", "ombre", "marble"), uses=_TECH),
        Category("headphones", "耳机", "Electronics > Audio", "Electronics > Audio > Headphones", "tech",
            ("plastic", "leather", "aluminium"), (_t("over-ear", "头戴式"), _t("on-ear", "贴耳式")),
            (29, 349), colours=TECH_COLOURS, plural=True, sound="chime", uses=_TECH),
        Category("speaker", "音箱", "Electronics > Audio", "Electronics > Audio > Speakers", "tech",
            ("wood", "plastic", "aluminium"), (_t("bookshelf", "书架"), _t("portable", "便携")), (39, 299),
            colours=("black", "white", "red", "blue", "brown", "grey", "teal", "yellow", "pink", "orange"),
            sound="beat", uses=_TECH),
        Category("laptop", "笔记本电脑", "Electronics > Computers", "Electronics > Computers > Laptops",
            "tech", ("aluminium", "plastic", "carbon"), (_plain("classic"), _t("thin", "轻薄"),
            _t("gaming", "游戏")), (499, 2199), colours=("silver", "black", "gold", "blue", "pink", "white",
            "grey", "red", "green"), uses=_TECH),
        Category("camera", "相机", "Electronics > Cameras", "Cameras & Optics > Cameras > Digital Cameras",
            "tech", ("aluminium", "plastic", "leather"), (_t("mirrorless", "微单"), _t("instant", "拍立得"),
            _t("retro", "复古")), (99, 1499), colours=("black", "silver", "brown", "red", "blue", "pink",
            "white", "teal", "yellow"), sound="shutter", uses=_TECH),
        Category("mug", "马克杯", "Kitchen > Drinkware", _KITCHEN + "Tableware > Drinkware > Mugs", "home",
            ("ceramic", "enamel", "porcelain", "glass"), (_plain("straight"), _t("tall", "高身"),
            _t("round", "圆肚")), (8, 29), colours=HOME_COLOURS,
            patterns=("solid", "striped", "polka dot", "floral", "checked", "marble"), uses=_COOK),
        Category("kettle", "水壶", "Kitchen > Kettles", _KITCHEN + "Kitchen Appliances > Kettles", "home",
            ("steel", "enamel", "copper"), (_t("whistling", "鸣笛"), _t("gooseneck", "细嘴")), (25, 99),
            colours=HOME_COLOURS, patterns=("solid", "solid", "polka dot", "floral"), sound="whistle",
            uses=_COOK),
        Category("pan", "平底锅", "Kitchen > Cookware", _KITCHEN + "Cookware > Skillets & Frying Pans",
            "home", ("cast iron", "steel", "copper", "ceramic"), (_t("frying", "煎炒"), _t("deep", "深型")),
            (19, 119), colours=("black", "red", "orange", "blue", "green", "grey", "teal", "yellow", "beige"),
            uses=_COOK),
        Category("plate", "盘子", "Kitchen > Tableware", _KITCHEN + "Tableware > Dinnerware > Plates", "home",
            ("porcelain", "ceramic", "enamel", "bamboo"), (_t("round", "圆形"), _t("square", "方形"),
            _t("oval", "椭圆")), (8, 39), colours=HOME_COLOURS,
            patterns=("solid", "striped", "polka dot", "floral", "checked", "marble"), uses=_COOK),
        Category("bottle", "水瓶", "Kitchen > Drinkware",
            _KITCHEN + "Food & Beverage Carriers > Water Bottles", "outdoor", ("steel", "glass", "plastic"),
            (_plain("slim"), _t("sports", "运动"), _t("wide-mouth", "广口")), (12, 45), colours=HOME_COLOURS,
            patterns=("solid", "solid", "striped", "ombre", "marble", "floral"), uses=_MOVE),
        Category("chair", "椅子", "Furniture > Chairs", "Furniture > Chairs", "home",
            ("wood", "velvet", "plastic", "leather"), (_t("dining", "=餐椅"), _t("lounge", "=休闲椅"),
            _t("swivel", "=转椅")), (49, 299), colours=HOME_COLOURS,
            patterns=("solid", "solid", "striped", "checked"), uses=_HOME),
        Category("sofa", "沙发", "Furniture > Sofas", "Furniture > Sofas", "home",
            ("velvet", "leather", "linen"), (_t("two-seat", "双人"), _t("three-seat", "三人"),
            _t("single-seat", "单人")), (299, 1499), colours=HOME_COLOURS,
            patterns=("solid", "solid", "striped", "checked", "floral"), uses=_HOME),
        Category("table", "桌子", "Furniture > Tables", "Furniture > Tables", "home",
            ("wood", "glass", "bamboo"), (_t("dining", "=餐桌"), _t("round", "=圆桌"), _t("coffee", "=茶几")),
            (79, 599), colours=("brown", "beige", "white", "black", "grey", "red", "green", "blue", "yellow"),
            uses=_HOME),
        Category("lamp", "台灯", "Home > Lighting", "Home & Garden > Lighting > Lamps", "home",
            ("ceramic", "wood", "copper", "linen"), (_t("table", "桌面"), _t("mushroom", "蘑菇"),
            _t("desk", "书桌")), (25, 149), colours=HOME_COLOURS,
            patterns=("solid", "solid", "striped", "checked"), uses=_HOME),
        Category("cushion", "抱枕", "Home > Textiles", "Home & Garden > Decor > Throw Pillows", "home",
            ("velvet", "linen", "cotton", "wool"), (_t("square", "方形"), _t("round", "圆形"),
            _t("bolster", "圆柱")), (12, 49), colours=HOME_COLOURS,
            patterns=(*CLOTH_PATTERNS, "chevron", "star"), uses=_HOME),
        Category("teddy bear", "泰迪熊", "Toys > Soft toys",
            _TOY + "Dolls, Playsets & Toy Figures > Stuffed Animals", "play", ("plush", "cotton"),
            (_plain("bare"), _t("bow-tie", "领结"), _t("scarfed", "围巾款")), (12, 59),
            colours=("brown", "beige", "white", "pink", "grey", "blue", "yellow", "purple", "black"),
            patterns=("solid", "solid", "checked", "polka dot"), uses=_TOYS),
        Category("toy car", "玩具车", "Toys > Vehicles", _TOY + "Toy Vehicles > Toy Cars", "play",
            ("wood", "plastic", "steel"), (_plain("saloon"), _t("racing", "赛车"), _t("truck", "卡车")),
            (8, 49), colours=BRIGHT_COLOURS, patterns=("solid", "solid", "striped", "checked", "star"),
            sound="motor", uses=_TOYS),
        Category("toy blocks", "积木", "Toys > Building toys", _TOY + "Building Toys > Wooden Blocks", "play",
            ("wood", "plastic"), (_t("tower", "塔式"), _t("castle", "城堡"), _t("pyramid", "金字塔")),
            (9, 59), colours=BRIGHT_COLOURS, patterns=("solid", "star", "polka dot"), plural=True,
            uses=_TOYS),
        Category("bicycle", "自行车", "Sports > Cycling",
            "Sporting Goods > Outdoor Recreation > Cycling > Bicycles", "play",
            ("steel", "aluminium", "carbon"), (_t("city", "城市"), _t("road", "公路"),
            _t("children's", "儿童")), (149, 1299), colours=BRIGHT_COLOURS, sound="bell", uses=_MOVE),
        Category("notebook", "记事本", "Stationery > Notebooks", _PAPER + "Notebooks & Notepads", "play",
            ("paper", "leather", "linen"), (_plain("hardcover"), _t("spiral", "线圈"),
            _t("strapped", "绑带")), (6, 29), patterns=(*CLOTH_PATTERNS, "chevron", "marble", "star"),
            uses=_TECH),
        Category("guitar", "吉他", "Music > Guitars", _MUSIC + "String Instruments > Guitars", "play",
            ("wood", "carbon"), (_t("acoustic", "原声"), _t("electric", "=电吉他"), _t("parlour", "旅行")),
            (79, 899), colours=("brown", "orange", "red", "black", "blue", "white", "green", "yellow",
            "purple", "pink"), patterns=("solid", "solid", "ombre"), sound="pluck",
            uses=(("beginners and stage players", "初学者与舞台演奏"), ("campfire evenings", "篝火之夜"))),
        Category("alarm clock", "闹钟", "Home > Clocks", "Home & Garden > Decor > Clocks > Alarm Clocks",
            "home", ("steel", "plastic", "copper"), (_t("twin-bell", "双铃"), _plain("round")), (12, 59),
            colours=HOME_COLOURS, sound="ring", uses=_HOME),
    )
}  # fmt: skip

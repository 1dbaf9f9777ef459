"""Colours, patterns and materials of the sample catalogue, named in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Colour:
    """A named colour. ``rgb`` is sRGB in 0..1; ``accents`` are the colours its patterns are drawn in."""

    key: str
    zh: str
    rgb: RGB
    accents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A word in both languages. An empty ``en`` means the title does not say it."""

    key: str
    en: str
    zh: str


def _rgb(code: str) -> RGB:
    red, green, blue = (int(code[i : i + 2], 16) / 255.0 for i in (0, 2, 4))
    return red, green, blue


COLOURS: dict[str, Colour] = {
    colour.key: colour
    for colour in (
        Colour("red", "红色", _rgb("cf2a34"), ("white", "beige", "navy")),
        Colour("orange", "橙色", _rgb("ee7d22"), ("white", "beige", "brown")),
        Colour("yellow", "黄色", _rgb("f3c52c"), ("white", "grey", "navy")),
        Colour("green", "绿色", _rgb("2f9250"), ("white", "beige", "yellow")),
        Colour("teal", "青色", _rgb("1c9a9e"), ("white", "beige", "yellow")),
        Colour("blue", "蓝色", _rgb("2c6fd1"), ("white", "beige", "yellow")),
        Colour("navy", "藏青色", _rgb("1d2b57"), ("white", "red", "beige")),
        Colour("purple", "紫色", _rgb("7a40a8"), ("white", "pink", "yellow")),
        Colour("pink", "粉色", _rgb("f08fb4"), ("white", "red", "grey")),
        Colour("brown", "棕色", _rgb("7d4f2c"), ("beige", "white", "orange")),
        Colour("beige", "米色", _rgb("dcc6a0"), ("brown", "white", "navy")),
        Colour("black", "黑色", _rgb("26272b"), ("white", "grey", "red")),
        Colour("white", "白色", _rgb("f3f2ee"), ("navy", "red", "black", "green")),
        Colour("grey", "灰色", _rgb("8b9097"), ("white", "black", "yellow")),
        Colour("gold", "金色", _rgb("d9ab45"), ("white", "black", "brown")),
        Colour("silver", "银色", _rgb("c5cad1"), ("black", "blue", "white")),
    )
}

PATTERNS: dict[str, Term] = {
    term.key: term
    for term in (
        Term("solid", "", ""),
        Term("striped", "striped", "条纹"),
        Term("checked", "checked", "格子"),
        Term("polka dot", "polka dot", "波点"),
        Term("floral", "floral", "碎花"),
        Term("chevron", "chevron", "人字纹"),
        Term("camouflage", "camouflage", "迷彩"),
        Term("ombre", "ombre", "渐变"),
        Term("star", "star print", "星星"),
        Term("colour block", "colour-block", "拼色"),
        Term("marble", "marble", "大理石纹"),
    )
}

MATERIALS: dict[str, Term] = {
    term.key: term
    for term in (
        Term("cotton", "cotton", "棉质"),
        Term("linen", "linen", "亚麻"),
        Term("silk", "silk", "真丝"),
        Term("wool", "wool", "羊毛"),
        Term("cashmere", "cashmere", "羊绒"),
        Term("denim", "denim", "牛仔"),
        Term("leather", "leather", "真皮"),
        Term("suede", "suede", "绒面革"),
        Term("canvas", "canvas", "帆布"),
        Term("nylon", "nylon", "尼龙"),
        Term("mesh", "mesh", "网面"),
        Term("straw", "straw", "草编"),
        Term("velvet", "velvet", "丝绒"),
        Term("plush", "plush", "毛绒"),
        Term("rubber", "rubber", "橡胶"),
        Term("plastic", "plastic", "塑料"),
        Term("aluminium", "aluminium", "铝合金"),
        Term("steel", "steel", "不锈钢"),
        Term("titanium", "titanium", "钛合金"),
        Term("copper", "copper", "铜制"),
        Term("cast iron", "cast-iron", "铸铁"),
        Term("enamel", "enamel", "搪瓷"),
        Term("ceramic", "ceramic", "陶瓷"),
        Term("porcelain", "porcelain", "骨瓷"),
        Term("glass", "glass", "玻璃"),
        Term("wood", "wooden", "木质"),
        Term("bamboo", "bamboo", "竹制"),
        Term("carbon", "carbon", "碳纤维"),
        Term("paper", "paper", "纸质"),
    )
}

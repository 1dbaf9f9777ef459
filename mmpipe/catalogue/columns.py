"""The names under which shops keep the product fields, and the words they put into them."""

from __future__ import annotations

import re
from typing import Final

from mmpipe.schemas.product import Product

FIELDS: Final = frozenset(Product.model_fields)

# Other names of a field, best first; the field's own name always wins.
ALIASES: Final[dict[str, str]] = {
    alias: target
    for target, aliases in {
        "id": "product_id item_id offer_id sku product_code asin 编号 商品编号 商品id",
        "title": "name product_name product_title product_display_name item_name 标题 名称 商品名称",
        "description": "desc body body_html product_description summary brief content 描述 商品描述 简介",
        "link": "url product_url product_link page_url 链接 商品链接",
        "image_link": "image img picture photo image_url image_src image_path main_image 图片 主图",
        "additional_image_link": "additional_image_links additional_images images image_links image_urls",
        "video_link": "video video_url video_src clip 视频",
        "audio_link": "audio audio_url audio_src sound 音频",
        "price": "regular_price list_price unit_price selling_price 价格 售价 商品价格",
        "sale_price": "special_price discount_price promo_price 促销价",
        "availability": "stock_status in_stock availability_status 库存状态",
        "brand": "vendor manufacturer brand_name 品牌",
        "gtin": "ean upc barcode isbn 条码",
        "mpn": "manufacturer_part_number model_number",
        "condition": "item_condition",
        "item_group_id": "group_id parent_id parent_sku parent_asin",
        "product_type": "category categories category_path category_name 类目 分类 商品类目",
        "google_product_category": "google_category product_category",
        "color": "colour base_colour base_color color_name colour_name 颜色",
        "size": "size_name 尺码 尺寸",
        "gender": "sex 性别",
        "age_group": "agegroup",
        "material": "fabric 材质",
        "pattern": "print",
        "language": "lang locale content_language 语言",
    }.items()
    for alias in aliases.split()
}

CURRENCY_COLUMNS: Final = ("currency", "price_currency", "currency_code", "币种", "货币")
# Columns that hold one step of a category path each, from the top downwards.
CATEGORY_STEPS: Final = ("master_category", "parent_category", "sub_category", "subcategory", "article_type")

AVAILABILITIES: Final[dict[str, str]] = {
    word: value
    for value, words in {
        "in_stock": "in_stock instock available true yes y 1 on_stock limited_availability "
        "limitedavailability instoreonly onlineonly online_only 有货 现货 在售",
        "out_of_stock": "out_of_stock outofstock oos sold_out soldout unavailable not_available discontinued "
        "false no n 0 缺货 无货 售罄 下架",
        "preorder": "preorder pre_order pre_sale presale coming_soon 预售 预购",
        "backorder": "backorder back_order backordered available_for_order on_order 可订购",
    }.items()
    for word in words.split()
}

# ISO 639-1: what may follow ``title_`` or ``description_``.
_ISO_639: Final = """
aa ab af ak am ar as az ba be bg bn bo br bs ca cs cy da de dz el en eo es et eu fa fi fo fr fy ga
gd gl gu ha he hi hr ht hu hy id ig is it ja jv ka kk km kn ko ku ky la lb lo lt lv mg mi mk ml mn
mr ms mt my nb ne nl nn no oc or pa pl ps pt qu rm ro ru rw sa sd si sk sl sm sn so sq sr st su sv
sw ta te tg th ti tk tl tn to tr ts tt ug uk ur uz vi wo xh yi yo zh zu
"""
_LANGUAGES: Final = frozenset(_ISO_639.split())
_TRANSLATED: Final = re.compile(
    r"^(title|name|product_name|description|desc)_([a-z]{2})(?:_([a-z]{2}|hans|hant))?$"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_NAME: Final = re.compile(r"[\s\-/.()\[\]]+")
_CACHE_SIZE: Final = 4_096
_cache: dict[str, str] = {}


def column_name(name: str) -> str:
    """``g:Image Link``, ``imageLink`` and ``image-link`` are all ``image_link``."""
    found = _cache.get(name)
    if found is None:
        found = name.lstrip("\ufeff").strip().removeprefix("g:").removeprefix("c:")
        if not found.isupper():
            found = _CAMEL.sub("_", found)
        kept = "_" if found.startswith("_") else ""
        found = kept + _NOT_NAME.sub("_", found).strip("_").lower()
        # Names come from feeds: only so many of them, and only short ones, are worth remembering.
        if len(name) <= 64 and len(_cache) < _CACHE_SIZE:
            _cache[name] = found
    return found


def translation_of(column: str) -> tuple[str, str] | None:
    """``title_zh`` as ``("zh", "title")``; None for a column that is no translation."""
    found = _TRANSLATED.match(column)
    if found is None or found.group(2) not in _LANGUAGES:
        return None
    field = "title" if found.group(1) in ("title", "name", "product_name") else "description"
    region = found.group(3)
    if region is None:
        return found.group(2), field
    return f"{found.group(2)}-{region.title() if len(region) == 4 else region.upper()}", field


def availability_of(text: str) -> str | None:
    """One of Google's four words for any of the usual ones, a schema.org address, or a count; None if it is
    none."""
    word = text.strip().lower().removeprefix("https://schema.org/").removeprefix("http://schema.org/")
    word = _NOT_NAME.sub("_", word)
    if word.isascii() and word.isdigit():
        return "out_of_stock" if not word.strip("0") else "in_stock"
    return AVAILABILITIES.get(word)

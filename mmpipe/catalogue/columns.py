"""The names under which shops keep the product fields, and the words they put into them."""

from __future__ import annotations

import re
from typing import Final

from mmpipe.schemas.product import Availability, Product

FIELDS: Final = frozenset(Product.model_fields)

# Other names of a field, best first; the field's own name always wins.
ALIASES: Final[dict[str, str]] = {
    alias: target
    for target, aliases in {
        "id": "product_id item_id offer_id sku product_code article_number item_number product_number asin"
        " 编号 商品编号 商品id",
        "title": "name product_name product_title product_display_name item_name item_title"
        " 标题 名称 商品名称",
        "description": "desc body body_html product_description summary brief content 描述 商品描述 简介",
        "link": "url product_url product_link page_url permalink canonical_link 链接 商品链接",
        "image_link": "image img picture photo image_url image_src image_path main_image"
        " main_image_url base_image 图片 主图",
        "additional_image_link": "additional_image_links additional_images images image_links image_urls"
        " additional_image_urls additional_image_url other_images other_image_url"
        " lifestyle_image_link lifestyle_image_links",
        "video_link": "video video_links video_url video_src clip 视频",
        "audio_link": "audio audio_url audio_src sound 音频",
        "price": "unit_price selling_price current_price 价格 售价 商品价格",
        "sale_price": "special_price discount_price promo_price 促销价",
        "sale_price_effective_date": "sale_price_dates",
        "availability": "stock_status in_stock availability_status is_in_stock 库存状态",
        "brand": "brands vendor manufacturer brand_name 品牌",
        "gtin": "gtins ean upc barcode isbn ean13 gtin13 gtin12 gtin14 gtin8 gtin_upc_ean_or_isbn 条码",
        "mpn": "mpns manufacturer_part_number model_number",
        "condition": "item_condition",
        "item_group_id": "group_id parent_id parent_sku parent_asin",
        "item_group_title": "group_title",
        "product_type": "product_types category categories category_path category_name product_category"
        " 类目 分类 商品类目",
        "google_product_category": "google_category",
        "color": "colour base_colour base_color color_name colour_name 颜色",
        "size": "size_name sizes 尺码 尺寸",
        "gender": "sex target_gender 性别",
        "age_group": "agegroup",
        "material": "fabric 材质",
        "pattern": "print",
        "language": "lang locale content_language 语言",
        "rating": "star_rating average_rating",
        "rating_count": "review_count reviews_count",
    }.items()
    for alias in aliases.split()
}

# Columns that hold parts of their own, or come in place of others: :mod:`mmpipe.catalogue.grouped` reads
# them.
GROUPED: Final[dict[str, str]] = {
    name: target
    for target, names in {
        "structured_title": "structured_title",
        "structured_description": "structured_description",
        "product_detail": "product_detail product_details",
        "product_highlight": "product_highlight product_highlights highlights",
        "variant_option": "variant_option variant_options variant_dict additional_variant_attribute"
        " additional_variant_attributes",
        "question_and_answer": "question_and_answer questions_and_answers q_and_a",
        "sale_start": "sale_price_start_date sale_start_date special_price_from_date",
        "sale_end": "sale_price_end_date sale_end_date special_price_to_date",
    }.items()
    for name in names.split()
}

_FORMER: Final = """
regular_price list_price compare_at_price compare_price original_price was_price old_price strike_price
strikethrough_price price_before_discount 原价 划线价 市场价
"""
# The price that is crossed out beside another one: the price itself where there is no other.
FORMER_PRICES: Final = frozenset(_FORMER.split())

_STOCK: Final = """
stock stock_quantity stock_qty stock_level in_stock_quantity inventory inventory_quantity inventory_qty
inventory_level quantity qty quantity_in_stock qty_in_stock quantity_available available_quantity
quantity_on_hand on_hand sell_on_google_quantity quantity_to_sell_on_facebook 库存 库存数量 库存量
"""
# How many are left: what a row without any word of its availability goes by.
STOCK_COUNTS: Final = frozenset(_STOCK.split())
# Of these none left is sold out, whatever the word beside it: so Meta reads its catalogues.
STOCK_DECIDES: Final = frozenset({"quantity_to_sell_on_facebook", "inventory"})
SOLD_OUT: Final = frozenset({"out_of_stock", "is_out_of_stock", "sold_out", "is_sold_out"})

_SHOWN: Final = """
short_title tags style season product_tags size_type size_types size_system multipack is_bundle
energy_efficiency_class min_energy_efficiency_class max_energy_efficiency_class certification
certifications unit_pricing_measure unit_pricing_base_measure product_length product_width product_height
product_weight dimensions length width height weight availability_date expected_availability_date
expiration_date popularity_rank return_policy_label warranty model sku
"""
# What Google, Meta and OpenAI name beside the fields, and a shopper may see: public attributes.
PUBLIC_ATTRIBUTES: Final = frozenset(_SHOWN.split())
# Names of ratings that are public also where they hold something else than a rating.
RATED_ATTRIBUTES: Final = frozenset({"star_rating", "review_count"})

_NO_WORDS: Final = """
0 false no n off -1 否 未发布
"""
# Columns that say whether a product is for sale, and the words by which they say no.
_NO: Final = frozenset(_NO_WORDS.split())
_YES_WORDS: Final = """
1 true yes y on 是
"""
_YES: Final = frozenset(_YES_WORDS.split())
_OUT_WORDS: Final = """
draft archived inactive disabled deleted unpublished hidden private pending suspended trash trashed
removed staging offline not_visible_individually not_visible none 下架 已下架 草稿 停用
"""
_OUT: Final = frozenset(_OUT_WORDS.split())
_POSITIVE: Final = """
published is_published published_on_online_store active is_active enabled is_enabled visible is_visible
is_eligible_search enable_search eligible_search is_eligible is_listed for_sale is_for_sale 上架
"""
_NEGATIVE: Final = """
hidden is_hidden disabled is_disabled deleted is_deleted archived is_archived draft is_draft
"""
_STATES: Final = """
status product_status listing_status publish_status item_status visibility catalog_visibility 状态 商品状态
"""
SALE_FLAGS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(
        _POSITIVE.split(),
        _NO | _OUT,
    ),
    **dict.fromkeys(["product_online", "online"], _NO | _OUT | {"2"}),
    **dict.fromkeys(
        _NEGATIVE.split(),
        _YES,
    ),
    **dict.fromkeys(
        _STATES.split(),
        _NO | _OUT,
    ),
}

_KEPT: Final = """
is_eligible_checkout is_ads_eligible enable_checkout target_countries store_country ads_metadata
listing_has_variations seller_name seller_url seller_privacy_policy seller_tos return_policy
return_window shipping shipping_label shipping_weight shipping_length shipping_width shipping_height
shipping_price ships_from_country transit_time_label min_handling_time max_handling_time pickup_method
pickup_sla pickup_cost returns tax tax_category ads_redirect ads_grouping ads_labels promotion_id
display_ads_id display_ads_link display_ads_title display_ads_value excluded_destination
included_destination shopping_ads_excluded_country external_seller_id identifier_exists adult mobile_link
feed_label channel internal_label store_code fb_product_category
commerce_tax_category checkout_url related_product document_link reviews
loyalty_program installment subscription_cost cloud_export virtual_model_link applink
"""
# Columns of documented feeds that are kept privately: where, to whom and how something is sold, and the ids
# and flags of programs. What nobody chose to show stays out of answers; any other column does too.
PRIVATE_COLUMNS: Final = frozenset(_KEPT.split())

CURRENCY_COLUMNS: Final = ("currency", "price_currency", "currency_code", "币种", "货币")
# Columns that hold one step of a category path each, from the top downwards.
CATEGORY_STEPS: Final = ("master_category", "parent_category", "sub_category", "subcategory", "article_type")

# ``unknown`` (OpenAI's feed) is not known to be sold out.
_AVAILABILITY_WORDS: Final[dict[Availability, str]] = {
    "in_stock": "in_stock instock available true yes y 1 on_stock limited limited_availability limited_stock"
    " low_stock lowstock limitedavailability instoreonly in_store_only onlineonly online_only unknown"
    " 有货 有貨 现货 現貨 在售",
    "out_of_stock": "out_of_stock outofstock temporarily_out_of_stock oos sold_out soldout not_in_stock"
    " no_stock unavailable not_available discontinued reserved pending mark_as_sold false no n 0"
    " 缺货 缺貨 无货 無貨 售罄 售完 下架",
    "preorder": "preorder pre_order pre_sale presale coming_soon 预售 預售 预购 預購",
    "backorder": "backorder back_order backordered onbackorder on_backorder available_on_backorder"
    " available_for_order on_order madetoorder made_to_order 可订购 可訂購",
}
AVAILABILITIES: Final[dict[str, Availability]] = {
    word: value for value, words in _AVAILABILITY_WORDS.items() for word in words.split()
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
_SCHEMA: Final = re.compile(r"(?:(?:https?://)?(?:www\.)?schema\.org/|schema:)")
_COUNT: Final = re.compile(
    r"(?P<more>>(?!=))?[>≥]?=? ?(?P<count>-?(?:[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,12}))(?:[.,]0*)?\+?"
)
_LONGEST_COUNT: Final = 30
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_NAME: Final = re.compile(r"[\s\-/.,:()\[\]{}?*]+")
_HINT: Final = re.compile(r"\s*[(（][^()（）]*[)）]\s*[*?]?\s*$")
_MAX_NAME: Final = 200
_LONGEST: Final = 500
_CACHE_SIZE: Final = 4_096
_cache: dict[str, str] = {}


def bare_name(name: str) -> str:
    """A column's name without the hint in brackets behind it: ``Active (0/1)`` is ``Active``."""
    if len(name) > _MAX_NAME:
        return name  # the pattern tries each place of a run of spaces
    if "(" not in name and "（" not in name:
        return name
    return _HINT.sub("", name) or name


def column_name(name: str) -> str:
    """``g:Image Link``, ``imageLink`` and ``image-link`` are all ``image_link``; ``Name *`` is ``name``, ``In
    stock?`` is ``in_stock``. Only the first 500 characters count."""
    found = _cache.get(name)
    if found is None:
        found = name[:_LONGEST].lstrip("\ufeff").strip().removeprefix("g:").removeprefix("c:")
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


def availability_of(text: str) -> Availability | None:
    """One of Google's four words for any of the usual ones, a schema.org address, or a count; None if it is
    none."""
    known = AVAILABILITIES.get(text)
    if known is not None:
        return known
    word = _SCHEMA.sub("", text.strip().lower()).rstrip("/")
    count = count_of(word)
    if count is not None:
        return "in_stock" if count > 0 else "out_of_stock"
    return AVAILABILITIES.get(_NOT_NAME.sub("_", word))


def count_of(text: str) -> int | None:
    """How many are left at least: ``5``, ``5.0``, ``5,00``, ``1,000``, ``10+``, ``-3``, or one more than
    ``>10`` says; None for what is no count."""
    found = _COUNT.fullmatch(text.strip()) if len(text) <= _LONGEST_COUNT else None
    if found is None:
        return None
    return int(found["count"].replace(",", "")) + (found["more"] is not None)

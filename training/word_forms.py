"""What made-up titles and queries of the shop's things are put together from."""

from __future__ import annotations

from typing import Final

BRANDS: Final = (
    "Brevo", "Nordhem", "Kaitai", "Lumora", "Ostra", "Velmar", "Tindle", "Hearthly", "Zenko", "Piquel",
    "Arvo", "Mistral & Co", "Solenne", "Bexley", "Quanta", "Rivo", "Fernway", "Oakline", "Petrel",
    "Corvus",
    "Junip", "Maroc", "Halden", "Sunda", "Yoki", "Tessera", "Wrenfield", "Dorado", "Cobalt9",
    "Elmbrook",
    "", "", "", "",
)  # fmt: skip
LOOKS: Final = (
    ("black", "黑色"), ("white", "白色"), ("red", "红色"), ("blue", "蓝色"), ("green", "绿色"),
    ("pink", "粉色"),
    ("grey", "灰色"), ("silver", "银色"), ("wooden", "木质"), ("stainless steel", "不锈钢"),
    ("glass", "玻璃"),
    ("plastic", "塑料"), ("ceramic", "陶瓷"), ("leather", "皮革"), ("cotton", "纯棉"), ("bamboo", "竹制"),
    ("silicone", "硅胶"), ("metal", "金属"), ("large", "大号"), ("small", "小号"), ("mini", "迷你"),
    ("portable", "便携式"), ("foldable", "折叠"), ("electric", "电动"), ("wireless", "无线"),
    ("rechargeable", "充电式"), ("waterproof", "防水"), ("adjustable", "可调节"), ("heavy duty", "加厚"),
    ("professional", "专业"), ("kids", "儿童"), ("women's", "女士"), ("men's", "男士"), ("travel", "旅行"),
    ("kitchen", "厨房"), ("outdoor", "户外"), ("organic", "有机"), ("cheap", "便宜"), ("luxury", "高档"),
    ("quiet", "静音"), ("smart", "智能"), ("digital", "数显"), ("gaming", "游戏"), ("vintage", "复古"),
    ("soft", "柔软"), ("fast", "快速"), ("natural", "天然"), ("reusable", "可重复使用"),
    ("disposable", "一次性"),
    ("bluetooth", "蓝牙"), ("led", "LED"), ("solar", "太阳能"), ("magnetic", "磁吸"), ("long", "长款"),
)  # fmt: skip
TAILS: Final = (
    "", "", "", "1.8 L", "500 ml", "with lid", "with stand", "set of 4", "pack of 10", "2-pack",
    "for home",
    "1500W", "for travel", "USB-C", "with storage bag", "30 cm", "120 x 60 cm",
    "for sensitive skin", "with remote",
    "for kids", "10,000 mAh", "with timer", "heavy duty", "for beginners", "XL", "50 ml",
    "with 3 speeds",
    "for the kitchen", "for the garden", "non-slip", "easy to clean", "gift box", "24 pieces",
    "extra long",
)  # fmt: skip
FINISHES: Final = (
    "black", "white", "matte grey", "rose gold", "navy", "beige", "oak", "walnut", "brushed steel",
    "mint",
    "dishwasher safe", "BPA free", "unscented", "lavender", "one size", "silver", "transparent",
    "multicolour",
)  # fmt: skip
SHELVES: Final = (
    "Home > Kitchen", "Home > Furniture", "Household > Cleaning", "Beauty > Face", "Beauty > Hair",
    "Electronics", "Electronics > Audio", "Electronics > Accessories", "Garden > Tools", "Tools",
    "Toys & Games", "Pet Supplies", "Sports & Outdoors", "Health > Care", "Baby", "Office Products",
    "Automotive", "Grocery", "Home > Lighting", "Home & Living", "Personal Care", "Computers",
    "Kitchen > Small Appliances", "Bedding", "Bath", "Storage",
)  # fmt: skip

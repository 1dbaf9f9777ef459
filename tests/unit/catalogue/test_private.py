"""Which columns nobody may publish."""
# ruff: noqa: E501 - tables of values read best in one line each

from __future__ import annotations

import time

import pytest

from mmpipe.catalogue.columns import FIELDS, PUBLIC_ATTRIBUTES, column_name
from mmpipe.catalogue.private import is_never_public


@pytest.mark.parametrize(
    "name",
    [
        "cost", "Costs", "Unit Cost", "Cost per item", "costPrice", "COGS", "cost_of_goods_sold", "Purchase price",
        "purchasing_price", "Buying Price", "Wholesale", "wholesale price", "trade_price", "Dealer price", "Margin",
        "gross margin", "markup", "mark_up", "Profit", "commission", "Supplier", "suppliers", "supplier_sku",
        "internal_label", "internal", "Admin", "admin_url", "staff_comment", "private_x", "Confidential remark",
        "Tax class", "tax_code", "Taxable", "taxes", "vat_rate", "Charge tax", "Notes", "comment", "Remarks",
        "seller_note", "order_comments", "internal remarks", "auto_pricing_min_price", "Map price", "floor price",
        "Custom Label 0", "custom_label_4", "custom_number_1", "custom_label", "成本", "成本价", "进价", "供应商名称",
        "采购员", "毛利率", "内部备注", "税率", "Cost (EUR)", "cost_net", "Margin percent", "margin_2", "commission rate",
    ],
)  # fmt: skip
def test_what_a_shop_pays_and_writes_to_itself_is_never_public(name: str) -> None:
    assert is_never_public(column_name(name))


@pytest.mark.parametrize(
    "name",
    [
        "color", "costume", "cost_center_name_of_play", "accosted", "marginal", "profile", "supply", "material",
        "taxonomy", "taxi", "footnotes", "notebook", "notes_on_tasting", "commentary", "administration", "pricing",
        "trade", "heel height", "成分", "颜色", "内衣尺码", "利口酒", "tasting_notes", "fragrance notes",
    ],
)  # fmt: skip
def test_words_that_begin_alike_are_ordinary(name: str) -> None:
    assert not is_never_public(column_name(name))


def test_no_field_and_no_public_attribute_is_meant() -> None:
    assert [name for name in sorted(FIELDS - {"private"} | PUBLIC_ATTRIBUTES) if is_never_public(name)] == []


@pytest.mark.parametrize("piece", ["cost_", "_", "supplier", "a", "成", "internal_notes_", "tax", "note"])
def test_names_of_any_length_take_no_time(piece: str) -> None:
    started = time.process_time()
    is_never_public(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 5

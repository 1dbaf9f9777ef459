"""What texts say of prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.prices import parse_price
from mmpipe.schemas.currency_names import ALSO_WORDS, CODES_OF
from mmpipe.search.find.amounts import bounds
from mmpipe.search.find.money import amounts_of, code_of
from mmpipe.search.find.stated import even


def said(text: str, currency: str | None) -> list[tuple[str | None, str | None, str]]:
    found = bounds(even(text), currency)
    return [
        (
            None if b.low is None else f"{b.low:f}",
            None if b.high is None else f"{b.high:f}",
            text[b.start : b.end],
        )
        for b in found
        if b.currency == currency
    ]


@pytest.mark.parametrize(
    ("text", "currency", "low", "high", "span"),
    [
        ("red dress under 500", "USD", None, "500", "under 500"),
        ("below $50 lamp", "USD", None, "50", "below $50"),
        ("less than 20 usd", "USD", None, "20", "less than 20 usd"),
        ("lamp over 100", "USD", "100", None, "over 100"),
        ("between 20 and 50", "EUR", "20", "50", "between 20 and 50"),
        ("mug 20-50 dollars", "USD", "20", "50", "20-50 dollars"),
        ("$20 to $50 lamp", "CAD", "20", "50", "$20 to $50"),
        ("between 50 and 20", "USD", "20", "50", "between 50 and 20"),
        ("max 30€ mug", "EUR", None, "30", "max 30€"),
        ("19,99 € max", "EUR", None, "19.99", "19,99 € max"),
        ("cheaper than 15 shoes", "USD", None, "15", "cheaper than 15"),
        ("price under 1,000.50", "USD", None, "1000.50", "price under 1,000.50"),
        ("laptop under 2k", "USD", None, "2000", "under 2k"),
        ("$50 or less", "USD", None, "50", "$50 or less"),
        ("from $20", "USD", "20", None, "from $20"),
        ("lamp < 50", "USD", None, "50", "< 50"),
        ("price: 20-50", "USD", "20", "50", "price: 20-50"),
        ("UNDER ＄５０", "USD", None, "50", "UNDER ＄５０"),
        ("under ¥500", "JPY", None, "500", "under ¥500"),
        ("dress for women under 50", "USD", None, "50", "under 50"),
        ("under 20 pounds", "GBP", None, "20", "under 20 pounds"),
        ("200元以下的连衣裙", "CNY", None, "200", "200元以下"),
        ("100到200元", "CNY", "100", "200", "100到200元"),
        ("耳机500块以内", "CNY", None, "500", "500块以内"),
        ("不超过300的手机", "CNY", None, "300", "不超过300"),
        ("低于30美元", "USD", None, "30", "低于30美元"),
        ("高于100", "CNY", "100", None, "高于100"),
        ("大于1万元", "CNY", "10000", None, "大于1万元"),
        ("under 1.5k", "USD", None, "1500", "under 1.5k"),
        ("价格在100到200之间", "CNY", "100", "200", "价格在100到200之间"),
        ("预算500以内", "CNY", None, "500", "预算500以内"),
        ("便宜点，40以内", "CNY", None, "40", "40以内"),
        ("lamp,$20 to $50", "USD", "20", "50", "$20 to $50"),
        ("cheap,1,500 or less", "USD", None, "1500", "1,500 or less"),
        ("300元起", "CNY", "300", None, "300元起"),
        ("尺寸40，50以内", "CNY", None, "50", "50以内"),
        ("１，０００元以下", "CNY", None, "1000", "１，０００元以下"),
        ("1，000元以下", "CNY", None, "1000", "1，000元以下"),
        ("不超过五十块", "CNY", None, "50", "不超过五十块"),
        ("一千五以下的手机", "CNY", None, "1500", "一千五以下"),
        ("三百到五百元", "CNY", "300", "500", "三百到五百元"),
        ("百元以内", "CNY", None, "100", "百元以内"),
        ("大于100小于200", "CNY", "100", None, "大于100"),
        ("100以下小白鞋", "CNY", None, "100", "100以下"),
        ("200以下毛衣", "CNY", None, "200", "200以下"),
        ("低于100台灯", "CNY", None, "100", "低于100"),
        ("less than fifty", "USD", None, "50", "less than fifty"),
        ("under twenty-five dollars", "USD", None, "25", "under twenty-five dollars"),
        ("under one hundred and fifty", "USD", None, "150", "under one hundred and fifty"),
        ("between twenty and thirty dollars", "USD", "20", "30", "between twenty and thirty dollars"),
        ("under a hundred dollars", "USD", None, "100", "under a hundred dollars"),
        ("under 2 thousand", "USD", None, "2000", "under 2 thousand"),
        ("sub-$50 headphones", "USD", None, "50", "sub-$50"),
        ("$100+", "USD", "100", None, "$100+"),
        ("$50 & under", "USD", None, "50", "$50 & under"),
        ("my budget is 500", "USD", None, "500", "budget is 500"),
        ("below the price of 50", "USD", None, "50", "below the price of 50"),
        ("under$50", "USD", None, "50", "under$50"),
        ("under .99", "USD", None, "0.99", "under .99"),
        ("under 1.299,00 €", "EUR", None, "1299.00", "under 1.299,00 €"),
        ("under 1.299 €", "EUR", None, "1299", "under 1.299 €"),
        ("under 1.299 KWD", "KWD", None, "1.299", "under 1.299 KWD"),
        ("under 1 299 €", "EUR", None, "1299", "under 1 299 €"),
        ("€1 299 max", "EUR", None, "1299", "€1 299 max"),
        ("under €20 500 ml bottle", "EUR", None, "20", "under €20"),
        ("under 20 500 ml bottle", "USD", None, "20", "under 20"),
        ("under ₹1,00,000", "INR", None, "100000", "under ₹1,00,000"),
        ("under 1 lakh", "INR", None, "100000", "under 1 lakh"),
        ("under Rs 500", "PKR", None, "500", "under Rs 500"),
        ("under 500 kr", "SEK", None, "500", "under 500 kr"),
        ("under 500 zł", "PLN", None, "500", "under 500 zł"),
    ],
)
def test_a_price_is_understood(
    text: str, currency: str, low: str | None, high: str | None, span: str
) -> None:
    assert said(text, currency)[0] == (low, high, span)


@pytest.mark.parametrize(
    "text",
    [
        "500 ml", "under 500 ml bottle", "size 42", "iphone 15", "air max 90", "iphone 15 pro max 256",
        "at least 3 pockets", "over 3 years", "women over 40", "toys for kids under 5", "under 5 minutes",
        "under 10 inch", "under 50%", "36-40", "100-200", "under", "under dress", "$50", "5岁以下", "不到5斤",
        "under 20 pounds", "max 30€", "200元以下", "不超过300日元", "under £20",
        "under 50 KWD", "under 50 cents", "under one roof", "less than fifty people", "women over forty",
        "size ten", "不超过五件", "不超过5公斤", "至少5000万像素", "十字绣", "三星手机", "第五元素",
        "几百块以内", "二零二六新款", "over one shoulder bag", "under five",
    ],
)  # fmt: skip
def test_other_numbers_and_other_currencies_are_none(text: str) -> None:
    assert said(text, "USD") == []


@pytest.mark.parametrize(
    ("text", "currency", "found"),
    [
        ("watch under 50 euros", "USD", [("50", "EUR")]),
        ("watch under $50", "EUR", [("50", "USD")]),
        ("200元以下的手表", "USD", [("200", "CNY")]),
        ("dumbbell under 20 pounds", "USD", []),
        ("under 50 KWD", "USD", [("50", "KWD")]),
    ],
)
def test_a_price_says_its_currency(text: str, currency: str, found: list[tuple[str, str]]) -> None:
    assert [(f"{bound.high:f}", bound.currency) for bound in bounds(even(text), currency)] == found


def test_a_range_in_two_currencies_is_two_bounds() -> None:
    found = bounds(even("mug $20 to 30€"), "USD")
    assert [(b.low, b.high, b.currency, (b.start, b.end)) for b in found] == [
        (20, None, "USD", (4, 10)),
        (None, 30, "EUR", (11, 14)),
    ]


def test_two_bounds_are_both_understood() -> None:
    assert [each[:2] for each in said("over 20 under 50", "USD")] == [("20", None), (None, "50")]


def test_without_a_currency_of_its_own_a_collection_has_no_prices() -> None:
    assert said("under $50", None) == []


@given(
    st.lists(
        st.sampled_from(
            ["under", "between", "and", "20", "50", "1,000", "$", "€", "-", "to", "元", "以下", "到", "max",
             " ", "price", "不超过", "．", "５", "9" * 40, "or less", "\t", "k",
             "fifty", "hundred", "五", "百", "千", "万", "，", "000", ".", "kr", "元以下", "sub-", "+"]
        ),
        max_size=60,
    ).map(" ".join)
)  # fmt: skip
def test_bounds_lie_inside_the_text_and_never_overlap(text: str) -> None:
    folded = even(text)
    assert len(folded) == len(text)
    at = 0
    for bound in bounds(folded, "USD"):
        assert at <= bound.start < bound.end <= len(text)
        assert bound.low is not None or bound.high is not None
        if bound.low is not None and bound.high is not None:
            assert bound.low <= bound.high
        at = bound.end


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "9 ",
        "under 1 ",
        "between 1 ",
        "1-",
        "\x00\x01",
        "$",
        "以下",
        "价格",
        "fifty ",
        "hundred ",
        "a hundred ",
        "百",
        "五百",
        "1 000 ",
        "1,00,",
        "，",
    ],
)
def test_hostile_texts_say_little(piece: str) -> None:
    text = piece * (1_000 // len(piece))
    assert len(bounds(even(text), "USD")) <= 24


@pytest.mark.parametrize("name", sorted(set(CODES_OF) - ALSO_WORDS))
def test_a_price_names_its_currency_as_in_feeds(name: str) -> None:
    amount, currency = parse_price(f"40 {name}")
    (said,) = amounts_of(even(f"40 {name}"), "XAF")
    assert (said.value, code_of(said.money or "", "XAF")) == (amount, currency)


@pytest.mark.parametrize("text", ["2 cup set", "12 awg wire", "6 ft rug", "500 рубашка"])
def test_what_is_also_another_word_is_no_currency(text: str) -> None:
    assert all(amount.money is None for amount in amounts_of(text, "USD"))

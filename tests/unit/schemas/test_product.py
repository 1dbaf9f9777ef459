"""What is paid when, what full-text search reads, and what is public."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from mmpipe.schemas.product import Money, Product, PublicProduct, SalePeriod, says_words

START, END = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)


def money(text: str | None) -> Money | None:
    if text is None:
        return None
    amount, currency = text.split()
    return Money(amount=Decimal(amount), currency=currency)


def product(price: str | None, sale: str | None, *period: datetime | None) -> Product:
    dates = SalePeriod(start=period[0], end=period[1]) if period else None
    return Product(
        id="p", title="t", price=money(price), sale_price=money(sale), sale_price_effective_date=dates
    )


@pytest.mark.parametrize(
    ("price", "sale", "expected"),
    [
        ("20 USD", None, "20 USD"),
        ("20 USD", "12 USD", "12 USD"),
        ("20 USD", "0 USD", "20 USD"),
        ("20 USD", "0.00 USD", "20 USD"),
        ("20 USD", "20.00 USD", "20 USD"),
        ("20 USD", "25 USD", "20 USD"),
        ("20 USD", "12 EUR", "20 USD"),
        ("0 USD", "12 USD", "0 USD"),
        (None, "12 USD", "12 USD"),
        (None, "0 USD", None),
        (None, None, None),
    ],
)
def test_only_a_valid_sale_price_is_paid(price: str | None, sale: str | None, expected: str | None) -> None:
    assert product(price, sale).effective_price(START) == money(expected)
    assert (product(price, sale).valid_sale_price is not None) == (expected != price)


@pytest.mark.parametrize(
    ("period", "now", "runs"),
    [
        ((START, END), START - timedelta(microseconds=1), False),
        ((START, END), START, True),
        ((START, END), END - timedelta(microseconds=1), True),
        ((START, END), END, False),
        ((None, END), START - timedelta(days=9_999), True),
        ((None, END), END, False),
        ((START, None), END, True),
        ((None, None), END, True),
        ((END, START), START, False),
        # The same moment, told in another zone.
        ((START.astimezone(timezone(timedelta(hours=8))), END), START, True),
    ],
)
def test_a_sale_holds_from_its_start_until_just_before_its_end(
    period: tuple[datetime | None, datetime | None], now: datetime, runs: bool
) -> None:
    assert product("20 USD", "12 USD", *period).effective_price(now) == money("12 USD" if runs else "20 USD")


def test_without_a_price_nothing_is_asked_outside_the_sale() -> None:
    assert product(None, "12 USD", START, END).effective_price(END) is None


def test_the_dates_of_a_sale_have_a_time_zone() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        SalePeriod(start=datetime(2026, 11, 20))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("taxable", "TRUE"),
        ("gift_card", "no"),
        ("published", "0"),
        ("是否包邮", "否"),
        ("swatch", "https://cdn.example/a%20b.jpg"),
        ("swatch", "//cdn.example/a.jpg, https://cdn.example/b.jpg"),
        ("shop", "www.shop.example"),
        ("contact", "mailto:care@shop.example"),
        ("contact", "care@shop.example"),
        ("photo", "img/front/l1.JPG"),
        ("swatch", "data:image/png;base64,iVBORw0KGgo="),
        ("collection", "gid://shopify/Collection/4411"),
        ("group", "0b1f4a66-98a1-4a0e-8a77-0c2f0a4b2f11"),
        ("etag", "9e107d9d372bb6826bd81d3542a419d6"),
        ("star_rating", "4.7"),
        ("Star Rating", "4,7/5"),
        ("reviewCount", "1204"),
        ("popularity rank", "3"),
        ("quantity", "12"),
    ],
)
def test_flags_addresses_ids_and_bare_ratings_say_no_words(name: str, value: str) -> None:
    assert not says_words(name, value)
    assert value not in Product(id="p", title="t", attributes={name: value}).text_for_lexical()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("season", "Summer"),
        ("fit", "Slim"),
        ("voltage", "230 V"),
        ("heel", "5"),
        ("quantity", "6 pieces"),
        ("note", "No sugar added"),
        ("material", "true leather"),
        ("care", "see www.shop.example for care"),
        ("code", "deadbeef"),
        ("model", "WH-1000XM5"),
        ("季节", "夏季"),
    ],
)
def test_words_are_read(name: str, value: str) -> None:
    assert says_words(name, value)
    assert value in Product(id="p", title="t", attributes={name: value}).text_for_lexical()


def test_full_text_reads_what_a_shopper_may_type_and_nothing_private() -> None:
    text = full().text_for_lexical()
    read = ("Oak table", "Solid oak", "Eichentisch", "Northbay", "Furniture > Tables", "4006381333931")
    for words in (*read, "Oak family", "Is it waxed? Yes, twice.", "hand made"):
        assert words in text, words
    for words in ("11.50", "cost_of_goods_sold", "Timber Brothers", "MPN-1", "group-7", "photo.jpg", "TRUE"):
        assert words not in text, words


def test_the_encoder_reads_neither_questions_nor_private_columns() -> None:
    text = full().text_for_encoder()
    assert text.startswith("Oak table . Eichentisch")
    for words in ("waxed", "family", "11.50", "Timber", "hand made"):
        assert words not in text


def test_what_is_public_is_all_but_private() -> None:
    whole = full()
    public = whole.public()
    assert type(public) is PublicProduct
    assert not hasattr(public, "private")
    assert public.model_dump() == whole.model_dump(exclude={"private"})
    assert set(Product.model_fields) - set(PublicProduct.model_fields) == {"private"}
    for text in (public.model_dump_json(), repr(public)):
        assert "11.50" not in text
        assert "private" not in text
    with pytest.raises(ValidationError, match="private"):
        PublicProduct.model_validate(whole.model_dump())


def full(**more: Any) -> Product:
    fields: dict[str, Any] = {
        "id": "p-1",
        "title": "Oak table",
        "description": "Solid oak",
        "image_link": "photo.jpg",
        "price": money("20 USD"),
        "sale_price": money("12 USD"),
        "sale_price_effective_date": SalePeriod(start=START),
        "brand": "Northbay",
        "gtin": "4006381333931",
        "mpn": "MPN-1",
        "item_group_id": "group-7",
        "item_group_title": "Oak family",
        "product_type": "Furniture>Tables",
        "additional_text": "Is it waxed? Yes, twice.",
        "attributes": {"finish": "hand made", "taxable": "TRUE"},
        "translations": {"de": {"title": "Eichentisch"}},
        "private": {"cost_of_goods_sold": "11.50 USD", "supplier": "Timber Brothers"},
    }
    return Product(**fields | more)

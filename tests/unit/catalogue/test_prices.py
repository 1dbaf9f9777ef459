from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.prices import InvalidPrice, currency_of, parse_price
from mmpipe.schemas.currency_names import CURRENCIES


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("19.99 USD", "19.99", "USD"),
        ("USD 19.99", "19.99", "USD"),
        ("19.99usd", "19.99", "USD"),
        ("1.299,00 EUR", "1299.00", "EUR"),
        ("1,299.00 EUR", "1299.00", "EUR"),
        ("1 299,00 €", "1299.00", "EUR"),
        ("1'299.50 CHF", "1299.50", "CHF"),
        ("1,29,900.00 INR", "129900.00", "INR"),
        ("1,299 USD", "1299", "USD"),
        ("12,99 €", "12.99", "EUR"),
        ("1.299.000 VND", "1299000", "VND"),
        ("1,299,000 KRW", "1299000", "KRW"),
        ("€5", "5", "EUR"),
        ("¥199", "199", "CNY"),
        ("￥199.50", "199.50", "CNY"),
        ("199元", "199", "CNY"),
        ("１９９ 元", "199", "CNY"),
        ("$19.99", "19.99", "USD"),
        ("$19.99 CAD", "19.99", "CAD"),
        ("HK$ 80", "80", "HKD"),
        ("49,- €", "49", "EUR"),
        ("500円", "500", "JPY"),
        ("0 USD", "0", "USD"),
        ("£0.99", "0.99", "GBP"),
        ("US $12.00", "12.00", "USD"),
        ("USD $12", "12", "USD"),
        ("CAD$12", "12", "CAD"),
        ("₹499/-", "499", "INR"),
        ("1 299:- kr", "1299", "SEK"),
        ("299 kr.", "299", "SEK"),
        ("Fr. 12.–", "12", "CHF"),
        ("1.299,00 TL", "1299.00", "TRY"),
        ("199 руб.", "199", "RUB"),
        ("Rp 150.000", "150000", "IDR"),
        ("RM 19.90", "19.90", "MYR"),
        ("R 199.00", "199.00", "ZAR"),
        ("12 Euro", "12", "EUR"),
        ("1 234 567.89 USD", "1234567.89", "USD"),
    ],
)
def test_prices_shops_write(text: str, amount: str, currency: str) -> None:
    assert parse_price(text) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("value", "column", "default", "expected"),
    [
        ("19.99", "EUR", "USD", "EUR"),
        ("19.99", None, "USD", "USD"),
        (19.99, "EUR", None, "EUR"),
        (5, None, "CNY", "CNY"),
        ("19.99 GBP", "EUR", "USD", "GBP"),
        ("$5", "CAD", "USD", "CAD"),
        ("$5", "EUR", "AUD", "AUD"),
        ("¥5", None, "USD", "CNY"),
        ("¥5", "JPY", "USD", "JPY"),
        ("€5", "USD", None, "EUR"),
        ("Rs 5", "PKR", None, "PKR"),
        ("Rs. 5", None, None, "INR"),
        ("5元", None, "TWD", "TWD"),
        ("£5", "EGP", "USD", "EGP"),
        ("$5", None, "UYU", "UYU"),
    ],
)
def test_where_the_currency_comes_from(
    value: object, column: str | None, default: str | None, expected: str
) -> None:
    assert parse_price(value, column, default)[1] == expected


def test_a_number_keeps_its_digits() -> None:
    assert parse_price(19.99, "USD")[0] == Decimal("19.99")
    assert parse_price(0.1 + 0.2, "USD")[0] == Decimal("0.3")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "free",
            "ask",
            "-5 USD",
            "USD -5",
            "5-10 USD",
            "from 5 USD",
            "5 USD 6",
            "12 Monkeys",
            "1.2.3,4,5 USD",
            "1² USD",
            "9.₉₉ USD",
            "⑫ USD",
            "1½ USD",
        ),
        *(
            "1,2,3 USD",
            "12,3456.00 USD",
            "12 3 USD",
            "1 2345 USD",
            "1'29.00 CHF",
            "5 USD EUR",
            "5",
            5,
            -1,
            float("nan"),
            float("inf"),
            True,
            None,
            [],
            "9" * 99,
        ),
    ],
)
def test_what_is_no_price(value: object) -> None:
    with pytest.raises(InvalidPrice, match=r"USD"):
        parse_price(value)


def test_currencies_by_name() -> None:
    assert currency_of("eur ") == "EUR"
    assert currency_of("人民币") == "CNY"
    with pytest.raises(InvalidPrice, match="ISO"):
        currency_of("doubloons")


@given(
    amount=st.decimals(min_value=0, max_value=10**9, places=2),
    currency=st.sampled_from(sorted(CURRENCIES)),
    after=st.booleans(),
)
def test_every_plain_price_is_read_back(amount: Decimal, currency: str, after: bool) -> None:
    text = f"{amount} {currency}" if after else f"{currency} {amount}"
    assert parse_price(text) == (amount, currency)
    assert parse_price(f"{amount:,} {currency}") == (amount, currency)
    swapped = f"{amount:,}".translate(str.maketrans(",.", ".,"))
    assert parse_price(f"{swapped} {currency}") == (amount, currency)


@given(
    st.one_of(st.text(max_size=80), st.floats(), st.integers(), st.none(), st.binary()),
    st.none() | st.just("EUR"),
)
def test_nothing_else_is_ever_raised(value: object, currency: str | None) -> None:
    try:
        amount, code = parse_price(value, currency)
    except InvalidPrice:
        return
    assert amount >= 0
    assert code in CURRENCIES


def test_a_whole_number_beyond_every_float_is_an_amount_like_any_other() -> None:
    assert parse_price(10**400, "EUR") == (Decimal(10**400), "EUR")


@given(
    st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,3})?( (USD|EUR|KWD|XXX))?", fullmatch=True),
    st.sampled_from([None, "CHF"]),
)
def test_a_plain_price_is_read_as_any_other(text: str, currency: str | None) -> None:
    def read(value: str) -> tuple[Decimal, str] | None:
        try:
            return parse_price(value, currency, "GBP")
        except InvalidPrice:
            return None

    # With a space before it the text is no longer plain.
    assert read(text) == read(f" {text}")

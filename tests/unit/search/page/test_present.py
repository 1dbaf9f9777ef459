"""Prices as shoppers read them."""

from __future__ import annotations

import pytest

from mmpipe.search.page.present import money, plain_number


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (19.99, "USD", "19.99 USD"),
        (20.0, "USD", "20.00 USD"),
        (1500.0, "JPY", "1500 JPY"),
        (1.5, "KWD", "1.500 KWD"),
        (0.125, "USD", "0.125 USD"),
        (5.0, None, "5.00"),
        (float("nan"), "USD", None),
        (1e11, "USD", "100000000000.00 USD"),
    ],
)
def test_prices_read_as_money(amount: float, currency: str | None, text: str | None) -> None:
    assert money(amount, currency) == text


@pytest.mark.parametrize(
    ("value", "text"), [(20.0, "20"), (19.99, "19.99"), (1e11, "100000000000"), (0, "0")]
)
def test_ranges_name_plain_numbers(value: float, text: str) -> None:
    assert plain_number(value) == text

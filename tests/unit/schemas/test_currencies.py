from decimal import Decimal

import pytest

from mmpipe.schemas.currencies import decimals_of, of_minor_units, to_minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1999, "USD", "19.99"),
        (1999, "JPY", "1999"),
        (1999, "KWD", "1.999"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0.00"),
        (10**11, "EUR", "1000000000.00"),
    ],
)
def test_minor_units_follow_iso_4217(amount: int, currency: str, expected: str) -> None:
    assert of_minor_units(amount, currency) == Decimal(expected)
    assert to_minor_units(Decimal(expected), currency) == amount


def test_what_is_finer_than_the_smallest_unit_is_rounded_half_up() -> None:
    assert to_minor_units(Decimal("19.995"), "USD") == 2000
    assert to_minor_units(Decimal("100.4"), "JPY") == 100
    assert to_minor_units(Decimal("100.5"), "JPY") == 101


def test_a_currency_that_is_not_known_has_two_decimals() -> None:
    assert decimals_of("XTS") == decimals_of(None) == 2

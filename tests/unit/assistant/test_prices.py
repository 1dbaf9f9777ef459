"""Prices as shoppers say them."""

from __future__ import annotations

import pytest

from mmpipe.assistant.prices import spelled


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("预算两百左右", "预算价格150到250"),
        ("三百五十美元以内", "350美元以内"),
        ("三百五以内", "350以内"),
        ("一千零五十", "1050"),
        ("四十元以内", "40元以内"),
        ("差不多80块的", "价格60到100块的"),
        ("便宜点，四十以内", "便宜点，40以内"),
        ("anything below a hundred?", "anything below 100?"),
        ("two hundred and fifty dollars", "250 dollars"),
        ("over thirty five", "over 35"),
        ("somewhere around 150 dollars", "112 to 188 dollars"),
        ("about $100 or so", "$75 to $125"),
        # What is no amount of money stays.
        ("第二个", "第二个"),
        ("十分好看", "十分好看"),
        ("几百块", "几百块"),
        ("about 100", "about 100"),
        ("a hundred-piece set", "a hundred-piece set"),
        ("one of them", "one of them"),
        ("1,500 W", "1,500 W"),
    ],
)
def test_prices_are_spelled_out(said: str, read: str) -> None:
    assert spelled(said) == read

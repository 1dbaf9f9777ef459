"""Links as agents are told them."""

from __future__ import annotations

import pytest

from mmpipe.serve.ucp.told import _link


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/x%20y?a=b#c", "https://a.example/x%20y?a=b#c"),
        ("https://a.example/100%cotton.jpg", "https://a.example/100%25cotton.jpg"),
        ("https://a.example/a[1].jpg?x=[2]#a#b", "https://a.example/a%5B1%5D.jpg?x=%5B2%5D#a%23b"),
        ("HTTPS://a.example/\u00e4 \u00f6", "https://a.example/%C3%A4%20%C3%B6"),
        ("https://[::1]/x", "https://[::1]/x"),
        ("https://a.example:port/x", None),
        ("https://a.example/x\ny", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_a_link_is_an_address_or_none(link: str, told: str | None) -> None:
    assert _link(link) == told

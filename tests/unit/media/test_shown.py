"""Addresses in a query, judged before anything looks at them."""

from __future__ import annotations

import pytest

from mmpipe.errors import InvalidMedia, MediaNotAllowed
from mmpipe.media import Fetcher, MediaRef, shown
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings(allowed_hosts=("cdn.shop.com",), max_image_bytes=1_000)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://cdn.shop.com/a.png", "https://cdn.shop.com/a.png"),
        ("  HTTPS://CDN.shop.com/a b.png\n", "https://cdn.shop.com/a%20b.png"),
        ("data:,a", "data:,a"),
        (" DATA:image/png;base64,eA==", "DATA:image/png;base64,eA=="),
    ],
)
def test_what_a_query_may_name(link: str, address: str) -> None:
    assert shown("image.uri", "image", link, SETTINGS) == MediaRef("image.uri", "image", address)


@pytest.mark.parametrize(
    "link",
    [
        "s3://bucket/secret.png", "file:///etc/passwd", "memory://x/y", "http://cdn.shop.com/a.png",
        "//cdn.shop.com/a.png", "a.png", "/etc/passwd", "", "https:/etc/passwd", "https:etc", "https://",
        "https://other.example/a.png", "https://[::1/a.png", "ht\ntps://cdn.shop.com/a", "\x00https://cdn.shop.com/",
        "https://cdn.shop.com\\@other.example/", "https://user@cdn.shop.com/a", "https://cdn.shop.com/\tb",
        "data:," + "a" * 10_000,
    ],
)  # fmt: skip
def test_all_else_is_refused_with_the_field(link: str) -> None:
    with pytest.raises(InvalidMedia) as refused:
        shown("image.uri", "image", link, SETTINGS)
    assert refused.value.field == "image.uri"


def test_a_fetcher_without_stores_reads_none() -> None:
    with pytest.raises(MediaNotAllowed, match=r"image\.uri: names a stored object"):
        Fetcher(SETTINGS).fetch(MediaRef("image.uri", "image", "file:///etc/passwd"))

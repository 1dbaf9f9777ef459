# ruff: noqa: E501 - tables of values read best in one line each
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaTooLarge
from mmpipe.media import MediaRef, resolve
from mmpipe.media.hosts import check_url, is_public
from mmpipe.schemas.product import Product
from mmpipe.settings import MediaSettings

SETTINGS = MediaSettings(
    allowed_hosts=("cdn.shop.com", "*.images.net", "alt.org:8443"), allowed_buckets=("shared",)
)
ROOT = "s3://bucket/shop/"


def resolved(link: str, root: str = ROOT, settings: MediaSettings = SETTINGS) -> str:
    refs, refused = resolve(Product(id="1", title="T", image_link=link), root, settings)
    if refused:
        assert not refs
        raise refused[0]
    return refs[0].uri


def test_all_media_of_a_product_in_order() -> None:
    product = Product(
        id="1",
        title="T",
        image_link="a.jpg",
        additional_image_link=("b.jpg", "../c.jpg", "d.jpg"),
        audio_link="e.wav",
        video_link="f.mp4",
    )
    refs, refused = resolve(product, ROOT, SETTINGS)
    assert refs == [
        MediaRef("image_link", "image", ROOT + "a.jpg"),
        MediaRef("additional_image_link[0]", "image", ROOT + "b.jpg"),
        MediaRef("additional_image_link[2]", "image", ROOT + "d.jpg"),
        MediaRef("audio_link", "audio", ROOT + "e.wav"),
        MediaRef("video_link", "video", ROOT + "f.mp4"),
    ]
    assert [error.field for error in refused] == ["additional_image_link[1]"]
    assert resolve(Product(id="1", title="T"), ROOT, SETTINGS) == ([], [])


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("media/1.jpg", "s3://bucket/shop/media/1.jpg"),
        ("./media/图 1.jpg", "s3://bucket/shop/media/图 1.jpg"),
        ("s3://bucket/shop/media/1.jpg", "s3://bucket/shop/media/1.jpg"),
        ("s3://shared/x.jpg", "s3://shared/x.jpg"),
        ("https://cdn.shop.com/a b.jpg".replace(" ", "%20"), "https://cdn.shop.com/a%20b.jpg"),
        ("https://cdn.shop.com/a b.jpg?size=1 000", "https://cdn.shop.com/a%20b.jpg?size=1%20000"),
        ("https://cdn.shop.com/größe %C3%9F.jpg", "https://cdn.shop.com/gr%C3%B6%C3%9Fe%20%C3%9F.jpg"),
        ("https://cdn.shop.com/a%2520b/100%.jpg", "https://cdn.shop.com/a%2520b/100%.jpg"),
        ("//cdn.shop.com/x.jpg", "https://cdn.shop.com/x.jpg"),
        ("//alt.org:8443/ü", "https://alt.org:8443/%C3%BC"),
        ("HTTPS://CDN.shop.com:443/a?b=c#d", "https://cdn.shop.com/a?b=c"),
        ("https://x.images.net", "https://x.images.net/"),
        ("https://x.y.images.net./图", "https://x.y.images.net/%E5%9B%BE"),
        ("https://alt.org:8443/a", "https://alt.org:8443/a"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
    ],
)
def test_what_may_be_followed(link: str, expected: str) -> None:
    assert resolved(link) == expected


@pytest.mark.parametrize(
    "link",
    [
        *("../other/1.jpg", "media/../../other/1.jpg", "/etc/passwd", "//evil.com/x", "media\\..\\x", "a//b", "C:\\x.jpg"),
        *("file:///etc/passwd", "FILE:///etc/passwd", "http://cdn.shop.com/x", "ftp://x/y", "javascript:alert(1)", "gopher://x"),
        *("s3://bucket/other/1.jpg", "s3://bucket/shop2/1.jpg", "s3://evil/x.jpg", "s3://bucket/shop/../other/1.jpg", "s3://bucket"),
        *("https://evil.com/x", "https://images.net/x", "https://evilimages.net/x", "https://cdn.shop.com.evil.com/"),
        *("https://cdn.shop.com:8443/x", "https://alt.org/x", "https://cdn.shop.com:99999/", "https://cdn.shop.com@evil.com/"),
        *("https://user:pw@cdn.shop.com/", "https://cdn.shop.com\\@evil.com/", "https://evil.com#@cdn.shop.com/", "https:///x"),
        *("https://[::1]/x", "https://127.0.0.1/x", "https://cdn.shop.com/\r\nX: y", "https://cdn.shop.com/a\tb", "x" * 3_000),
        *("https://cdn.shop.com /x", "https:// cdn.shop.com/x", "https://cdn.shop.com\u3000/x", "https://cdn.shop.com:443 /x"),
        *("https://evil.com /@cdn.shop.com/", "//cdn.shop.com\\@evil.com/", "//cdn.shop.com.evil.com/x", "//x@cdn.shop.com/", "//"),
        *("%2e%2e/other/1.jpg", "media/%2E%2E%2F%2e%2e%2fother/1.jpg", "a%00.jpg", "s3://bucket/shop/%2e%2e/other/1.jpg", "s3://buc%6Bet/shop/x"),
    ],
)  # fmt: skip
def test_what_may_not(link: str) -> None:
    with pytest.raises(MediaNotAllowed) as caught:
        resolved(link)
    assert caught.value.field == "image_link"


def test_limits_and_defaults() -> None:
    with pytest.raises(MediaTooLarge):
        resolved("data:image/png;base64," + "A" * 10_000, settings=MediaSettings(max_image_bytes=1_000))
    with pytest.raises(MediaNotAllowed, match="none yet"):
        resolved("https://cdn.shop.com/x", settings=MediaSettings())


def test_a_folder_is_not_left_through_links(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    (root / "media").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (root / "leak.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "up").symlink_to(tmp_path)
    (root / "media" / "alias.jpg").symlink_to(root / "real.jpg")
    for link in ("leak.jpg", "up/secret.jpg"):
        with pytest.raises(MediaNotAllowed, match="leads out"):
            resolved(link, f"file://{root}/")
    assert resolved("media/alias.jpg", str(root)) == f"file://{root}/media/alias.jpg"


@given(st.text(max_size=40))
def test_whatever_the_link_it_stays_inside(link: str) -> None:
    try:
        # A blank link is none.
        uri = resolved(link if link.strip() else "x")
    except InvalidMedia:
        return
    assert (
        uri.startswith((ROOT, "data:", "s3://shared/", "https://cdn.shop.com/", "https://alt.org:8443/"))
        or ".images.net" in uri
    )


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0"),
        *("fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "nonsense", ""),
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_international_names() -> None:
    checked = check_url("f", "https://bücher.example/x", ("xn--bcher-kva.example",))
    assert checked.host == "xn--bcher-kva.example"

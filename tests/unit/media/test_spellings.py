"""A link and the key it means may be spelt differently: percent-encoded, or with accents in another form."""
# ruff: noqa: E501 - tables of values read best in one line each

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaNotFound, MediaTooLarge
from mmpipe.media import Fetcher, MediaBytes, resolve
from mmpipe.objects import MemoryStore, open_store
from mmpipe.schemas.product import Product
from mmpipe.settings import MediaSettings

ROOT = "s3://bucket/shop/"
SETTINGS = MediaSettings(allowed_buckets=("shared",))
COMPOSED = unicodedata.normalize("NFC", "Größe/café.jpg")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def fetched(store: MemoryStore, link: str) -> MediaBytes:
    refs, refused = resolve(Product(id="1", title="T", image_link=link), ROOT, SETTINGS)
    if refused:
        raise refused[0]
    return Fetcher(SETTINGS, lambda _uri: store).fetch(refs[0])


def held(*keys: str) -> MemoryStore:
    store = MemoryStore()
    for key in keys:
        uri = key if key.startswith("s3://") else ROOT + key
        store.write(uri, uri.encode())
    return store


@pytest.mark.parametrize(
    ("link", "key"),
    [
        ("img/red%20shirt.jpg", "img/red shirt.jpg"),
        ("img%2Fred%20shirt.jpg", "img/red shirt.jpg"),
        ("./img/100%25.jpg", "img/100%.jpg"),
        ("img/caf%C3%A9.jpg", "img/café.jpg"),
        ("Gr%C3%B6%C3%9Fe/caf%C3%A9.jpg", DECOMPOSED),
        ("Gro%CC%88%C3%9Fe/cafe%CC%81.jpg", COMPOSED),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (f"s3://bucket/shop/{COMPOSED}", DECOMPOSED),
        ("s3://bucket/shop/a%20b.jpg", "a b.jpg"),
        ("s3://shared/a%20b.jpg", "s3://shared/a b.jpg"),
        ("img/half é%20é.jpg", "img/half é é.jpg"),
    ],
)
def test_the_key_is_found(link: str, key: str) -> None:
    uri = key if key.startswith("s3://") else ROOT + key
    found = fetched(held(key), link)
    assert found.data == uri.encode()
    assert (found.ref.uri, found.ref.addresses) == (uri, (uri,))


@pytest.mark.parametrize(
    "link", ["img/100%25.jpg", "red%20shirt.jpg", "50%Fine.jpg", "100%.jpg", "https%3A%2F%2Fx.org%2Fa.jpg", "%E9.jpg", COMPOSED]
)  # fmt: skip
def test_the_key_as_written_comes_first(link: str) -> None:
    from urllib.parse import unquote

    others = {unquote(link), unicodedata.normalize("NFD", link)} - {link}
    store = held(link, *(key for key in others if not key.startswith("https:")))
    assert fetched(store, link).ref.uri == ROOT + link
    assert store.calls["read"] == 1


def test_plain_links_mean_one_address() -> None:
    product = Product(
        id="1", title="T", image_link="img/a b.jpg", additional_image_link=("s3://shared/x", "50%.jpg")
    )
    refs, _ = resolve(product, ROOT, SETTINGS)
    assert [ref.others for ref in refs] == [(), (), ()]
    with pytest.raises(MediaNotFound, match=r"red%20shirt\.jpg: upload it there"):
        fetched(held("img/other.jpg"), "img/red%20shirt.jpg")


@pytest.mark.parametrize(
    "link",
    ["%2e%2e%2fother/secret.jpg", "%2E%2E/other/secret.jpg", "a/..%2f..%2fother/secret.jpg", "..%2Fother%2Fsecret.jpg",
     "a%00.jpg", "s3://bucket/shop/%2e%2e/other/secret.jpg"],
)  # fmt: skip
def test_no_encoding_leads_out(link: str) -> None:
    with pytest.raises(MediaNotAllowed) as caught:
        fetched(held("s3://bucket/other/secret.jpg"), link)
    assert caught.value.field == "image_link"


@pytest.mark.parametrize("link", ["%2Fetc%2Fpasswd", "a%0d%0ab.jpg", "a%5C..%5Cb.jpg", "a%2F%2Fb.jpg", "s3%3A%2F%2Fevil%2Fx.jpg", "%252e%252e%252fx"])  # fmt: skip
def test_what_is_no_key_when_decoded_is_not_asked_for(link: str) -> None:
    refs, refused = resolve(Product(id="1", title="T", image_link=link), ROOT, SETTINGS)
    assert not refused
    for address in refs[0].addresses:
        assert address.startswith(ROOT)
        assert ".." not in address.split("/")
    assert fetched(held(link), link).ref.uri == ROOT + link


@given(st.text("./%25eE02fFsé\\\x00a:", max_size=30))
def test_every_address_lies_below_the_root(link: str) -> None:
    refs, _ = resolve(Product(id="1", title="T", image_link=link or "x"), ROOT, SETTINGS)
    for ref in refs:
        for address in ref.addresses:
            assert address.startswith(ROOT) or ref.uri.startswith("https:")
            assert not {"..", ".", ""} & set(address.removeprefix(ROOT).removesuffix("/").split("/"))
            assert address.isprintable()


def test_in_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    (root / "img").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (root / "leak me.jpg").symlink_to(tmp_path / "secret.jpg")
    long = "ф" * 100 + ".jpg"  # 600 bytes when percent-encoded: more than a file's name may have
    for name in ("red shirt.jpg", unicodedata.normalize("NFD", "é.jpg"), long):
        (root / "img" / name).write_bytes(name.encode())

    def read(link: str) -> bytes:
        refs, refused = resolve(Product(id="1", title="T", image_link=link), f"file://{root}/", SETTINGS)
        if refused:
            raise refused[0]
        return Fetcher(SETTINGS, open_store).fetch(refs[0]).data

    assert read("img/red%20shirt.jpg") == b"red shirt.jpg"
    assert read("img/%C3%A9.jpg") == unicodedata.normalize("NFD", "é.jpg").encode()
    assert read("img/" + "%D1%84" * 100 + ".jpg") == long.encode()
    with pytest.raises(MediaNotFound):
        read("leak%20me.jpg")
    with pytest.raises(MediaNotAllowed, match="leads out"):
        read("leak me.jpg")
    with pytest.raises(MediaNotAllowed, match="no name this file system can hold"):
        read("ф" * 200)


def test_faults_at_another_address_are_told() -> None:
    store = held("a b.jpg")
    small = MediaSettings(max_image_bytes=3)
    refs, _ = resolve(Product(id="1", title="T", image_link="a%20b.jpg"), ROOT, small)
    with pytest.raises(MediaTooLarge):
        Fetcher(small, lambda _uri: store).fetch(refs[0])
    with pytest.raises(InvalidMedia):
        fetched(MemoryStore(), "a%20b.jpg")

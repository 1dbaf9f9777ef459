from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.objects import InvalidAddress, ObjectTooLarge, join, open_store, split_s3, to_path, to_uri


def test_paths_become_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert to_uri("lake") == f"file://{tmp_path}/lake"
    assert to_uri("./a/../b/") == f"file://{tmp_path}/b/"
    assert to_uri(tmp_path / "x y#%20") == f"file://{tmp_path}/x y#%20"
    assert to_uri("s3://bucket/key") == "s3://bucket/key"
    assert to_path(to_uri("/a/b")) == "/a/b"


@pytest.mark.parametrize("address", ["http://host/x", "ftp://x", ""])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidAddress):
        to_uri(address)
    with pytest.raises(InvalidAddress):
        open_store(address)


def test_join() -> None:
    assert join("s3://b/p", "media/1.jpg") == "s3://b/p/media/1.jpg"
    assert join("s3://b/p/", "media/", "1.jpg") == "s3://b/p/media/1.jpg"
    assert join("file:///", "etc") == "file:///etc"
    assert join("/lake", "shop/") == "file:///lake/shop/"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a\\..\\b",
        "a\x00b",
        "s3://other/x",
        "a/..",
        ".",
    ],
)
def test_a_key_never_leaves_its_root(key: str) -> None:
    with pytest.raises(InvalidAddress):
        join("s3://b/p", key)


@given(st.text(max_size=30))
def test_whatever_the_key_the_address_stays_below_the_root(key: str) -> None:
    try:
        uri = join("file:///srv/shop", key)
    except InvalidAddress:
        return
    assert uri == "file:///srv/shop/" + key
    assert ".." not in uri.split("/")


def test_s3_addresses() -> None:
    assert split_s3("s3://b/k/x") == ("b", "k/x")
    assert split_s3("s3://b") == ("b", "")
    with pytest.raises(InvalidAddress):
        split_s3("s3:///k")


def test_one_memory_per_name() -> None:
    open_store("memory://one/a").write("memory://one/a", b"1")
    assert open_store("memory://one/b").read("memory://one/a", max_bytes=1)[0] == b"1"
    assert list(open_store("memory://two").list("memory://")) == []


def test_the_size_error_travels() -> None:
    error = pickle.loads(pickle.dumps(ObjectTooLarge("s3://b/k", 5, 4)))
    assert (error.size, error.max_bytes, error.uri) == (5, 4, "s3://b/k")

"""Fetching, against a real TLS server on loopback whose misbehaviour is scripted."""
# ruff: noqa: E501 - tables of values read best in one line each

from __future__ import annotations

import datetime
import hashlib
import http.server
import socket
import threading
from pathlib import Path

import pytest

from mmpipe.errors import (
    InvalidMedia,
    MediaNotAllowed,
    MediaNotFound,
    MediaTooLarge,
    RetryableError,
    StorageUnavailable,
)
from mmpipe.media import Fetcher, HttpsClient, MediaRef, MediaStamp
from mmpipe.objects import FolderStore, MemoryStore
from mmpipe.settings import MediaSettings
from tests.unit.media.tls_server import HOST, Script, Server, Web, no_store


def test_a_file(server: Server, web: Web) -> None:
    server.answer(
        "/a.jpg?v=1", body=b"picture", ETag='W/"abc"', Last_Modified="Mon, 01 Jan 2024 10:00:00 GMT"
    )
    found = web.fetcher.fetch(MediaRef("image_link", "image", web.url("/a.jpg?v=1")))
    assert found.data == b"picture"
    assert found.sha256 == hashlib.sha256(b"picture").hexdigest()
    assert found.stamp == MediaStamp('W/"abc"', datetime.datetime(2024, 1, 1, 10, tzinfo=datetime.UTC), 7)
    path, headers = server.asked[0]
    assert path == "/a.jpg?v=1"
    assert headers["Host"] == f"{HOST}:{server.port}"
    assert "Cookie" not in headers
    assert "Authorization" not in headers
    assert server.names == [HOST]


def test_redirects_pass_the_same_checks(server: Server, web: Web) -> None:
    server.answer("/ok", body=b"x")
    server.answer("/1", 302, Location="/ok")
    server.answer("/2", 301, Location=web.url("/1", "two.test"))
    server.answer("/3", 307, Location=web.url("/2"))
    server.answer("/4", 308, Location="/3")
    assert web.get("/3") == b"x"
    assert web.resolved == [HOST, HOST, "two.test", "two.test"]
    with pytest.raises(InvalidMedia, match="3 times"):
        web.get("/4")


def test_no_redirect_is_followed_where_none_is_allowed(server: Server, certificate: Path) -> None:
    web = Web(server, certificate, max_redirects=0)
    server.answer("/ok", body=b"x")
    server.answer("/1", 302, Location="/ok")
    assert web.get("/ok") == b"x"
    with pytest.raises(InvalidMedia, match="0 times"):
        web.get("/1")
    assert [path for path, _ in server.asked] == ["/ok", "/1"]


def raw_redirect(location: bytes) -> Script:
    """As a server that writes its header in bytes of its own choice."""

    def script(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")

    return script


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/größe.jpg".encode(), "/gr%C3%B6%C3%9Fe.jpg"),
        ("/Å/à".encode(), "/%C3%85/%C3%A0"),  # bytes that are a line's end, and a space, in Latin-1
        (b"/gr\xf6\xdfe.jpg", "/gr%F6%DFe.jpg"),
        (b"/a b.jpg?q=c d", "/a%20b.jpg?q=c%20d"),
        (b"  /a%20b/\xc3\xbc%C3%BC  ", "/a%20b/%C3%BC%C3%BC"),
        ("图.jpg".encode(), "/%E5%9B%BE.jpg"),
        (b"/100%.jpg#part", "/100%.jpg"),
    ],
)
def test_a_redirect_in_raw_characters_is_encoded_as_browsers_do(
    server: Server, web: Web, location: bytes, asked: str
) -> None:
    server.scripts["/r"] = raw_redirect(location)
    server.answer(asked, body=b"picture")
    assert web.get("/r") == b"picture"
    assert [path for path, _ in server.asked] == ["/r", asked]


@pytest.mark.parametrize(
    "location",
    [
        *(b"https://evil.test\\@cdn.test/", b"/\\evil.test/x", b"\\\\evil.test\\x", b"//evil.test/\xc3\xbc", b"//evil.test /x"),
        *("https://evil。test/x".encode(), "https://cdn.test＠evil.test/".encode(), b"https://cdn\x09.test/x", b"/a\x01b", b"/a\x7fb"),
        *(b"https://\xff\xfe/x", b"https://[::1/x", b"https://u:p@cdn.test/"),
    ],
)  # fmt: skip
def test_a_redirect_in_raw_characters_does_not_lead_out(server: Server, web: Web, location: bytes) -> None:
    server.scripts["/r"] = raw_redirect(location)
    with pytest.raises(MediaNotAllowed):
        web.get("/r")
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", ["/größe.jpg", "/gr%C3%B6%C3%9Fe.jpg"])
def test_a_link_in_raw_characters(server: Server, web: Web, path: str) -> None:
    server.answer("/gr%C3%B6%C3%9Fe.jpg", body=b"picture")
    assert web.get(path) == b"picture"


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/x",
        "http://cdn.test/x",
        "file:///etc/passwd",
        "//169.254.169.254/latest",
        "https://127.0.0.1/x",
        "ftp://x/y",
    ],
)
def test_a_redirect_does_not_lead_out(server: Server, web: Web, location: str) -> None:
    server.answer("/r", 302, Location=location)
    with pytest.raises(MediaNotAllowed):
        web.get("/r")


def test_a_redirect_to_a_private_address_is_refused(server: Server, web: Web) -> None:
    web.addresses["two.test"] = ["10.0.0.5"]
    server.answer("/r", 302, Location=web.url("/x", "two.test"))
    with pytest.raises(MediaNotAllowed, match="private"):
        web.get("/r")


def test_one_private_address_among_others_is_enough(web: Web, server: Server) -> None:
    web.addresses[HOST] = ["127.0.0.1", "192.168.0.1"]
    with pytest.raises(MediaNotAllowed, match="private network"):
        web.get("/x")
    assert server.asked == []


def test_by_default_loopback_is_private(server: Server) -> None:
    hosts = (f"localhost:{server.port}", f"127.0.0.1:{server.port}")
    fetcher = Fetcher(MediaSettings(allowed_hosts=hosts), no_store)
    for host in hosts:
        with pytest.raises(MediaNotAllowed, match="private"):
            fetcher.fetch(MediaRef("image_link", "image", f"https://{host}/x"))
    assert server.names == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, MediaNotFound), (410, MediaNotFound), (403, InvalidMedia), (204, InvalidMedia), (500, StorageUnavailable),
     (503, StorageUnavailable), (429, StorageUnavailable)],
)  # fmt: skip
def test_each_status_has_its_error(server: Server, web: Web, status: int, error: type[Exception]) -> None:
    server.answer("/x", status)
    with pytest.raises(error) as caught:
        web.get("/x")
    assert type(caught.value) is error
    assert "image_link" in str(caught.value)


def test_sizes(server: Server, certificate: Path) -> None:
    web = Web(server, certificate, max_image_bytes=1_000)
    server.answer("/declared", body=b"x" * 1_001)
    server.answer("/fits", body=b"x" * 1_000)
    sent: list[int] = []

    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(10_000):
                handler.wfile.write(b"x" * 10_000)
                sent.append(10_000)
        except OSError:
            return

    server.scripts["/endless"] = endless
    assert len(web.get("/fits")) == 1_000
    for path in ("/declared", "/endless"):
        with pytest.raises(MediaTooLarge, match="1,000"):
            web.get(path)
    assert sum(sent) < 50_000_000


def test_broken_off(server: Server, web: Web) -> None:
    def short(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x" * 50)

    server.scripts["/short"] = short
    with pytest.raises(StorageUnavailable):
        web.get("/short")
    server.answer("/gzip", body=b"x", Content_Encoding="gzip")
    with pytest.raises(InvalidMedia, match="compressed"):
        web.get("/gzip")
    server.answer("/nowhere", 302)
    with pytest.raises(InvalidMedia, match="nowhere"):
        web.get("/nowhere")


@pytest.mark.parametrize("where", ["headers", "body"])
def test_the_timeout_covers_a_server_that_drips(server: Server, certificate: Path, where: str) -> None:
    web = Web(server, certificate, timeout=0.4)
    stop = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        if where == "body":
            handler.send_response(200)
            handler.end_headers()
        try:
            while not stop.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            return

    server.scripts["/drip"] = drip
    with pytest.raises(StorageUnavailable, match=r"0\.4 s"):
        web.get("/drip")
    stop.set()


def test_names_and_certificates(server: Server, web: Web) -> None:
    with pytest.raises(MediaNotFound, match="no host"):
        web.get("/x", "other.test")
    web.addresses["other.test"] = ["127.0.0.1"]
    with pytest.raises(InvalidMedia, match="certificate"):
        web.get("/x", "other.test")
    web.addresses[HOST] = []
    with pytest.raises(MediaNotFound):
        web.get("/x")


def test_a_slow_resolver_is_not_waited_for(certificate: Path, server: Server) -> None:
    web = Web(server, certificate, timeout=0.2)
    release = threading.Event()
    client = HttpsClient(
        (f"{HOST}:{server.port}",), 0.2, resolver=lambda *_: ["127.0.0.1"] if release.wait(5) else []
    )
    with pytest.raises(StorageUnavailable, match="resolved in time"):
        client.get("image_link", web.url("/x"), 10)
    release.set()


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        client = HttpsClient((f"x.test:{port}",), 1, resolver=lambda *_: ["127.0.0.1"], public=lambda _: True)
        with pytest.raises(RetryableError, match="cannot be reached"):
            client.get("image_link", f"https://x.test:{port}/", 10)


def test_from_a_store(tmp_path: Path) -> None:
    memory = MemoryStore()
    written = memory.write("s3://b/shop/a.jpg", b"picture")
    memory.write("s3://b/shop/large.jpg", b"x" * 101)
    fetcher = Fetcher(MediaSettings(max_image_bytes=100), lambda _uri: memory)
    found = fetcher.fetch(MediaRef("image_link", "image", "s3://b/shop/a.jpg"))
    assert (found.data, found.stamp) == (b"picture", MediaStamp(written.etag, written.last_modified, 7))
    with pytest.raises(MediaNotFound, match="upload it"):
        fetcher.fetch(MediaRef("image_link", "image", "s3://b/shop/none.jpg"))
    with pytest.raises(MediaTooLarge, match="101 bytes"):
        fetcher.fetch(MediaRef("image_link", "image", "s3://b/shop/large.jpg"))
    assert len(fetcher.fetch(MediaRef("video_link", "video", "s3://b/shop/large.jpg")).data) == 101
    memory.fail_next("read", StorageUnavailable("down"))
    with pytest.raises(StorageUnavailable):
        fetcher.fetch(MediaRef("image_link", "image", "s3://b/shop/a.jpg"))
    folder = Fetcher(MediaSettings(), lambda _uri: FolderStore(tmp_path))
    (tmp_path / "a.jpg").write_bytes(b"local")
    assert folder.fetch(MediaRef("image_link", "image", f"file://{tmp_path}/a.jpg")).data == b"local"
    with pytest.raises(MediaNotAllowed):
        folder.fetch(MediaRef("image_link", "image", f"file://{tmp_path}/../a.jpg"))


@pytest.mark.parametrize(
    ("uri", "data"),
    [
        ("data:image/png;base64,aGk=", b"hi"),
        ("data:;base64,aGk", b"hi"),
        ("DATA:,a%20b", b"a b"),
        ("data:image/png;base64,%61Gk%3D", b"hi"),
        ("data:image/png;base64,-_-_", b"\xfb\xff\xbf"),
    ],
)
def test_data_uris(uri: str, data: bytes) -> None:
    fetcher = Fetcher(MediaSettings(max_image_bytes=100), no_store)
    assert fetcher.fetch(MediaRef("image_link", "image", uri)).data == data


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("data:image/png;base64", InvalidMedia),
        ("data:image/png;base64,", InvalidMedia),
        ("data:image/png;base64,a", InvalidMedia),
        ("data:image/png;base64,a!b?", InvalidMedia),
        ("data:image/png;base64," + "A" * 200, MediaTooLarge),
        ("data:," + "%41" * 130, MediaTooLarge),
    ],
)
def test_broken_data_uris(uri: str, error: type[InvalidMedia]) -> None:
    fetcher = Fetcher(MediaSettings(max_image_bytes=100), no_store)
    with pytest.raises(error) as caught:
        fetcher.fetch(MediaRef("image_link", "image", uri))
    assert type(caught.value) is error

"""Connections to media hosts: kept, replaced, never to anywhere but a checked address."""

from __future__ import annotations

import http.server
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaNotFound, StorageUnavailable
from mmpipe.media import HttpsClient
from tests.unit.media.tls_server import HOST, Script, Server, Web


def hanging_up(server: Server, times: int) -> Script:
    """As a server that closes its connection just as a request arrives, so many times."""
    left = [times]

    def script(handler: http.server.BaseHTTPRequestHandler) -> None:
        if left[0] > 0:
            left[0] -= 1
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", "6")
        handler.end_headers()
        handler.wfile.write(b"answer")

    return script


def test_one_connection_serves_many_requests(keeping: Server, kept: Web) -> None:
    keeping.answer("/a", body=b"a" * 100_000)
    keeping.answer("/r", 302, b"see there", Location="/a")
    keeping.answer("/none", 404, b"no such file")
    for _ in range(3):
        assert kept.get("/a") == b"a" * 100_000
        assert kept.get("/r") == b"a" * 100_000
        with pytest.raises(MediaNotFound):
            kept.get("/none")
    assert keeping.names == [HOST]
    assert kept.resolved == [HOST]
    assert len(keeping.asked) == 12


def test_a_connection_serves_one_name_alone(keeping: Server, kept: Web) -> None:
    keeping.answer("/a", body=b"x")
    kept.addresses["other.test"] = ["127.0.0.1"]
    assert kept.get("/a") == b"x"
    assert kept.get("/a", "two.test") == b"x"
    # The same address, but its certificate is not for this name.
    with pytest.raises(InvalidMedia, match="certificate"):
        kept.get("/a", "other.test")
    assert keeping.names == [HOST, "two.test", "other.test"]
    assert [headers["Host"] for _, headers in keeping.asked] == [
        f"{HOST}:{kept.port}",
        f"two.test:{kept.port}",
    ]


def test_a_name_that_moves_into_the_private_network(keeping: Server, kept: Web) -> None:
    keeping.answer("/a", body=b"x")
    keeping.answer("/last", body=b"x", Connection="close")
    assert kept.get("/a") == b"x"
    kept.addresses[HOST] = ["10.0.0.5"]
    # What is kept leads where was checked; whatever is opened from now on is checked anew.
    assert kept.get("/last") == b"x"
    with pytest.raises(MediaNotAllowed, match=r"image_link: host cdn\.test has a private network address"):
        kept.get("/a")
    assert keeping.names == [HOST]


def test_a_stale_connection_is_not_replaced_by_one_into_the_private_network(
    keeping: Server, kept: Web
) -> None:
    keeping.answer("/a", body=b"x")
    keeping.scripts["/closing"] = hanging_up(keeping, 1)
    assert kept.get("/a") == b"x"
    kept.addresses[HOST] = ["127.0.0.1", "10.0.0.5"]
    with pytest.raises(MediaNotAllowed, match="private"):
        kept.get("/closing")
    assert len(keeping.names) == 1


def test_a_stale_connection_is_replaced(keeping: Server, kept: Web) -> None:
    keeping.answer("/a", body=b"x")
    keeping.scripts["/closing"] = hanging_up(keeping, 1)
    assert kept.get("/a") == b"x"
    assert kept.get("/closing") == b"answer"
    assert [path for path, _ in keeping.asked] == ["/a", "/closing", "/closing"]
    assert keeping.names == [HOST, HOST]


def test_a_stale_connection_is_replaced_once(keeping: Server, kept: Web) -> None:
    keeping.answer("/a", body=b"x")
    keeping.scripts["/closing"] = hanging_up(keeping, 5)
    assert kept.get("/a") == b"x"
    with pytest.raises(StorageUnavailable, match=r"image_link: cdn\.test"):
        kept.get("/closing")
    assert len(keeping.asked) == 3
    # On a connection of its own there was nothing stale.
    with pytest.raises(StorageUnavailable):
        kept.get("/closing")
    assert len(keeping.asked) == 4


def test_a_connection_that_the_server_closed_meanwhile(keeping: Server, kept: Web) -> None:
    def last(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.close_connection = True

    keeping.scripts["/a"] = last
    for _ in range(3):
        assert kept.get("/a") == b"x"
        time.sleep(0.05)
    assert len(keeping.names) == 3


def test_threads_share_the_connections(keeping: Server, kept: Web) -> None:
    for number in range(10):
        keeping.answer(f"/{number}", body=str(number).encode() * 50_000)
    paths = [f"/{number % 10}" for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(kept.get, paths))
    assert bodies == [path[1:].encode() * 50_000 for path in paths]
    assert 1 <= len(keeping.names) <= 8


def test_one_tls_context_is_made_when_it_is_needed(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []
    original = ssl.create_default_context

    def counted() -> ssl.SSLContext:
        made.append(original(cafile=str(certificate)))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    web = Web(server, certificate, own_tls=True)
    assert made == []
    server.answer("/a", body=b"x")
    for _ in range(3):
        assert web.get("/a") == b"x"
    assert len(server.names) == 3
    assert len(made) == 1


def test_neither_proxies_nor_cookies(keeping: Server, kept: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    keeping.answer("/a", body=b"x", Set_Cookie="seen=1; Path=/")
    assert [kept.get("/a"), kept.get("/a")] == [b"x", b"x"]
    assert [set(headers) for _, headers in keeping.asked] == [
        {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    ] * 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzz",
        b"HTTP/1.1 302 Found\r\nContent-Length: 99\r\nLocation: /a\r\n\r\nbroken off",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_an_error_of_ours(keeping: Server, kept: Web, raw: bytes) -> None:
    def script(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(raw)

    keeping.scripts["/raw"] = keeping.scripts["/a"] = script
    with pytest.raises((StorageUnavailable, InvalidMedia), match="image_link"):
        kept.get("/raw")


@pytest.mark.parametrize("step", ["handshake", "second request"])
def test_the_timeout_covers_every_step(keeping: Server, certificate: Path, step: str) -> None:
    keeping.answer("/a", body=b"x")
    if step == "handshake":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            client = HttpsClient(
                (f"{HOST}:{port}",), 0.4, resolver=lambda *_: ["127.0.0.1"], public=lambda _: True
            )
            with pytest.raises(StorageUnavailable, match=r"0\.4 s"):
                client.get("image_link", f"https://{HOST}:{port}/", 10)
    else:

        def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            for _ in range(40):
                handler.wfile.write(b"x")
                time.sleep(0.05)

        keeping.scripts["/drip"] = drip
        kept = Web(keeping, certificate)
        assert kept.get("/a") == b"x"
        kept.client._timeout = 0.4
        with pytest.raises(StorageUnavailable, match=r"0\.4 s"):
            kept.get("/drip")
        assert keeping.names == [HOST]


def test_the_next_address_is_tried() -> None:
    tried: list[str] = []

    def public(address: str) -> bool:
        tried.append(address)
        return True

    def resolver(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = HttpsClient((f"{HOST}:{port}",), 1.5, resolver=resolver, public=public)
        with pytest.raises(StorageUnavailable, match=r"1\.5 s"):
            client.get("image_link", f"https://{HOST}:{port}/", 10)
        silent.settimeout(1)
        connected, _ = silent.accept()
        connected.close()
    assert tried == ["127.0.0.2", "127.0.0.1"]


def test_a_host_that_looks_like_a_broken_address_is_refused() -> None:
    client = HttpsClient(("999.1.1.1",), 1, resolver=lambda *_: ["127.0.0.1"], public=lambda _: True)
    with pytest.raises(MediaNotAllowed, match="names no host"):
        client.get("image_link", "https://999.1.1.1/a", 10)

"""A real TLS server on loopback whose misbehaviour is scripted, and a fetcher that trusts it."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmpipe.media import Fetcher, HttpsClient, MediaBytes, MediaRef
from mmpipe.objects import ObjectStore
from mmpipe.settings import MediaSettings

Script = Callable[[http.server.BaseHTTPRequestHandler], None]
HOST = "cdn.test"


def no_store(_uri: str) -> ObjectStore:
    raise AssertionError("no store is needed")


class Server:
    """Answers by path; remembers what it was asked, and in ``names`` the name of each TLS handshake.

    With ``keep`` it keeps connections as HTTP/1.1 does.
    """

    def __init__(self, certificate: Path, *, keep: bool = False) -> None:
        self.scripts: dict[str, Script] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server.asked.append((self.path, dict(self.headers)))
                server.scripts[self.path](self)

            def log_message(self, *_: Any) -> None:
                return

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.names: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    def answer(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        self.scripts[path] = script

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


class Web:
    """A fetcher whose resolver and idea of public addresses are told. It trusts the server's certificate
    unless it is told to make its own TLS context."""

    def __init__(
        self,
        server: Server,
        certificate: Path,
        *,
        timeout: float = 5.0,
        own_tls: bool = False,
        max_redirects: int = 3,
        **limits: Any,
    ) -> None:
        self.resolved: list[str] = []
        self.addresses: dict[str, Sequence[str]] = {HOST: ["127.0.0.1"], "two.test": ["127.0.0.1"]}
        self.port = server.port
        hosts = (f"{HOST}:{server.port}", f"two.test:{server.port}", f"other.test:{server.port}")
        self.settings = MediaSettings(allowed_hosts=hosts, timeout_seconds=timeout, **limits)
        self.client = HttpsClient(
            hosts,
            timeout,
            resolver=self._resolve,
            public=lambda address: address == "127.0.0.1",
            tls=None if own_tls else ssl.create_default_context(cafile=str(certificate)),
            max_redirects=max_redirects,
        )
        self.fetcher = Fetcher(self.settings, no_store, https=self.client)

    def _resolve(self, host: str, _port: int) -> Sequence[str]:
        self.resolved.append(host)
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self.addresses[host]

    def url(self, path: str, host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"

    def ref(self, path: str, host: str = HOST) -> MediaRef:
        return MediaRef("image_link", "image", self.url(path, host))

    def fetch(self, path: str, host: str = HOST) -> MediaBytes:
        return self.fetcher.fetch(self.ref(path, host))

    def get(self, path: str, host: str = HOST) -> bytes:
        return self.fetch(path, host).data

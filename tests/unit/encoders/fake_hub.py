"""A hub on this machine that the hub's own client talks to: listings, digests, ranges, redirects, faults."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REPO = "openai/clip-vit-base-patch32"
COMMIT, NEWER = "a" * 40, "b" * 40
FILES = {
    "config.json": b'{"model_type": "clip"}',
    "model.safetensors": b"weights" * 1_000,
    "tokenizer.json": b"{}",
    "README.md": b"# CLIP",
    "modeling_own.py": b"import os",
    "pytorch_model.bin": b"\x80\x04pickle",
}
USED = ["config.json", "model.safetensors", "tokenizer.json"]
_LARGE = (".safetensors", ".bin")
_FIRST_BYTE = re.compile(r"bytes=(\d+)-")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its method, its path without the query, and its headers, names in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]


class FakeHub(ThreadingHTTPServer):
    """As much of the hub's HTTP interface as its client asks for.

    ``served`` may differ from ``files``, which the listings and their digests are of. ``breaks`` counts, per
    file, the answers that end after half of their body; a path that holds a word of ``down`` is refused. With
    ``elsewhere`` large files are fetched from that address, as from a real hub's content network.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(FILES)
        self.served: dict[str, bytes] = {}
        self.breaks: dict[str, int] = {}
        self.down: set[str] = set()
        self.elsewhere: str | None = None
        self.head = COMMIT
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def requests(self) -> list[str]:
        return [request.path for request in self.asked]

    def fetches(self, name: str) -> list[Asked]:
        """The requests that asked for the content of one file."""
        return [r for r in self.asked if r.method == "GET" and r.path.endswith(f"/{name}")]


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, path, headers))
        if any(word in path for word in self.server.down):
            self._answer(b"{}", status=403)
        elif path.startswith(f"/api/models/{REPO}"):
            self._list(path.removeprefix(f"/api/models/{REPO}"))
        elif path.startswith(f"/{REPO}/resolve/"):
            self._content(*path.removeprefix(f"/{REPO}/resolve/").split("/", 1))
        elif path.startswith("/content/"):
            self._body(path.removeprefix("/content/"), {})
        else:
            self._answer(b"{}", status=404, headers={"X-Error-Code": "RepoNotFound"})

    def _list(self, what: str) -> None:
        kind, _, revision = what.removeprefix("/").partition("/")
        commits = {"": self.server.head, "main": self.server.head, COMMIT: COMMIT, NEWER: NEWER}
        if revision not in commits:
            self._answer(b"{}", status=404, headers={"X-Error-Code": "RevisionNotFound"})
        elif kind == "tree":
            self._answer(json.dumps([self._entry(name) for name in self.server.files]).encode())
        else:
            siblings = [self._sibling(name) for name in self.server.files]
            commit = commits[revision]
            self._answer(
                json.dumps({"id": REPO, "modelId": REPO, "sha": commit, "siblings": siblings}).encode()
            )

    def _entry(self, name: str) -> dict[str, object]:
        body = self.server.files[name]
        entry: dict[str, object] = {
            "type": "file",
            "path": name,
            "size": len(body),
            "oid": _blob_id(name, body),
        }
        if name.endswith(_LARGE):
            entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        return entry

    def _sibling(self, name: str) -> dict[str, object]:
        body = self.server.files[name]
        sibling: dict[str, object] = {"rfilename": name, "size": len(body), "blobId": _blob_id(name, body)}
        if name.endswith(_LARGE):
            sibling["lfs"] = {
                "sha256": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "pointerSize": 134,
            }
        return sibling

    def _content(self, commit: str, name: str) -> None:
        body = self.server.served.get(name, self.server.files[name])
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        if self.server.elsewhere is not None and name.endswith(_LARGE):
            headers |= {
                "Location": f"{self.server.elsewhere}/content/{name}",
                "X-Linked-Size": str(len(body)),
            }
            self._answer(b"", status=302, headers=headers)
        else:
            self._body(name, headers)

    def _body(self, name: str, headers: dict[str, str]) -> None:
        body = self.server.served.get(name, self.server.files[name])
        asked = _FIRST_BYTE.match(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        if start:
            headers = headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        broken = self.command == "GET" and self.server.breaks.get(name, 0) > 0
        if broken:
            self.server.breaks[name] -= 1
        sent = body[start : start + (len(body) - start) // 2] if broken else body[start:]
        self._answer(sent, 206 if start else 200, headers, length=len(body) - start)
        self.close_connection = self.close_connection or broken

    def _answer(
        self,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _blob_id(name: str, body: bytes) -> str:
    """Git's id of a file, which of a large one is its pointer's."""
    return "0" * 40 if name.endswith(_LARGE) else hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()

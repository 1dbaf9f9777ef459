"""Child process: moto's S3 and SQS over HTTP on loopback, with every request counted.

``GET /_mmpipe/requests`` gives the counts and the last requests; nothing else of ours is on this port.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.local.processes import Announcement, when_parent_ends

REQUESTS_PATH = "/_mmpipe/requests"
_RECENT = 1_000

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class CountingApp:
    """A WSGI app in front of another that counts by service, method, bucket and kind of object.

    ``kind`` is ``live`` for a collection's ``live.json`` (the check for a new version), else ``data``.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Count the request and pass it on."""
        path = environ.get("PATH_INFO", "/")
        method = environ.get("REQUEST_METHOD", "")
        if path == REQUESTS_PATH:
            return self._report(start_response)
        service = "sqs" if _is_sqs(environ) else "s3"
        bucket, _, key = path.lstrip("/").partition("/") if service == "s3" else ("", "", "")
        kind = "live" if key.endswith("live.json") else "data"
        query = environ.get("QUERY_STRING", "")
        with self._lock:
            self._counts[service, method, bucket, kind] += 1
            self._recent.append(f"{service} {method} {unquote(path)}{'?' + query if query else ''}")
        return self._app(environ, start_response)

    def _report(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            counts = [
                {"service": service, "method": method, "bucket": bucket, "kind": kind, "count": count}
                for (service, method, bucket, kind), count in sorted(self._counts.items())
            ]
            body = json.dumps({"counts": counts, "recent": list(self._recent)}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _is_sqs(environ: dict[str, Any]) -> bool:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    authorization: str = environ.get("HTTP_AUTHORIZATION", "")
    return target.startswith("AmazonSQS.") or "/sqs/aws4_request" in authorization


def main() -> None:
    """Serve until the parent ends."""
    announcement = Announcement()
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """One line per request would be the larger part of the log."""

    make_puts_atomic()
    app = CountingApp(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    # The state is in memory: there is nothing to close in order, and open connections would hold us up.
    when_parent_ends(lambda: os._exit(0))
    announcement.ready(url=f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()

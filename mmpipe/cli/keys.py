"""``mmpipe keys``: API keys, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from mmpipe.cli.console import console, emit

keys_app = typer.Typer(help="API keys of the query service.", no_args_is_help=True)


@keys_app.callback()
def keys() -> None:
    """API keys of the query service."""


@keys_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="of the caller, for limits, logs and the audit log")],
    collection: Annotated[
        list[str], typer.Option("--collection", "-c", help="may be given several times; '*': every one")
    ],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", help="search, interactions, admin, agent, metrics; may be given several times"
        ),
    ],
    rate: Annotated[float, typer.Option(help="requests a second that a replica takes; more get 429")] = 50.0,
    burst: Annotated[int, typer.Option(help="of them so many at once, after a pause")] = 100,
    concurrent: Annotated[
        int | None, typer.Option(help="at a time; default: MMPIPE_SERVE__CALLER_REQUESTS", show_default=False)
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="until it ends; default: never", show_default=False)
    ] = None,
) -> None:
    """Make a key: it is shown this once, on stderr. What is to be kept, digest and rights, is one line of
    JSON on stdout, an entry of MMPIPE_SERVE__API_KEYS or of the secret. Nothing is written."""
    from mmpipe.serve.http.key_entries import new_key

    expires = None if days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    key, entry = new_key(
        name, scope, collection, rate=rate, burst=burst, concurrent=concurrent, expires=expires
    )
    console.print(f"the key, for its holder alone: {key}", soft_wrap=True, highlight=False)
    emit({name: entry.model_dump(mode="json", exclude_none=True)})

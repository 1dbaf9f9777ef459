"""``mmpipe serve``: the query service on a lake, without object store, queue or pump."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, end_on_sigterm
from mmpipe.cli.options import LakeUri, ProfileName, settings_with
from mmpipe.telemetry import configure_logging


def serve(
    lake: LakeUri = None,
    profile: ProfileName = None,
    host: Annotated[str | None, typer.Option(help="default: MMPIPE_SERVE__HOST", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="default: MMPIPE_SERVE__PORT", show_default=False)] = None,
) -> None:
    """Serve a lake over HTTP until Ctrl-C."""
    from mmpipe.serve import serve as run
    from mmpipe.serve.http.playground_route import has_playground

    end_on_sigterm()
    configure_logging("WARNING")
    settings = settings_with(lake=lake, profile=profile)
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update=changes)})
    page = has_playground(settings.serve)
    with console.status("starting Ray and the query service") as status:

        def ready(url: str) -> None:
            status.stop()
            console.print(
                f"serving {escape(settings.lake.uri)} at {url}/{'' if page else 'docs'}; Ctrl-C ends it.",
                soft_wrap=True,
            )

        run(settings, on_ready=ready)

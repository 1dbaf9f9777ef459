"""``mmpipe serve``: the query service on a lake, without object store and queue. Over a lake in a folder it
takes uploads too."""

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
    """Serve a lake over HTTP until Ctrl-C. A lake in a folder takes uploads too (docs/uploads.md)."""
    from mmpipe.dispatch import IndexerDispatcher
    from mmpipe.local.folder_pump import FolderPump, with_uploads
    from mmpipe.serve import serve as run
    from mmpipe.serve import with_indexer
    from mmpipe.serve.http.playground_route import has_playground

    end_on_sigterm()
    configure_logging("WARNING")
    settings = settings_with(lake=lake, profile=profile)
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update=changes)})
    served = with_uploads(settings)
    pump = None
    if served is not settings:
        settings = with_indexer(served)
        pump = FolderPump(settings, IndexerDispatcher(settings.dispatch))
    page = has_playground(settings.serve)
    with console.status("starting Ray and the query service") as status:

        def ready(url: str) -> None:
            status.stop()
            console.print(
                f"serving {escape(settings.lake.uri)} at {url}/{'' if page else 'docs'}; Ctrl-C ends it.",
                soft_wrap=True,
            )
            if pump is not None:
                console.print(
                    f"takes files at {url}/{'#/uploads' if page else 'v1/uploads'}, into"
                    f" {escape(str(settings.indexing.uploads_uri))}",
                    soft_wrap=True,
                )

        run(settings, on_ready=ready, beside=pump)

"""``mmpipe up``: the one-machine stack until Ctrl-C."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mmpipe.cli.console import console, end_on_sigterm, log_to
from mmpipe.cli.options import DEFAULT_FOLDER, Folder, LakeUri, ProfileName, settings_with
from mmpipe.errors import NotReady

if TYPE_CHECKING:
    from mmpipe.local import Stack


def up(
    folder: Folder = DEFAULT_FOLDER,
    lake: LakeUri = None,
    profile: ProfileName = None,
    port: Annotated[
        int | None, typer.Option(help="of the HTTP API; another one is taken where it is in use")
    ] = None,
) -> None:
    """Start everything on this machine: S3 and SQS, event pump, Ray, the query service."""
    from mmpipe.local import Stack

    end_on_sigterm()
    settings = settings_with(profile=profile)
    if port is not None:
        settings = settings.model_copy(update={"serve": settings.serve.model_copy(update={"port": port})})
    log_to(folder / "stack.log")
    with console.status("starting") as status:
        stack = Stack(
            settings, folder, lake_uri=lake, progress=lambda step: status.update(f"starting: {step}")
        )
        stack.start()
    with stack:
        show_addresses(stack)
        hold(stack)


def show_addresses(stack: Stack) -> None:
    """Where to go next."""
    from mmpipe.serve.http.playground_route import has_playground

    state = stack.state
    page = has_playground(stack.settings.serve)
    lines = {
        **({"page": f"{state.url}/  (search, drop your own feed on Uploads)"} if page else {}),
        "API": f"{state.url}/docs",
        "Ray": state.jobs_url,
        "upload to": f"s3://{state.uploads_bucket}/<collection>/feeds/…  (endpoint {state.s3_url})",
        "lake": state.lake_uri,
    }
    for name, value in lines.items():
        console.print(f"  [dim]{name:>10}[/]  {escape(value)}", soft_wrap=True)


def hold(stack: Stack) -> None:
    """Wait for Ctrl-C. Raises :class:`NotReady` where a part of the stack dies."""
    console.print("Ctrl-C ends it.")
    ended = threading.Event()
    try:
        while not ended.wait(1.0):
            failure = stack.failure()
            if failure is not None:
                raise NotReady(failure)
    except KeyboardInterrupt:
        console.print("stopping")

"""Options that several commands share, and what they resolve to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from mmpipe.errors import InvalidRequest, UnknownCollection
from mmpipe.settings import Settings, load_settings

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.local import StackState

Folder = Annotated[Path, typer.Option("--folder", help="where a stack keeps its state and logs")]
LakeUri = Annotated[
    str | None,
    typer.Option(
        "--lake", help="a folder or s3://bucket/prefix; default: the running stack's", show_default=False
    ),
]
CollectionName = Annotated[
    str | None, typer.Option("--collection", "-c", help="default: the only one there is", show_default=False)
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="model profile; default: that of the live table, else MMPIPE_INDEXING__PROFILE",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one line of JSON on stdout instead of tables")]

DEFAULT_FOLDER = Path(".mmpipe")
API_KEY = "MMPIPE_API_KEY"


def settings_with(*, lake: str | None = None, profile: str | None = None) -> Settings:
    """The settings from the environment, with what the command line says instead."""
    settings = load_settings()
    if lake is not None:
        settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": lake})})
    if profile is not None:
        indexing = settings.indexing.model_copy(update={"profile": profile})
        settings = settings.model_copy(update={"indexing": indexing})
    return settings


def api_key() -> str:
    """The caller's key for the query service, from ``MMPIPE_API_KEY``; empty without it.

    No option, for the machine's other users see command lines.
    """
    return os.environ.get(API_KEY, "")


def file_bytes(name: str, path: Path) -> bytes:
    """A file that was named by the option or argument ``name``. Raises ``InvalidRequest``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(name, f"{path} cannot be read: {error.strerror}") from error


def refused(error: ValidationError, *within: str) -> InvalidRequest:
    """What is wrong with a model that was made of options: its first fault, whose place is ``within``."""
    fault = error.errors(include_url=False, include_input=False)[0]
    return InvalidRequest(".".join((*within, *map(str, fault["loc"]))), fault["msg"])


def running_stack(folder: Path) -> StackState | None:
    """The stack that runs in a folder, if any."""
    from mmpipe.local.state import is_running, read_state

    return read_state(folder) if is_running(folder) else None


def settings_for_lake(lake: str | None, folder: Path, profile: str | None = None) -> Settings:
    """Settings of the lake that is named, else of the stack in ``folder``, else of the environment."""
    state = running_stack(folder) if lake is None else None
    if state is None:
        return settings_with(lake=lake, profile=profile)
    reach_local_cloud()
    return state.apply(settings_with(profile=profile))


def reach_local_cloud() -> None:
    """Give this process the local object store's credentials, where LanceDB and boto3 look for them."""
    from mmpipe.local.cloud import client_environment

    os.environ.update(client_environment())


def open_collection(settings: Settings, name: str | None) -> Collection:
    """The named collection, or the lake's only one. Raises ``UnknownCollection``, ``InvalidRequest``."""
    from mmpipe.lake import open_lake

    lake = open_lake(settings)
    if name is not None:
        return lake.collection(name)
    names = lake.collections()
    if not names:
        raise UnknownCollection(
            f"the lake {settings.lake.uri} holds no collection yet: index a feed into it first"
        )
    if len(names) > 1:
        raise InvalidRequest("collection", f"the lake holds {', '.join(names)}; say which with --collection")
    return lake.collection(names[0])

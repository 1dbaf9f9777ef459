"""``mmpipe ask``: a turn of a conversation with the shopping assistant."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mmpipe.cli.console import emit, output, plain
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, CollectionName, Folder, LakeUri, file_bytes, refused
from mmpipe.cli.queries import queries_for
from mmpipe.cli.query import Url
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.assistant import MAX_SHOWN, MAX_STATE, AssistantRequest


def ask(
    text: Annotated[str, typer.Argument(help="what you say", show_default=False)] = "",
    image: Annotated[
        Path | None, typer.Option(help="a picture of what is looked for", show_default=False)
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="a recording of what you say", show_default=False)
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="file that carries the conversation from turn to turn", show_default=False),
    ] = None,
    url: Url = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_SHOWN)] = 3,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Find, compare and ask about products, in Chinese or English, over several turns."""
    files = {"image": image, "audio": audio}
    asked: dict[str, Any] = {
        name: {"data": base64.b64encode(file_bytes(name, path)).decode()}
        for name, path in files.items()
        if path is not None
    }
    if not text and not asked:
        raise InvalidRequest("text", "give words, --image or --audio")
    asked |= {"text": text or None, "state": _held(state), "collection": collection, "limit": limit}
    try:
        request = AssistantRequest.model_validate(asked)
    except ValidationError as error:
        raise refused(error) from error
    with queries_for(url, lake, folder) as service:
        found = service.assist(request)
    if state is not None:
        state.write_text(found.state, encoding="ascii")
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    output.print(plain(found.text))
    for claim in found.claims:
        shown = f"[{claim.product_id} {claim.field}] {claim.quote}"
        output.print(plain(shown), style="dim")


def _held(state: Path | None) -> str | None:
    if state is None or not state.exists():
        return None
    with state.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_STATE + 1).strip() or None

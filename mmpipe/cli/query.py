"""``mmpipe search`` and ``mmpipe similar``: over HTTP, or in this process on a lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmpipe.cli.console import emit, hits_table, output
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, CollectionName, Folder, LakeUri, file_bytes
from mmpipe.cli.queries import queries_for, read_condition
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import SearchResponse

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="a query service, with the API key in MMPIPE_API_KEY; default: the running stack's",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100)]


def search(
    query: Annotated[
        str, typer.Argument(help="what to look for, in Chinese or English", show_default=False)
    ] = "",
    image: Annotated[
        Path | None, typer.Option(help="a photo to look for, alone or with words", show_default=False)
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="a recording", show_default=False)] = None,
    video: Annotated[Path | None, typer.Option(help="a clip", show_default=False)] = None,
    condition: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help='which products, as JSON: \'{"field": "price", "lt": 20}\'; docs/filters.md has more',
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    limit: Limit = 10,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Search by text, photo, recording, clip, or any mix of them."""
    files = {"image": image, "audio": audio, "video": video}
    media = {name: file_bytes(name, path) for name, path in files.items() if path is not None}
    if not query and not media and condition is None:
        raise InvalidRequest("query", "give words, --image, --audio, --video or --filter")
    asked = None if condition is None else read_condition(condition)
    with queries_for(url, lake, folder) as service:
        found = service.search(query or None, media, collection, limit, asked)
        _show(found, query or ", ".join(media) or condition or "", as_json)


def similar(
    product_id: Annotated[str, typer.Argument(help="the product's id in its feed", show_default=False)],
    url: Url = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    limit: Limit = 10,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Products like a given one."""
    with queries_for(url, lake, folder) as service:
        _show(service.similar(product_id, collection, limit), f"similar to {product_id}", as_json)


def _show(response: SearchResponse, title: str, as_json: bool) -> None:
    if as_json:
        emit(response.model_dump(mode="json"))
        return
    if response.heard is not None:
        said = f"heard “{response.heard.text}” (confidence {response.heard.confidence:.2f})"
        output.print(said, style="bold", markup=False)
    output.print(hits_table(title, response.hits))
    output.print(f"{response.total} matches in {response.collection}, {response.took_ms:.1f} ms", style="dim")

"""``mmpipe search`` and ``mmpipe similar``: over HTTP, or in this process on a lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mmpipe.cli.console import emit, hits_table, output
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, CollectionName, Folder, LakeUri, file_bytes
from mmpipe.cli.queries import queries_for, read_condition, search_request
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
    like: Annotated[
        list[str] | None,
        typer.Option(help="the id of a product to be like; may be given several times", show_default=False),
    ] = None,
    unlike: Annotated[
        str | None, typer.Option("--not", help="words for what is not wanted", show_default=False)
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            help="the box of the photo that is meant, as in 0.1,0,0.5,1: left, top, right, bottom",
            show_default=False,
        ),
    ] = None,
    fusion: Annotated[
        str | None, typer.Option(help="early, late or hybrid; default: the service's", show_default=False)
    ] = None,
    weights: Annotated[str | None, typer.Option(help="as JSON: '{\"image\": 2}'", show_default=False)] = None,
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
    if not query and not media and condition is None and not like:
        raise InvalidRequest("query", "give words, --image, --audio, --video, --like or --filter")
    more: dict[str, Any] = {"like": like or [], "fusion": fusion, "crop": _box(crop)}
    more |= {"not": {"text": unlike} if unlike else None, "weights": _weights(weights)}
    asked = None if condition is None else read_condition(condition)
    with queries_for(url, lake, folder) as service:
        found = service.search(search_request(query or None, media, collection, limit, asked, more))
        _show(found, query or ", ".join(media) or ", ".join(like or ()) or condition or "", as_json)


def _box(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidRequest("crop", "must be four numbers, as in 0.1,0,0.5,1") from None


def _weights(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise InvalidRequest("weights", 'is no JSON; write it as in {"image": 2}') from None


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

"""``mmpipe suggest``: what somebody may be typing."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.text import Text

from mmpipe.cli.console import emit, output, plain, table
from mmpipe.cli.options import DEFAULT_FOLDER, AsJson, CollectionName, Folder, LakeUri, refused
from mmpipe.cli.queries import queries_for
from mmpipe.cli.query import Url
from mmpipe.schemas.suggest import MAX_LIMIT, Suggestion, SuggestParams


def suggest(
    typed: Annotated[
        str, typer.Argument(help="what was typed so far; empty: what is asked most", show_default=False)
    ] = "",
    lang: Annotated[
        Literal["en", "zh"] | None,
        typer.Option(help="what is written in this language comes first", show_default=False),
    ] = None,
    url: Url = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT)] = 10,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Queries that others asked, categories, brands and products that begin like what is typed."""
    try:
        params = SuggestParams(q=typed, collection=collection, limit=limit, lang=lang)
    except ValidationError as error:
        raise refused(error) from error
    with queries_for(url, lake, folder) as service:
        found = service.suggest(params)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    shown = table(f"suggestions for {plain(typed)}", ["kind", "suggestion", "products", "value"])
    for each in found.suggestions:
        count = "" if each.count is None else str(each.count)
        shown.add_row(each.kind, _marked(each), count, plain(each.value or each.product_id or ""))
    output.print(shown)
    output.print(f"{found.collection}, {found.took_ms:.1f} ms", style="dim")


def _marked(each: Suggestion) -> Text:
    text = Text("".join(" " if ord(char) < 0x20 else char for char in each.text))
    for begin, end in each.spans:
        text.stylize("bold", begin, end)
    return text

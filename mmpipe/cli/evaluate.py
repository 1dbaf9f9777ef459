"""``mmpipe eval``: quality figures over judged queries, through the real pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmpipe.cli.console import emit, output, table
from mmpipe.cli.options import AsJson, ProfileName, settings_with
from mmpipe.errors import InvalidRequest

eval_app = typer.Typer(help="Measure search quality.", no_args_is_help=True)


@eval_app.callback()
def evaluate() -> None:
    """Measure search quality."""


@eval_app.command("search")
def eval_search(
    products: Annotated[
        list[Path],
        typer.Option("--products", help="Parquet: id, title, image (bytes), any attributes; repeatable"),
    ],
    queries: Annotated[
        Path,
        typer.Option(
            "--queries", help='JSONL {"query", "relevant"}, or Parquet with image or audio, product_id'
        ),
    ],
    doc_modalities: Annotated[
        str,
        typer.Option("--doc-modalities", help="what of the products is indexed: image, text, or image,text"),
    ] = "image,text",
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Index products into a temporary lake, ask every query, and score the answers."""
    from mmpipe.encoders.base import MODALITIES
    from mmpipe.evaluate import search_eval

    named = [part.strip() for part in doc_modalities.split(",") if part.strip()]
    modalities = [known for known in MODALITIES if known in named]
    if len(modalities) != len(named) or not modalities:
        raise InvalidRequest("doc-modalities", f"{doc_modalities!r} is not a list of {', '.join(MODALITIES)}")
    result = search_eval.run(settings_with(profile=profile), products, queries, modalities)
    if as_json:
        emit(result)
        return
    shown = table("", ["measure", "value"])
    for measure, value in result.items():
        shown.add_row(measure, f"{value:.4f}" if isinstance(value, float) else str(value))
    output.print(shown)

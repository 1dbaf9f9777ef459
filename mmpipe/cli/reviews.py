"""``mmpipe reviews``: add a file of reviews, show what a product's add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmpipe.cli.console import console, emit, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.errors import NotFound
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.schemas.review import ProductReviews

reviews_app = typer.Typer(help="Add what shoppers wrote; show what it adds up to.", no_args_is_help=True)


@reviews_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="reviews as .jsonl or .csv", show_default=False)],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Add a file of reviews to a lake, as an upload to reviews/ does; prints the run as one line of JSON."""
    from mmpipe.dispatch.pseudonym_key import with_pseudonym_key
    from mmpipe.indexing.lanes.reviews import execute_reviews
    from mmpipe.lake import open_lake

    configure_logging("ERROR")
    settings = with_pseudonym_key(settings_for_lake(lake, folder))
    held = open_collection(settings, collection)
    record = execute_reviews(open_lake(settings), held, file)
    console.print(f"{record.read} read, {record.indexed} new, {record.rejected} rejected")
    if record.error:
        console.print(plain(record.error))
    emit(record.model_dump(mode="json", include={"run_id", "status", "read", "indexed", "rejected", "error"}))
    if record.status == "failed":
        raise typer.Exit(1)


@reviews_app.command()
def show(
    product_id: Annotated[str, typer.Argument(metavar="PRODUCT", show_default=False)],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """What the reviews of a product say, by aspect, with sentences of theirs."""
    configure_logging("ERROR")
    found = open_collection(settings_for_lake(lake, folder), collection).reviews.of(product_id)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    if not found.count:
        raise NotFound(f"there is no review of {product_id!r}")
    _show(found)


def _show(found: ProductReviews) -> None:
    rating = "no rating" if found.rating is None else f"{found.rating:.2f} of five by {found.rating_count}"
    shown = table(f"{found.count} reviews, {rating}", ["aspect", "good", "bad", "they say"])
    for aspect in found.aspects:
        said = "\n".join(quote.text for quote in aspect.quotes)
        shown.add_row(aspect.name, str(aspect.positive), str(aspect.negative), plain(said))
    output.print(shown)
    for quote in found.summary:
        output.print(plain(f"“{quote.text}”"))

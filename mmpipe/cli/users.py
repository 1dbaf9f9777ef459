"""``mmpipe users``: what is held of a person, its erasure, and the proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.interaction import Id

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.lake import Collection

users_app = typer.Typer(
    help="Hand out or erase what is held of a person; list erasures.", no_args_is_help=True
)
# What of a review is its author's.
_WRITTEN = {"product_id", "review_id", "rating", "text", "photos", "written_at", "language"}
UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="as its events name it", show_default=False)]


@users_app.command()
def export(
    user_id: UserId,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Everything that is held of a person, as one line of JSON; that it was handed out is recorded."""
    shop, user = _of(user_id, lake, collection, folder)
    log = shop.interactions
    events = log.export(user)
    proof = log.record_export(user, events)
    rows = events.drop_columns(["user", "run_id"]).to_pylist()
    held = [{name: value for name, value in row.items() if value is not None} for row in rows]
    reviews = [review.model_dump(mode="json", include=_WRITTEN) for review in shop.reviews.by_author(user)]
    emit({"user": user, "events": held, "reviews": reviews, "record": proof.model_dump(mode="json")})


@users_app.command()
def erase(
    user_id: UserId,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase a person; prints the proof, which is kept, as one line of JSON."""
    held, user = _of(user_id, lake, collection, folder)
    if not yes:
        typer.confirm(f"Erase what {held.name} holds of this person for good?", abort=True, err=True)
    from mmpipe.indexing.people import erase_person
    from mmpipe.lake import open_lake

    proof = erase_person(open_lake(settings_for_lake(lake, folder)), held, user)
    console.print(f"{proof.events} events erased from {len(proof.segments)} objects")
    if proof.reviews:
        console.print(f"{proof.reviews} reviews erased")
    if proof.events and proof.models:
        console.print("recommenders that may know of them: mmpipe train recommender --check")
    emit(proof.model_dump(mode="json"))


@users_app.command()
def erasures(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Erasures, oldest first. A model that was trained through a moment before one may know of it."""
    log = open_collection(settings_for_lake(lake, folder), collection).interactions
    held = log.proofs()
    if as_json:
        emit([erasure.model_dump(mode="json") for erasure in held])
        return
    shown = table("", ["at", "events", "objects", "state", "record", "models to train again"])
    for erasure in held:
        cells = (
            f"{erasure.at:%Y-%m-%d %H:%M:%S}",
            str(erasure.events),
            str(len(erasure.segments)),
            erasure.state,
            erasure.record_id,
            ", ".join(erasure.models),
        )
        shown.add_row(*(escape(cell) for cell in cells))
    output.print(shown)


def _of(user_id: str, lake: str | None, collection: str | None, folder: Path) -> tuple[Collection, str]:
    from mmpipe.dispatch.pseudonym_key import with_pseudonym_key
    from mmpipe.lake import open_lake

    try:
        TypeAdapter(Id).validate_python(user_id)
    except ValidationError as error:
        raise InvalidRequest("USER_ID", error.errors()[0]["msg"]) from None
    settings = with_pseudonym_key(settings_for_lake(lake, folder))
    held = open_collection(settings, collection)
    return held, open_lake(settings).pseudonyms.user(held.name, user_id)

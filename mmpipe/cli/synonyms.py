"""``mmpipe synonyms``: words that stand for one another in a collection's searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmpipe.cli.console import console, emit, output, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    file_bytes,
    open_collection,
    settings_for_lake,
)

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.lake.synonyms import SynonymFile

synonyms_app = typer.Typer(help="Words that stand for one another in searches.", no_args_is_help=True)


@synonyms_app.command("set")
def set_synonyms(
    file: Annotated[
        Path,
        typer.Argument(
            help="lines sofa|couch, a tab, 沙发; footwear => shoes|boots; - couch; an empty file ends all",
            show_default=False,
        ),
    ],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Replace a collection's own synonyms by those of a file. A bad line changes nothing."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    lines = _file(held).replace(file_bytes("file", file))
    console.print(f"{len(lines)} lines of synonyms of {held.name} are set; searches follow within seconds")


@synonyms_app.command()
def show(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """A collection's own synonyms, as they were set."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    typer.echo(_file(held).text().decode("utf-8-sig"), nl=False)


@synonyms_app.command()
def of(
    words: Annotated[str, typer.Argument(help="a word or phrase", show_default=False)],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """What a word is also looked for by, the shipped synonyms included, and how much of a match each is."""
    from mmpipe.lexical import heads
    from mmpipe.search.find.synonyms import with_own

    held = open_collection(settings_for_lake(lake, folder), collection)
    known = with_own(_file(held).read())
    found = known.of_words(heads(words), 0)
    others = found[1] if found is not None and found[0] == len(heads(words)) else ()
    for start, stop, of_run in known.in_run(words.strip()):
        if (start, stop) == (0, len(words.strip())):
            others = of_run
    lines = [{"word": o.text, "counts": o.factor} for o in sorted(others, key=lambda o: -o.factor)]
    if as_json:
        emit(lines)
        return
    shown = table("", ["word", "counts"])
    for line in lines:
        shown.add_row(*(str(value) for value in line.values()))
    output.print(shown)


def _file(held: Collection) -> SynonymFile:
    from mmpipe.lake.synonyms import SynonymFile

    return SynonymFile(held.store, held.uri)

"""``mmpipe rules``: what a shop wants shown, hidden, lifted or said for some queries."""

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
from mmpipe.cli.queries import queries_for
from mmpipe.cli.query import Limit, Url
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.lake.rules import RuleFile
    from mmpipe.schemas.rules import RuleSet

rules_app = typer.Typer(help="Merchandising rules of a collection's searches.", no_args_is_help=True)
RulesFile = Annotated[
    Path,
    typer.Argument(help="JSON, a list of rules or what `show` prints; see docs/rules.md", show_default=False),
]


@rules_app.command("set")
def set_rules(
    file: RulesFile,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Replace a collection's rules by those of a file. A bad rule changes nothing; former sets are kept."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    given = _read(file)
    found = _file(held).set(given.rules, former=given.version or None)
    console.print(
        f"{len(found.rules)} rules of {held.name} are set, version {found.version};"
        " searches follow within seconds"
    )


@rules_app.command()
def show(
    version: Annotated[int | None, typer.Option(help="current unless given")] = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """A collection's rules as JSON, with their version."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    found = _file(held).read() if version is None else _file(held).version(version)
    emit(found.model_dump(mode="json", exclude_defaults=True) | {"version": found.version})


@rules_app.command()
def versions(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """The versions that there are, the last is current."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    file = _file(held)
    found = [
        {"version": number, "rules": len(rules.rules), "names": ", ".join(r.name for r in rules.rules)}
        for number in file.versions()
        for rules in [file.version(number)]
    ]
    if as_json:
        emit(found)
        return
    shown = table("", ["version", "rules", "names"])
    for line in found:
        shown.add_row(*(str(value) for value in line.values()))
    output.print(shown)


@rules_app.command()
def restore(
    version: Annotated[int, typer.Argument(help="which of `versions`", show_default=False)],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Make the rules of an earlier version the rules again, as a new version."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    file = _file(held)
    found = file.set(file.version(version).rules)
    console.print(f"the {len(found.rules)} rules of version {version} are version {found.version} now")


@rules_app.command()
def preview(
    file: RulesFile,
    query: Annotated[str, typer.Argument(help="what a shopper types; nothing browses")] = "",
    url: Url = None,
    lake: LakeUri = None,
    collection: CollectionName = None,
    limit: Limit = 10,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """One search with the rules that are set and with those of a file, which is not set."""
    request = SearchRequest(text=query or None, collection=collection, limit=limit)
    with queries_for(url, lake, folder) as service:
        before, after = service.preview(request, _read(file).rules)
    if as_json:
        emit({"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")})
        return
    places = {hit.id: place for place, hit in enumerate(before.hits, start=1)}
    shown = table(query or "all products", ["place", "before", "id", "title"])
    for place, hit in enumerate(after.hits, start=1):
        shown.add_row(str(place), str(places.get(hit.id, "")), hit.id, hit.title)
    output.print(shown)
    told = [f"rules: {', '.join(after.rules) or 'none'}", *(f"banner: {text}" for text in after.banners)]
    told += [f"redirect: {after.redirect}"] if after.redirect else []
    output.print("\n".join(told), style="dim", markup=False)


def _read(path: Path) -> RuleSet:
    from mmpipe.lake.rules import parse_rules

    return parse_rules(file_bytes("file", path))


def _file(held: Collection) -> RuleFile:
    from mmpipe.lake.rules import RuleFile

    return RuleFile(held.store, held.uri)

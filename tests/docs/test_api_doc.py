"""docs/api.md: every route of the HTTP API has an example there, and every example is answered well.

To add an example of a new route: a line of curl in a ``sh`` block of docs/api.md that can be typed as it
stands where `make demo ARGS=--keep` runs, with the sample catalogue's ids. A file that it names is put into
the folder of ``served`` (tests/docs/conftest.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest

from mmpipe.reference import DOCS
from mmpipe.serve.http.documentation import REFERENCE
from tests.docs.conftest import Served
from tests.docs.doc_commands import faults, read

PAGE = read("docs/api.md")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.text, re.DOTALL)
_PARAMETER = re.compile(r"\{\w+\}")


@cache
def document() -> str:
    """The document as the code has it."""
    (text,) = REFERENCE.pages(DOCS).values()
    return text


def routes() -> list[tuple[str, str]]:
    """Method and path of every route of the document."""
    paths: dict[str, dict[str, Any]] = json.loads(document())["paths"]
    return [(method.upper(), path) for path, operations in paths.items() for method in operations]


def routes_of(asked: Iterable[tuple[str, str]], known: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The routes that these methods and paths lead to. A parameter is one part of a path; where no route fits
    so, it may hold several."""
    found = set()
    for method, path in asked:
        for part in ("[^/]+", ".+"):
            fitting = [
                route
                for route in known
                if route[0] == method
                and re.fullmatch(part.join(map(re.escape, _PARAMETER.split(route[1]))), path)
            ]
            if fitting:
                found.add(min(fitting, key=lambda route: len(_PARAMETER.findall(route[1]))))
                break
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=[re.sub(r"\W+", " ", block)[:60] for block in BLOCKS])
def test_the_examples_are_answered_well(served: Served, block: str) -> None:
    done = served.typed(block)
    assert done.code == 0, done.err
    assert len(done.asked) >= block.count("curl "), "an example reached no service"
    assert [each for each in done.asked if not 200 <= each[2] < 300] == [], done.out


def test_every_route_has_an_example(served: Served) -> None:
    asked = {(method, path) for block in BLOCKS for method, path, _ in served.typed(block).asked}
    missing = sorted(set(routes()) - routes_of(asked, routes()))
    assert missing == [], "give docs/api.md a line of curl for each of these, in a sh block"


def test_a_request_is_told_to_be_of_its_route() -> None:
    known = [("GET", "/p/{id}"), ("GET", "/p/{id}/similar"), ("GET", "/p/list"), ("PUT", "/u/{a}/{name}")]
    assert routes_of({("GET", "/p/x")}, known) == {known[0]}
    assert routes_of({("GET", "/p/x/similar")}, known) == {known[1]}
    assert routes_of({("GET", "/p/list")}, known) == {known[2]}
    assert routes_of({("PUT", "/u/feeds/a/b.csv"), ("GET", "/u/x/y")}, known) == {known[3]}


def test_the_document_is_as_the_code_has_it() -> None:
    assert (DOCS / "api" / "openapi.json").read_text(encoding="utf-8") == document(), (
        "docs/api/openapi.json differs from the code: run `make reference` (`python -m"
        " mmpipe.serve.http.documentation`) and look at what changed"
    )


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []

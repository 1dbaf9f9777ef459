"""The page for people: where there is one, what it is served as, and that its words are whole."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from starlette.testclient import TestClient

from mmpipe import errors
from mmpipe.costs import Workload, estimate, load_prices
from mmpipe.schemas.run import RejectScope
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.http.playground_route import has_playground
from mmpipe.serve.playground import static_files
from mmpipe.settings import ServeSettings, Settings
from tests.serve.conftest import make_service
from tests.serve.held_keys import held

_LANGUAGES = ("en", "zh")
_SCRIPTS = {name: file.data.decode() for name, file in static_files().items() if name.endswith(".js")}
# t("a.b"), and names of words by choice: t(on ? "a.b" : "a.c"), t(`a.${name}`).
_ASKED = re.compile(r"""(?<![.\w])(?:t|has)\(\s*(?:"([\w.-]+)"|`([^`]+)`)""")
_TEXT = re.compile(r'''"([a-z]+(?:\.[\w-]+)+)"''')


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, True),
        ({"demo_key": True}, True),
        ({"host": "0.0.0.0"}, False),
        ({"api_keys": held(shop="a-callers-key-0123456789")}, False),
        ({"host": "0.0.0.0", "playground": True}, True),
        ({"playground": False}, False),
    ],
)
def test_nobody_gets_a_page_that_nobody_chose(given: dict[str, object], shown: bool) -> None:
    assert has_playground(ServeSettings(**given)) is shown  # type: ignore[arg-type]


def test_without_the_page_its_paths_are_not_there(shop: tuple[Path, Settings]) -> None:
    serve = shop[1].serve.model_copy(update={"playground": False})
    service = make_service(shop[1].model_copy(update={"serve": serve}))
    with TestClient(create_app(service, Metrics("bare"))) as client:
        assert [client.get(path).status_code for path in ("/", "/playground/app.js")] == [404, 404]


def test_files_are_served_as_what_they_are(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    for part in ("default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "form-action 'none'"):
        assert part in policy
    kinds = {"js": "text/javascript", "css": "text/css", "json": "application/json", "svg": "image/svg+xml"}
    for name, file in static_files().items():
        answer = client.get(f"/playground/{name}")
        assert answer.content == file.data
        assert answer.headers["x-content-type-options"] == "nosniff"
        if name != "index.html":
            assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])


def test_files_are_compressed_and_asked_for_again_cheaply(client: TestClient) -> None:
    plain = client.get("/playground/style.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/playground/style.css", headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        raw = b"".join(packed.iter_raw())
    assert len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content
    again = client.get("/playground/style.css", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == plain.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/playground/",
        "/playground/none.js",
        "/playground/__init__.py",
        "/playground/../__init__.py",
        "/playground/%2e%2e/__init__.py",
        "/playground/..%2f..%2fhttp%2fdocs.html",
        "/playground//etc/passwd",
        "/playground/views",
    ],
)
def test_nothing_else_is_a_file(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_every_language_has_every_word_and_every_word_is_used() -> None:
    en, zh = (json.loads(static_files()[f"lang/{name}.json"].data) for name in _LANGUAGES)
    plural = {key for key in en if key.endswith(".one")}
    assert set(en) - plural == set(zh) - {key for key in zh if key.endswith(".one")}
    asked = {exact for script in _SCRIPTS.values() for exact, _ in _ASKED.findall(script) if exact}
    begun = {
        text.partition("${")[0] for script in _SCRIPTS.values() for _, text in _ASKED.findall(script) if text
    }
    named = {text for script in _SCRIPTS.values() for text in _TEXT.findall(script)}
    assert sorted(asked - set(en)) == []
    unused = {
        key for key in set(en) - plural - asked - named if not any(key.startswith(each) for each in begun)
    }
    assert sorted(unused) == []
    places = {key: sorted(re.findall(r"\{\w+\}", text)) for key, text in en.items()}
    assert {key: sorted(re.findall(r"\{\w+\}", zh[key])) for key in places if key in zh} == {
        key: found for key, found in places.items() if key in zh
    }


def test_what_helps_against_every_reject_is_said_in_every_language() -> None:
    """By the kinds of fault that a row, a medium or a whole file is rejected for."""
    kinds = [errors.InvalidRow, errors.InvalidMedia, errors.InvalidFeed, errors.ObjectNotFound]
    for kind in list(kinds):
        kinds += kind.__subclasses__()
    named = {f"rejects.kind.{kind.__name__}" for kind in kinds if kind.__module__ == errors.__name__}
    for name in _LANGUAGES:
        held = json.loads(static_files()[f"lang/{name}.json"].data)
        assert named == {key for key in held if key.startswith("rejects.kind.")}
        assert {f"rejects.scope.{scope}" for scope in get_args(RejectScope)} <= held.keys()


def test_what_a_deployment_costs_is_said_in_every_language() -> None:
    prices = load_prices("us-east-1")
    loads = (
        Workload(100_000_000, 10_000),
        Workload(300_000, 2_000, environment="dev"),
        Workload(10_000, 100, profile="siglip2", gpu_items_per_second=10),
    )
    found = [estimate(load, prices) for load in loads]
    said = {f"status.cost.what.{line.item}": line.of for each in found for line in each.lines}
    named = {f"status.cost.of.{line.item}" for each in found for line in each.lines}
    said |= {f"status.cost.note.{note.key}": note for each in found for note in each.plan.warnings}
    for name in _LANGUAGES:
        held = json.loads(static_files()[f"lang/{name}.json"].data)
        assert named == {key for key in held if key.startswith("status.cost.of.")}
        kinds = ("status.cost.what.", "status.cost.note.")
        assert set(said) == {key for key in held if key.startswith(kinds)}
        for key, words in said.items():
            assert set(re.findall(r"\{(\w+)\}", held[key])) == set(words.values), key


def test_no_script_makes_markup_of_text() -> None:
    for name, script in _SCRIPTS.items():
        for never in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "http://",
            "https://",
        ):
            found = [
                line for line in script.splitlines() if never in line and "www.w3.org/2000/svg" not in line
            ]
            assert found == [], f"{name}: {never}"

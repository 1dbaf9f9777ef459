"""What docs/deploy.md says its commands print, where that can be had without AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from mmpipe.cli import app
from mmpipe.encoders.registry import load
from mmpipe.indexing import execute_file
from mmpipe.serve.standalone import standalone_app
from mmpipe.settings import LakeSettings, Settings, SpeechSettings
from tests.docs.doc_commands import ROOT, read

PAGE = read("docs/deploy.md").text
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def printed(command: str) -> str:
    """What the page shows below the block of commands that this one ends."""
    _, found, rest = PAGE.partition(f"{command}\n```\n")
    assert found, f"{command} ends no block of docs/deploy.md"
    block = _BLOCK.search(rest)
    assert block is not None
    assert block["kind"] == "text"
    return block["body"]


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def test_every_output_says_where_it_is_from() -> None:
    before = [PAGE[: block.start()].rstrip().splitlines()[-1] for block in _BLOCK.finditer(PAGE)]
    kinds = [block["kind"] for block in _BLOCK.finditer(PAGE)]
    shown = [line for line, kind in zip(before, kinds, strict=True) if kind == "text"]
    assert len(shown) >= 8
    assert [line for line in shown if not re.match(r"\*(Local run|Illustration)\b", line)] == []


def test_the_shape_is_the_calculators() -> None:
    command = "mmpipe costs --products 1000000 --qps 100 --environment prod --recommend-shape"
    told = CliRunner().invoke(app, command.split()[1:])
    assert told.exit_code == 0
    assert told.stdout == printed(command)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_small_shop_changes_nothing(environment: str) -> None:
    assert "up to some 300,000 products and 20 searches a second" in PAGE
    load_asked = ["--products", "300000", "--qps", "20", "--environment", environment]
    told = CliRunner().invoke(app, ["costs", *load_asked, "--recommend-shape", "--json"])
    assert json.loads(told.stdout)["change"] == []


def test_a_token_is_as_long_as_the_module_makes_it() -> None:
    secrets = (ROOT / "infra" / "modules" / "secrets" / "main.tf").read_text(encoding="utf-8")
    (length,) = re.findall(r'"token" \{.*?password_length +(?:= )(\d+)', secrets, re.DOTALL)[:1]
    assert printed("--query 'length(SecretString)'").strip() == length


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake that holds what the page's first catalogue makes."""
    (catalogue,) = [block["body"] for block in _BLOCK.finditer(PAGE) if block["kind"] == "json"]
    folder = tmp_path_factory.mktemp("shop")
    feed = folder / "catalogue.jsonl"
    feed.write_text(catalogue, encoding="utf-8")
    made = Settings(lake=LakeSettings(uri=str(folder / "lake")), speech=SpeechSettings(recognizer="none"))
    record = execute_file(made, feed, "shop", loaded=load("starter", threads=1))
    assert record.status == "done", record.error
    return made


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[TestClient]:
    with TestClient(standalone_app(settings)) as client:
        yield client


def run(settings: Settings, *words: str) -> Any:
    told = CliRunner().invoke(app, [*words, "--lake", settings.lake.uri, "--json"])
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def test_the_status(settings: Settings, tmp_path: Path) -> None:
    options = ["--folder", str(tmp_path)]
    (entry,) = run(settings, "status", *options)["collections"]
    _, _, _, collection, header, ran, _, _, *problems = printed("mmpipe status").splitlines()
    live = entry["live"]
    assert collection.startswith(
        f"shop  {live['rows']} products, version {live['version']} of products_starter_"
    )
    assert collection.endswith(f", {entry['rejects']} rejects")
    told = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["status", *options, "--lake", settings.lake.uri])
    lines = [line.rstrip() for line in told.stdout.splitlines()]
    start = lines.index(header)
    assert cells(ran)[1:-1] == cells(lines[start + 1])[1:-1]  # but when it began, and where the file was
    assert cells(ran)[-1].endswith("/catalogue.jsonl")
    assert problems == lines[start + 4 :]


def test_the_rejects(settings: Settings) -> None:
    (reject,) = run(settings, "rejects", "list", "-c", "shop")
    header, line = printed("mmpipe rejects list -c shop").splitlines()
    shown = dict(zip(cells(header), cells(line), strict=True))
    assert (shown["product"], shown["field"], shown["reason"]) == (
        reject["product_id"],
        reject["field"],
        reject["reason"],
    )


def test_the_search(service: TestClient) -> None:
    (query,) = re.findall(r'^curl -s "\$\(out url\)(\S+)" -H .* \| jq', PAGE, re.MULTILINE)
    answer = service.get(query).json()
    told = {
        "total": answer["total"],
        "first": answer["hits"][0]["title"],
        "colours": answer["facets"]["color"],
    }
    (command,) = re.findall(r"^curl -s .* \| jq .*$", PAGE, re.MULTILINE)
    assert json.loads(printed(command)) == told


def test_the_health(service: TestClient) -> None:
    assert json.loads(printed('curl "$(out url)/healthz"')) == service.get("/healthz").json()

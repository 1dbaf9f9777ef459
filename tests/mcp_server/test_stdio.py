"""``mmpipe mcp`` as a host starts it: a process that is spoken to by the official client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.errors import InvalidRequest
from mmpipe.settings import Settings
from tests.mcp_server.conftest import text_of

ROOT = Path(__file__).parents[2]
INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"t","version":"1"}}}\n'
)


def command(*arguments: str) -> list[str]:
    return ["-m", "mmpipe.cli", "mcp", *arguments]


def environment(mirror: Path) -> dict[str, str]:
    return dict(os.environ) | {"MMPIPE_SERVE__MIRROR_DIR": str(mirror), "PYTHONPATH": str(ROOT)}


def test_a_host_starts_it_and_calls_tools(lake: tuple[Path, Settings], tmp_path: Path) -> None:
    folder, settings = lake
    arguments = ("--lake", settings.lake.uri, "--collection", "shop", "--pictures", str(folder / "pictures"))
    started = StdioServerParameters(
        command=sys.executable, args=command(*arguments), env=environment(tmp_path), cwd=ROOT
    )

    async def talk() -> tuple[set[str], Any, Any]:
        async with Client(started) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            found = await client.call_tool("search_products", {"image_path": "red.png", "limit": 3})
            return names, found, await client.call_tool("list_rejects", {})

    names, found, told = asyncio.run(asyncio.wait_for(talk(), 100))
    assert {"search_products", "list_rejects"} <= names
    assert not found.is_error, text_of(found)
    assert all(each["id"].startswith("red-") for each in found.structured_content["products"])
    assert [each["product_id"] for each in told.structured_content["rejects"]] == ["bad"]


def test_it_answers_at_once_and_ends_when_told_to_though_its_input_is_open(
    lake: tuple[Path, Settings], tmp_path: Path
) -> None:
    line = [sys.executable, *command("--lake", lake[1].lake.uri, "--scope", "search")]
    with subprocess.Popen(
        line, env=environment(tmp_path), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        try:
            started.stdin.write(b"no JSON at all\n" + INITIALIZE)
            started.stdin.flush()
            # What is no message is told to nobody: standard output has messages alone.
            answers = [json.loads(started.stdout.readline())]
            while answers[-1].get("id") != 1:
                answers.append(json.loads(started.stdout.readline()))
            assert answers[-1]["result"]["serverInfo"]["name"] == "mmpipe"
            started.send_signal(signal.SIGTERM)
            assert started.wait(60) == -signal.SIGTERM
        finally:
            started.kill()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--scope", "everything"], "scope"),
        (["--pictures", "nowhere"], "pictures"),
        (["--http", "--pictures", "."], "pictures"),
        (["--http", "--host", "0.0.0.0"], "host"),
    ],
)
def test_bad_options_are_named(lake: tuple[Path, Settings], arguments: list[str], field: str) -> None:
    found = CliRunner().invoke(app, ["mcp", "--lake", lake[1].lake.uri, *arguments])
    assert isinstance(found.exception, InvalidRequest)
    assert found.exception.field == field


def test_a_host_that_is_refused_has_nothing_opened(
    lake: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the check imports is imported while no thread imports the service as well."""
    opened: list[object] = []
    monkeypatch.setattr("mmpipe.mcp_server.opening.Opening.__init__", lambda *held: opened.append(held))
    arguments = ["mcp", "--lake", lake[1].lake.uri, "--http", "--host", "0.0.0.0"]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, InvalidRequest)
    assert opened == []

"""docs/mcp.md says what the tools are, and its configurations start them."""

from __future__ import annotations

import json
import re
from typing import Any

from mmpipe.mcp_server import answers, arguments, explaining
from mmpipe.mcp_server.tools import Tools
from tests.docs.command_lines import faults as faults_of_line
from tests.docs.doc_commands import faults, read

PAGE = read("docs/mcp.md")
CONFIGURATIONS = [
    server
    for text in re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    for server in json.loads(text)["mcpServers"].values()
]


async def no_shop() -> Any:
    raise AssertionError


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_table_holds_every_tool_with_its_scope() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| .* \| (\w+) \|$", PAGE.text, re.MULTILINE))
    uploads: Any = object()
    there = Tools(no_shop, uploads)
    assert told == {tool.name: tool.scope for tool in there.all()}
    assert set(told) - {tool.name for tool in Tools(no_shop).all()} == {"list_rejects", "status"}


def test_the_configurations_are_command_lines_and_addresses() -> None:
    started, called = CONFIGURATIONS
    assert list(faults_of_line(["mmpipe", *started["args"]], whole=True)) == []
    assert called["url"].endswith(":8010/mcp")
    assert called["headers"]["Authorization"].startswith("Bearer ")


def test_figures_are_those_of_the_code() -> None:
    assert f"{answers.MAX_CHARS:,} characters at most" in PAGE.text
    assert explaining.LOOKED_AT == 500
    assert "among the first 500" in PAGE.text
    assert arguments.MAX_SEEN == 100
    assert "to the hundredth product" in PAGE.text

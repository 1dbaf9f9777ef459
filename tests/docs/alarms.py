"""What can go off, read from the sources of ``infra/modules``: CloudWatch alarms and budgets, by the key that
is their section's heading in the runbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.infra.hcl import Block, folder_blocks

MODULES = Path(__file__).parents[2] / "infra" / "modules"
_ALARMS = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")
_PREFIX = "${var.name}-"


def keys(modules: Path = MODULES) -> list[str]:
    """The keys of all alarms and budgets, sorted; one that is there twice is there twice."""
    found: list[str] = []
    for folder in sorted(path for path in modules.iterdir() if path.is_dir()):
        parts = folder_blocks(folder)
        for block in parts:
            if block.kind != "resource":
                continue
            if block.labels[0] in _ALARMS:
                found += _alarm_keys(block, parts)
            elif block.labels[0] == "aws_budgets_budget":
                found.append(folder.name)
    return sorted(found)


def _alarm_keys(block: Block, parts: list[Block]) -> list[str]:
    source = block.attribute("for_each")
    if source is None:
        name = (block.attribute("alarm_name") or "").strip('"')
        assert name.startswith(_PREFIX), f"{block.place}: alarm_name must be {_PREFIX}KEY"
        return [name.removeprefix(_PREFIX)]
    kind, _, name = source.partition(".")
    assert kind == "local", f"{block.place}: for_each must be one map of locals, so that its keys can be read"
    entries = [key for part in parts if part.kind == "locals" for key in _entries(part.text, name)]
    assert entries, f"{block.place}: local.{name} has no entries"
    return entries


def _entries(text: str, name: str) -> Iterator[str]:
    """Keys of ``name = { key = { … } }`` among the attributes of a block. The files are formatted: each level
    is two blanks further in, and a map ends at a lone brace of its own level."""
    inside = False
    for line in text.splitlines():
        if line == f"  {name} = {{":
            inside = True
        elif line == "  }":
            inside = False
        elif inside and (found := re.match(r'^    "?([a-z0-9-]+)"? += ', line)):
            yield found[1]

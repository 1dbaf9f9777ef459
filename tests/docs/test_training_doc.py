"""docs/models/training.md lists exactly the options there are, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from typer.core import TyperGroup

from mmpipe.cli.train import train_app

DOC = Path(__file__).parents[2] / "docs" / "models" / "training.md"


def test_every_option_is_documented_with_its_default() -> None:
    text = DOC.read_text(encoding="utf-8").split("\n## Options\n")[1].split("\n## ")[0]
    documented = {}
    for line in text.splitlines():
        found = re.match(r"\| `(--[^|]+)` \| ([^|]+) \|", line)
        if found:
            documented[found[1].replace("`", "").split(", ")[0]] = found[2].strip("` ")
    group = typer.main.get_command(train_app)
    assert isinstance(group, TyperGroup)
    known = {option.opts[0]: option.default for option in group.commands["encoders"].params}
    assert documented.keys() == known.keys()
    for name, default in known.items():
        if isinstance(default, bool):
            assert documented[name] == ("on" if default else "off"), name
        elif isinstance(default, str | int | float) and default != "":
            assert documented[name] == str(default), name


def test_every_option_of_recommenders_is_documented_with_its_default() -> None:
    text = (DOC.parent / "recommender.md").read_text(encoding="utf-8").split("\n## Options\n")[1]
    documented = {}
    for names, default in re.findall(r"\| (`--[^|]+)\|([^|]*)\|", text):
        for name in re.findall(r"`(--[a-z]+)`", names):
            documented[name] = default.strip("` ")
    group = typer.main.get_command(train_app)
    assert isinstance(group, TyperGroup)
    known = {option.opts[0]: option.default for option in group.commands["recommender"].params}
    assert documented.keys() == known.keys()
    for name, default in known.items():
        if isinstance(default, bool):
            assert documented[name] in ("", "off"), name
        elif isinstance(default, str | int | float):
            assert documented[name] == str(default), name

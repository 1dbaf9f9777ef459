"""docs/client.md: its code runs as it stands, its table has every method, its figures are the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmpipe.client import Client, Retry
from mmpipe.client.routes import Route, Routes
from tests.docs.conftest import ADDRESS, Served
from tests.docs.doc_commands import faults, read

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = read("docs/client.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_its_code_runs(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("photo.jpg", "feed.csv"):
        (tmp_path / name).write_bytes((served.folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.text, re.DOTALL)
    assert len(blocks) >= 5
    said: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.replace(ADDRESS, served.address), "docs/client.md", "exec"), said)
    assert said["page"].hits
    assert said["found"].hits
    assert said["turn"].products is not None
    assert said["told"].state == "queued"
    said["shop"].close()


def test_every_method_is_in_the_table() -> None:
    told = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.text, re.MULTILINE))))
    routes = {name for name, value in vars(Routes).items() if isinstance(value, Route)}
    own: list[Callable[..., Any]] = [Client.pages, Client.hits]
    assert told == routes | {each.__name__ for each in own}


def test_figures_are_those_of_the_code() -> None:
    retry = Retry()
    assert retry.attempts == 4
    assert f"four attempts within {retry.within_seconds:g} seconds" in PAGE.text
    assert f"from {retry.first_seconds:g} to {retry.most_seconds:g} seconds" in PAGE.text

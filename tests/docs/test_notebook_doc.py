"""docs/notebook.md: what it shows runs, as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mmpipe.embedded.indexed import MOST_REJECTS
from tests.docs.doc_commands import faults, read
from tests.embedded.conftest import write_feed

PAGE = read("docs/notebook.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []
    assert f"the first {MOST_REJECTS:,}" in PAGE.text


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = write_feed(tmp_path)
    (tmp_path / "photo.png").write_bytes((tmp_path / "red.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMPIPE_INDEXING__PROFILE", "fake")
    monkeypatch.setenv("MMPIPE_SERVE__MIRROR_DIR", str(tmp_path / "mirror"))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.text, re.DOTALL)
    assert len(blocks) >= 5
    said: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/notebook.md", "exec"), said)
    assert feed.name in blocks[0]
    assert "red-dress" in said["found"].ids
    assert len(said["table"]) == len(said["found"])
    assert [(count.value, count.count) for count in said["counts"]] == [("Acme", 13)]

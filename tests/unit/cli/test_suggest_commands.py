"""``mmpipe suggest`` on a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest

Run = Callable[..., Result]


def test_suggestions(run: Run, lake: Path) -> None:
    found = json.loads(run("suggest", "red dr", "--lake", lake, "--json").stdout)
    assert found["suggestions"][0]["product_id"] == "d1"
    assert found["suggestions"][0]["kind"] == "product"
    shown = run("suggest", "跑", "--lake", lake, "--lang", "zh", "-n", "3").stdout
    assert "蓝色跑鞋" in shown


def test_what_is_too_long_is_named(run: Run, lake: Path) -> None:
    with pytest.raises(InvalidRequest, match="q"):
        run("suggest", "a" * 1_001, "--lake", lake)

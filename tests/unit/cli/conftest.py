from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from mmpipe.cli import app

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """``run("search", "dress", …)``; errors are raised as the commands raise them."""
    runner = CliRunner(env={"MMPIPE_INDEXING__PROFILE": "fake", "COLUMNS": "250"})
    return lambda *arguments: runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed of four good rows (one with a photo that is missing) and one bad one."""
    folder = tmp_path_factory.mktemp("shop")
    Image.new("RGB", (40, 40), (200, 30, 30)).save(folder / "red.png")
    rows = [
        {
            "id": "d1",
            "title": "Red summer dress",
            "price": "20 USD",
            "image_link": "red.png",
        },
        {"id": "d2", "title": "Blue evening dress", "price": "80 USD", "brand": "Alba"},
        {"id": "s1", "title": "蓝色跑鞋", "price": "50 USD", "brand": "Borealis"},
        {
            "id": "s2",
            "title": "Trail shoes",
            "price": "60 USD",
            "image_link": "late.png",
        },
        {"id": "bad", "title": "Priceless", "price": "a fortune"},
    ]
    (folder / "feed.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return folder


@pytest.fixture(scope="session")
def lake(run: Run, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That feed, indexed; the record is beside it."""
    folder = tmp_path_factory.mktemp("lake")
    result = run("index", shop / "feed.jsonl", "--lake", folder, "--json")
    assert result.exit_code == 0, result.output
    (folder.parent / "record.json").write_text(result.stdout)
    return folder

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmpipe.cli import app as command
from mmpipe.cli.app import main
from mmpipe.errors import InvalidRequest, StorageUnavailable


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mmpipe", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_is_one_line_and_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(monkeypatch, "search", "dress") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error lake: no stack runs in .mmpipe; give --lake or --url")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("error", "code"), [(InvalidRequest("x", "y"), 2), (StorageUnavailable("down"), 1)])
def test_exit_codes(error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("mmpipe.cli.status.settings_for_lake", lambda *_: fail())
    assert exit_code(monkeypatch, "status") == code


def test_an_invalid_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMPIPE_SERVE__PORT", "eighty")
    assert exit_code(monkeypatch, "status") == 2
    assert "MMPIPE_SERVE__PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["index", "nowhere.jsonl"], "no file nowhere.jsonl"),
        (["index", __file__, "--collection", "../x"], "collection"),
        (["search"], "give words"),
        (["search", "x", "--image", "nowhere.png"], "nowhere.png cannot be read"),
        (["search", "x", "--filter", "{"], "filter: Invalid JSON"),
        (["search", "--filter", '{"not": {"field": "price", "gte": "cheap"}}'], "filter.not.gte: must be"),
        (["search", "x", "--url", "ftp://host"], "http://"),
        (["search", "x", "--url", "http://h", "--lake", "l"], "not both"),
        (["rejects", "replay", "--lake", "l"], "give some ids, or --all"),
        (["eval", "search", "--products", "p", "--queries", "q", "--doc-modalities", "smell"], "smell"),
    ],
)
def test_what_the_caller_must_change(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, *arguments) == 2
    assert words in capsys.readouterr().err


def test_every_command_is_there() -> None:
    names = {group.name for group in command.registered_groups}
    commands = {entry.callback.__name__ for entry in command.registered_commands if entry.callback}
    lake = {"rejects", "live", "models", "users", "dlq"}
    assert names == lake | {
        "eval",
        "train",
        "sponsored",
        "experiments",
        "synonyms",
        "rules",
        "reviews",
        "keys",
    }
    asked = {"search", "similar", "suggest", "status", "stock", "statistics", "analytics", "ask"}
    assert commands == asked | {"up", "index", "serve", "formats", "mcp", "audit", "doctor", "costs"}


def test_help_needs_no_heavy_library() -> None:
    heavy = ("torch", "transformers", "ray", "lancedb", "lance", "pyarrow", "numpy", "fastapi", "moto")
    program = f"import sys, mmpipe.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

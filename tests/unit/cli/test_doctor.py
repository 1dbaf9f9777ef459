"""``mmpipe doctor``: what is shown, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from mmpipe import doctor
from mmpipe.cli.app import app
from mmpipe.doctor import Finding, State
from mmpipe.settings import Settings


def found(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    def check(settings: Settings) -> Iterator[Finding]:
        yield Finding("lake", state, f"[b]at {settings.lake.uri}", "do this")

    monkeypatch.setattr(doctor, "CHECKS", (check,))


@pytest.mark.parametrize(("state", "code"), [("fine", 0), ("note", 0), ("warning", 0), ("broken", 1)])
def test_it_ends_with_1_where_something_has_to_be_mended(
    state: State, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, state)
    done = CliRunner().invoke(app, ["doctor", "--lake", "s3://shop/lake"])
    assert done.exit_code == code, done.output
    assert "lake: [b]at s3://shop/lake" in done.output
    assert ("→ do this" in done.output) == (state != "fine")
    assert ("nothing has to be mended" in done.output) == (code == 0)


def test_it_is_told_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "broken")
    done = CliRunner().invoke(app, ["doctor", "--json", "--lake", "x"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "ok": False,
        "findings": [{"about": "lake", "state": "broken", "told": "[b]at x", "remedy": "do this"}],
    }

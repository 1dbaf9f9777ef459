"""docs/settings.md lists exactly the settings there are, with their defaults and what they mean."""

from __future__ import annotations

from pathlib import Path

from mmpipe.settings import Settings, describe

DOC = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_is_documented_as_it_is() -> None:
    documented = [
        line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| `MMPIPE_")
    ]
    assert documented == [f"| `{name}` | {default} | {text} |" for name, default, text in describe(Settings)]


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, _, text in describe(Settings) if not text] == []

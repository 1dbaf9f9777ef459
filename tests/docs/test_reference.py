"""docs/cli.md and the tables of docs/settings.md are as the code has them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmpipe.cli.documentation import REFERENCE
from mmpipe.reference import DOCS
from tests.docs.doc_commands import faults, read


def copied(folder: Path) -> Path:
    """The two pages, in a folder of their own."""
    for name in ("cli.md", "settings.md"):
        shutil.copy(DOCS / name, folder / name)
    return folder


def test_the_pages_are_as_the_code_has_them() -> None:
    assert REFERENCE.differing() == [], "run make reference"


def test_a_page_that_was_changed_by_hand_is_found_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = copied(tmp_path)
    settings = docs / "settings.md"
    settings.write_text(settings.read_text().replace("# Settings\n", "# Settings\n\nOf a shop.\n"))
    assert REFERENCE.differing(docs) == []  # what stands by hand above the tables is kept
    for name in ("cli.md", "settings.md"):
        with (docs / name).open("a", encoding="utf-8") as page:
            page.write("| `MMPIPE_NEW` | 1 | more |\n")
    found = REFERENCE.differing(docs)
    assert found == ["cli.md", "settings.md"]
    assert REFERENCE.main(["--check", "--docs", str(docs)]) == 1
    REFERENCE.write(docs)
    assert REFERENCE.differing(docs) == []
    assert "Of a shop." in settings.read_text()
    assert capsys.readouterr().out.splitlines()[0] == "docs/cli.md differs from the code: make reference"


def test_a_page_without_its_mark_is_refused(tmp_path: Path) -> None:
    docs = copied(tmp_path)
    (docs / "settings.md").write_text("# Settings\n")
    with pytest.raises(ValueError, match="lacks its line"):
        REFERENCE.pages(docs)


@pytest.mark.parametrize("name", ["docs/cli.md", "docs/settings.md"])
def test_what_the_pages_name_is_there(name: str) -> None:
    assert faults(read(name), on_infrastructure=False) == []


def test_commands_and_groups_have_their_sections() -> None:
    text = read("docs/cli.md").text
    assert "\n## mmpipe live\n" in text
    assert "\n### mmpipe live switch\n" in text
    assert "| `--dry-run` |" in text

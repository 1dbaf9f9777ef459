"""docs/feeds.md and docs/feeds/ say what the tables in the code say, and the README names what is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmpipe.catalogue.documentation import REFERENCE
from mmpipe.catalogue.formats.base import PRIVATE, Format
from mmpipe.catalogue.formats.registry import FORMATS
from mmpipe.catalogue.overview import NEVER_PUBLIC_EXAMPLES
from mmpipe.catalogue.private import is_never_public
from tests.docs.doc_commands import ROOT, faults, read

PAGES = ["docs/feeds.md", *(f"docs/feeds/{each.key}.md" for each in FORMATS)]
README_SECTIONS = ["Two commands", "Your own catalogue, without any cloud", "Ten lines of Python"]


def test_the_pages_are_as_the_code_has_them() -> None:
    assert REFERENCE.differing() == [], "run make reference"


@pytest.mark.parametrize("path", ["feeds.md", "feeds/shopify.md", "feeds/google.md"])
def test_a_page_that_was_changed_by_hand_is_found(path: str, tmp_path: Path) -> None:
    REFERENCE.write(tmp_path)
    assert REFERENCE.differing(tmp_path) == []
    with (tmp_path / path).open("a", encoding="utf-8") as page:
        page.write("And more.\n")
    assert REFERENCE.differing(tmp_path) == [path]


def test_a_missing_page_and_one_of_no_format_are_found(tmp_path: Path) -> None:
    REFERENCE.write(tmp_path)
    (tmp_path / "feeds" / "meta.md").unlink()
    (tmp_path / "feeds" / "osommerce.md").write_text("# Once\n")
    assert REFERENCE.differing(tmp_path) == ["feeds/meta.md", "feeds/osommerce.md"]
    REFERENCE.write(tmp_path)
    assert REFERENCE.differing(tmp_path) == []


def test_the_check_names_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    REFERENCE.write(tmp_path)
    (tmp_path / "feeds.md").write_text("")
    assert REFERENCE.main(["--check", "--docs", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "docs/feeds.md differs from the code: make reference\n"
    assert REFERENCE.main(["--docs", str(tmp_path)]) == 0
    assert REFERENCE.main(["--check", "--docs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_is_there(name: str) -> None:
    assert faults(read(name), on_infrastructure=False) == []


@pytest.mark.parametrize("section", README_SECTIONS)
def test_what_the_readme_names_is_there(section: str) -> None:
    assert faults(read("README.md", section), on_infrastructure=False) == []


def test_the_readme_names_every_shop() -> None:
    text = read("README.md", "Your own catalogue, without any cloud").text
    shops = {"Shopify", "WooCommerce", "Magento", "PrestaShop", "BigCommerce", "Google", "Meta", "OpenAI"}
    titles = " ".join(each.title for each in FORMATS)
    assert [shop for shop in sorted(shops) if shop in titles and shop not in text] == []
    assert "docs/feeds.md" in text
    assert "--dry-run" in text


@pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.key)
def test_a_page_tells_every_column(format_: Format) -> None:
    text = (ROOT / "docs" / "feeds" / f"{format_.key}.md").read_text(encoding="utf-8")
    table, _, rest = text.partition("\n\nKept privately:")
    for column in format_.columns:
        for name in (column.name, *column.others):
            assert f"`{name}`".replace("|", r"\|") in (
                rest if column.to == PRIVATE and not column.note else table
            )


@pytest.mark.parametrize("format_", FORMATS, ids=lambda each: each.key)
def test_settings_are_called_by_their_variables(format_: Format) -> None:
    texts = [format_.export, *(column.note for column in format_.columns)]
    told = [name for text in texts for name in re.findall(r"`(?:feeds?|media)\.\w+", text)]
    assert told == []


def test_examples_of_what_is_never_public_are() -> None:
    assert [name for name in NEVER_PUBLIC_EXAMPLES if not is_never_public(name)] == []
    assert not is_never_public("heel_height")  # the example of a column that may be chosen

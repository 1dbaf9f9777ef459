"""mkdocs.yml: every page stands below its nav once, and reads the same on the site as in a repository.

The site itself is built, and its links and anchors are checked, by `make docs`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.doc_commands import ROOT, read

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))
_NAV = re.compile(r"^ +- (?:\"[^\"]+\": |[^:\n\"]+: )?([\w./-]+\.md)$", re.MULTILINE)
_ITEM = re.compile(r"([*-]|\d+\.) ")
_NESTED = re.compile(r" {1,3}([*-]|\d+\.) ")


def listed() -> list[str]:
    """Pages below ``nav``, in its order."""
    return [f"docs/{path}" for path in _NAV.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))]


def test_every_page_is_in_the_navigation_once() -> None:
    there = listed()
    missing = [page for page in PAGES if page not in there]
    assert missing == [], "name them in mkdocs.yml below nav, where a reader would look for them"
    assert sorted(there) == PAGES, "mkdocs.yml names a page twice, or one that is not there"


@pytest.mark.parametrize("name", PAGES)
def test_the_site_sees_what_the_repositorys_pages_show(name: str) -> None:
    assert unlike(read(name).prose) == []


def unlike(text: str) -> list[str]:
    """Lines that Python-Markdown reads otherwise than GitHub: an item of a list right below a paragraph, one
    that is nested by less than four blanks."""
    found = []
    before = ""
    for line in text.splitlines():
        in_paragraph = before.strip() and not re.match(r"\s|[*-] |\d+\. |#|\||>", before)
        if (_ITEM.match(line) and in_paragraph) or _NESTED.match(line):
            found.append(line)
        before = line
    return found


@pytest.mark.parametrize(
    ("text", "line"),
    [("Do:\n* this\n", "* this"), ("1. one\n   * nested\n", "   * nested"), ("So\n1. one\n", "1. one")],
)
def test_the_check_notices(text: str, line: str) -> None:
    assert unlike(text) == [line]
    assert unlike(text.replace("\n", "\n\n", 1).replace("   *", "    *")) == []


def test_what_is_named_for_the_site_is_there() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (hooks,) = re.findall(r"^hooks: \[(.+)\]$", text, re.MULTILINE)
    (style,) = re.findall(r"^extra_css: \[(.+)\]$", text, re.MULTILINE)
    assert (ROOT / hooks).is_file()
    assert (DOCS / style).is_file()
    assert Path(ROOT / "docs" / "site" / "requirements.txt").is_file()

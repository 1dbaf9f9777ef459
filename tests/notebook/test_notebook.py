"""docs/notebook.md in a real notebook: its code runs in a kernel, and the page that Jupyter makes of it shows
tables with pictures, asks nothing of anybody, and runs no text of a catalogue."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.browser.conftest import browser, page
from tests.docs.doc_commands import read
from tests.embedded.conftest import write_feed
from tests.serve.conftest import COLORS, png

__all__ = ["browser", "page"]

pytestmark = pytest.mark.timeout(600)
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> violet hat"
CELLS = re.findall(r"```python\n(.*?)```", read("docs/notebook.md").text, re.DOTALL)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook of the page's fences, run, as HTML."""
    folder = tmp_path_factory.mktemp("notebook")
    with write_feed(folder).open("a", newline="") as feed:
        feed.write(f'hostile,"{HOSTILE}",9.00 USD,Acme,violet,red.png\n')
    (folder / "photo.png").write_bytes(png(COLORS["red"]))
    env = {"MMPIPE_INDEXING__PROFILE": "fake", "MMPIPE_SERVE__MIRROR_DIR": str(folder / "mirror")}
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS]
    cells.insert(
        -1, nbformat.v4.new_code_cell("found.to_pandas()[['id', 'title', 'price', 'scores.lexical']]")
    )
    cells.insert(-1, nbformat.v4.new_code_cell("shop.search('violet hat', limit=3)"))
    cells.insert(-1, nbformat.v4.new_code_cell("report"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute(
        env=os.environ | env
    )
    html, _ = HTMLExporter(theme="light").from_notebook_node(notebook)
    # What the exporter itself would fetch is none of the notebook's own.
    html = re.sub(r'<script[^>]*\bsrc="https?://[^>]*>\s*</script>', "", html)
    html = re.sub(r"<script type=\"text/x-mathjax-config\">.*?</script>", "", html, flags=re.DOTALL)
    (folder / "notebook.html").write_text(html, encoding="utf-8")
    return folder / "notebook.html"


def test_a_notebook_shows_tables_with_pictures(page: Page, shown: Path) -> None:
    page.goto(shown.as_uri())
    tables = page.locator(".jp-RenderedHTMLCommon table:has(img)")
    expect(tables.first).to_contain_text("red dress")
    pictures = page.locator(".jp-RenderedHTMLCommon table img")
    assert pictures.count() > 10
    sizes = pictures.evaluate_all("images => images.map((image) => image.naturalWidth)")
    assert min(sizes) > 0, "each picture is drawn"
    expect(page.get_by_text("indexing feed.csv: 15 of 15 rows")).to_have_count(1)
    assert page.locator("[data-mime-type$='stderr']").count() == 0, "nothing is told in red"
    expect(page.locator(".dataframe")).to_contain_text("scores.lexical")
    expect(page.get_by_text("1 rejected").first).to_be_visible()
    if folder := os.environ.get("MMPIPE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "notebook.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), "nothing is cut off"


def test_text_of_a_catalogue_is_text(page: Page, shown: Path) -> None:
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto(shown.as_uri())
    expect(page.locator("td", has_text="violet hat").first).to_be_visible()
    assert page.locator("td script, td [onerror]").count() == 0
    assert said == []

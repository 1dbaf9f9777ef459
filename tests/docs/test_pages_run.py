"""What quickstart, guides and concepts tell to type is typed, against one small shop, and is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mmpipe.schemas.search import SearchResponse
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.settings import LakeSettings, ServeSettings, Settings
from tests.docs.doc_commands import ROOT, faults, read
from tests.docs.fences import SERVICE, Reader, commands, served

DOCS = ROOT / "docs"
PAGES = [
    page.relative_to(ROOT).as_posix()
    for folder in ("concepts", "guides")
    for page in sorted((DOCS / folder).glob("*.md"))
]
FIRST = ["README.md", "README.zh-CN.md", "docs/quickstart.zh-CN.md"]
BESIDE = ["docs/quickstart.md", "docs/index.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
# Training takes minutes; its commands have tests of their own.
TYPED_BY_NOBODY = {"docs/guides/training.md"}

# The first test waits for all of the quickstart.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody who has followed the quickstart."""
    folder = tmp_path_factory.mktemp("reader")
    ends: list[Any] = []

    @cache
    def service() -> str:
        settings = Settings(
            lake=LakeSettings(uri=str(folder / "lake")),
            serve=ServeSettings(live_poll_seconds=0.1, mirror_dir=str(folder / "mirror")),
        )
        running = served(QueryService(settings, LocalQueryEncoder(Models(threads=1)), listen=False))
        ends.append(running)
        return running.__enter__()

    reader = Reader(folder, service)
    reader.follow(read("docs/quickstart.md"))
    (folder / "feed.csv").write_text("id,title,price\nTEA-1,Green tea,4.50 USD\n")
    yield reader
    for running in ends:
        running.__exit__(None, None, None)


def said(reader: Reader, begins: str) -> str:
    """What the first command that begins so printed."""
    (found, *_) = [text for line, text in reader.said.items() if line.startswith(begins)]
    return found


def test_the_quickstart_finds_what_it_says(reader: Reader) -> None:
    assert "rejected" in said(reader, "mmpipe index sample/feeds/catalogue.jsonl --dry-run")
    for query in ("teal dress", "青色连衣裙"):
        assert "dress-001-teal" in said(reader, f'mmpipe search "{query}"')
    assert "boots-" in said(reader, 'mmpipe search "boots under 150')
    answer = json.loads(said(reader, "curl 'http://127.0.0.1:8000/v1/search?q=teal+dress"))
    assert answer["hits"][0]["id"] == "dress-001-teal"
    assert set(answer["facets"]) == {"brand", "color"}
    by_photo = json.loads(said(reader, "curl http://127.0.0.1:8000/v1/search -F"))
    assert any(hit["id"].startswith("sweater-") for hit in by_photo["hits"][:5])
    (found,) = json.loads(said(reader, "curl http://127.0.0.1:8000/v1/recommendations"))["lists"]
    assert found["items"]
    assert all(item["why"] for item in found["items"])


@pytest.mark.parametrize("name", FIRST)
def test_a_first_visit_goes_as_it_is_told(reader: Reader, name: str) -> None:
    reader.follow(read(name), but="examples.catalogue")


def test_the_answer_in_the_readme_is_the_one_that_is_given(reader: Reader) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", read("README.md").text, re.DOTALL)
    given = SearchResponse.model_validate_json(
        said(reader, f"curl '{SERVICE}/v1/search?q=teal+dress+under+50")
    )
    told = SearchResponse.model_validate_json(shown)
    assert told.total == given.total
    assert told.understood == given.understood
    assert told.facets == given.facets
    assert [hit.id for hit in told.hits] == [hit.id for hit in given.hits]
    for told_hit, hit in zip(told.hits, given.hits, strict=True):
        assert told_hit.scores is not None
        assert hit.scores is not None
        assert told_hit.scores.model_dump() == pytest.approx(hit.scores.model_dump(), abs=0.01)


@pytest.mark.parametrize("name", [page for page in PAGES if page not in TYPED_BY_NOBODY])
def test_what_the_page_tells_to_type_works(reader: Reader, name: str) -> None:
    reader.follow(read(name))


def test_shops_exports_are_found_as_the_guides_say(reader: Reader) -> None:
    assert "Linen dress" in said(reader, 'mmpipe search "red linen dress"')
    assert "Blue" in said(reader, 'mmpipe search "blue mug"')
    assert "LAMP-1" in said(reader, 'mmpipe search "lamp under 50"')


@pytest.mark.parametrize("name", [*FIRST, *BESIDE, *PAGES])
def test_what_the_page_names_is_there(name: str) -> None:
    assert faults(read(name), on_infrastructure=False) == []


@pytest.mark.parametrize("name", [page for page in PAGES if "/concepts/" in page])
def test_a_concept_has_one_diagram(name: str) -> None:
    assert read(name).text.count("```mermaid") == 1


def test_lines_that_nobody_knows_fail(tmp_path: Path) -> None:
    reader = Reader(tmp_path, lambda: "http://127.0.0.1:1")
    with pytest.raises(AssertionError, match="nobody knows how to run"):
        reader.follow(type(read("docs/index.md"))(DOCS / "page.md", "```sh\nrm -rf lake\n```\n"))
    with pytest.raises(AssertionError, match="asks another address"):
        reader.follow(type(read("docs/index.md"))(DOCS / "page.md", "```sh\ncurl http://shop.example\n```\n"))
    assert commands("a 'b\nc' \\\n d\ne # f\n") == ["a 'b\nc'  d", "e # f"]

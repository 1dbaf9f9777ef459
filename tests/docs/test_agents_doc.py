"""docs/agents.md: what it names is there, its figures are the code's, and every demand is shown by a test."""

from __future__ import annotations

import re

from mmpipe.serve.ucp import agents, catalogue, families, requests
from mmpipe.serve.ucp.names import PARENTS, VERSION
from tests.docs.doc_commands import ROOT, faults, read

PAGE = read("docs/agents.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_every_demand_of_the_protocol_is_shown_by_a_test() -> None:
    section = read("docs/agents.md", "What the protocol demands, and what shows it").text
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 25
    for row in rows:
        shown = _TEST.findall(row)
        assert shown, row
        for file, name in shown:
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), name


def test_figures_are_those_of_the_code() -> None:
    text = PAGE.text
    assert VERSION in text
    assert f"up to {requests.MAX_IDS} products" in text
    assert f"up to {catalogue._IN_LISTS} variants" in text
    assert f"in detail up to {catalogue._IN_DETAIL}," in text
    assert f"the first {families.MOST} that it needs" in text
    assert f"{families.FEW} of each product" in text
    assert f"{agents._MAX_BYTES // 1_000} kB, {agents._TIMEOUT_SECONDS:g} seconds" in text
    assert f"all together {agents._PER_MINUTE} times a minute" in text
    for name in (*requests.FIELDS, *PARENTS):
        assert f"`{name}`" in text, name


def test_the_readme_leads_here() -> None:
    assert "(docs/agents.md)" in read("README.md").text

"""The tables of docs/costs.md are what `mmpipe costs --document` prints."""

from __future__ import annotations

from pathlib import Path

from mmpipe.costs import document, load_prices

DOC = Path(__file__).parents[2] / "docs" / "costs.md"
BEGIN = "<!-- what follows is printed by: mmpipe costs --document -->\n"


def test_the_tables_are_the_calculators() -> None:
    _, found, tables = DOC.read_text(encoding="utf-8").partition(BEGIN)
    assert found, "docs/costs.md has lost the line after which its tables are generated"
    assert tables.strip() == document(load_prices("us-east-1")).strip(), (
        "docs/costs.md is out of date: replace what follows its marker by `mmpipe costs --document`"
    )

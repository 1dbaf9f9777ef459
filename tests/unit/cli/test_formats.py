"""``mmpipe formats``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from mmpipe.catalogue.formats.registry import FORMATS
from mmpipe.errors import InvalidRequest

Run = Callable[..., Result]


def test_every_format_is_listed(run: Run) -> None:
    listed = json.loads(run("formats", "--json").stdout)
    assert {each["key"]: each["title"] for each in listed} == {each.key: each.title for each in FORMATS}
    assert next(each for each in listed if each["key"] == "shopify")["containers"] == ["csv", "parquet"]
    shown = run("formats").stdout
    for each in FORMATS:
        assert each.title in shown
    assert "CSV or TSV" in shown


@pytest.mark.parametrize("key", [each.key for each in FORMATS])
def test_each_can_be_shown(run: Run, key: str) -> None:
    (wanted,) = (each for each in FORMATS if each.key == key)
    found = json.loads(run("formats", key, "--json").stdout)
    assert found["export"] == wanted.export
    assert [each["name"] for each in found["columns"]] == [each.name for each in wanted.columns]
    result = run("formats", key)
    assert result.exit_code == 0
    assert wanted.title in result.stdout


def test_one_is_told_in_words(run: Run) -> None:
    shown = run("formats", "shopify").stdout
    assert "In Shopify's admin choose Products › Export" in shown
    assert "Compare-at price or Variant Compare At Price" in shown
    (line,) = (line for line in shown.splitlines() if line.startswith("Barcode"))
    assert "gtin" in line
    assert "SEO title, SEO description" in shown


def test_an_unknown_one_names_those_there_are(run: Run) -> None:
    with pytest.raises(InvalidRequest, match=r"'shopware' is none of .*shopify"):
        run("formats", "shopware")

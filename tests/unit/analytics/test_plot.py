"""The picture of a report: something is drawn of whatever was searched."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from PIL import Image

from mmpipe.analytics.plot import drawn, fonts_for, plot
from mmpipe.schemas.analytics import AnalyticsReport
from tests.unit.analytics.shop import NOW, event, search
from tests.unit.analytics.test_report import made

USUAL = ("DejaVu Sans",)


def picture(report: AnalyticsReport) -> Any:
    image = Image.open(io.BytesIO(plot(report)))
    image.load()
    return image


@pytest.fixture
def chinese(tmp_path: Path) -> Iterator[str]:
    """A family that has a square for each character of 红鞋."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", "one", "two"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("红"): "one", ord("鞋"): "two"})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test Squares", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800)
    builder.setupPost()
    path = tmp_path / "squares.ttf"
    builder.save(path)
    held = list(fontManager.ttflist)
    fontManager.addfont(path)
    yield "Test Squares"
    fontManager.ttflist = held


def test_it_is_a_picture_of_the_size_that_is_told() -> None:
    rows = [search(f"q{n}", "boots", total=n % 2, at=NOW - timedelta(days=n)) for n in range(9)]
    image = picture(made(rows, [event("search-click", "q1")]))
    assert (image.format, image.size) == ("PNG", (1500, 900))
    # With results, without, and paper.
    colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert {(0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77), (255, 255, 255)} <= colours


@pytest.mark.parametrize(
    "query", ["红色连衣裙", "$\\frac{1}$ $", "한국어", "🦄", "a" * 80, "\U000f0000", "مرحبا", "%s {0}"]
)
def test_any_query_can_be_drawn(query: str) -> None:
    assert picture(made([search(f"q{n}", query, total=0) for n in range(3)], []))


def test_nothing_was_searched() -> None:
    assert picture(made([], []))


def test_what_no_font_has_is_in_pinyin_or_numbered() -> None:
    assert drawn("boots 42", 1, USUAL) == "boots 42"
    assert drawn("红鞋", 1, USUAL) == "hong xie"
    assert drawn("红鞋 nike", 2, USUAL) == "hong xie nike"
    assert drawn("\U000f0000", 3, USUAL) == "query 3"


def test_a_font_that_has_the_characters_is_found(chinese: str) -> None:
    fonts = fonts_for("boots 红鞋")
    assert fonts[0] == USUAL[0]
    if chinese in fonts:  # else this machine has a larger one
        assert len(fonts) == 2
    assert drawn("红鞋", 1, fonts) == "红鞋"
    assert fonts_for("boots") == USUAL

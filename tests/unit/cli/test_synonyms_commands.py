"""``mmpipe synonyms``: set, shown, asked about, and followed by a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmpipe.cli.app import app
from mmpipe.lake import open_lake
from mmpipe.search.find.dictionary import dictionary
from mmpipe.serve.answer.synonyms import OwnSynonyms
from mmpipe.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MMPIPE_LAKE__URI", str(tmp_path / "lake"))
    (tmp_path / "lake" / "shop" / "runs.lance").mkdir(parents=True)
    return Settings()


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["synonyms", *arguments])
    return done.exit_code, done.stdout


@pytest.mark.parametrize("wanted", [True, False])
def test_the_dictionary_is_read_beforehand_where_it_is_wanted(
    tmp_path: Path, settings: Settings, wanted: bool
) -> None:
    file = tmp_path / "cedict.txt"
    file.write_text("石笛 石笛 [shi2 di2] /ocarina/\n", encoding="utf-8")
    serve = settings.serve.model_copy(update={"dictionary": str(file), "synonyms": wanted})
    chosen = settings.model_copy(update={"serve": serve})
    OwnSynonyms(chosen, open_lake(chosen)).load()
    known = dictionary(str(file))
    assert known is not None
    assert known.loaded is wanted


def test_what_is_set_is_shown_and_followed(tmp_path: Path, settings: Settings) -> None:
    followed = OwnSynonyms(settings, open_lake(settings))
    followed.look()
    assert followed.of("shop") is None
    file = tmp_path / "mine.tsv"
    file.write_text("gizmo|widget\t小工具\n- couch\n", encoding="utf-8")
    lake = settings.lake.uri
    assert run("set", str(file), "--lake", lake)[0] == 0
    assert run("show", "--lake", lake) == (0, "gizmo|widget\t小工具\n- couch\n")
    code, out = run("of", "gizmo", "--lake", lake, "--json")
    assert code == 0
    assert {line["word"] for line in json.loads(out)} == {"widget", "小工具"}
    assert json.loads(run("of", "couch", "--lake", lake, "--json")[1]) == []
    assert "sofa" in run("of", "沙发", "--lake", lake)[1]
    followed.look()
    own = followed.of("shop")
    assert own is not None
    assert own.of_words(("widget",), 0) is not None
    file.write_text("", encoding="utf-8")
    assert run("set", str(file), "--lake", lake)[0] == 0
    followed.look()
    assert followed.of("shop") is None


def test_a_bad_file_changes_nothing(tmp_path: Path, settings: Settings) -> None:
    assert run("set", str(tmp_path / "none.tsv"), "--lake", settings.lake.uri)[0] != 0
    file = tmp_path / "bad.tsv"
    file.write_text("alone\n", encoding="utf-8")
    assert run("set", str(file), "--lake", settings.lake.uri)[0] != 0
    assert run("show", "--lake", settings.lake.uri) == (0, "")
